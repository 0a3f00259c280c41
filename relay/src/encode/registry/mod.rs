//! The schema registry, over Confluent's REST interface
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>).
//!
//! `schema_registry_converter` asks for "the latest" or "by id"; the relay needs "the version
//! whose fingerprint is this", with errors told apart, so it asks directly (ADR 0004).

mod error;
mod handshake;
mod tls;
mod write;

use std::sync::Arc;
use std::time::Duration;

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::schema::CompiledSchema;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Secret;
use crate::percent;

pub use error::RegistryError;
pub use tls::RegistryTls;
pub use write::Registration;

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
        let subjects = self.get::<serde_json::Value>(&["subjects"], "list of subjects");
        match subjects.await {
            // Every registry has one, however empty; so this is none.
            Err(RegistryError::NotFound { url, what }) => Err(RegistryError::Malformed {
                url,
                what,
                why: "there is nothing at /subjects".to_owned(),
            }),
            answer => answer.map(drop),
        }
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
        let answer = self.send(self.client.get(self.address(path)), what).await?;
        match answer.status {
            StatusCode::OK => answer.parse(),
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound {
                url: answer.url,
                what: answer.what,
            }),
            status => Err(RegistryError::Unavailable {
                url: answer.url,
                status,
            }),
        }
    }

    fn address(&self, path: &[&str]) -> String {
        let mut address = self.url.clone();
        for segment in path {
            address.push('/');
            address.push_str(&percent::encode(segment));
        }
        address
    }

    /// Sends a request and reads the answer, whatever it is; only who is not let in gets an error.
    async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<Answer, RegistryError> {
        let url = || self.url.clone();
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password.expose()));
        }
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.unreachable(error).await),
        };
        let status = answer.status();
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
            return Err(RegistryError::Refused { url: url(), status });
        }
        let mut body = Vec::new();
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(self.unreachable(error).await),
            };
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(RegistryError::Malformed {
                    url: url(),
                    what: what.to_owned(),
                    why: format!("it is longer than {ANSWER_BYTES_MAX} bytes"),
                });
            }
        }
        Ok(Answer {
            status,
            body,
            url: url(),
            what: what.to_owned(),
        })
    }

    /// What it means that there was no answer.
    async fn unreachable(&self, source: reqwest::Error) -> RegistryError {
        let failure = match crate::tls::failure(&source) {
            Some(failure) => Some(failure.clone()),
            None => self.tls.refusal(&self.url).await,
        };
        let url = self.url.clone();
        match failure {
            Some(failure) => RegistryError::TlsHandshake { url, failure },
            None => RegistryError::Unreachable {
                url,
                source: source.without_url(),
            },
        }
    }
}

/// What the registry said, to which question.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    url: String,
    what: String,
}

impl Answer {
    fn parse<T: DeserializeOwned>(self) -> Result<T, RegistryError> {
        serde_json::from_slice(&self.body).map_err(|error| RegistryError::Malformed {
            url: self.url,
            what: self.what,
            why: error.to_string(),
        })
    }
}

fn pairs(references: &[Reference]) -> Vec<(String, u32)> {
    references
        .iter()
        .map(|reference| (reference.subject.clone(), reference.version))
        .collect()
}
