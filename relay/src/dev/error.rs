//! Why there is no workbench.

use std::io;

use crate::error::{Action, Classify};
use crate::local;

/// Why there is no workbench.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server or the relay could not be started.
    #[error("the local servers failed")]
    Local(#[from] local::Error),
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
            Self::Running => Action::Refuse,
            Self::Door(_) | Self::RelayEnded { .. } => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Local(error) => return error.remedy(),
            Self::Running => "use it: eval \"$(postrider dev --env)\"; or end it with Ctrl-C",
            Self::Door(_) => "end other `postrider dev` of this account, and try again",
            Self::RelayEnded { .. } => "read its last words above, and start again",
        }
        .to_owned()
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Local(error) => error.reason(),
            Self::Running | Self::Door(_) => "dev_door",
            Self::RelayEnded { .. } => "dev_relay",
        }
    }
}
