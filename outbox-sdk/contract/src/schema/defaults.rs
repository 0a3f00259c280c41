//! Defaults, from the schema's JSON to the Avro bytes that stand for a missing field.
//!
//! The JSON of a default is not that of a payload: it is written for the type below a logical one,
//! and bytes are a text whose characters up to U+00FF are the bytes
//! (<https://avro.apache.org/docs/1.12.0/specification/#schema-record>).

use std::cell::Cell;

use serde_json::Value;

use super::compile::DeclaredDefaults;
use super::{DEFAULT_BYTES_MAX, DEPTH_MAX, Error, Node, NodeIndex, TimeUnit};
use crate::transcode::varint::{write_length, write_long};

/// How many values may be looked at for one default: unions in unions try branches again.
const STEPS_MAX: usize = 1 << 20;

/// Encodes every declared default and puts it into its field.
pub(super) fn encode_all(declared: &DeclaredDefaults, nodes: &mut [Node]) -> Result<(), Error> {
    let mut encoded = Vec::with_capacity(declared.len());
    for ((record, field), value) in declared {
        let Node::Record(definition) = &nodes[record.position()] else {
            continue;
        };
        let node = definition.fields[*field].node;
        let mut out = Vec::new();
        let result = Encoder {
            nodes,
            declared,
            steps: Cell::new(0),
        }
        .encode(value, node, 0, &mut out);
        result.map_err(|misfit| {
            let record = definition.name.to_string();
            let field = definition.fields[*field].name().to_owned();
            match misfit {
                Misfit::Type(expected) => Error::Default {
                    record,
                    field,
                    expected,
                },
                Misfit::TooLarge => Error::DefaultTooLarge { record, field },
            }
        })?;
        encoded.push((*record, *field, out));
    }
    for (record, field, bytes) in encoded {
        if let Node::Record(definition) = &mut nodes[record.position()] {
            definition.fields[field].default = Some(bytes.into());
        }
    }
    Ok(())
}

enum Misfit {
    /// The name of the type that the default does not fit.
    Type(String),
    TooLarge,
}

struct Encoder<'a> {
    nodes: &'a [Node],
    declared: &'a DeclaredDefaults,
    steps: Cell<usize>,
}

impl Encoder<'_> {
    fn encode(
        &self,
        value: &Value,
        node: NodeIndex,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        self.steps.set(self.steps.get() + 1);
        let is_endless = depth > DEPTH_MAX || self.steps.get() > STEPS_MAX;
        if is_endless || out.len() > DEFAULT_BYTES_MAX {
            return Err(Misfit::TooLarge);
        }
        match (&self.nodes[node.position()], value) {
            (Node::Null, Value::Null) => {}
            (Node::Boolean, Value::Bool(boolean)) => out.push(u8::from(*boolean)),
            (Node::Int | Node::Date | Node::Time(TimeUnit::Millis), Value::Number(number)) => {
                let int = number.as_i64().and_then(|long| i32::try_from(long).ok());
                write_long(i64::from(int.ok_or_else(|| misfit("int"))?), out);
            }
            (Node::Long | Node::Time(_) | Node::Timestamp { .. }, Value::Number(number)) => {
                write_long(number.as_i64().ok_or_else(|| misfit("long"))?, out);
            }
            (Node::Float, Value::Number(number)) => {
                let float = number.as_f64().ok_or_else(|| misfit("float"))?;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float is the nearest one"
                )]
                let float = float as f32;
                if float.is_infinite() {
                    return Err(misfit("float"));
                }
                out.extend_from_slice(&float.to_le_bytes());
            }
            (Node::Double, Value::Number(number)) => {
                let double = number.as_f64().ok_or_else(|| misfit("double"))?;
                out.extend_from_slice(&double.to_le_bytes());
            }
            (Node::String | Node::Uuid(super::UuidForm::String), Value::String(text)) => {
                write_bytes(text.as_bytes(), out);
            }
            (Node::Bytes | Node::Decimal { size: None, .. }, Value::String(text)) => {
                write_bytes(&bytes_of(text).ok_or_else(|| misfit("bytes"))?, out);
            }
            (Node::Fixed { size, .. }, Value::String(text)) => fixed(text, *size, out)?,
            (
                Node::Decimal {
                    size: Some(size), ..
                },
                Value::String(text),
            ) => {
                fixed(text, *size, out)?;
            }
            (Node::Uuid(super::UuidForm::Fixed), Value::String(text)) => fixed(text, 16, out)?,
            (Node::Enum { name, symbols }, Value::String(symbol)) => {
                let position = symbols.find(symbol).ok_or_else(|| misfit(name))?;
                write_length(position, out);
            }
            (Node::Array { items }, Value::Array(values)) => {
                self.blocks(values.iter().map(|value| (None, value)), *items, depth, out)?;
            }
            (Node::Map { values }, Value::Object(members)) => {
                let entries = members
                    .iter()
                    .map(|(key, value)| (Some(key.as_str()), value));
                self.blocks(entries, *values, depth, out)?;
            }
            (Node::Record(_), Value::Object(_)) => self.record(value, node, depth, out)?,
            (Node::Union { branches }, value) => {
                let start = out.len();
                for (position, branch) in branches.iter().enumerate() {
                    out.truncate(start);
                    write_length(position, out);
                    match self.encode(value, branch.node, depth + 1, out) {
                        Err(Misfit::Type(_)) => {}
                        fits_or_too_large => return fits_or_too_large,
                    }
                }
                return Err(misfit("any type of the union"));
            }
            (Node::Record(record), _) => return Err(misfit(&record.name)),
            (other, _) => return Err(misfit(super::compile::underlying_name(other))),
        }
        Ok(())
    }

    /// The items of an array, or the entries of a map, and the end mark.
    fn blocks<'v>(
        &self,
        entries: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Value)>,
        node: NodeIndex,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        if entries.len() > 0 {
            write_length(entries.len(), out);
        }
        for (key, value) in entries {
            if let Some(key) = key {
                write_bytes(key.as_bytes(), out);
            }
            self.encode(value, node, depth + 1, out)?;
        }
        out.push(0);
        Ok(())
    }

    /// A record; where it leaves out a field, that field's own default stands.
    fn record(
        &self,
        value: &Value,
        index: NodeIndex,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        let Node::Record(record) = &self.nodes[index.position()] else {
            return Ok(());
        };
        for (position, field) in record.fields.iter().enumerate() {
            let given = value.get(field.name());
            let value = given.or_else(|| self.declared.get(&(index, position)));
            let value = value.ok_or_else(|| misfit(&record.name))?;
            self.encode(value, field.node, depth + 1, out)?;
        }
        Ok(())
    }
}

fn misfit(expected: &str) -> Misfit {
    Misfit::Type(expected.to_owned())
}

fn fixed(text: &str, size: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let bytes = bytes_of(text).filter(|bytes| bytes.len() == size);
    out.extend_from_slice(&bytes.ok_or_else(|| misfit("fixed"))?);
    Ok(())
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect()
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}
