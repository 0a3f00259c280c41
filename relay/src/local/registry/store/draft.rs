//! A schema as a request brings it, checked and ready to be compared with those that are kept.

use std::fmt;

use outbox_contract::schema::CompiledSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::refusal::Refusal;
use super::super::spelling::{Names, spell};
use super::super::{REFERENCE_DEPTH_MAX, SCHEMA_BYTES_MAX};
use super::{Store, Wanted};
use crate::error::Chain;

/// The body of a registration, of a lookup and of a question about compatibility. Attributes that
/// this registry does not know are passed over, as Confluent's does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Registration {
    #[serde(default)]
    pub(in super::super) schema: Option<String>,
    #[serde(default)]
    pub(in super::super) schema_type: Option<String>,
    #[serde(default)]
    pub(in super::super) references: Option<Vec<Reference>>,
}

/// A schema whose types another one uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(in super::super) struct Reference {
    pub(in super::super) name: String,
    pub(in super::super) subject: String,
    /// From 1; -1 asks for the latest.
    pub(in super::super) version: i64,
}

/// A schema that could be kept.
pub(in super::super) struct Draft {
    /// As it would be kept.
    pub(super) text: String,
    pub(super) normalized: String,
    pub(super) references: Vec<Reference>,
    pub(super) compiled: CompiledSchema,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Store {
    /// Checks what a request brings.
    pub(in super::super) fn draft(
        &self,
        registration: &Registration,
        normalize: bool,
    ) -> Result<Draft, Refusal> {
        let invalid = |why: String| Refusal::InvalidSchema { why };
        match registration.schema_type.as_deref() {
            None | Some("AVRO") => {}
            Some(other) => return Err(invalid(format!("{other} is not Avro"))),
        }
        let json = registration.schema.as_deref().unwrap_or_default();
        if json.is_empty() {
            return Err(invalid("it is empty".to_owned()));
        }
        if json.len() > SCHEMA_BYTES_MAX {
            return Err(Refusal::SchemaTooLarge { bytes: json.len() });
        }
        let references = registration.references.as_deref().unwrap_or_default();
        let references = self.settle(references)?;
        let mut texts = Vec::new();
        self.collect(&references, 0, &mut texts)?;
        let compiled = CompiledSchema::compile(json, &texts)
            .map_err(|error| invalid(Chain(&error).to_string()))?;
        let value: Value =
            serde_json::from_str(json).map_err(|error| invalid(error.to_string()))?;
        let normalized = spell(&value, Names::Full);
        let text = if normalize {
            normalized.clone()
        } else {
            spell(&value, Names::Short)
        };
        Ok(Draft {
            text,
            normalized,
            references,
            compiled,
        })
    }

    /// The references with the versions that they mean now.
    fn settle(&self, references: &[Reference]) -> Result<Vec<Reference>, Refusal> {
        let settled = references.iter().map(|reference| {
            let wanted = match u32::try_from(reference.version) {
                Ok(version) => Wanted::Number(version),
                Err(_) => Wanted::Latest,
            };
            let found = self.version(&reference.subject, wanted, false);
            let found = found.map_err(|_| missing(reference))?;
            Ok(Reference {
                version: i64::from(found.version),
                ..reference.clone()
            })
        });
        settled.collect()
    }

    /// The texts of everything that is referred to, each once and before what uses it.
    fn collect<'s>(
        &'s self,
        references: &[Reference],
        depth: usize,
        texts: &mut Vec<&'s str>,
    ) -> Result<(), Refusal> {
        if depth >= REFERENCE_DEPTH_MAX {
            let why = format!("its references are deeper than {REFERENCE_DEPTH_MAX}");
            return Err(Refusal::InvalidSchema { why });
        }
        for reference in references {
            let version = u32::try_from(reference.version).unwrap_or(0);
            let wanted = Wanted::Number(version);
            let found = self.version(&reference.subject, wanted, true);
            let stored = found.map_err(|_| missing(reference))?.stored;
            self.collect(&stored.references, depth + 1, texts)?;
            if !texts.contains(&&*stored.text) {
                texts.push(&stored.text);
            }
        }
        Ok(())
    }
}

fn missing(reference: &Reference) -> Refusal {
    let Reference {
        name,
        subject,
        version,
    } = reference;
    let why = format!("its reference {name:?} to version {version} of {subject:?} leads nowhere");
    Refusal::InvalidSchema { why }
}
