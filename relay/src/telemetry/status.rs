//! What `/status` answers and `postrider status` prints.

use serde::{Deserialize, Serialize};

use super::slot::OpenTransaction;
use crate::lsn::Lsn;

/// What the relay is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No session has begun or failed yet.
    Starting,
    /// Another relay holds the slot or took over; this one waits.
    Standby,
    /// A session publishes what PostgreSQL sends.
    Active,
    /// Publishing has stopped to protect data, until somebody acts. It looks again by itself.
    Halted,
    /// PostgreSQL or Kafka did not answer, or the session broke; a new one is tried.
    Retrying,
    /// Told to stop: what is whole is published, then the process ends.
    Stopping,
}

impl State {
    /// Every state, so that metrics show each.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Standby,
        Self::Active,
        Self::Halted,
        Self::Retrying,
        Self::Stopping,
    ];

    /// As in `/status` and in the label of `postrider_state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Active => "active",
            Self::Halted => "halted",
            Self::Retrying => "retrying",
            Self::Stopping => "stopping",
        }
    }
}

/// An error that kept the relay from publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its short stable name.
    pub reason: String,
    /// What failed and why, in one sentence.
    pub error: String,
    /// What to do next, in one sentence.
    pub remedy: String,
    /// Where more is said about it, from the root of the repository.
    pub runbook: String,
    /// When it happened last, RFC 3339.
    pub at: Option<String>,
}

/// The relay at one moment. Times are RFC 3339; what is not known is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What the relay is doing.
    pub state: State,
    /// Why it is halted, retrying or a standby: the `reason` of the error that made it so.
    pub reason: Option<String>,
    /// Since when it is in this state.
    pub since: Option<String>,
    /// The relay's name.
    pub name: String,
    /// The replication slot.
    pub slot: String,
    /// The publication.
    pub publication: String,
    /// The relay's version.
    pub version: String,
    /// Everything before this position is on Kafka; known from the first session on.
    pub resume_lsn: Option<Lsn>,
    /// When the last published database transaction was committed.
    pub last_commit_at: Option<String>,
    /// When Kafka last committed a transaction of this process.
    pub last_kafka_commit_at: Option<String>,
    /// Events that this process has published.
    pub events_published: u64,
    /// Events that were read and are not on Kafka yet. What PostgreSQL has not sent is not counted.
    pub events_waiting: u64,
    /// Events that this process has published to a dead-letter topic.
    pub dead_letters: u64,
    /// Age of the oldest database transaction that was read and is not on Kafka yet; 0 when there
    /// is none. It goes on growing while the relay is halted or Kafka is down. What PostgreSQL has
    /// not sent is not known here: look at the lag.
    pub oldest_unpublished_seconds: f64,
    /// Write-ahead log in bytes that PostgreSQL keeps for the slot; `null`, as the rest about it,
    /// while PostgreSQL does not answer or has no such slot.
    pub slot_retained_wal_bytes: Option<u64>,
    /// What it may keep: `postgres.wal_retained_max`, or what `max_slot_wal_keep_size` of the server
    /// allows, whichever is less; `null` when neither is set.
    pub slot_wal_budget_bytes: Option<u64>,
    /// The first divided by the second.
    pub slot_wal_budget_share: Option<f64>,
    /// `wal_status` of `pg_replication_slots`: `reserved`, `extended`, `unreserved` or `lost`.
    pub slot_wal_status: Option<String>,
    /// Log that can still be written before the slot may lose some that it needs; `null` without
    /// `max_slot_wal_keep_size`.
    pub slot_safe_wal_bytes: Option<u64>,
    /// The transaction that makes PostgreSQL keep most of it, if that is not the relay.
    pub slot_held_back_by: Option<OpenTransaction>,
    /// Write-ahead log in bytes between the slot's confirmed position and its end. It moves with
    /// everything that is written to the server, also beside the outbox.
    pub slot_lag_bytes: Option<u64>,
    /// The last error, kept after recovery.
    pub last_error: Option<Failure>,
}
