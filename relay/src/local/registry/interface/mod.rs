//! Confluent's REST interface as one table, pure and synchronous
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>).

mod answers;
mod settings;

use axum::http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::store::{Store, Wanted};

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The segments of the path, decoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What is sent back with status 200.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Json(Value),
    /// A schema in its own spelling, which is JSON too.
    Schema(String),
}

impl Request {
    /// Whether `?name=true` was asked for.
    fn asks(&self, name: &str) -> bool {
        self.parameter(name) == Some("true")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.query.iter().filter(|(key, _)| key == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// The body, which is always an object.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let not_json = |error: serde_json::Error| Refusal::NotJson {
            why: error.to_string(),
        };
        let misshapen = |why: String| Refusal::Body { why };
        let value: Value = serde_json::from_slice(&self.body).map_err(not_json)?;
        if !value.is_object() {
            return Err(misshapen("it is no object".to_owned()));
        }
        serde_json::from_value(value).map_err(|error| misshapen(error.to_string()))
    }
}

/// Carries a request out.
pub(super) fn answer(store: &mut Store, request: &Request) -> Result<Answer, Refusal> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let json = match (&request.method, &*path) {
        (&Method::GET, []) => Ok(json!({})),

        (&Method::GET, ["subjects"]) => Ok(answers::subjects(store, request)),
        (&Method::POST, ["subjects", subject]) => answers::look_up(store, request, subject),
        (&Method::DELETE, ["subjects", subject]) => store
            .delete_subject(subject, request.asks("permanent"))
            .map(|versions| json!(versions)),
        (&Method::GET, ["subjects", subject, "versions"]) => {
            answers::versions(store, request, subject)
        }
        (&Method::POST, ["subjects", subject, "versions"]) => {
            answers::register(store, request, subject)
        }
        (&Method::GET, ["subjects", subject, "versions", version]) => {
            answers::version(store, request, subject, wanted(version)?)
        }
        (&Method::DELETE, ["subjects", subject, "versions", version]) => store
            .delete_version(subject, wanted(version)?, request.asks("permanent"))
            .map(|version| json!(version)),
        (&Method::GET, ["subjects", subject, "versions", version, "schema"]) => {
            let found = store.version(subject, wanted(version)?, request.asks("deleted"))?;
            return Ok(Answer::Schema(found.stored.text.clone()));
        }
        (&Method::GET, ["subjects", subject, "versions", version, "referencedby"]) => {
            let found = store.version(subject, wanted(version)?, true)?;
            Ok(json!(store.referrers(subject, found.version)))
        }

        (&Method::GET, ["schemas", "types"]) => Ok(json!(["AVRO"])),
        (&Method::GET, ["schemas", "ids", id]) => answers::schema(store, schema_id(id)?),
        (&Method::GET, ["schemas", "ids", id, "schema"]) => {
            return Ok(Answer::Schema(store.schema(schema_id(id)?)?.text.clone()));
        }
        (&Method::GET, ["schemas", "ids", id, uses @ ("subjects" | "versions")]) => {
            answers::uses(store, request, schema_id(id)?, uses)
        }

        (method, ["config", subject @ ..]) if subject.len() <= 1 => {
            settings::level(store, request, method, subject.first().copied())
        }
        (method, ["mode", subject @ ..]) if subject.len() <= 1 => {
            settings::mode(store, request, method, subject.first().copied())
        }

        (&Method::POST, ["compatibility", "subjects", subject, "versions"]) => {
            answers::compatibility(store, request, subject, None)
        }
        (&Method::POST, ["compatibility", "subjects", subject, "versions", version]) => {
            answers::compatibility(store, request, subject, Some(wanted(version)?))
        }

        (_, path) if is_known(path) => Err(Refusal::MethodNotAllowed),
        _ => Err(Refusal::NoSuchPath),
    };
    json.map(Answer::Json)
}

/// Whether another method would have been right.
fn is_known(path: &[&str]) -> bool {
    matches!(
        path,
        [] | ["subjects"]
            | ["subjects", _]
            | ["subjects", _, "versions"]
            | ["subjects", _, "versions", _]
            | ["subjects", _, "versions", _, "schema" | "referencedby"]
            | ["schemas", "types"]
            | ["schemas", "ids", _]
            | ["schemas", "ids", _, "schema" | "subjects" | "versions"]
            | ["compatibility", "subjects", _, "versions"]
            | ["compatibility", "subjects", _, "versions", _]
    )
}

fn wanted(version: &str) -> Result<Wanted, Refusal> {
    if version == "latest" || version == "-1" {
        return Ok(Wanted::Latest);
    }
    match version.parse() {
        Ok(number @ 1..=0x7fff_ffff) => Ok(Wanted::Number(number)),
        _ => Err(Refusal::InvalidVersion {
            version: version.to_owned(),
        }),
    }
}

/// Anything but a number is a path that does not exist.
fn schema_id(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::NoSuchPath)
}
