//! A failure on the way: small and copied, so that a union can try a branch without allocating.

use std::fmt::{self, Write as _};

use super::cursor::Cursor;
use super::error::{Error, Found, Problem};
use crate::schema::{CompiledSchema, JsonKind, Node, NodeIndex};

/// Why a value was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The value does not fit the type; another branch of a union may.
    Misfit(Misfit),
    /// The text is not JSON, whatever the schema.
    Syntax(&'static str),
    /// The value is nested too deep.
    TooDeep,
    /// Too much was read again for the branches of unions.
    TooAmbiguous,
    /// Defaults made the encoding too large.
    TooLarge,
}

/// How a value does not fit. Places are byte offsets of the JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A value of another kind stands at this offset.
    Kind {
        expected: NodeIndex,
        at: usize,
    },
    /// The kind is right, but the value breaks a rule of the type.
    Value {
        expected: NodeIndex,
        reason: &'static str,
    },
    /// The record has no field of the name between these offsets.
    UnknownField {
        record: NodeIndex,
        name: (usize, usize),
    },
    MissingField {
        record: NodeIndex,
        field: usize,
    },
    DuplicateField {
        record: NodeIndex,
        field: usize,
    },
    DuplicateMapKey,
}

/// A step of the path to a value; kept in reverse, as the failure unwinds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Field {
        record: NodeIndex,
        field: usize,
    },
    Item(usize),
    /// The entry of a map by its place: a key is data, perhaps somebody's name.
    Entry(usize),
}

impl Fault {
    /// The error for people, with everything that the fault refers to spelled out.
    pub(super) fn explain(
        self,
        schema: &CompiledSchema,
        cursor: &Cursor<'_>,
        unwound: &[Step],
    ) -> Error {
        let problem = match self {
            Self::Misfit(misfit) => misfit.explain(schema, cursor),
            Self::Syntax(expected) => Problem::Syntax {
                expected,
                offset: cursor.position(),
            },
            Self::TooDeep => Problem::TooDeep,
            Self::TooAmbiguous => Problem::TooAmbiguous,
            Self::TooLarge => Problem::TooLarge,
        };
        Error {
            path: path(schema, unwound),
            problem,
        }
    }
}

impl Misfit {
    fn explain(self, schema: &CompiledSchema, cursor: &Cursor<'_>) -> Problem {
        match self {
            Self::Kind { expected, at } => Problem::WrongKind {
                expected: schema.describe(expected),
                found: found(cursor.kind_at(at)),
            },
            Self::Value { expected, reason } => Problem::Unfit {
                expected: schema.describe(expected),
                reason,
            },
            Self::UnknownField {
                record,
                name: (start, end),
            } => Problem::UnknownField {
                record: schema.describe(record),
                name: plain_name(cursor.text().get(start..end)),
            },
            Self::MissingField { record, field } => Problem::MissingField {
                name: field_name(schema, record, field),
            },
            Self::DuplicateField { record, field } => Problem::DuplicateField {
                name: field_name(schema, record, field),
            },
            Self::DuplicateMapKey => Problem::DuplicateMapKey,
        }
    }
}

/// The name of an unknown field, if it can be one of a program and not a person's data.
fn plain_name(name: Option<&str>) -> Option<String> {
    name.filter(|name| name.len() <= 64 && crate::schema::names::is_name(name))
        .map(str::to_owned)
}

fn field_name(schema: &CompiledSchema, record: NodeIndex, field: usize) -> String {
    match schema.node(record) {
        Node::Record(record) => record.fields[field].name().to_owned(),
        other => unreachable!("only records have fields, not {other:?}"),
    }
}

/// `items[3].price`.
fn path(schema: &CompiledSchema, unwound: &[Step]) -> String {
    let mut path = String::new();
    for step in unwound.iter().rev() {
        match step {
            Step::Field { record, field } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&field_name(schema, *record, *field));
            }
            Step::Item(index) => append(&mut path, format_args!("[{index}]")),
            Step::Entry(index) => append(&mut path, format_args!("{{{index}}}")),
        }
    }
    path
}

fn append(path: &mut String, step: fmt::Arguments<'_>) {
    path.write_fmt(step).expect("a String takes any text");
}

fn found(kind: Option<JsonKind>) -> Found {
    match kind {
        Some(JsonKind::Null) => Found::Null,
        Some(JsonKind::Boolean) => Found::Boolean,
        Some(JsonKind::Number) => Found::Number,
        Some(JsonKind::String) => Found::String,
        Some(JsonKind::Array) => Found::Array,
        Some(JsonKind::Object) => Found::Object,
        None => Found::Nothing,
    }
}
