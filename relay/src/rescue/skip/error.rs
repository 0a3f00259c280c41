//! Why an event was not given up, or not put aside yet.

use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::error::{Action, Classify};
use crate::postgres::{self, Session};
use crate::publish;

/// Why an event was not given up, or not put aside yet. The command can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such event.
    #[error("event {event_id} is not in outbox.event")]
    NoEvent {
        /// What was asked for.
        event_id: Uuid,
    },
    /// No relay ever publishes it.
    #[error("event {event_id} is private: no relay publishes it, or halts at it")]
    Private {
        /// The event.
        event_id: Uuid,
    },
    /// The schema is of an earlier release.
    #[error("the schema outbox is older than this release: it has no outbox.skip")]
    Schema,
    /// The database did not take the reason.
    #[error("the database refuses the reason, or the name of who gives the event up")]
    Refused {
        /// Its answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database cannot be used.
    #[error("cannot use the database")]
    Database(#[from] postgres::Error),
    /// Kafka cannot be used.
    #[error("the event is given up, and Kafka does not tell whether the relay has put it aside")]
    Kafka(#[source] Box<publish::Error>),
    /// The topic of dead letters cannot be read.
    #[error("the event is given up, and topic {topic:?} cannot be read")]
    Unreadable {
        /// The topic.
        topic: String,
        /// librdkafka's answer.
        #[source]
        source: KafkaError,
    },
    /// No relay has come to it.
    #[error("event {event_id} is given up, and no relay put it aside within {limit:?}")]
    NotTaken {
        /// The event.
        event_id: Uuid,
        /// How long it was waited for.
        limit: Duration,
    },
}

impl From<publish::Error> for Error {
    fn from(error: publish::Error) -> Self {
        Self::Kafka(Box::new(error))
    }
}

impl Error {
    /// Tells a schema that is too old, and a rule that refuses, from a failure.
    pub(super) fn query(
        session: &Session,
        doing: &'static str,
        error: tokio_postgres::Error,
    ) -> Self {
        match error.code() {
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_FUNCTION) => Self::Schema,
            Some(&SqlState::CHECK_VIOLATION) => Self::Refused { source: error },
            _ => Self::Database(session.failed(doing)(error)),
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::NoEvent { .. } | Self::Private { .. } | Self::Schema | Self::Refused { .. } => {
                Action::Refuse
            }
            Self::Database(error) => error.action(),
            Self::Kafka(error) => error.action(),
            Self::Unreadable { .. } | Self::NotTaken { .. } => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::NoEvent { .. } => {
                "copy the id from the error at which the relay halts: `postrider status`".to_owned()
            }
            Self::Private { .. } => "nothing".to_owned(),
            Self::Schema => "run `postrider migrate` as the owner of the schema".to_owned(),
            Self::Refused { .. } => {
                "give a --reason of 1 to 1000 characters, and a --by of 1 to 200, not only blanks"
                    .to_owned()
            }
            Self::Database(error) => error.remedy(),
            Self::Kafka(error) => format!("{}; {SEE}", error.remedy()),
            Self::Unreadable { topic, .. } => {
                format!("let the relay's Kafka user read {topic:?}, or do without: {SEE}")
            }
            Self::NotTaken { .. } => {
                "see `postrider status`: a relay that halts at this event puts it aside at its next look, and one that can publish it, or has, is not concerned; the wish stays on record".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NoEvent { .. } => "no_event",
            Self::Private { .. } => "private_event",
            Self::Schema => "schema_outdated",
            Self::Refused { .. } => "skip_refused",
            Self::Database(error) => error.reason(),
            Self::Kafka(error) => error.reason(),
            Self::Unreadable { .. } => "topic_unreadable",
            Self::NotTaken { .. } => "skip_not_taken",
        }
    }
}

const SEE: &str = "`postrider status` shows whether the relay has gone on";
