//! Why the HTTP server cannot start.

use std::io;
use std::net::SocketAddr;

use crate::error::{Action, Classify};

/// Why the HTTP server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen} (http.listen)")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Bind { .. } => Action::Refuse,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Bind { listen, .. } => format!(
                "end the process that listens there (`ss -ltnp sport = {}` shows it), or set \
                 http.listen to an address of this machine with a free port",
                listen.port()
            ),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "http_listen",
        }
    }
}
