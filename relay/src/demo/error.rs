//! Why a demo came to no verdict.

use outbox_sdk::EmitError;
use rdkafka::error::KafkaError;

use crate::error::{Action, Classify};
use crate::{local, verify};

/// A demo that came to no verdict. A promise that was broken is no error; see
/// [`super::Proof::passed`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A local server, or the relay, could not be started or driven.
    #[error("the local servers failed")]
    Local(#[from] local::Error),
    /// A writer's statement failed.
    #[error("a writer's statement failed")]
    Database(#[from] tokio_postgres::Error),
    /// A writer's event was refused.
    #[error("a writer's event was refused")]
    Emit(#[from] EmitError),
    /// A writer panicked.
    #[error("a writer panicked")]
    Writer(#[source] tokio::task::JoinError),
    /// The consumer could not be made.
    #[error("the consumer cannot read")]
    Consume(#[source] KafkaError),
    /// No HTTP client could be made for the oracle.
    #[error("the oracle cannot ask the schema registry")]
    Http(#[from] reqwest::Error),
    /// The oracle could not read.
    #[error("the outbox and the topics cannot be compared")]
    Verify(#[from] verify::Error),
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Local(error) => error.action(),
            Self::Verify(error) => error.action(),
            Self::Database(_)
            | Self::Emit(_)
            | Self::Writer(_)
            | Self::Consume(_)
            | Self::Http(_) => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Local(error) => error.remedy(),
            Self::Verify(error) => error.remedy(),
            Self::Database(_) | Self::Consume(_) | Self::Http(_) => {
                "free memory and disk space on this machine, and run again".to_owned()
            }
            Self::Emit(_) | Self::Writer(_) => {
                "this is a fault in the demo: report it with what is said above".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Local(error) => error.reason(),
            Self::Verify(error) => error.reason(),
            Self::Database(_) => "demo_database",
            Self::Emit(_) | Self::Writer(_) => "demo_writer",
            Self::Consume(_) => "demo_consumer",
            Self::Http(_) => "demo_http",
        }
    }
}
