//! Which schema an event is written with.
//!
//! The event says it: by registry version (`v2`), by fingerprint, or not at all; then the contract
//! lock says it. Never "the latest": registering a schema must not change what a running relay
//! does. What was found once is kept for the life of the process, because versions and ids of a
//! registry never change; so an outage of the registry has no effect on known schemas.

use std::collections::HashMap;
use std::sync::Arc;

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::schema_ref::SchemaRef;

use super::lock::ContractLock;
use super::registry::{RegisteredSchema, Registry, RegistryError};
use crate::error::{Action, Classify};

/// Schemas that are remembered. A service has dozens; rows with invented references must not fill
/// the memory.
const SCHEMAS_MAX: usize = 10_000;

/// Why an event's schema cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The registry did not give it.
    #[error("the schema of subject {subject:?} cannot be had")]
    Registry {
        /// The subject.
        subject: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// No version of the subject has the writer's fingerprint.
    #[error("no version of subject {subject:?} has the fingerprint {fingerprint}")]
    NoSuchFingerprint {
        /// The subject.
        subject: String,
        /// What the writer had.
        fingerprint: Fingerprint,
    },
    /// Two versions of the subject have the writer's fingerprint.
    #[error(
        "versions {first} and {second} of subject {subject:?} both have the fingerprint {fingerprint}"
    )]
    AmbiguousFingerprint {
        /// The subject.
        subject: String,
        /// What the writer had.
        fingerprint: Fingerprint,
        /// One version.
        first: u32,
        /// Another.
        second: u32,
    },
    /// The event names no version, and none is pinned.
    #[error("the event names no schema version and none is pinned for subject {subject:?}")]
    NoVersion {
        /// The subject.
        subject: String,
    },
    /// The registry's answer is not what was pinned.
    #[error(
        "subject {subject:?} version {version} is pinned as id {pinned_id} with {pinned}, but the registry says id {id} with {found}"
    )]
    NotAsPinned {
        /// The subject.
        subject: String,
        /// The pinned version.
        version: u32,
        /// The pinned id.
        pinned_id: u32,
        /// The pinned fingerprint.
        pinned: String,
        /// The registry's id.
        id: u32,
        /// The registry's fingerprint.
        found: Fingerprint,
    },
}

