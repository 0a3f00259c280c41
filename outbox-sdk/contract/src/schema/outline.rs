//! The fields of a record, for those who write code for it.

use super::{CompiledSchema, Field, Kind, Node, NodeIndex};

/// One field of the record that a schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOutline<'s> {
    /// Its name.
    pub name: &'s str,
    /// Whether a payload may leave it out.
    pub has_default: bool,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// What else it may be; several for a union.
    pub kinds: Vec<Kind>,
    /// Precision and scale, where it is a decimal.
    pub decimal: Option<(u32, u32)>,
    /// Its type as errors name it.
    pub type_name: String,
}

impl CompiledSchema {
    /// The kind of the schema itself.
    pub fn kind(&self) -> Kind {
        self.node(self.root).kind()
    }

    /// The fields of the record in their order; none where the schema is no record.
    pub fn fields(&self) -> Vec<FieldOutline<'_>> {
        match self.node(self.root) {
            Node::Record(record) => record.fields.iter().map(|one| self.outline(one)).collect(),
            _ => Vec::new(),
        }
    }

    fn outline<'s>(&'s self, field: &'s Field) -> FieldOutline<'s> {
        let (is_nullable, others) = self.branches(field.node);
        let nodes = || others.iter().map(|index| self.node(*index));
        FieldOutline {
            name: field.name(),
            has_default: field.default.is_some(),
            is_nullable,
            kinds: nodes().map(Node::kind).collect(),
            decimal: nodes().find_map(|node| match node {
                Node::Decimal {
                    precision, scale, ..
                } => Some((*precision, *scale)),
                _ => None,
            }),
            type_name: self.describe(field.node),
        }
    }

    /// Whether null is one of the types at `index`, and the others.
    pub(super) fn branches(&self, index: NodeIndex) -> (bool, Vec<NodeIndex>) {
        let all = match self.node(index) {
            Node::Union { branches } => branches.iter().map(|branch| branch.node).collect(),
            _ => vec![index],
        };
        let is_null = |index: &NodeIndex| matches!(self.node(*index), Node::Null);
        let (nulls, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_null);
        (!nulls.is_empty(), others)
    }
}
