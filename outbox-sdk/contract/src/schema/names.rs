//! Avro's names: a full name is a namespace, a dot and a name.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#names>.

use serde_json::{Map, Value};

/// The names that need no definition.
const PRIMITIVES: [&str; 8] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
];

/// Whether `name` is one of Avro's own types.
pub fn is_primitive(name: &str) -> bool {
    PRIMITIVES.contains(&name)
}

/// `name` with the namespace it is in; a name that has a dot is full already.
pub fn in_namespace(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || name.contains('.') {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

/// The full name of a record, enum or fixed whose definition stands within `enclosing`.
pub fn of_definition(definition: &Map<String, Value>, enclosing: &str) -> Option<String> {
    let name = definition.get("name")?.as_str()?;
    let namespace = definition
        .get("namespace")
        .and_then(Value::as_str)
        .unwrap_or(enclosing);
    Some(in_namespace(name, namespace))
}

/// Everything before the last dot; empty where there is none.
pub fn namespace(full_name: &str) -> &str {
    full_name
        .rsplit_once('.')
        .map_or("", |(namespace, _)| namespace)
}

/// `[A-Za-z_][A-Za-z0-9_]*`: the form of field names, symbols and each part of a full name.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
