//! From the constants to the JSON of a schema, in the order in which people read it.
//!
//! A named type is defined where it is used first, under its full name, and referred to from then
//! on. Two types that claim one name are both defined, which no schema allows: compiling it tells
//! the name.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::{Avro, Field};

/// The JSON of the schema of `avro`, indented.
pub(crate) fn schema_json(avro: &Avro) -> String {
    let name = match avro {
        Avro::Record(record) => record.name,
        Avro::Enum(symbols) => symbols.name,
        _ => "",
    };
    let mut writer = Writer {
        namespace: name.rsplit_once('.').map_or("", |(namespace, _)| namespace),
        defined: HashMap::new(),
    };
    let schema = writer.schema(avro);
    serde_json::to_string_pretty(&schema).expect("it consists of texts, lists and objects")
}

#[derive(Serialize)]
#[serde(untagged)]
enum Schema {
    Name(String),
    Union(Vec<Schema>),
    Definition(Definition),
    Json(Value),
}

/// A type that is more than a name; what it does not have is left out.
#[derive(Default, Serialize)]
struct Definition {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<&'static str>,
    #[serde(rename = "logicalType", skip_serializing_if = "Option::is_none")]
    logical_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols: Option<&'static [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<RecordField>>,
}

#[derive(Serialize)]
struct RecordField {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<&'static str>,
    r#type: Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
}

struct Writer {
    /// That of the event, for types whose name has none.
    namespace: &'static str,
    /// The named types by their full names, with the place where each is defined.
    defined: HashMap<String, &'static str>,
}

impl Writer {
    fn schema(&mut self, avro: &Avro) -> Schema {
        let logical = |r#type, logical_type| {
            Schema::Definition(Definition {
                r#type,
                logical_type: Some(logical_type),
                ..Definition::default()
            })
        };
        match avro {
            Avro::Boolean => name("boolean"),
            Avro::Int => name("int"),
            Avro::Long => name("long"),
            Avro::Float => name("float"),
            Avro::Double => name("double"),
            Avro::Bytes => name("bytes"),
            Avro::String => name("string"),
            Avro::Uuid => logical("string", "uuid"),
            Avro::Date => logical("int", "date"),
            Avro::TimeMillis => logical("int", "time-millis"),
            Avro::TimeMicros => logical("long", "time-micros"),
            Avro::TimestampMillis => logical("long", "timestamp-millis"),
            Avro::TimestampMicros => logical("long", "timestamp-micros"),
            Avro::TimestampNanos => logical("long", "timestamp-nanos"),
            Avro::LocalTimestampMillis => logical("long", "local-timestamp-millis"),
            Avro::LocalTimestampMicros => logical("long", "local-timestamp-micros"),
            Avro::LocalTimestampNanos => logical("long", "local-timestamp-nanos"),
            Avro::Json(json) => Schema::Json(value_of(json)),
            Avro::Nullable(inner) => Schema::Union(vec![name("null"), self.schema(inner)]),
            composite => self.definition(composite),
        }
    }

    fn definition(&mut self, avro: &Avro) -> Schema {
        let definition = match avro {
            Avro::Decimal { precision, scale } => Definition {
                r#type: "bytes",
                logical_type: Some("decimal"),
                precision: Some(*precision),
                scale: Some(*scale),
                ..Definition::default()
            },
            Avro::Array(items) => Definition {
                r#type: "array",
                items: Some(Box::new(self.schema(items))),
                ..Definition::default()
            },
            Avro::Map(values) => Definition {
                r#type: "map",
                values: Some(Box::new(self.schema(values))),
                ..Definition::default()
            },
            Avro::Enum(one) => match self.define(one.name, one.defined_at) {
                Err(known) => return Schema::Name(known),
                Ok(full_name) => Definition {
                    r#type: "enum",
                    name: Some(full_name),
                    doc: one.doc,
                    symbols: Some(one.symbols),
                    ..Definition::default()
                },
            },
            Avro::Record(one) => match self.define(one.name, one.defined_at) {
                Err(known) => return Schema::Name(known),
                Ok(full_name) => Definition {
                    r#type: "record",
                    name: Some(full_name),
                    doc: one.doc,
                    fields: Some(
                        (one.fields)()
                            .iter()
                            .map(|field| self.field(field))
                            .collect(),
                    ),
                    ..Definition::default()
                },
            },
            _ => unreachable!("`schema` writes all others"),
        };
        Schema::Definition(definition)
    }

    /// The full name of a type that is to be defined here; as an error, of one that is already.
    fn define(&mut self, name: &str, defined_at: &'static str) -> Result<String, String> {
        let full_name = match self.namespace {
            "" => name.to_owned(),
            _ if name.contains('.') => name.to_owned(),
            namespace => format!("{namespace}.{name}"),
        };
        match self.defined.insert(full_name.clone(), defined_at) {
            Some(before) if before == defined_at => Err(full_name),
            _ => Ok(full_name),
        }
    }

    fn field(&mut self, field: &Field) -> RecordField {
        let mut schema = self.schema(&field.avro);
        let is_null = |branch: &Schema| match branch {
            Schema::Name(name) => name == "null",
            Schema::Json(json) => json == "null",
            _ => false,
        };
        let is_nullable = match &mut schema {
            Schema::Union(branches) => branches.iter().any(is_null),
            Schema::Json(Value::Array(branches)) => branches.iter().any(|json| json == "null"),
            _ => false,
        };
        let default = match field.default {
            Some(default) => Some(value_of(default)),
            None => is_nullable.then_some(Value::Null),
        };
        // Before Avro 1.12 a default is one of the first type of a union.
        if let (Schema::Union(branches), Some(default)) = (&mut schema, &default)
            && !default.is_null()
        {
            branches.sort_by_key(is_null);
        }
        RecordField {
            name: field.name,
            doc: field.doc,
            r#type: schema,
            default,
        }
    }
}

fn name(primitive: &str) -> Schema {
    Schema::Name(primitive.to_owned())
}

/// The derive has checked that it is JSON; a text that is not stands there as it is, and compiling
/// the schema tells it.
fn value_of(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}
