//! What can go wrong while a local server is started or driven.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::{Action, Classify};

/// A local server that could not be started or driven.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that the local stack needs is not installed.
    #[error("{program} was not found")]
    MissingProgram {
        /// The program, as a person would name it.
        program: &'static str,
        /// The command that installs it on Debian and Ubuntu.
        install: &'static str,
    },
    /// Kafka 4 and the registry need Java 17.
    #[error("java is version {found}, but 17 or later is needed")]
    OldJava {
        /// The first line of `java -version`.
        found: String,
    },
    /// PostgreSQL refuses to run as root, and there is no account to run it as.
    #[error("postgresql refuses to run as root, and /etc/passwd has neither postgres nor nobody")]
    NoAccount,
    /// No free port between 20000 and the ephemeral range.
    #[error("no free port on 127.0.0.1 between {first} and {last}")]
    NoFreePort {
        /// The lowest port that was tried.
        first: u16,
        /// The highest port that was tried.
        last: u16,
    },
    /// The port that the caller asked for is in use.
    #[error("port {port} on 127.0.0.1 is taken")]
    PortTaken {
        /// The port.
        port: u16,
        /// Why it could not be bound.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder could not be made, read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A signal could not be delivered, or the process's state could not be read.
    #[error("cannot drive process {pid} ({name})")]
    Process {
        /// What the process is.
        name: String,
        /// Its id.
        pid: u32,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A command ran to its end and failed.
    #[error("{program} failed with {status}: {output}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed, the end of it.
        output: String,
    },
    /// A process did not end in time. A command was killed; a server goes on.
    #[error("{name} did not end within {limit:?}: {output}")]
    StillRunning {
        /// What the process is.
        name: String,
        /// How long was waited.
        limit: Duration,
        /// What it printed, the end of it.
        output: String,
    },
    /// A server ended while it was awaited.
    #[error("{server} ended with {status} instead of serving: {log}")]
    Ended {
        /// The server.
        server: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// A server runs and does not answer.
    #[error("{server} did not answer within {limit:?} ({last}): {log}")]
    NotReady {
        /// The server.
        server: String,
        /// How long was waited.
        limit: Duration,
        /// What the last attempt met.
        last: String,
        /// The end of its log.
        log: String,
    },
    /// A statement on the local PostgreSQL failed.
    #[error("postgresql refused {statement:?}")]
    Statement {
        /// The statement.
        statement: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The client for administrating Kafka failed.
    #[error("the request to the local kafka failed")]
    KafkaRequest(#[source] KafkaError),
    /// Kafka refused to create or delete a topic.
    #[error("kafka did not change topic {topic}")]
    Topic {
        /// The topic.
        topic: String,
        /// What the broker said.
        #[source]
        source: RDKafkaErrorCode,
    },
    /// The registry could not be asked.
    #[error("the request to the local registry failed")]
    RegistryRequest(#[source] reqwest::Error),
    /// The registry refused a schema.
    #[error("the registry answered {status}: {body}")]
    RegistryRefused {
        /// The HTTP status.
        status: u16,
        /// The answer's text.
        body: String,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::MissingProgram { .. }
            | Self::OldJava { .. }
            | Self::NoAccount
            | Self::NoFreePort { .. }
            | Self::PortTaken { .. }
            | Self::File { .. }
            | Self::Spawn { .. } => Action::Refuse,
            Self::Process { .. }
            | Self::Failed { .. }
            | Self::StillRunning { .. }
            | Self::Ended { .. }
            | Self::NotReady { .. }
            | Self::Statement { .. }
            | Self::KafkaRequest(_)
            | Self::Topic { .. }
            | Self::RegistryRequest(_)
            | Self::RegistryRefused { .. } => Action::Retry,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::MissingProgram { install, .. } => format!("install it: {install}"),
            Self::OldJava { .. } => "install Java 17 or later, or point JAVA_HOME at it".to_owned(),
            Self::NoAccount => "run as an ordinary user instead of root".to_owned(),
            Self::NoFreePort { .. } => "end some of the servers on this machine".to_owned(),
            Self::PortTaken { port, .. } => {
                format!("end what listens on port {port}, or let the stack choose a port")
            }
            Self::File { .. } => {
                "make the folder writable, or set TMPDIR or XDG_CACHE_HOME to one that is"
                    .to_owned()
            }
            Self::Spawn { program, .. } => format!("see that {program} can be executed"),
            Self::Failed { program, .. } => format!("read what {program} printed, and run again"),
            Self::Process { .. } | Self::StillRunning { .. } => {
                "see whether the machine is overloaded, and run again".to_owned()
            }
            Self::Ended { server, .. } | Self::NotReady { server, .. } => {
                format!("read the log of {server} above, free memory or ports, and run again")
            }
            Self::Statement { .. }
            | Self::KafkaRequest(_)
            | Self::Topic { .. }
            | Self::RegistryRequest(_)
            | Self::RegistryRefused { .. } => {
                "see that the local server still runs, and what it refused".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MissingProgram { .. } | Self::OldJava { .. } => "local_program_missing",
            Self::NoAccount => "local_account_missing",
            Self::NoFreePort { .. } | Self::PortTaken { .. } => "local_port_taken",
            Self::File { .. } => "local_folder",
            Self::Spawn { .. }
            | Self::Process { .. }
            | Self::Failed { .. }
            | Self::StillRunning { .. }
            | Self::Ended { .. }
            | Self::NotReady { .. } => "local_server",
            Self::Statement { .. }
            | Self::KafkaRequest(_)
            | Self::Topic { .. }
            | Self::RegistryRequest(_)
            | Self::RegistryRefused { .. } => "local_request",
        }
    }
}

/// Adapts an I/O error to [`Error::File`], for `map_err`.
pub(super) fn file_error(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { path, source }
}
