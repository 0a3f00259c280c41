//! Where a PostgreSQL server is, and as whom to talk to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use std::{fs, io};

use super::parameters;
use crate::error::{Action, Classify};
use crate::percent;

/// libpq waits for ever by default; a relay that hangs in `connect` cannot try the next host.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

pub(super) const PORT_DEFAULT: u16 = 5432;

/// A connection URL as libpq reads it
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>).
///
/// Differences from libpq: the user must be named, no host means `localhost`, `connect_timeout`
/// defaults to 10 s, and only a server that accepts writes is used (`target_session_attrs` =
/// `read-write`).
///
/// Invariant: neither `Display` nor `Debug` shows the password, and no error of parsing quotes a
/// part of the URL that may hold one (`tests::the_password_is_never_shown`).
#[derive(Clone)]
pub struct Target {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
    pub(super) database: String,
    pub(super) sslmode: SslMode,
    pub(super) sslrootcert: Option<PathBuf>,
    pub(super) sslcert: Option<PathBuf>,
    pub(super) sslkey: Option<PathBuf>,
    pub(super) channel_binding: ChannelBinding,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) options: Option<String>,
    pub(super) application_name: String,
}

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name or IP address.
    Tcp {
        /// The name or address, without brackets.
        name: String,
        /// The TCP port.
        port: u16,
    },
    /// The folder of a Unix socket.
    Unix {
        /// The folder that holds the socket file.
        directory: PathBuf,
        /// The number in the socket file's name.
        port: u16,
    },
}

/// How much TLS a connection needs
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>).
///
/// As in libpq, Unix sockets never use TLS, and a root certificate that is named is also checked
/// in the modes below `verify-ca`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server refuses a connection without it.
    Allow,
    /// TLS where the server offers it.
    #[default]
    Prefer,
    /// TLS, without asking who the server is.
    Require,
    /// TLS with a certificate from a trusted authority.
    VerifyCa,
    /// TLS with a certificate from a trusted authority for this very host.
    VerifyFull,
}

/// Whether SCRAM ties itself to the TLS connection, which keeps a man in the middle out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always; a server without it is refused.
    Require,
}

impl Target {
    /// The servers, in the order in which they are tried.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The role to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database to connect to.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How much TLS is asked for.
    pub fn sslmode(&self) -> SslMode {
        self.sslmode
    }

    /// The same target with the password that this file holds, at every login anew.
    ///
    /// # Errors
    ///
    /// The file cannot be read now.
    pub fn with_password_file(mut self, path: &Path) -> io::Result<Self> {
        self.password = Some(read_password(path)?);
        self.password_file = Some(path.to_owned());
        Ok(self)
    }

    /// The password as it is now: whoever changes it at the server replaces the file, too. One that is
    /// just being replaced counts as it was.
    pub(super) fn password(&self) -> Option<String> {
        let file = self.password_file.as_deref();
        let read = file.and_then(|path| read_password(path).ok());
        read.or_else(|| self.password.clone())
    }
}

/// Without the end of its line.
fn read_password(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The parts of a URL while its problems are collected.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) hosts: Option<String>,
    pub(super) ports: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) sslmode: Option<SslMode>,
    pub(super) sslrootcert: Option<PathBuf>,
    pub(super) system_roots: bool,
    pub(super) sslcert: Option<PathBuf>,
    pub(super) sslkey: Option<PathBuf>,
    pub(super) channel_binding: Option<ChannelBinding>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) options: Option<String>,
    pub(super) application_name: Option<String>,
    pub(super) problems: Vec<String>,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"));
        let Some(rest) = rest else {
            let problem = "it does not begin with postgres:// or postgresql://".to_owned();
            return Err(InvalidTarget {
                problems: vec![problem],
            });
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = address.split_once('/').unwrap_or((address, ""));

        let mut draft = Draft::default();
        parameters::read_authority(&mut draft, authority);
        if !path.is_empty() {
            draft.database = parameters::decoded(&mut draft.problems, "the database name", path);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            parameters::read_parameter(&mut draft, pair);
        }
        draft.finish()
    }
}

impl Draft {
    fn finish(mut self) -> Result<Target, InvalidTarget> {
        let hosts = parameters::hosts(&mut self);
        if self.user.as_deref().unwrap_or_default().is_empty() {
            self.problems.push("it names no user".to_owned());
        }
        if self.sslcert.is_some() != self.sslkey.is_some() {
            self.problems
                .push("sslcert and sslkey go together".to_owned());
        }
        // libpq's rule: anybody can get a certificate from a public authority, so trusting all of
        // them means something only together with the host's name.
        if self.system_roots
            && *self.sslmode.get_or_insert(SslMode::VerifyFull) != SslMode::VerifyFull
        {
            self.problems
                .push("sslrootcert=system needs sslmode=verify-full".to_owned());
        }
        let user = self.user.unwrap_or_default();
        if !self.problems.is_empty() {
            return Err(InvalidTarget {
                problems: self.problems,
            });
        }
        Ok(Target {
            hosts,
            database: self
                .database
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| user.clone()),
            user,
            password: self.password,
            password_file: None,
            sslmode: self.sslmode.unwrap_or_default(),
            sslrootcert: self.sslrootcert,
            sslcert: self.sslcert,
            sslkey: self.sslkey,
            channel_binding: self.channel_binding.unwrap_or_default(),
            // Zero means "for ever", as in libpq.
            connect_timeout: Some(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT_DEFAULT))
                .filter(|timeout| !timeout.is_zero()),
            options: self.options,
            application_name: self
                .application_name
                .unwrap_or_else(|| "postrider".to_owned()),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", percent::encode(&self.user))?;
        for (index, host) in self.hosts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp { name, port } if name.contains(':') => {
                    write!(f, "{separator}[{name}]:{port}")?;
                }
                Host::Tcp { name, port } => write!(f, "{separator}{name}:{port}")?,
                Host::Unix { directory, port } => {
                    let directory = percent::encode(&directory.to_string_lossy());
                    write!(f, "{separator}{directory}:{port}")?;
                }
            }
        }
        write!(
            f,
            "/{}?sslmode={}",
            percent::encode(&self.database),
            self.sslmode.as_str()
        )
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port } => write!(f, "{name}:{port}"),
            Self::Unix { directory, port } => {
                write!(f, "{}/.s.PGSQL.{port}", directory.display())
            }
        }
    }
}

impl SslMode {
    /// The name as libpq spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A text that is not a connection URL, with everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("the PostgreSQL URL is not valid: {}", problems.join("; "))]
pub struct InvalidTarget {
    problems: Vec<String>,
}

impl Classify for InvalidTarget {
    fn action(&self) -> Action {
        Action::Refuse
    }

    fn remedy(&self) -> String {
        "write the URL as postgres://user@host:5432/database?sslmode=verify-full, with special \
         characters of a user or password percent-encoded (@ as %40, / as %2F)"
            .to_owned()
    }

    fn reason(&self) -> &'static str {
        "postgres_url"
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
