//! Why a connection to PostgreSQL or a statement on it failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::ServerError;
use crate::error::{Action, Classify};
use crate::tls;

/// The server, role and database of a connection, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) database: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "database {:?} on {} as {:?}",
            self.database, self.host, self.user
        )
    }
}

/// Why a connection to PostgreSQL or a statement on it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate or key file cannot be used.
    #[error("cannot use {} as {parameter}", path.display())]
    CertificateFile {
        /// The URL parameter that names the file.
        parameter: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The platform has no trusted certificates, and the URL names none.
    #[error("no trusted root certificate was found on this machine")]
    NoRootCertificates,
    /// The host's name has no address.
    #[error("cannot resolve {}", at.host)]
    Resolve {
        /// Where to.
        at: Place,
        /// The resolver's answer.
        #[source]
        source: io::Error,
    },
    /// Nobody answers at the address.
    #[error("cannot reach {at}")]
    Unreachable {
        /// Where to.
        at: Place,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The server took longer than `connect_timeout`.
    #[error("no connection to {at} within {after:?}")]
    TimedOut {
        /// Where to.
        at: Place,
        /// The time that was allowed.
        after: Duration,
    },
    /// The server is there but has no TLS, and the URL asks for it.
    #[error("{} does not offer TLS", at.host)]
    TlsNotOffered {
        /// Where to.
        at: Place,
    },
    /// The TLS handshake failed: mostly a certificate that is not trusted or for another host, on
    /// either side.
    #[error("the TLS handshake with {} failed", at.host)]
    TlsHandshake {
        /// Where to.
        at: Place,
        /// What the handshake found.
        #[source]
        source: io::Error,
    },
    /// The connection broke while it was being set up.
    #[error("the connection to {at} broke during start-up")]
    Lost {
        /// Where to.
        at: Place,
        /// How it broke.
        #[source]
        source: io::Error,
    },
    /// The server wants a password and the configuration has none.
    #[error("{at}: the server asks for a password and none is configured")]
    PasswordMissing {
        /// Where to.
        at: Place,
    },
    /// The server wants a way of logging in that this client does not have.
    #[error("{at}: cannot log in by {method}")]
    AuthenticationMethod {
        /// Where to.
        at: Place,
        /// The method.
        method: &'static str,
    },
    /// The server did not prove that it knows the password.
    #[error("{at}: the server's side of the SCRAM exchange is not valid")]
    ServerNotAuthentic {
        /// Where to.
        at: Place,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// Wrong password, unknown role, or no line for us in `pg_hba.conf`.
    #[error("{at}: the server refuses the login")]
    LoginRefused {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The database does not exist.
    #[error("{at}: the database does not exist")]
    DatabaseMissing {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The role may not open this connection: no CONNECT, or no REPLICATION.
    #[error("{at}: the role may not open this connection")]
    ConnectionForbidden {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// Every connection or walsender slot of the server is taken.
    #[error("{at}: the server has no connection left")]
    TooManyConnections {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The server is starting up, shutting down or recovering.
    #[error("{at}: the server is not ready")]
    NotReady {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// The server is a standby.
    #[error("{at}: the server is a standby and accepts no writes")]
    Standby {
        /// Where to.
        at: Place,
    },
    /// The server refused the start-up for another reason.
    #[error("{at}: the server refuses the connection")]
    StartUp {
        /// Where to.
        at: Place,
        /// The server's answer.
        #[source]
        source: Box<ServerError>,
    },
    /// A statement failed.
    #[error("{at}: failed {doing}")]
    Query {
        /// Where to.
        at: Place,
        /// What the statement was for: "reading the replication slot".
        doing: &'static str,
        /// The driver's error, which carries the server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl Error {
    /// Tells a broken connection from one that the server ended because of the client's
    /// certificate: in TLS 1.3 it says so only after the client's side of the handshake is done.
    pub(crate) fn lost(at: Place, source: io::Error) -> Self {
        match tls::failure(&source) {
            Some(rustls::Error::AlertReceived(_)) => Self::TlsHandshake { at, source },
            _ => Self::Lost { at, source },
        }
    }

    /// Sorts an answer to the start-up message by its SQLSTATE
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    pub(crate) fn from_start_up(at: Place, source: Box<ServerError>) -> Self {
        match source.code.as_str() {
            "28P01" | "28000" => Self::LoginRefused { at, source },
            "3D000" => Self::DatabaseMissing { at, source },
            "42501" => Self::ConnectionForbidden { at, source },
            "53300" => Self::TooManyConnections { at, source },
            code if code.starts_with("57P0") => Self::NotReady { at, source },
            _ => Self::StartUp { at, source },
        }
    }

    /// Whether the server could not be used just now, so that a one-shot command ends with exit
    /// code 5.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::TooManyConnections { .. }
            | Self::NotReady { .. }
            | Self::Standby { .. } => true,
            Self::Query { source, .. } => source.is_closed(),
            Self::CertificateFile { .. }
            | Self::NoRootCertificates
            | Self::TlsNotOffered { .. }
            | Self::TlsHandshake { .. }
            | Self::PasswordMissing { .. }
            | Self::AuthenticationMethod { .. }
            | Self::ServerNotAuthentic { .. }
            | Self::LoginRefused { .. }
            | Self::DatabaseMissing { .. }
            | Self::ConnectionForbidden { .. }
            | Self::StartUp { .. } => false,
        }
    }

    /// Whether the connection may succeed with more or less TLS: `prefer` and `allow` try again.
    pub(super) fn is_about_encryption(&self) -> bool {
        match self {
            Self::TlsNotOffered { .. } | Self::TlsHandshake { .. } => true,
            // "no pg_hba.conf entry", which can hold for `hostssl` or `hostnossl` only.
            Self::LoginRefused { source, .. } => source.code == "28000",
            _ => false,
        }
    }

    /// Whether the next host of the list may do better: so for servers that cannot be used now,
    /// and not where the same credentials would be refused again.
    pub(super) fn is_about_one_host(&self) -> bool {
        self.is_unreachable()
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::TooManyConnections { .. }
            | Self::NotReady { .. }
            | Self::Standby { .. }
            | Self::StartUp { .. } => Action::Retry,
            Self::CertificateFile { .. }
            | Self::NoRootCertificates
            | Self::TlsNotOffered { .. }
            | Self::TlsHandshake { .. }
            | Self::PasswordMissing { .. }
            | Self::AuthenticationMethod { .. }
            | Self::ServerNotAuthentic { .. }
            | Self::LoginRefused { .. }
            | Self::DatabaseMissing { .. }
            | Self::ConnectionForbidden { .. } => Action::Refuse,
            Self::Query { source, .. } => query_action(source),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::CertificateFile {
                parameter, path, ..
            } => format!(
                "make {} a readable PEM file, or correct {parameter} in postgres.url",
                path.display()
            ),
            Self::NoRootCertificates => {
                "name the authority's certificate with sslrootcert in postgres.url, or install the \
                 platform's certificates (package ca-certificates)"
                    .to_owned()
            }
            Self::Resolve { at, .. } => format!("check the host in postgres.url: {}", at.host),
            Self::Unreachable { at, .. } | Self::TimedOut { at, .. } => format!(
                "check that PostgreSQL runs at {} and that no firewall is between: pg_isready",
                at.host
            ),
            Self::Lost { at, .. } => {
                format!(
                    "read the log of the server at {}: it closed the connection",
                    at.host
                )
            }
            Self::TlsNotOffered { at } => format!(
                "switch TLS on at {} (ssl = on), or allow sslmode=prefer in postgres.url",
                at.host
            ),
            Self::TlsHandshake { at, source }
                if matches!(tls::failure(source), Some(rustls::Error::AlertReceived(_))) =>
            {
                format!(
                    "name a certificate that {} accepts, and its key, with sslcert and sslkey in \
                     postgres.url: ssl_ca_file of the server must hold its authority",
                    at.host
                )
            }
            Self::TlsHandshake { at, .. } => format!(
                "check that the certificate of {} is signed by sslrootcert and names this host \
                 among its subject alternative names (the common name does not count)",
                at.host
            ),
            Self::PasswordMissing { at } => {
                format!(
                    "set postgres.password_file to the password of role {:?}",
                    at.user
                )
            }
            Self::AuthenticationMethod { at, .. } => format!(
                "let pg_hba.conf of {} use scram-sha-256 or cert for role {:?}, and with \
                 channel_binding=require a TLS connection",
                at.host, at.user
            ),
            Self::ServerNotAuthentic { at, .. } => format!(
                "make sure that {} is the server you mean: it could not prove that it knows the \
                 password of {:?}",
                at.host, at.user
            ),
            // No line of `pg_hba.conf`, or one that asks for more than was shown.
            Self::LoginRefused { at, source } if source.code == "28000" => format!(
                "let pg_hba.conf of {} admit role {:?} to database {:?}, or connect as its line \
                 asks: TLS with sslmode=verify-full, a client certificate with sslcert and sslkey \
                 in postgres.url",
                at.host, at.user, at.database
            ),
            Self::LoginRefused { at, .. } => format!(
                "check the password of role {:?} and the pg_hba.conf line for database {:?} on {}",
                at.user, at.database, at.host
            ),
            Self::DatabaseMissing { at, .. } => {
                format!(
                    "correct the database in postgres.url, or create {:?}",
                    at.database
                )
            }
            Self::ConnectionForbidden { at, .. } => format!(
                "as a superuser: alter role {:?} replication; grant connect on database {:?} to it",
                at.user, at.database
            ),
            Self::TooManyConnections { at, .. } => format!(
                "free a connection on {} or raise max_wal_senders and max_connections",
                at.host
            ),
            Self::NotReady { at, .. } => format!("wait until {} has started", at.host),
            Self::Standby { at } => format!(
                "list the primary in postgres.url too, or promote {}: the relay uses whichever \
                 host accepts writes",
                at.host
            ),
            Self::StartUp { at, .. } => format!(
                "do what the answer of {} says for role {:?} and database {:?}",
                at.host, at.user, at.database
            ),
            Self::Query { at, doing, .. } => format!(
                "see why {doing} fails for role {:?} in database {:?} on {}; `postrider check` \
                 tells what is missing",
                at.user, at.database, at.host
            ),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::CertificateFile { .. }
            | Self::NoRootCertificates
            | Self::TlsNotOffered { .. }
            | Self::TlsHandshake { .. } => "postgres_tls",
            Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::NotReady { .. }
            | Self::StartUp { .. } => "postgres_unreachable",
            Self::PasswordMissing { .. }
            | Self::AuthenticationMethod { .. }
            | Self::ServerNotAuthentic { .. }
            | Self::LoginRefused { .. } => "postgres_login",
            Self::DatabaseMissing { .. } => "postgres_database",
            Self::ConnectionForbidden { .. } => "postgres_privilege",
            Self::TooManyConnections { .. } => "postgres_connections",
            Self::Standby { .. } => "postgres_standby",
            Self::Query { .. } => "postgres_query",
        }
    }
}

/// A statement that can never work as things stand halts; everything else may pass.
fn query_action(error: &tokio_postgres::Error) -> Action {
    match error.code().map(tokio_postgres::error::SqlState::code) {
        // Missing object or privilege, missing schema, feature not supported.
        Some(code)
            if ["42", "3F", "0A"]
                .iter()
                .any(|class| code.starts_with(class)) =>
        {
            Action::Halt
        }
        Some(_) | None => Action::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Place {
        Place {
            host: "db:5432".into(),
            user: "relay".into(),
            database: "shop".into(),
        }
    }

    #[test]
    fn a_refused_start_up_is_sorted_by_its_sqlstate() {
        for (code, action, reason) in [
            ("28P01", Action::Refuse, "postgres_login"),
            ("28000", Action::Refuse, "postgres_login"),
            ("3D000", Action::Refuse, "postgres_database"),
            ("42501", Action::Refuse, "postgres_privilege"),
            ("53300", Action::Retry, "postgres_connections"),
            ("57P03", Action::Retry, "postgres_unreachable"),
            ("57P01", Action::Retry, "postgres_unreachable"),
            ("XX000", Action::Retry, "postgres_unreachable"),
        ] {
            let source = ServerError {
                code: code.to_owned(),
                ..ServerError::default()
            };
            let error = Error::from_start_up(at(), Box::new(source));
            assert_eq!((error.action(), error.reason()), (action, reason), "{code}");
            assert!(!error.remedy().is_empty());
        }
    }
}