impl Classify for ResolveError {
    fn action(&self) -> Action {
        match self {
            // The relay has begun to publish and does not leave, but somebody has to act.
            Self::Registry { source, .. } => match source.action() {
                Action::Refuse => Action::Halt,
                action => action,
            },
            Self::NoSuchFingerprint { .. }
            | Self::AmbiguousFingerprint { .. }
            | Self::NoVersion { .. } => Action::Poison,
            Self::NotAsPinned { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Registry { source, .. } => source.remedy(),
            Self::NoSuchFingerprint { subject, .. } => format!(
                "register the schema that the writing service was built with as a version of {subject:?}; where the registry refuses that, stop the service and either set on_poison = \"dead_letter\" and restart the relay, which puts aside what it wrote, or let the subject take that one version (PUT /config/{subject} with compatibility NONE) and then be strict again"
            ),
            Self::AmbiguousFingerprint { subject, .. } => {
                format!(
                    "delete the superfluous version of {subject:?}, or name the version in schema_ref"
                )
            }
            Self::NoVersion { subject } => format!(
                "emit with schema_version => N; for what is written already, pin a version of {subject:?} in the file that contracts.lock names, or set on_poison = \"dead_letter\" and restart the relay, which puts it aside"
            ),
            Self::NotAsPinned { .. } => {
                "see that registry.url leads to the registry that was pinned, or pin again"
                    .to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Registry { source, .. } => source.reason(),
            Self::NoSuchFingerprint { .. } => "unknown_fingerprint",
            Self::AmbiguousFingerprint { .. } => "ambiguous_fingerprint",
            Self::NoVersion { .. } => "no_schema_version",
            Self::NotAsPinned { .. } => "schema_not_as_pinned",
        }
    }
}

/// Finds schemas, and remembers them. It outlives sessions.
pub struct Resolver {
    registry: Registry,
    lock: ContractLock,
    known: HashMap<Arc<str>, Vec<Known>>,
    known_count: usize,
}

struct Known {
    /// As in the event's column.
    schema_ref: Option<Box<str>>,
    schema: Arc<RegisteredSchema>,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub fn new(registry: Registry, lock: ContractLock) -> Self {
        Self {
            registry,
            lock,
            known: HashMap::new(),
            known_count: 0,
        }
    }

    /// The schema, when it is known already.
    pub fn known(&self, subject: &str, schema_ref: Option<&str>) -> Option<Arc<RegisteredSchema>> {
        let known = self.known.get(subject)?;
        let found = known
            .iter()
            .find(|known| known.schema_ref.as_deref() == schema_ref)?;
        Some(Arc::clone(&found.schema))
    }

    /// Asks the registry, once. `text` is the reference as the event has it, `schema_ref` the
    /// same, parsed. An error of [`Action::Retry`] may be followed by another attempt.
    pub async fn fetch(
        &mut self,
        subject: &Arc<str>,
        text: Option<&str>,
        schema_ref: Option<SchemaRef>,
    ) -> Result<Arc<RegisteredSchema>, ResolveError> {
        let schema = match schema_ref {
            Some(SchemaRef::Version(version)) => self.by_version(subject, version).await?,
            Some(SchemaRef::Fingerprint(fingerprint)) => {
                self.by_fingerprint(subject, fingerprint).await?
            }
            None => self.pinned(subject).await?,
        };
        if self.known_count >= SCHEMAS_MAX {
            self.known.clear();
            self.known_count = 0;
        }
        self.known_count += 1;
        let known = Known {
            schema_ref: text.map(Box::from),
            schema: Arc::clone(&schema),
        };
        self.known
            .entry(Arc::clone(subject))
            .or_default()
            .push(known);
        Ok(schema)
    }

    async fn by_version(
        &self,
        subject: &str,
        version: u32,
    ) -> Result<Arc<RegisteredSchema>, ResolveError> {
        self.registry
            .schema(subject, version)
            .await
            .map_err(|source| ResolveError::Registry {
                subject: subject.to_owned(),
                source,
            })
    }

    async fn by_fingerprint(
        &self,
        subject: &str,
        fingerprint: Fingerprint,
    ) -> Result<Arc<RegisteredSchema>, ResolveError> {
        let failed = |source| ResolveError::Registry {
            subject: subject.to_owned(),
            source,
        };
        let versions = self.registry.versions(subject).await.map_err(failed)?;
        let mut found: Option<Arc<RegisteredSchema>> = None;
        for version in versions {
            let schema = match self.registry.schema(subject, version).await {
                Ok(schema) => schema,
                // A version that cannot be used is not the one the writer had.
                Err(
                    RegistryError::Unusable { .. }
                    | RegistryError::NotFound { .. }
                    | RegistryError::NotAvro { .. }
                    | RegistryError::ReferenceDepth { .. },
                ) => continue,
                Err(error) => return Err(failed(error)),
            };
            if schema.fingerprint != fingerprint {
                continue;
            }
            if let Some(first) = found {
                return Err(ResolveError::AmbiguousFingerprint {
                    subject: subject.to_owned(),
                    fingerprint,
                    first: first.version,
                    second: schema.version,
                });
            }
            found = Some(schema);
        }
        let none = || ResolveError::NoSuchFingerprint {
            subject: subject.to_owned(),
            fingerprint,
        };
        found.ok_or_else(none)
    }

    async fn pinned(&self, subject: &str) -> Result<Arc<RegisteredSchema>, ResolveError> {
        let none = || ResolveError::NoVersion {
            subject: subject.to_owned(),
        };
        let pinned = self.lock.get(subject).ok_or_else(none)?;
        let schema = self.by_version(subject, pinned.version).await?;
        if schema.id != pinned.id || schema.fingerprint.to_string() != pinned.fingerprint {
            return Err(ResolveError::NotAsPinned {
                subject: subject.to_owned(),
                version: pinned.version,
                pinned_id: pinned.id,
                pinned: pinned.fingerprint.clone(),
                id: schema.id,
                found: schema.fingerprint,
            });
        }
        Ok(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_refuses_a_running_relay_halts_it() {
        let refused = || RegistryError::Refused {
            url: "https://registry".to_owned(),
            status: reqwest::StatusCode::UNAUTHORIZED,
        };
        assert_eq!(refused().action(), Action::Refuse);
        let source = refused();
        let subject = "shop.Placed".to_owned();
        let error = ResolveError::Registry { subject, source };
        assert_eq!(error.action(), Action::Halt);
    }
}
