//! Measurements on this machine, for `postrider bench`.
//!
//! Contract: a measurement brings its own servers, leaves nothing behind, and proves that the work
//! was done: a run that published another number of events than it was given is an error, however
//! fast. Guards against numbers that nobody can repeat, and against a relay that is quick because
//! it loses something.
//!
//! [`drain`] measures how fast a backlog leaves, beside `pg_recvlogical` on the same backlog: an
//! absolute rate says as much about the machine as about the relay, their ratio says more.

mod backlog;
mod count;
mod drain;
mod error;
mod meter;
mod reader;
mod relay;
mod report;

pub use count::Counted;
pub use drain::{DrainOptions, drain};
pub use error::Error;
pub use report::{Drain, Report, Round};
