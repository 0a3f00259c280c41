//! What the relay shows of itself: logs, its state, metrics, traces.
//!
//! `pipeline` writes [`Vitals`]; the HTTP server (`admin`) reads [`Status`] and [`render`] from it.
//! Neither waits for the other, and nothing here does I/O: what only PostgreSQL knows (the slot's
//! position) is handed in by the reader.

mod log;
mod metrics;
mod slot;
mod status;
mod traces;
mod vitals;

pub use log::start;
pub use metrics::{CommitToKafka, render};
pub use slot::{OpenTransaction, SlotPosition};
pub use status::{Failure, State, Status};
pub use traces::{EventSpans, Traces, TracesError};
pub use vitals::Vitals;
