//! Why a session ended.

use std::time::Duration;

use uuid::Uuid;

use crate::error::{Action, Classify};
use crate::{decode, encode, publish, route, source};

/// Why a session ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading the stream failed.
    #[error("the replication stream ended")]
    Source(#[from] source::Error),
    /// A message could not be decoded.
    #[error("the replication stream cannot be decoded")]
    Decode(#[from] decode::Error),
    /// An event has no topic.
    #[error("event {event_id} cannot be routed")]
    Route {
        /// The event.
        event_id: Uuid,
        /// Why.
        #[source]
        source: route::Error,
    },
    /// An event cannot become a record.
    #[error("an event cannot be encoded")]
    Encode(#[from] encode::Error),
    /// Kafka failed.
    #[error("publishing failed")]
    Publish(#[source] Box<publish::Error>),
    /// The progress record belongs to something else than what we are connected to.
    #[error("the {what} is {found}, but the progress record says {recorded}")]
    Identity {
        /// What differs.
        what: &'static str,
        /// As connected.
        found: String,
        /// As recorded.
        recorded: String,
    },
    /// The slot was moved past what is published, or the log is not the one we read.
    #[error("{what} stands at {found}, which contradicts the published position {recorded}")]
    Moved {
        /// What stands there.
        what: &'static str,
        /// Where.
        found: String,
        /// The progress record's position.
        recorded: String,
    },
    /// The table lacks an event that is on Kafka.
    #[error("event {event_id} was published, but is not in outbox.event")]
    LastEventMissing {
        /// The last published event.
        event_id: Uuid,
    },
    /// A row of the outbox did not come back through the publication.
    #[error(
        "the publication {publication:?} does not carry the outbox: the canary did not come back"
    )]
    CanaryMissing {
        /// The publication.
        publication: String,
    },
    /// Ordinary SQL failed.
    #[error("a question to the database failed")]
    Database(#[from] crate::postgres::Error),
    /// The database took a question, and then nothing came.
    #[error("the database did not answer within {after:?}")]
    Unanswered {
        /// How long it was waited for.
        after: Duration,
    },
}

impl From<publish::Error> for Error {
    fn from(error: publish::Error) -> Self {
        Self::Publish(Box::new(error))
    }
}

impl Error {
    /// Whether the progress record is of another place than this.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Identity { .. } | Self::Moved { .. } | Self::LastEventMissing { .. }
        )
    }

    /// The event that can never be published as it is, if that is what happened, and if there is a
    /// further place for it.
    fn poison(&self) -> Option<Uuid> {
        match self {
            Self::Route { event_id, .. } => Some(*event_id),
            Self::Encode(error) if error.action() == Action::Poison => Some(error.event_id()),
            Self::Publish(error) => match &**error {
                publish::Error::RecordRefused {
                    event_id,
                    is_dead_letter: false,
                    ..
                } => Some(*event_id),
                _ => None,
            },
            _ => None,
        }
    }

    /// What removes the cause.
    fn cure(&self) -> String {
        match self {
            Self::Source(error) => error.remedy(),
            Self::Decode(error) => error.remedy(),
            Self::Route { source, .. } => source.remedy(),
            Self::Encode(error) => error.remedy(),
            Self::Publish(error) => error.remedy(),
            Self::Database(error) => error.remedy(),
            Self::Identity { .. } => {
                "see that postgres.url and kafka.bootstrap_servers lead where they led before; if the database or cluster was replaced on purpose, run `postrider adopt`".to_owned()
            }
            Self::Moved { .. } => {
                "somebody moved, dropped or re-created the slot, or restored the database; events may be missing on Kafka: run `postrider repair`".to_owned()
            }
            Self::LastEventMissing { .. } => {
                "see whether the database was restored from a snapshot or cloned, or rows of outbox.event were deleted by hand; if that was on purpose, run `postrider adopt`".to_owned()
            }
            Self::Unanswered { .. } => {
                "nothing, if PostgreSQL was restarted; else read its log and check the network"
                    .to_owned()
            }
            Self::CanaryMissing { publication } => {
                format!("restore the publication as `postrider migrate --print` shows it (alter publication {publication:?}), then run `postrider verify`: what was written meanwhile may be missing on Kafka")
            }
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Source(error) => error.action(),
            Self::Decode(error) => error.action(),
            Self::Route { source, .. } => source.action(),
            Self::Encode(error) => error.action(),
            Self::Publish(error) => error.action(),
            Self::Database(error) => error.action(),
            Self::Identity { .. }
            | Self::Moved { .. }
            | Self::LastEventMissing { .. }
            | Self::CanaryMissing { .. } => Action::Halt,
            Self::Unanswered { .. } => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        let remedy = self.cure();
        match self.poison() {
            Some(event_id) => {
                format!("{remedy}; or give the event up: `postrider skip {event_id} --reason '…'`")
            }
            None => remedy,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Source(error) => error.reason(),
            Self::Decode(error) => error.reason(),
            Self::Route { source, .. } => source.reason(),
            Self::Encode(error) => error.reason(),
            Self::Publish(error) => error.reason(),
            Self::Database(error) => error.reason(),
            Self::Identity { .. } => "identity_mismatch",
            Self::Moved { .. } => "slot_moved",
            Self::LastEventMissing { .. } => "last_event_missing",
            Self::CanaryMissing { .. } => "canary_missing",
            Self::Unanswered { .. } => "postgres_unreachable",
        }
    }
}
