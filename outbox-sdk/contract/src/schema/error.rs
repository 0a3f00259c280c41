//! Why a text is not a schema that events can be encoded under.

use super::{DECIMAL_PRECISION_MAX, DEFAULT_BYTES_MAX, DEPTH_MAX, NODES_MAX};

/// A schema that cannot be compiled: correct the schema and load it again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON: look at the position that the cause names.
    #[error("the schema is not JSON")]
    ParseJson(#[source] serde_json::Error),
    /// Where a type should stand there is another JSON value: write a name, a list or an object.
    #[error("a type is a name, a list of types or an object with a type, not {found}")]
    NotAType {
        /// What stands there, shortened.
        found: String,
    },
    /// A type or field lacks an attribute, or has one of another kind: add it.
    #[error("{of} needs the attribute {attribute}, {expected}")]
    Attribute {
        /// The type or field at fault.
        of: String,
        /// What it lacks.
        attribute: &'static str,
        /// What the attribute must be.
        expected: &'static str,
    },
    /// A name that Avro does not allow: use letters, digits and `_`.
    #[error("{name:?} is not an Avro name: use letters, digits and _, not beginning with a digit")]
    InvalidName {
        /// The name, shortened.
        name: String,
    },
    /// A type is used that nothing defines: define it before its use, or pass its reference.
    #[error("the type {name} is not defined before it is used")]
    UnknownType {
        /// The full name.
        name: String,
    },
    /// A type is defined twice: rename one, or use the name instead of the second definition.
    #[error("the type {name} is defined twice")]
    DuplicateType {
        /// The full name.
        name: String,
    },
    /// A field or symbol appears twice in one type: remove one.
    #[error("{of} has {name} twice")]
    Duplicate {
        /// The record or enum.
        of: String,
        /// The field or symbol.
        name: String,
    },
    /// A union holds two types that no reader can tell apart, or another union: merge them.
    #[error("a union cannot hold {what}")]
    Union {
        /// What it holds.
        what: String,
    },
    /// A default that its field's type cannot hold: correct the default.
    #[error("the default of {record}.{field} does not fit {expected}")]
    Default {
        /// The full name of the record.
        record: String,
        /// The field.
        field: String,
        /// The type that it does not fit, which may be nested in that of the field.
        expected: String,
    },
    /// Defaults within defaults grew beyond all measure: shorten them.
    #[error("the default of {record}.{field} becomes more than {DEFAULT_BYTES_MAX} bytes")]
    DefaultTooLarge {
        /// The full name of the record.
        record: String,
        /// The field.
        field: String,
    },
    /// A decimal has more digits than are supported: lower its precision.
    #[error("a decimal of precision {precision} is beyond the limit of {DECIMAL_PRECISION_MAX}")]
    DecimalTooLarge {
        /// Its precision.
        precision: u64,
    },
    /// Types are nested too deep: give inner types a name and a place of their own.
    #[error("the schema nests types deeper than {DEPTH_MAX}")]
    TooDeep,
    /// The schema is too large: split it.
    #[error("the schema has more than {NODES_MAX} types and fields")]
    TooLarge,
}
