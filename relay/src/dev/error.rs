//! Why there is no workbench.

use std::io;

use crate::error::{Action, Classify};
use crate::{local, postgres};

/// Why there is no workbench.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server or the relay could not be started.
    #[error("the local servers failed")]
    Local(#[from] local::Error),
    /// The URL of the database is none.
    #[error("--postgres-url is no URL of a database")]
    Url(#[source] postgres::InvalidTarget),
    /// The database that was given cannot be reached.
    #[error("the database cannot be used")]
    Connect(#[from] postgres::Error),
    /// A question to the database that was given failed.
    #[error("a question to the database failed")]
    Database(#[from] tokio_postgres::Error),
    /// Somebody else reads the slot.
    #[error("replication slot {slot:?} is in use")]
    SlotInUse {
        /// The slot.
        slot: String,
    },
    /// Another one runs.
    #[error("`postrider dev` runs already under this account")]
    Running,
    /// The socket by which others find it does not work.
    #[error("the socket of `postrider dev` does not work")]
    Door(#[source] io::Error),
    /// The relay ended.
    #[error("the relay ended: {log}")]
    RelayEnded {
        /// The end of its log.
        log: String,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Local(error) => error.action(),
            Self::Connect(error) => error.action(),
            Self::Running | Self::Url(_) => Action::Refuse,
            Self::SlotInUse { .. } => Action::StandBy,
            Self::Database(_) | Self::Door(_) | Self::RelayEnded { .. } => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Local(error) => return error.remedy(),
            Self::Connect(error) => return error.remedy(),
            Self::SlotInUse { slot } => {
                return format!(
                    "end who reads it, then: select pg_drop_replication_slot('{slot}'); a slot that \
                     nobody reads keeps the log for ever"
                );
            }
            Self::Url(_) => "write it like postgres://me@localhost/orders",
            Self::Database(_) => "do what the server's answer says",
            Self::Running => "use it: eval \"$(postrider dev --env)\"; or end it with Ctrl-C",
            Self::Door(_) => "end other `postrider dev` of this account, and try again",
            Self::RelayEnded { .. } => "read its last words above, and start again",
        }
        .to_owned()
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Local(error) => error.reason(),
            Self::Connect(error) => error.reason(),
            Self::Url(_) | Self::Database(_) => "dev_database",
            Self::SlotInUse { .. } => "slot_in_use",
            Self::Running | Self::Door(_) => "dev_door",
            Self::RelayEnded { .. } => "dev_relay",
        }
    }
}
