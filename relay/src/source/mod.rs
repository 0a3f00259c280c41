//! Stage 1: the write-ahead log comes in.
//!
//! The only code that talks the replication protocol, and the only code that sends feedback. It
//! has its own connection instead of a driver's for two reasons: it must see every notice
//! (PostgreSQL 18 drops the changes of a missing publication with no more than a warning), and it
//! must decide how much to read at once, which decides what the walsender costs ([`Gulp`]).
//!
//! A [`ReplicationConnection`] is a walsender that waits for commands; `start_replication` turns
//! it into a [`WalStream`], and [`stream`] runs that until it is stopped or breaks. Whatever
//! breaks, nothing is lost: the slot keeps what was not confirmed, and a new session reads it
//! again.

mod connection;
mod error;
mod feedback;
mod gulp;
mod holder;
mod intake;
mod notice;
mod pace;
mod shutdown;
mod slot;
mod stream;
mod timeline;

pub use connection::{ReplicationConnection, SystemIdentity};
pub use error::Error;
pub use gulp::{Gulp, WalMessage};
pub use holder::Holder;
pub use stream::{WalStream, stream};
pub use timeline::TimelineSwitch;

use std::time::Duration;

/// How long the walsender waits for a sign of life, set on our connection: a relay that died
/// without closing its connection blocks its successor for so long. The server's default is 60 s.
pub(crate) const WAL_SENDER_TIMEOUT: Duration = Duration::from_secs(10);
