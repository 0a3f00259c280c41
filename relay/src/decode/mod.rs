//! Stage 2: from pgoutput's bytes to events. Pure: no I/O, no clock, and no bytes make it panic.
//!
//! It reads protocol version 1 with binary columns
//! (<https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>). After it,
//! nobody sees protocol bytes.
//!
//! Guards against: an event that is skipped because it was not understood. An unknown message, an
//! unexpected relation or a missing column is an error, never passed over.

mod error;
mod outbox;
mod pgoutput;
mod reader;
mod relation;

use uuid::Uuid;

use crate::lsn::Lsn;

pub use error::Error;
pub use pgoutput::Decoder;

/// What one message of the stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// A transaction begins. Whole transactions arrive, in the order of their commit records.
    Begin {
        /// Where its commit record begins.
        commit_lsn: Lsn,
        /// When it was committed, in microseconds since the Unix epoch.
        commit_time: i64,
        /// Its transaction id.
        xid: u32,
    },
    /// The transaction is complete.
    Commit {
        /// Where its commit record begins.
        commit_lsn: Lsn,
        /// Where its commit record ends: the position to resume from.
        end_lsn: Lsn,
        /// When it was committed, in microseconds since the Unix epoch.
        commit_time: i64,
    },
    /// A row was inserted into the outbox.
    Event(Event<'a>),
    /// The relay's own row came back: the publication carries the outbox. Never published.
    Canary(Uuid),
    /// An update, delete or truncate; none ever becomes an event.
    Unpublished(Unpublished),
    /// A message that carries no change: a relation's or a type's description, an origin.
    Description,
}

/// A change of the outbox that is no insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublished {
    /// Rows were changed.
    Update,
    /// Rows were deleted.
    Delete,
    /// The table was emptied.
    Truncate,
}

/// A row of the outbox, borrowed from the stream's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event's id.
    pub id: Uuid,
    /// What kind of thing changed.
    pub aggregate_type: &'a str,
    /// Which one changed.
    pub aggregate_id: &'a str,
    /// The contract's name.
    pub event_type: &'a str,
    /// The schema version that the writer had.
    pub schema_ref: Option<&'a str>,
    /// The Kafka key, where it is not the aggregate id.
    pub key: Option<&'a str>,
    /// The business process the event belongs to.
    pub correlation_id: &'a str,
    /// What caused it.
    pub causation_id: Option<&'a str>,
    /// JSON; `None` is a tombstone.
    pub payload: Option<&'a str>,
    /// JSON object.
    pub headers: &'a str,
    /// Microseconds since the Unix epoch.
    pub occurred_at: i64,
}

#[cfg(test)]
impl Event<'_> {
    /// A tombstone of 1970.
    pub(crate) fn sample() -> Self {
        Self {
            id: Uuid::from_u128(7),
            aggregate_type: "order",
            aggregate_id: "42",
            event_type: "shop.OrderPlaced",
            schema_ref: None,
            key: None,
            correlation_id: "c-1",
            causation_id: None,
            payload: None,
            headers: "{}",
            occurred_at: 0,
        }
    }
}
