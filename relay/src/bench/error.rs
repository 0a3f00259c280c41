//! Why a measurement gave no numbers.

use std::time::Duration;

use rdkafka::error::KafkaError;

use super::Counted;
use crate::error::{Action, Classify};
use crate::local;

/// A measurement that failed, or one whose numbers would be worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local server could not be started or driven.
    #[error("the local servers failed")]
    Local(#[from] local::Error),
    /// A question to the local database failed.
    #[error("a question to the local postgresql failed")]
    Database(#[from] tokio_postgres::Error),
    /// The database named a position in a form that nobody knows.
    #[error("the local postgresql gave no position in its write-ahead log")]
    Position,
    /// A drain ended before the backlog did.
    #[error("{what} ended before it had drained the backlog: {log}")]
    Ended {
        /// The relay, or `pg_recvlogical`.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// A drain does not come to an end.
    #[error("{what} did not drain the backlog within {limit:?}: {log}")]
    Stalled {
        /// The relay, or `pg_recvlogical`.
        what: String,
        /// How long was waited.
        limit: Duration,
        /// The end of its log.
        log: String,
    },
    /// The topic could not be read.
    #[error("cannot read back what was published")]
    Count(#[source] KafkaError),
    /// The broker stopped giving records.
    #[error("the local kafka stopped after {records} records of topic {topic}")]
    CountStalled {
        /// The topic.
        topic: String,
        /// Records read until then.
        records: u64,
    },
    /// The relay lost or doubled something: the proof failed.
    #[error(
        "{written} events were written, but the topic holds {} records of {} events",
        counted.records, counted.events
    )]
    Miscounted {
        /// Events in the backlog.
        written: u64,
        /// What the topic holds.
        counted: Counted,
    },
}

impl Error {
    /// Whether the measurement came to its end and showed that the relay is wrong.
    pub fn is_failed_proof(&self) -> bool {
        matches!(self, Self::Miscounted { .. })
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Local(error) => error.action(),
            Self::Database(_)
            | Self::Position
            | Self::Ended { .. }
            | Self::Stalled { .. }
            | Self::Count(_)
            | Self::CountStalled { .. } => Action::Retry,
            Self::Miscounted { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Local(error) => error.remedy(),
            Self::Database(_) | Self::Position | Self::Count(_) | Self::CountStalled { .. } => {
                "free memory and disk space on this machine, and run again".to_owned()
            }
            Self::Ended { .. } | Self::Stalled { .. } => {
                "read the log above, and run again with fewer --events if the machine is small"
                    .to_owned()
            }
            Self::Miscounted { .. } => {
                "this is a fault in the relay: report it with the command line that shows it"
                    .to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Local(error) => error.reason(),
            Self::Database(_) | Self::Position => "bench_database",
            Self::Ended { .. } | Self::Stalled { .. } => "bench_drain",
            Self::Count(_) | Self::CountStalled { .. } => "bench_count",
            Self::Miscounted { .. } => "bench_miscounted",
        }
    }
}
