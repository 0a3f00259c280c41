//! The main job in front of one's eyes, for `postrider demo`.
//!
//! Real servers, several writers that place orders through the SDK and roll some back, a relay that
//! is killed in the middle and started again, an ordinary Kafka consumer, and at the end the
//! oracle's verdict ([`crate::verify`]).
//!
//! Contract: it needs no configuration, touches no other server, and leaves no process, port or
//! folder behind, however it ends. A relay that halts has failed the proof.
//!
//! ```text
//!   writers ── PostgreSQL ── relay (killed, started again) ── Kafka ── reader
//!      └────────────────────────── live ──────────────────────────────┘
//! ```

mod act;
mod awkward;
mod error;
mod live;
mod orders;
mod proof;
mod reader;
mod writers;

use std::time::Duration;

use tokio_postgres::Client;

pub use act::run;
pub use awkward::CONTRACTS as AWKWARD_CONTRACTS;
pub use error::Error;
pub use proof::Proof;

/// The events that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Orders that are placed, paid and shipped.
    Orders,
    /// What is hard to carry: large, deep, empty, foreign and exact values, a tombstone, 10,000
    /// events in one transaction, savepoints, two schema versions in turns.
    Awkward,
}

/// What the demo does.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// The events that are written.
    pub scenario: Scenario,
    /// How many of them are committed, in the scenario of orders.
    pub events: u32,
    /// How many a second, over all writers.
    pub rate: u32,
}

/// One look at the demo while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Since the first writer began.
    pub elapsed: Duration,
    /// Events that will be committed in all.
    pub planned: u64,
    /// Events whose transaction is committed.
    pub committed: u64,
    /// Events that were rolled back, with their transaction or to a savepoint.
    pub rolled_back: u64,
    /// Records that the consumer has seen.
    pub on_kafka: u64,
    /// The relay that runs.
    pub relay: RelayState,
}

/// The relay that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayState {
    /// Its process.
    pub pid: u32,
    /// How often a relay was started.
    pub starts: u32,
}

/// Writes the events of [`Scenario::Awkward`], of the aggregate type `awkward`, and returns how many
/// are committed. [`AWKWARD_CONTRACTS`] must be registered before a relay comes to them.
pub async fn write_awkward(client: &mut Client) -> Result<u64, Error> {
    awkward::write(client, &live::Live::default()).await?;
    Ok(awkward::EVENTS)
}

/// What an audience hears.
pub trait Audience {
    /// Something happened, said in one sentence.
    fn note(&self, sentence: &str);
    /// Another look, several a second.
    fn look(&self, look: Look);
}
