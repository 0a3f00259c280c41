//! The fingerprint of a schema: which one it is, whatever a registry did to its text.
//!
//! Avro's own canonical form drops defaults, aliases and logical types, so two schemas that encode
//! differently (a default fills a missing field; a decimal is not plain bytes) would be taken for
//! one another. This one keeps them. It must not change when a registry stores the schema's text
//! in another spelling, as Confluent's does: an event would then find no version, and be poison.
//!
//! The canonical form is JSON without whitespace, its object keys sorted by bytes, in which
//! - `doc` of types and fields is left out (not a key `doc` within a default);
//! - the names of types, references to them and their aliases are full names, and `namespace` is
//!   left out; where a name is found is not looked up, so an unqualified one is always taken to be
//!   in the enclosing namespace;
//! - `{"type": T}` without further attributes is `T`;
//! - `"order": "ascending"` and empty `aliases`, which say nothing, are left out;
//! - a number is its value: an integer in full, else the shortest digits that give the same
//!   64-bit float, and `1.0` is `1`.
//!
//! The schemas that it references are not part of it, only their names.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::schema::names;

/// What the text form begins with.
pub const PREFIX: &str = "sha256:";

/// The first 8 bytes of SHA-256 over the canonical form of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 8]);

impl Fingerprint {
    /// The fingerprint of an Avro schema, given as JSON text.
    ///
    /// Only the JSON must be right; whether it is a schema, [`crate::schema`] finds out.
    pub fn of_schema(json: &str) -> Result<Self, Error> {
        let schema: Value = serde_json::from_str(json).map_err(Error::ParseJson)?;
        Ok(Self::of_value(&schema))
    }

    pub(crate) fn of_value(schema: &Value) -> Self {
        let mut canonical = String::new();
        write_schema(schema, "", &mut canonical);
        let hash = Sha256::digest(canonical.as_bytes());
        Self(*hash.first_chunk().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseFingerprintError {
            text: text.to_owned(),
        };
        let digits = text.strip_prefix(PREFIX).ok_or_else(error)?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 16 || !digits.bytes().all(is_hex) {
            return Err(error());
        }
        let number = u64::from_str_radix(digits, 16).map_err(|_| error())?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// A schema that has no fingerprint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON: look at the position that the cause names.
    #[error("the schema is not JSON")]
    ParseJson(#[source] serde_json::Error),
}

/// A text that is not a [`Fingerprint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a fingerprint such as sha256:0011223344556677")]
pub struct ParseFingerprintError {
    text: String,
}

/// Writes the schema at a place where one stands: a name, a union or a definition.
fn write_schema(schema: &Value, enclosing: &str, out: &mut String) {
    match schema {
        Value::String(name) if names::is_primitive(name) => write_string(name, out),
        Value::String(name) => write_string(&names::in_namespace(name, enclosing), out),
        Value::Array(branches) => {
            write_array(branches, out, |branch, out| {
                write_schema(branch, enclosing, out);
            });
        }
        Value::Object(definition) => write_definition(definition, enclosing, out),
        other => write_json(other, out),
    }
}

fn write_definition(definition: &Map<String, Value>, enclosing: &str, out: &mut String) {
    let says_more = definition.keys().any(|key| key != "type" && key != "doc");
    if let (Some(inner), false) = (definition.get("type"), says_more) {
        return write_schema(inner, enclosing, out);
    }
    let full_name = names::of_definition(definition, enclosing);
    let namespace = full_name.as_deref().map_or(enclosing, names::namespace);
    write_object(definition, out, |key, value, out| {
        match (key, &full_name, value) {
            ("doc", ..) | ("namespace", Some(_), _) => false,
            ("name", Some(full_name), _) => {
                write_key(key, out);
                write_string(full_name, out);
                true
            }
            ("aliases", Some(_), Value::Array(aliases)) if aliases.is_empty() => false,
            ("aliases", Some(_), Value::Array(aliases)) => {
                write_key(key, out);
                write_array(aliases, out, |alias, out| match alias {
                    Value::String(alias) => {
                        write_string(&names::in_namespace(alias, namespace), out);
                    }
                    other => write_json(other, out),
                });
                true
            }
            ("fields", _, Value::Array(fields)) => {
                write_key(key, out);
                write_array(fields, out, |field, out| write_field(field, namespace, out));
                true
            }
            // `type` is the kind here (`record`), which is no name of a definition.
            ("type", _, Value::Object(_) | Value::Array(_)) | ("items" | "values", ..) => {
                write_key(key, out);
                write_schema(value, namespace, out);
                true
            }
            _ => {
                write_key(key, out);
                write_json(value, out);
                true
            }
        }
    });
}

fn write_field(field: &Value, namespace: &str, out: &mut String) {
    let Value::Object(attributes) = field else {
        return write_json(field, out);
    };
    write_object(attributes, out, |key, value, out| {
        let says_nothing = match key {
            "doc" => true,
            "order" => value == "ascending",
            "aliases" => value.as_array().is_some_and(Vec::is_empty),
            _ => false,
        };
        if says_nothing {
            return false;
        }
        write_key(key, out);
        match key {
            "type" => write_schema(value, namespace, out),
            _ => write_json(value, out),
        }
        true
    });
}

/// Any other JSON, such as a default.
fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => write_array(items, out, write_json),
        Value::Object(members) => write_object(members, out, |key, value, out| {
            write_key(key, out);
            write_json(value, out);
            true
        }),
    }
}

fn write_array(items: &[Value], out: &mut String, mut write: impl FnMut(&Value, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

/// Writes the members in the order of their keys; `write` says whether it wrote the member.
fn write_object(
    members: &Map<String, Value>,
    out: &mut String,
    mut write: impl FnMut(&str, &Value, &mut String) -> bool,
) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    let mut is_first = true;
    for (key, value) in sorted {
        let before = out.len();
        if !is_first {
            out.push(',');
        }
        if write(key, value, out) {
            is_first = false;
        } else {
            out.truncate(before);
        }
    }
    out.push('}');
}

fn write_key(key: &str, out: &mut String) {
    write_string(key, out);
    out.push(':');
}

/// The shortest escapes of JSON; everything from U+0020 on but `"` and `\` as it is.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(character)).expect("a String takes any text");
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) {
    // Below 2^53 every integral float is exactly that integer.
    const INTEGRAL_BELOW: f64 = 9_007_199_254_740_992.0;
    let written = if let Some(integer) = number.as_i64() {
        write!(out, "{integer}")
    } else if let Some(integer) = number.as_u64() {
        write!(out, "{integer}")
    } else {
        match number.as_f64() {
            Some(0.0) => write!(out, "0"),
            Some(float) if float.fract() == 0.0 && float.abs() < INTEGRAL_BELOW => {
                write!(out, "{float:.0}")
            }
            Some(float) => write!(out, "{float:e}"),
            None => write!(out, "{number}"),
        }
    };
    written.expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        let mut out = String::new();
        write_schema(&serde_json::from_str(json).unwrap(), "", &mut out);
        out
    }

