//! An Avro schema, compiled for [`crate::transcode`].
//!
//! A schema's JSON is read once and becomes an arena of nodes that refer to each other by index,
//! so recursive types need no reference counts and one compiled schema serves all threads. What
//! the specification leaves to run time is settled here: names are resolved, logical types
//! recognised, defaults turned into the Avro bytes that stand for a missing field.
//!
//! All of <https://avro.apache.org/docs/1.12.0/specification/> is supported. As it demands, a
//! logical type that is unknown, or does not suit its type, is ignored. `duration` is plain fixed,
//! `big-decimal` plain bytes. A default of a union may fit any branch (1.12), not only the first.
//!
//! The failure this guards against: a schema that is wrong or hostile is an error when it is
//! loaded, with the name of the type at fault, and never a wrong or endless encoding.

mod compile;
mod defaults;
mod error;
mod fits;
mod kind;
mod logical;
mod named_type;
pub mod names;
mod node;
mod outline;

use std::collections::HashMap;

use crate::fingerprint::Fingerprint;

pub(crate) use compile::underlying_name;
pub use error::Error;
pub use fits::Difference;
pub use kind::Kind;
pub(crate) use named_type::NamedType;
pub(crate) use node::{
    Branch, Field, JsonKind, Node, NodeIndex, Record, SortedNames, TimeUnit, UuidForm,
};
pub use outline::FieldOutline;

/// The most nodes of a schema together with what it references.
pub const NODES_MAX: usize = 10_000;

/// The deepest nesting of types in a schema's text. (JSON itself is bounded by its parser.)
pub const DEPTH_MAX: usize = 64;

/// The highest precision of a decimal.
pub const DECIMAL_PRECISION_MAX: u32 = 1000;

/// The most bytes that one field's default may become, nested defaults included.
pub const DEFAULT_BYTES_MAX: usize = 1 << 20;

/// A schema that events can be encoded under; share it in an `Arc`.
///
/// ```
/// use outbox_contract::schema::CompiledSchema;
///
/// let schema = CompiledSchema::compile(
///     r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
///         {"name": "order_id", "type": {"type": "string", "logicalType": "uuid"}}]}"#,
///     &[],
/// )?;
/// assert_eq!(schema.name(), Some("shop.OrderPlaced"));
/// # Ok::<(), outbox_contract::schema::Error>(())
/// ```
#[derive(Debug)]
pub struct CompiledSchema {
    nodes: Box<[Node]>,
    named: HashMap<NodeIndex, NamedType>,
    root: NodeIndex,
    fingerprint: Fingerprint,
}

impl CompiledSchema {
    /// Compiles the schema in `json`.
    ///
    /// `references` are the texts of schemas whose named types it uses, each once and each after
    /// those that it uses itself.
    pub fn compile(json: &str, references: &[&str]) -> Result<Self, Error> {
        compile::compile(json, references)
    }

    /// Which schema this is; see [`crate::fingerprint`].
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The full name of the schema, where it is a record, an enum or a fixed.
    pub fn name(&self) -> Option<&str> {
        match self.node(self.root) {
            Node::Record(record) => Some(&record.name),
            Node::Enum { name, .. } | Node::Fixed { name, .. } => Some(name),
            _ => None,
        }
    }

    pub(crate) fn root(&self) -> NodeIndex {
        self.root
    }

    #[inline]
    pub(crate) fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index.position()]
    }

    /// What readers know the type at `index` by, where it is a record, an enum or a fixed.
    pub(crate) fn named(&self, index: NodeIndex) -> Option<&NamedType> {
        self.named.get(&index)
    }

    /// What a person calls the type at `index`, for errors.
    pub(crate) fn describe(&self, index: NodeIndex) -> String {
        match self.node(index) {
            Node::Null => "null".to_owned(),
            Node::Boolean => "boolean".to_owned(),
            Node::Int => "int".to_owned(),
            Node::Long => "long".to_owned(),
            Node::Float => "float".to_owned(),
            Node::Double => "double".to_owned(),
            Node::Bytes => "bytes (base64)".to_owned(),
            Node::String => "string".to_owned(),
            Node::Fixed { name, size } => format!("fixed {name} ({size} bytes as base64)"),
            Node::Enum { name, .. } => format!("enum {name}"),
            Node::Array { .. } => "array".to_owned(),
            Node::Map { .. } => "map".to_owned(),
            Node::Record(record) => format!("record {}", record.name),
            Node::Union { branches } => {
                let names: Vec<_> = branches.iter().map(|one| self.describe(one.node)).collect();
                format!("one of {}", names.join(", "))
            }
            Node::Decimal {
                precision, scale, ..
            } => format!("decimal({precision}, {scale})"),
            Node::Uuid(_) => "uuid".to_owned(),
            Node::Date => "date".to_owned(),
            Node::Time(unit) => format!("time-{}", unit.name()),
            Node::Timestamp {
                unit,
                is_local: false,
            } => format!("timestamp-{}", unit.name()),
            Node::Timestamp {
                unit,
                is_local: true,
            } => format!("local-timestamp-{}", unit.name()),
        }
    }
}
