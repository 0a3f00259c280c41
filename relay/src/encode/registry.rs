//! The schema registry, over Confluent's REST interface
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>).
//!
//! `schema_registry_converter` asks for "the latest" or "by id"; the relay needs "the version
//! whose fingerprint is this", with errors told apart, so it asks directly (ADR 0004).

use std::sync::Arc;
use std::time::Duration;

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::schema::{self, CompiledSchema};
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::registry_tls::RegistryTls;
use crate::config::Secret;
use crate::error::{Action, Classify};
use crate::tls;

/// Longest wait for one answer. A registry answers in milliseconds; the caller tries again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read: far above a real schema, far below the memory.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How deep schemas may refer to schemas.
const REFERENCE_DEPTH_MAX: usize = 16;

/// A schema as the registry holds it, ready to encode with.
#[derive(Debug)]
pub struct RegisteredSchema {
    /// The registry's id, which goes into every record's wire header.
    pub id: u32,
    /// The version within its subject.
    pub version: u32,
    /// The schema's fingerprint.
    pub fingerprint: Fingerprint,
    /// The schema.
    pub compiled: CompiledSchema,
}

/// Why the registry did not give a schema.
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
                format!("register {what} in the registry; the relay looks again by itself")
            }
            Self::NotAvro { what, .. } => {
                format!("let the event name an Avro version in schema_ref; {what} is none")
            }
            Self::Unusable { subject, .. } | Self::ReferenceDepth { subject } => {
                format!("register a corrected version of {subject:?}")
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
            Self::NotAvro { .. } => "schema_not_avro",
            Self::Unusable { .. } => "schema_unusable",
            Self::ReferenceDepth { .. } => "schema_reference_depth",
            Self::InvalidUrl { .. } | Self::Client(_) => "registry_url",
        }
    }
}

/// A client of the registry.
#[derive(Debug, Clone)]
pub struct Registry {
    client: reqwest::Client,
    tls: RegistryTls,
    url: String,
    credentials: Option<(String, Secret)>,
}

#[derive(Deserialize)]
struct SchemaAnswer {
    id: u32,
    version: u32,
    schema: String,
    #[serde(default, rename = "schemaType")]
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    subject: String,
    version: u32,
}

/// Why `url` cannot be used, if so.
fn check_url(url: &str) -> Result<(), &'static str> {
    let url: reqwest::Url = url.parse().map_err(|_| "is not a URL")?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "must not hold a user or password: set registry.user and registry.password_file",
        );
    }
    Ok(())
}

impl Registry {
    /// A client of the registry at `url`; asks nothing yet.
    pub fn new(
        url: &str,
        credentials: Option<(String, Secret)>,
        tls: RegistryTls,
    ) -> Result<Self, RegistryError> {
        check_url(url).map_err(|why| RegistryError::InvalidUrl { why })?;
        let client = tls.client(ANSWER_TIMEOUT).map_err(RegistryError::Client)?;
        Ok(Self {
            client,
            tls,
            url: url.trim_end_matches('/').to_owned(),
            credentials,
        })
    }

    /// The user and password, where the registry wants them.
    pub fn credentials(&self) -> Option<(String, String)> {
        let (user, password) = self.credentials.as_ref()?;
        Some((user.clone(), password.expose().to_owned()))
    }

    /// How others reach the registry: with the same certificates.
    pub fn tls(&self) -> &RegistryTls {
        &self.tls
    }

    /// Asks for the list of subjects, to see that the registry answers and lets us in.
    pub async fn ping(&self) -> Result<(), RegistryError> {
        let _subjects: serde_json::Value = self.get(&["subjects"], "list of subjects").await?;
        Ok(())
    }

    /// The versions of a subject, in order.
    pub async fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let what = format!("subject {subject:?}");
        self.get(&["subjects", subject, "versions"], &what).await
    }

    /// One version of a subject, compiled, with everything it refers to.
    pub async fn schema(
        &self,
        subject: &str,
        version: u32,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let answer = self.version(subject, version).await?;
        let references = self.references(subject, &answer).await?;
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let unusable = |source| RegistryError::Unusable {
            subject: subject.to_owned(),
            version: answer.version,
            source,
        };
        let compiled = CompiledSchema::compile(&answer.schema, &references).map_err(unusable)?;
        Ok(Arc::new(RegisteredSchema {
            id: answer.id,
            version: answer.version,
            fingerprint: compiled.fingerprint(),
            compiled,
        }))
    }

    async fn version(&self, subject: &str, version: u32) -> Result<SchemaAnswer, RegistryError> {
        let what = format!("version {version} of subject {subject:?}");
        let answer: SchemaAnswer = self
            .get(
                &["subjects", subject, "versions", &version.to_string()],
                &what,
            )
            .await?;
        match answer.schema_type.as_deref() {
            None | Some("AVRO") => Ok(answer),
            Some(other) => Err(RegistryError::NotAvro {
                what,
                schema_type: other.to_owned(),
            }),
        }
    }

    /// The texts of everything that `answer` refers to, each before what refers to it.
    async fn references(
        &self,
        subject: &str,
        answer: &SchemaAnswer,
    ) -> Result<Vec<String>, RegistryError> {
        // Level by level; a schema that is met again moves to the front, before all its users.
        let mut texts: Vec<String> = Vec::new();
        let mut level: Vec<(String, u32)> = pairs(&answer.references);
        for _ in 0..REFERENCE_DEPTH_MAX {
            if level.is_empty() {
                return Ok(texts);
            }
            let mut next = Vec::new();
            for (subject, version) in level {
                let referred = self.version(&subject, version).await?;
                next.extend(pairs(&referred.references));
                texts.retain(|text| *text != referred.schema);
                texts.insert(0, referred.schema);
            }
            level = next;
        }
        Err(RegistryError::ReferenceDepth {
            subject: subject.to_owned(),
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        what: &str,
    ) -> Result<T, RegistryError> {
        let url = || self.url.clone();
        let mut address = self.url.clone();
        for segment in path {
            address.push('/');
            address.push_str(&percent_encoded(segment));
        }
        let mut request = self.client.get(address);
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password.expose()));
        }
        let unreachable = |source: reqwest::Error| match tls::failure(&source) {
            Some(failure) => RegistryError::TlsHandshake {
                url: url(),
                failure: failure.clone(),
            },
            None => RegistryError::Unreachable {
                url: url(),
                source: source.without_url(),
            },
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(RegistryError::NotFound {
                    url: url(),
                    what: what.to_owned(),
                });
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(RegistryError::Refused { url: url(), status });
            }
            _ => return Err(RegistryError::Unavailable { url: url(), status }),
        }
        let malformed = |why: String| RegistryError::Malformed {
            url: url(),
            what: what.to_owned(),
            why,
        };
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(malformed(format!(
                    "it is longer than {ANSWER_BYTES_MAX} bytes"
                )));
            }
        }
        serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))
    }
}

fn pairs(references: &[Reference]) -> Vec<(String, u32)> {
    references
        .iter()
        .map(|reference| (reference.subject.clone(), reference.version))
        .collect()
}

/// A path segment: subjects may hold any character.
fn percent_encoded(segment: &str) -> String {
    use std::fmt::Write;
    segment
        .bytes()
        .fold(String::with_capacity(segment.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                write!(encoded, "%{byte:02X}").expect("writing to a text succeeds");
            }
            encoded
        })
}