    #[test]
    fn the_hash_is_the_one_of_the_canonical_text() {
        // printf '"string"' | sha256sum
        let fingerprint = Fingerprint::of_schema(r#" {"type": "string"} "#).unwrap();
        assert_eq!(fingerprint.to_string(), "sha256:e9e5c1c9e4f62773");
        assert_eq!("sha256:e9e5c1c9e4f62773".parse(), Ok(fingerprint));
    }

    #[test]
    fn the_canonical_form_keeps_what_changes_an_event_and_drops_the_rest() {
        let schema = r#"{
            "type": "record", "name": "OrderPlaced", "namespace": "shop", "doc": "An order.",
            "aliases": ["Order"],
            "fields": [
                {"name": "total", "doc": "With tax.", "order": "ascending", "aliases": [],
                 "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
                {"name": "note", "type": ["null", {"type": "string"}], "default": null},
                {"name": "ratio", "type": "double", "default": 1.50},
                {"name": "zero", "type": "double", "default": 0.0},
                {"name": "extra", "type": {"type": "map", "values": "Line"},
                 "default": {"doc": {"z": 1, "a": "\u0001"}}}
            ]
        }"#;
        assert_eq!(
            canonical(schema),
            concat!(
                r#"{"aliases":["shop.Order"],"fields":["#,
                r#"{"name":"total","type":{"logicalType":"decimal","precision":12,"scale":2,"type":"bytes"}},"#,
                r#"{"default":null,"name":"note","type":["null","string"]},"#,
                r#"{"default":1.5e0,"name":"ratio","type":"double"},"#,
                r#"{"default":0,"name":"zero","type":"double"},"#,
                r#"{"default":{"doc":{"a":"\u0001","z":1}},"name":"extra","type":{"type":"map","values":"shop.Line"}}"#,
                r#"],"name":"shop.OrderPlaced","type":"record"}"#,
            )
        );
    }

    #[test]
    fn the_spelling_of_names_does_not_matter() {
        let spellings = [
            r#"{"type":"record","name":"a.b.R","fields":[{"name":"next","type":["null","R"]}]}"#,
            r#"{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"next","type":["null","a.b.R"]}]}"#,
            r#"{"name":"R","namespace":"a.b","type":"record","fields":[{"type":["null","R"],"name":"next"}]}"#,
        ];
        let fingerprints = spellings.map(|json| Fingerprint::of_schema(json).unwrap());
        assert!(
            fingerprints.iter().all(|one| *one == fingerprints[0]),
            "{fingerprints:?}"
        );
    }

    #[test]
    fn what_changes_the_encoding_or_its_reading_changes_the_fingerprint() {
        let schemas = [
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int","default":1}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int","default":2}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int","aliases":["g"]}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"int","logicalType":"date"}}]}"#,
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"int"}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int","order":"ignore"}]}"#,
            r#"{"type":"record","name":"R","aliases":["Q"],"fields":[{"name":"f","type":"int"}]}"#,
        ];
        let distinct: std::collections::HashSet<_> = schemas
            .iter()
            .map(|json| Fingerprint::of_schema(json).unwrap())
            .collect();
        assert_eq!(distinct.len(), schemas.len());
    }

    #[test]
    fn a_large_integer_default_is_kept_in_full() {
        let schema = |default: &str| {
            let field = format!(r#"{{"name":"f","type":"long","default":{default}}}"#);
            let json = format!(r#"{{"type":"record","name":"R","fields":[{field}]}}"#);
            Fingerprint::of_schema(&json).unwrap()
        };
        assert_ne!(schema("9007199254740993"), schema("9007199254740992"));
        assert_eq!(schema("1"), schema("1.0"));
        assert_eq!(schema("1000"), schema("1e3"));
    }

    #[test]
    fn a_text_that_is_not_json_is_an_error() {
        assert!(Fingerprint::of_schema("{").is_err());
    }
}
