//! How a schema is spelled: two texts of one spelling are one schema.
//!
//! A registry keeps a schema as Java's `Schema.toString()` writes it, so what it gives back is not
//! what was sent: whitespace, the order of attributes and the form of names change, `doc` stays.
//! Clients must not mind, and with this registry they meet it on the first day.
//! Attributes that Avro does not know are in alphabetical order here, and as written in Java.

use std::collections::HashSet;

use outbox_contract::schema::names::{in_namespace, is_primitive, namespace, of_definition};
use serde_json::{Map, Value};

/// How names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As short as the namespace around them allows: Java's.
    Short,
    /// In full: what `normalize` asks for.
    Full,
}

/// The attributes that each kind of type writes at a place of its own.
const KNOWN: [&str; 11] = [
    "type",
    "name",
    "namespace",
    "doc",
    "fields",
    "symbols",
    "size",
    "items",
    "values",
    "default",
    "aliases",
];

/// `schema`, which must be valid, in one spelling.
pub(super) fn spell(schema: &Value, names: Names) -> String {
    let mut speller = Speller {
        names,
        defined: HashSet::new(),
        text: String::new(),
    };
    speller.schema(schema, "");
    speller.text
}

struct Speller {
    names: Names,
    /// The full names that were defined so far.
    defined: HashSet<String>,
    text: String,
}

impl Speller {
    fn schema(&mut self, schema: &Value, enclosing: &str) {
        match schema {
            Value::String(name) => {
                let name = self.reference(name, enclosing);
                self.json(&Value::from(name));
            }
            Value::Array(branches) => {
                self.list(branches, |speller, branch| {
                    speller.schema(branch, enclosing);
                });
            }
            Value::Object(definition) => self.definition(definition, enclosing),
            other => self.json(other),
        }
    }

    fn definition(&mut self, definition: &Map<String, Value>, enclosing: &str) {
        let kind = match definition.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(inner) => return self.schema(inner, enclosing),
            None => return,
        };
        let is_named = ["record", "error", "enum", "fixed"].contains(&kind);
        let has_more = definition.keys().any(|key| !KNOWN.contains(&&**key));
        if !is_named && !has_more && !["array", "map"].contains(&kind) {
            return self.schema(&Value::from(kind), enclosing);
        }
        let full_name = of_definition(definition, enclosing).filter(|_| is_named);
        self.defined.extend(full_name.clone());
        let namespace = full_name.as_deref().map_or(enclosing, namespace);
        self.text.push('{');
        self.member("type", &Value::from(kind));
        if let Some(full_name) = &full_name {
            self.name(full_name, namespace, enclosing);
        }
        self.optional(definition, "doc");
        for key in ["items", "values"] {
            if let Some(inner) = definition.get(key) {
                self.key(key);
                self.schema(inner, enclosing);
            }
        }
        if let Some(Value::Array(fields)) = definition.get("fields") {
            self.key("fields");
            self.list(fields, |speller, field| speller.field(field, namespace));
        }
        self.optional(definition, "symbols");
        self.optional(definition, "size");
        if kind == "enum" {
            self.optional(definition, "default");
        }
        self.properties(definition, &KNOWN);
        if let (Some(Value::Array(aliases)), true) = (definition.get("aliases"), is_named)
            && !aliases.is_empty()
        {
            self.key("aliases");
            self.list(aliases, |speller, alias| {
                let alias = alias.as_str().unwrap_or_default();
                let alias = speller.reference(alias, namespace);
                speller.json(&Value::from(alias));
            });
        }
        self.text.push('}');
    }

    fn name(&mut self, full_name: &str, namespace: &str, enclosing: &str) {
        if self.names == Names::Full {
            return self.member("name", &Value::from(full_name));
        }
        let simple = full_name
            .rsplit_once('.')
            .map_or(full_name, |(_, name)| name);
        self.member("name", &Value::from(simple));
        if namespace != enclosing {
            self.member("namespace", &Value::from(namespace));
        }
    }

    fn field(&mut self, field: &Value, namespace: &str) {
        const KNOWN: [&str; 6] = ["name", "type", "doc", "default", "order", "aliases"];
        let Value::Object(field) = field else {
            return self.json(field);
        };
        self.text.push('{');
        self.optional(field, "name");
        if let Some(inner) = field.get("type") {
            self.key("type");
            self.schema(inner, namespace);
        }
        self.optional(field, "doc");
        self.optional(field, "default");
        if field.get("order").is_some_and(|order| order != "ascending") {
            self.optional(field, "order");
        }
        if field
            .get("aliases")
            .is_some_and(|aliases| aliases != &Value::Array(Vec::new()))
        {
            self.optional(field, "aliases");
        }
        self.properties(field, &KNOWN);
        self.text.push('}');
    }

    /// A name as it stands in the namespace `enclosing`.
    fn reference(&self, name: &str, enclosing: &str) -> String {
        if is_primitive(name) {
            return name.to_owned();
        }
        let full = in_namespace(name, enclosing);
        match self.names {
            Names::Short if namespace(&full) == enclosing => {
                let simple = full.rsplit_once('.').map_or(&*full, |(_, name)| name);
                // A type may be called like one of Avro's own, and is then told by its dot.
                if is_primitive(simple) {
                    full
                } else {
                    simple.to_owned()
                }
            }
            // Java looks in the null namespace too, so the name may be full as it is.
            Names::Full if !self.defined.contains(&full) && self.defined.contains(name) => {
                name.to_owned()
            }
            Names::Short | Names::Full => full,
        }
    }

    fn properties(&mut self, definition: &Map<String, Value>, known: &[&str]) {
        for (key, value) in definition {
            if !known.contains(&&**key) {
                self.member(key, value);
            }
        }
    }

    fn optional(&mut self, definition: &Map<String, Value>, key: &str) {
        if let Some(value) = definition.get(key) {
            self.member(key, value);
        }
    }

    fn member(&mut self, key: &str, value: &Value) {
        self.key(key);
        self.json(value);
    }

    fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.json(&Value::from(key));
        self.text.push(':');
    }

    fn list(&mut self, items: &[Value], mut write: impl FnMut(&mut Self, &Value)) {
        self.text.push('[');
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
        self.text.push(']');
    }

    fn json(&mut self, value: &Value) {
        self.text.push_str(&value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use outbox_contract::fingerprint::Fingerprint;
    use outbox_contract::schema::CompiledSchema;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        written: String,
        kept: String,
    }

    /// What `new Schema.Parser().parse(written).toString()` of Apache Avro 1.12.0 gives.
    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("tests/spellings.json")).unwrap()
    }

    fn spelled(json: &str, names: Names) -> String {
        spell(&serde_json::from_str(json).unwrap(), names)
    }

    #[test]
    fn a_schema_is_kept_as_java_spells_it() {
        for case in cases() {
            assert_eq!(spelled(&case.written, Names::Short), case.kept);
            assert_eq!(spelled(&case.kept, Names::Short), case.kept);
        }
    }

    #[test]
    fn every_spelling_is_the_same_schema() {
        for case in cases() {
            let fingerprint = |json: &str| {
                CompiledSchema::compile(json, &[]).unwrap();
                Fingerprint::of_schema(json).unwrap()
            };
            let normalized = spelled(&case.written, Names::Full);
            assert_eq!(fingerprint(&case.kept), fingerprint(&case.written));
            assert_eq!(
                fingerprint(&normalized),
                fingerprint(&case.written),
                "{normalized}"
            );
            assert_eq!(spelled(&case.kept, Names::Full), normalized);
        }
    }
}
