//! Why the first start did not come about.

use crate::encode::RegistryError;
use crate::error::{Action, Classify};
use crate::{migrate, pipeline, publish, source};

/// Why the first start did not come about. `init` can be repeated once the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema registry cannot be used.
    #[error("cannot use the schema registry")]
    Registry(#[source] RegistryError),
    /// The SQL part failed.
    #[error("cannot migrate the database")]
    Migrate(#[source] migrate::Error),
    /// The slot cannot be created.
    #[error("cannot create the replication slot")]
    Slot(#[source] source::Error),
    /// The server's answer has another form.
    #[error("the server gave no position for the replication slot")]
    SlotPosition,
    /// There are rows that would never be published.
    #[error("the outbox holds {rows} public events that are older than the replication slot")]
    OlderRows {
        /// How many.
        rows: String,
    },
    /// A slot of our name is there that this command did not make.
    #[error("replication slot {slot:?} exists, but there is no progress record for it")]
    ForeignSlot {
        /// The slot.
        slot: String,
    },
    /// The outbox was initialised, and a session would not begin with what is here now.
    #[error("the outbox is initialised, and this is not where it was left")]
    Elsewhere(#[source] Box<pipeline::Error>),
    /// The outbox was initialised, and its slot is gone.
    #[error("the outbox is initialised, and its replication slot {slot:?} does not exist")]
    SlotGone {
        /// The slot.
        slot: String,
    },
    /// The outbox was initialised, and its slot cannot go on.
    #[error(
        "the outbox is initialised, and its replication slot cannot go on from where it stands"
    )]
    Ahead(#[source] source::Error),
    /// Kafka failed.
    #[error("cannot write the progress record")]
    Kafka(#[source] publish::Error),
}

impl From<pipeline::Error> for Error {
    fn from(error: pipeline::Error) -> Self {
        Self::Elsewhere(Box::new(error))
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Registry(error) => error.action(),
            Self::Migrate(error) => error.action(),
            Self::Slot(error) | Self::Ahead(error) => error.action(),
            Self::Kafka(error) => error.action(),
            Self::Elsewhere(error) => error.action(),
            Self::SlotPosition
            | Self::OlderRows { .. }
            | Self::ForeignSlot { .. }
            | Self::SlotGone { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Registry(error) => error.remedy(),
            Self::Migrate(error) => error.remedy(),
            Self::Slot(error) | Self::Ahead(error) => error.remedy(),
            Self::Kafka(error) => error.remedy(),
            Self::Elsewhere(error) => error.remedy(),
            Self::SlotGone { .. } => {
                "do not make it anew: it would begin after what is not published; see whether another server still has it, else publish from the table as the runbook says".to_owned()
            }
            Self::SlotPosition => "see that postgres.url leads to a PostgreSQL 15 to 18".to_owned(),
            Self::OlderRows { .. } => {
                "if they are on Kafka already or nobody needs them: `postrider init --from-now` leaves \
                 them unpublished; else publish them after that, as the runbook says"
                    .to_owned()
            }
            Self::ForeignSlot { slot } => format!(
                "if this outbox has published before, do not drop it: what it has not passed would be lost; do as the runbook says. Else drop it with select pg_drop_replication_slot('{slot}')"
            ),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.reason(),
            Self::Migrate(error) => error.reason(),
            Self::Slot(error) | Self::Ahead(error) => error.reason(),
            Self::Kafka(error) => error.reason(),
            Self::Elsewhere(error) => error.reason(),
            Self::SlotPosition => "slot_position",
            Self::SlotGone { .. } => "slot_missing",
            Self::OlderRows { .. } => "older_rows",
            Self::ForeignSlot { .. } => "foreign_slot",
        }
    }
}
