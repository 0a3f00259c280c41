//! Connections to PostgreSQL: what replication and ordinary SQL both need.
//!
//! [`Target`] says where and as whom, in libpq's own words, so that an operator's URL means here
//! what it means to `psql`. [`connect`] opens a short-lived session for ordinary SQL; `source`
//! opens its replication connection through the same steps: hosts in turn, TLS by `sslmode`,
//! start-up.
//!
//! Contract: a password leaves a [`Target`] only towards the server, never towards a log or an
//! error. A server in recovery is passed over: the relay writes, and a standby's slot is another
//! slot. No session stays open, because `pg_ctl stop -m smart` waits for every client
//! (<https://www.postgresql.org/docs/current/app-pg-ctl.html>).

mod authentication;
mod channel_binding;
mod dial;
mod error;
mod parameters;
mod readiness;
mod server_error;
mod session;
mod socket;
mod start_up;
mod target;
mod tls;
mod variables;
mod wire;

pub use error::{Error, Place};
pub use server_error::ServerError;
pub use session::{Session, connect, connect_within};
pub use target::{ChannelBinding, Host, InvalidTarget, SslMode, Target};
pub use variables::url_from_variables;

pub(crate) use dial::Attempts;
pub(crate) use readiness::is_shutting_down;
pub(crate) use socket::Io;
pub(crate) use start_up::start_up;
pub(crate) use wire::{Received, Wire};
