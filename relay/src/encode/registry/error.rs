//! What can go wrong between the relay and the schema registry.

use outbox_contract::schema;
use reqwest::StatusCode;

use super::REFERENCE_DEPTH_MAX;
use crate::error::{Action, Classify};

/// Why the registry did not give or take a schema.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer.
    #[error("the schema registry at {url} does not answer")]
    Unreachable {
        /// The registry's base URL.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// One side does not accept the other's certificate.
    #[error("the TLS handshake with the schema registry at {url} failed: {failure}")]
    TlsHandshake {
        /// The registry's base URL.
        url: String,
        /// Why.
        failure: rustls::Error,
    },
    /// The registry answered with an error that may pass.
    #[error("the schema registry at {url} answered {status}")]
    Unavailable {
        /// The registry's base URL.
        url: String,
        /// The HTTP status.
        status: StatusCode,
    },
    /// The registry does not let us in.
    #[error("the schema registry at {url} refuses the relay ({status})")]
    Refused {
        /// The registry's base URL.
        url: String,
        /// The HTTP status.
        status: StatusCode,
    },
    /// There is no such subject or version.
    #[error("the schema registry at {url} has no {what}")]
    NotFound {
        /// The registry's base URL.
        url: String,
        /// What was asked for.
        what: String,
    },
    /// An answer that is not what the interface promises.
    #[error("the schema registry at {url} gave no valid answer for {what}: {why}")]
    Malformed {
        /// The registry's base URL.
        url: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The registry does not do what was asked, and will not do it later either.
    #[error("the schema registry at {url} refuses {what} ({status}): {message}")]
    Rejected {
        /// The registry's base URL.
        url: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: StatusCode,
        /// What the registry says about it.
        message: String,
    },
    /// A schema in another language.
    #[error("{what} is {schema_type}, not Avro")]
    NotAvro {
        /// What was asked for.
        what: String,
        /// Its type.
        schema_type: String,
    },
    /// A schema that cannot be used.
    #[error("version {version} of subject {subject:?} cannot be used")]
    Unusable {
        /// The subject.
        subject: String,
        /// The version.
        version: u32,
        /// Why.
        #[source]
        source: schema::Error,
    },
    /// Schemas that refer to each other without end.
    #[error("the references of subject {subject:?} are deeper than {REFERENCE_DEPTH_MAX}")]
    ReferenceDepth {
        /// The subject.
        subject: String,
    },
    /// The URL cannot be that of a registry. It is not shown: it may hold a password.
    #[error("it {why}")]
    InvalidUrl {
        /// Why.
        why: &'static str,
    },
    /// The client cannot be built.
    #[error("the registry's client cannot be built")]
    Client(#[source] reqwest::Error),
}

impl Classify for RegistryError {
    fn action(&self) -> Action {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Malformed { .. } => {
                Action::Retry
            }
            Self::NotFound { .. }
            | Self::NotAvro { .. }
            | Self::Unusable { .. }
            | Self::ReferenceDepth { .. } => Action::Poison,
            Self::TlsHandshake { .. }
            | Self::Refused { .. }
            | Self::Rejected { .. }
            | Self::InvalidUrl { .. }
            | Self::Client(_) => Action::Refuse,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } => {
                "see that the registry runs and that registry.url leads there; a running relay tries again by itself".to_owned()
            }
            Self::Malformed { .. } => {
                "see that registry.url is the base of a Confluent-compatible interface; a running relay tries again by itself".to_owned()
            }
            Self::TlsHandshake { failure: rustls::Error::AlertReceived(_), .. } => {
                "set registry.tls.certificate and registry.tls.key to a certificate that the registry accepts".to_owned()
            }
            Self::TlsHandshake { .. } => {
                "set registry.tls.ca to the authority of the registry's certificate, and registry.url to a host that the certificate names".to_owned()
            }
            Self::Refused { .. } => {
                "correct registry.user and registry.password_file, or grant that user to read subjects".to_owned()
            }
            Self::NotFound { what, .. } => {
                format!(
                    "register {what} (`postrider contracts register DIR`); the relay looks again by itself within a minute"
                )
            }
            Self::NotAvro { what, .. } => {
                format!("let the event name an Avro version in schema_ref; {what} is none")
            }
            Self::Unusable { subject, .. } | Self::ReferenceDepth { subject } => {
                format!("register a corrected version of {subject:?}")
            }
            Self::Rejected { what, .. } => {
                format!("correct {what} as the registry says, or let it take schemas (`/mode`)")
            }
            Self::InvalidUrl { .. } | Self::Client(_) => "correct registry.url".to_owned(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "registry_unreachable",
            Self::TlsHandshake { .. } => "registry_tls",
            Self::Unavailable { .. } => "registry_unavailable",
            Self::Refused { .. } => "registry_refused",
            Self::NotFound { .. } => "schema_not_found",
            Self::Malformed { .. } => "registry_malformed",
            Self::Rejected { .. } => "registry_rejected",
            Self::NotAvro { .. } => "schema_not_avro",
            Self::Unusable { .. } => "schema_unusable",
            Self::ReferenceDepth { .. } => "schema_reference_depth",
            Self::InvalidUrl { .. } | Self::Client(_) => "registry_url",
        }
    }
}
