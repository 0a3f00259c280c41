//! Why the replication stream could not start, or ended.

use std::io;
use std::time::Duration;

use super::Holder;
use crate::error::{Action, Classify};
use crate::postgres::{self, ServerError};

/// Why the replication stream could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No replication connection could be opened.
    #[error("cannot open a replication connection")]
    Connect(#[from] postgres::Error),
    /// The connection broke.
    #[error("the replication connection broke")]
    Lost(#[source] io::Error),
    /// The server closed the connection or is about to: a shutdown, a restart, an administrator.
    #[error("the server ended the replication connection")]
    ServerClosed {
        /// What the server said last, if anything.
        #[source]
        source: Option<Box<ServerError>>,
    },
    /// Nothing was heard for longer than a living walsender can be silent.
    #[error("nothing was heard from the walsender for {after:?}")]
    Silent {
        /// How long.
        after: Duration,
    },
    /// The server's bytes are not the protocol.
    #[error("the server's answer breaks the replication protocol: {problem}")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// One message exceeds the limit on memory.
    #[error("a message of the stream has {bytes} bytes, the limit is {bytes_max}")]
    MessageTooLarge {
        /// The size that the server claims.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// `IDENTIFY_SYSTEM` failed.
    #[error("cannot identify the system")]
    IdentifySystem(#[source] Box<ServerError>),
    /// `TIMELINE_HISTORY` failed.
    #[error("cannot read the history of timeline {timeline}")]
    TimelineHistory {
        /// The timeline.
        timeline: u32,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// A statement on the replication connection failed.
    #[error("a statement on the replication connection failed: {statement}")]
    Query {
        /// The statement.
        statement: String,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// Somebody else reads the slot: another relay, or our predecessor that is not gone yet.
    #[error("replication slot {slot:?} is in use{}", by(.holder.as_ref()))]
    SlotInUse {
        /// The slot.
        slot: String,
        /// Who reads it.
        holder: Option<Holder>,
    },
    /// The slot does not exist.
    #[error("replication slot {slot:?} does not exist")]
    SlotMissing {
        /// The slot.
        slot: String,
    },
    /// The slot exists, but the log it needs is gone.
    #[error("replication slot {slot:?} has lost log that it needs")]
    SlotLost {
        /// The slot.
        slot: String,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// `wal_level` is not `logical`.
    #[error("the server does not keep the log for logical decoding")]
    LogicalDecodingOff(#[source] Box<ServerError>),
    /// The publication did not exist when the changes that are decoded now were written
    /// (PostgreSQL up to 17).
    #[error("publication {publication:?} did not exist when the next change was written")]
    PublicationMissing {
        /// The publication.
        publication: String,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The same, as PostgreSQL 18 says it: by a warning, while it drops the changes.
    #[error("the server drops changes because a publication is missing")]
    PublicationSkipped {
        /// The server's warning.
        #[source]
        source: Box<ServerError>,
    },
    /// `START_REPLICATION` was refused for another reason.
    #[error("cannot start replication from slot {slot:?}")]
    StartReplication {
        /// The slot.
        slot: String,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The server shuts down and waits for a confirmation that does not come, so it was left.
    #[error("the server shuts down, and what it has sent cannot be published in time")]
    ServerStopping,
    /// The walsender failed in mid-stream.
    #[error("the walsender of slot {slot:?} failed")]
    Walsender {
        /// The slot.
        slot: String,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
}

fn by(holder: Option<&Holder>) -> String {
    holder
        .map(|holder| format!(" {holder}"))
        .unwrap_or_default()
}

impl Error {
    /// Whether the server could not be used just now, so that a one-shot command ends with exit
    /// code 5.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_unreachable(),
            Self::Lost(_)
            | Self::ServerClosed { .. }
            | Self::Silent { .. }
            | Self::ServerStopping => true,
            Self::Malformed { .. }
            | Self::MessageTooLarge { .. }
            | Self::IdentifySystem(_)
            | Self::TimelineHistory { .. }
            | Self::Query { .. }
            | Self::SlotInUse { .. }
            | Self::SlotMissing { .. }
            | Self::SlotLost { .. }
            | Self::LogicalDecodingOff(_)
            | Self::PublicationMissing { .. }
            | Self::PublicationSkipped { .. }
            | Self::StartReplication { .. }
            | Self::Walsender { .. } => false,
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Connect(error) => error.action(),
            Self::Lost(_)
            | Self::ServerClosed { .. }
            | Self::Silent { .. }
            | Self::ServerStopping
            | Self::IdentifySystem(_)
            | Self::TimelineHistory { .. }
            | Self::Walsender { .. }
            // A broken byte may be the network's; reading again from the slot cannot harm.
            | Self::Malformed { .. } => Action::Retry,
            Self::Query { source, .. } | Self::StartReplication { source, .. } => {
                if may_pass(source) {
                    Action::Retry
                } else {
                    Action::Halt
                }
            }
            Self::SlotInUse { .. } => Action::StandBy,
            Self::MessageTooLarge { .. }
            | Self::SlotMissing { .. }
            | Self::SlotLost { .. }
            | Self::LogicalDecodingOff(_)
            | Self::PublicationMissing { .. }
            | Self::PublicationSkipped { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Connect(error) => error.remedy(),
            Self::Lost(_) | Self::ServerClosed { .. } | Self::Silent { .. } => {
                "nothing, if PostgreSQL was restarted; else read its log and check the network"
                    .to_owned()
            }
            Self::ServerStopping => {
                "nothing: the slot keeps what is not published, and the relay goes on when the \
                 server is back; see why Kafka did not take it"
                    .to_owned()
            }
            Self::Malformed { .. } => {
                "connect to PostgreSQL itself: a proxy or pooler between cannot carry replication"
                    .to_owned()
            }
            Self::MessageTooLarge { .. } => {
                "find the oversized row in outbox.event and move the slot past it with \
                 `postrider repair`; keep payloads below Kafka's record limit"
                    .to_owned()
            }
            Self::IdentifySystem(_) | Self::TimelineHistory { .. } => {
                "read the server's answer and its log".to_owned()
            }
            Self::Query { .. } => {
                "do what the server's answer says; `postrider check` tells what is missing"
                    .to_owned()
            }
            Self::SlotInUse { slot, .. } => format!(
                "none if this is a standby; else see who holds it: select * from \
                 pg_stat_replication join pg_replication_slots on pid = active_pid where \
                 slot_name = '{slot}'"
            ),
            Self::SlotMissing { slot } => format!(
                "if this relay has never run: `postrider init`; if slot {slot:?} was dropped or \
                 the server failed over without it: `postrider repair`"
            ),
            Self::SlotLost { slot, .. } => format!(
                "run `postrider repair` to publish from the table what slot {slot:?} has lost, \
                 and raise max_slot_wal_keep_size"
            ),
            Self::LogicalDecodingOff(_) => {
                "set wal_level = logical and restart PostgreSQL".to_owned()
            }
            Self::PublicationMissing { publication, .. } => format!(
                "create publication {publication:?} (`postrider init`), then run `postrider \
                 repair`: this slot cannot pass the changes before it"
            ),
            Self::PublicationSkipped { .. } => {
                "create the publication that the warning names (`postrider init`), then run \
                 `postrider repair` for the changes that were dropped"
                    .to_owned()
            }
            Self::StartReplication { source, .. } | Self::Walsender { source, .. }
                if source.code == DISK_FULL =>
            {
                "give the database server's disk space; a walsender spills large transactions to \
                 it (logical_decoding_work_mem), and the relay goes on by itself"
                    .to_owned()
            }
            Self::StartReplication { slot, .. } | Self::Walsender { slot, .. } => format!(
                "do what the server's answer says; `postrider check` looks at slot {slot:?}"
            ),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Connect(error) => error.reason(),
            Self::Lost(_) | Self::ServerClosed { .. } | Self::Silent { .. } => {
                "replication_connection"
            }
            Self::ServerStopping => "server_stopping",
            Self::Malformed { .. } => "replication_protocol",
            Self::MessageTooLarge { .. } => "message_too_large",
            Self::IdentifySystem(_) | Self::TimelineHistory { .. } | Self::Query { .. } => {
                "replication_command"
            }
            Self::SlotInUse { .. } => "slot_in_use",
            Self::SlotMissing { .. } => "slot_missing",
            Self::SlotLost { .. } => "slot_lost",
            Self::LogicalDecodingOff(_) => "wal_level",
            Self::PublicationMissing { .. } | Self::PublicationSkipped { .. } => {
                "publication_missing"
            }
            Self::StartReplication { source, .. } | Self::Walsender { source, .. }
                if source.code == DISK_FULL =>
            {
                "postgres_disk_full"
            }
            Self::StartReplication { .. } => "start_replication",
            Self::Walsender { .. } => "walsender",
        }
    }
}

/// `disk_full` (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const DISK_FULL: &str = "53100";

/// Whether waiting can help: not for wrong statements, missing objects and privileges, features
/// that the server lacks, or objects in the wrong state.
fn may_pass(error: &ServerError) -> bool {
    !["0A", "22", "42", "55"]
        .iter()
        .any(|class| error.code.starts_with(class))
}
