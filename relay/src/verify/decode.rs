//! Record values back to what they say: the wire header, the registered schema, the Avro datum.
//!
//! The schema is the one that the registry gives for the id in the record, asked for over plain
//! HTTP (`GET /schemas/ids/{id}`,
//! <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>), and the datum is
//! read by the `apache-avro` crate. So a wrong id, a schema that was never registered and bytes that
//! another reader cannot read are all found.

use std::collections::HashMap;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{ResolvedSchema, Schema};
use serde::Deserialize;

use super::dialect::{self, Comparison};
use super::error::Error;
use super::json::Json;

/// `0x00` and four bytes of schema id come before the datum.
const WIRE_HEADER_BYTES: usize = 5;

/// A schema registry, as the oracle reaches it.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    client: reqwest::Client,
    user: Option<(String, String)>,
}

impl Registry {
    /// A registry at `url`, asked by `client`, which decides about TLS and time limits; with a user
    /// and password where it wants them.
    pub fn new(url: &str, client: reqwest::Client, user: Option<(String, String)>) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            client,
            user,
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let failed = |source| Error::FetchSchema {
            path: path.to_owned(),
            source,
        };
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some((user, password)) = &self.user {
            request = request.basic_auth(user, Some(password));
        }
        let response = request.send().await.map_err(failed)?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = response
            .error_for_status()
            .map_err(failed)?
            .json()
            .await
            .map_err(failed)?;
        Ok(Some(answer))
    }
}

#[derive(Deserialize)]
struct Registered {
    schema: String,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    subject: String,
    version: u32,
}

/// The schemas that records were written with, by their id.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    by_id: HashMap<u32, Result<Compiled, String>>,
}

#[derive(Debug)]
struct Compiled {
    schema: Schema,
    references: Vec<Schema>,
}

impl Schemas {
    /// Takes a schema text, with the texts of the schemas it refers to.
    pub(super) fn insert(&mut self, id: u32, schema: &str, references: &[String]) {
        let compiled = Schema::parse_str_with_list(schema, references)
            .map(|(schema, references)| Compiled { schema, references })
            .map_err(|error| format!("schema {id} is not Avro: {error}"));
        self.by_id.insert(id, compiled);
    }

    /// Asks the registry for the schema of `value`, unless it is known already.
    pub(super) async fn learn(&mut self, value: &[u8], registry: &Registry) -> Result<(), Error> {
        let Ok((id, _)) = split_wire_header(value) else {
            return Ok(());
        };
        if self.by_id.contains_key(&id) {
            return Ok(());
        }
        match registry
            .get::<Registered>(&format!("/schemas/ids/{id}"))
            .await?
        {
            Some(registered) => {
                let references = referenced(registry, registered.references).await?;
                self.insert(id, &registered.schema, &references);
            }
            None => {
                self.by_id
                    .insert(id, Err(format!("schema {id} is not registered")));
            }
        }
        Ok(())
    }

    /// Whether `value` is an Avro record that says what `payload` says; the error names the field.
    pub(super) fn compare(&self, value: &[u8], payload: &Json<'_>) -> Result<(), String> {
        let (id, mut datum) = split_wire_header(value)?;
        let compiled = self
            .by_id
            .get(&id)
            .ok_or_else(|| format!("schema {id} was not fetched"))?;
        let Compiled { schema, references } = compiled.as_ref().map_err(String::clone)?;
        let schemata: Vec<&Schema> = references.iter().chain([schema]).collect();
        let unresolved = |error| format!("schema {id} does not resolve: {error}");
        let names = ResolvedSchema::new_with_schemata(schemata).map_err(unresolved)?;
        let reader = GenericDatumReader::builder(schema)
            .resolved_writer_schemata(names.clone())
            .build()
            .map_err(unresolved)?;
        let decoded = reader
            .read_value(&mut datum)
            .map_err(|error| format!("the value does not decode under schema {id}: {error}"))?;
        if !datum.is_empty() {
            return Err(format!(
                "{} bytes behind the datum of schema {id}",
                datum.len()
            ));
        }
        let comparison = Comparison::new(names.get_names());
        comparison
            .compare(payload, schema, &decoded)
            .map_err(|difference| difference.to_string())
    }
}

/// Whether a record of a JSON route says what `payload` says.
pub(super) fn compare_json(value: &[u8], payload: &Json<'_>) -> Result<(), String> {
    let text = std::str::from_utf8(value).map_err(|_| "the value is not UTF-8".to_owned())?;
    let value = Json::parse(text)?;
    dialect::same_json(payload, &value).map_err(|difference| difference.to_string())
}

fn split_wire_header(value: &[u8]) -> Result<(u32, &[u8]), String> {
    match value.split_at_checked(WIRE_HEADER_BYTES) {
        Some(([0, id @ ..], datum)) => {
            let id = <[u8; 4]>::try_from(id).expect("the wire header is five bytes long");
            Ok((u32::from_be_bytes(id), datum))
        }
        _ => Err("the value does not begin with the wire header".to_owned()),
    }
}

/// The texts of all schemas that are referred to, each one behind those it refers to itself.
async fn referenced(registry: &Registry, direct: Vec<Reference>) -> Result<Vec<String>, Error> {
    let mut texts: Vec<String> = Vec::new();
    let mut wanted = direct;
    while let Some(Reference { subject, version }) = wanted.pop() {
        let path = format!("/subjects/{subject}/versions/{version}");
        if let Some(registered) = registry.get::<Registered>(&path).await? {
            wanted.extend(registered.references);
            texts.retain(|text| *text != registered.schema);
            texts.insert(0, registered.schema);
        }
    }
    Ok(texts)
}
