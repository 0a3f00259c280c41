//! A reader's schema beside a writer's.

use std::collections::HashMap;

use super::incompatibility::{Incompatibility, Reason};
use super::promotion::{is_promoted, keeps_meaning, kind};
use crate::schema::{CompiledSchema, NamedType, Node, NodeIndex, Record};

/// The deepest path that is compared: recursive types of coprime lengths meet in pair after pair.
pub const DEPTH_MAX: usize = 256;

/// The most pairs of types that are compared; real schemas need dozens.
pub const COMPARISONS_MAX: usize = 100_000;

/// The most incompatibilities that are told; one type may be used at many places.
pub const INCOMPATIBILITIES_MAX: usize = 100;

/// What keeps a consumer with the schema `reader` from reading what was written under `writer`,
/// and what it would read wrongly; empty where all is well.
///
/// ```
/// use outbox_contract::compatibility::incompatibilities;
/// use outbox_contract::schema::CompiledSchema;
///
/// let compile = |fields: &str| {
///     let json = format!(r#"{{"type": "record", "name": "shop.Paid", "fields": [{fields}]}}"#);
///     CompiledSchema::compile(&json, &[])
/// };
/// let old = compile(r#"{"name": "id", "type": "int"}"#)?;
/// let new = compile(r#"{"name": "id", "type": "long"}, {"name": "by", "type": "string"}"#)?;
/// assert_eq!(
///     incompatibilities(&new, &old)[0].to_string(),
///     "by: the field was not written, and has no default to be read instead",
/// );
/// assert_eq!(
///     incompatibilities(&old, &new)[0].to_string(),
///     "id: long was written, and it cannot be read as int",
/// );
/// # Ok::<(), outbox_contract::schema::Error>(())
/// ```
pub fn incompatibilities(reader: &CompiledSchema, writer: &CompiledSchema) -> Vec<Incompatibility> {
    let mut comparison = Comparison {
        reader,
        writer,
        known: HashMap::new(),
        depth: 0,
    };
    comparison.compare(reader.root(), writer.root())
}

struct Comparison<'a> {
    reader: &'a CompiledSchema,
    writer: &'a CompiledSchema,
    /// What was found for a pair. While it is being compared it counts as compatible: a recursive
    /// type fits unless something else in it does not.
    known: HashMap<(NodeIndex, NodeIndex), Vec<Incompatibility>>,
    depth: usize,
}

impl Comparison<'_> {
    fn compare(&mut self, reader: NodeIndex, writer: NodeIndex) -> Vec<Incompatibility> {
        if let Some(found) = self.known.get(&(reader, writer)) {
            return found.clone();
        }
        if self.depth > DEPTH_MAX {
            return vec![Incompatibility::here(Reason::TooDeep)];
        }
        if self.known.len() >= COMPARISONS_MAX {
            return vec![Incompatibility::here(Reason::TooLarge)];
        }
        self.known.insert((reader, writer), Vec::new());
        self.depth += 1;
        let mut found = self.compare_types(reader, writer);
        self.depth -= 1;
        found.truncate(INCOMPATIBILITIES_MAX);
        self.known.insert((reader, writer), found.clone());
        found
    }

    fn compare_types(&mut self, reader: NodeIndex, writer: NodeIndex) -> Vec<Incompatibility> {
        let (read_schema, written_schema) = (self.reader, self.writer);
        match (read_schema.node(reader), written_schema.node(writer)) {
            (_, Node::Union { branches }) => {
                let branches = branches.iter().flat_map(|branch| {
                    let found = self.compare(reader, branch.node);
                    let name = written_schema.named(branch.node).map(|named| &*named.name);
                    within_branch(found, name.filter(|_| branches.len() > 1))
                });
                branches.take(INCOMPATIBILITIES_MAX).collect()
            }
            (Node::Union { branches }, _) => {
                let branches: Vec<_> = branches.iter().map(|branch| branch.node).collect();
                self.find_branch(reader, &branches, writer)
            }
            (Node::Array { items }, Node::Array { items: written }) => {
                within(self.compare(*items, *written), "[]")
            }
            (Node::Map { values }, Node::Map { values: written }) => {
                within(self.compare(*values, *written), "{}")
            }
            (Node::Record(record), Node::Record(written)) => {
                let mut found = self.compare_names(reader, writer);
                found.extend(self.compare_fields(reader, record, written));
                found
            }
            (Node::Enum { .. }, Node::Enum { symbols, .. }) => {
                let mut found = self.compare_names(reader, writer);
                let written = symbols.iter();
                found.extend(
                    self.missing_symbols(reader, written)
                        .map(Incompatibility::here),
                );
                found
            }
            (read, written) if kind(read) == "fixed" && kind(written) == "fixed" => {
                let mut found = self.compare_names(reader, writer);
                let sizes = (read_schema.named(reader), written_schema.named(writer));
                if let (Some(reader), Some(writer)) = (size(sizes.0), size(sizes.1))
                    && reader != writer
                {
                    found.push(Incompatibility::here(Reason::Size { reader, writer }));
                }
                found.extend(self.compare_meanings(reader, writer));
                found
            }
            (read, written) if is_promoted(kind(written), kind(read)) => {
                self.compare_meanings(reader, writer)
            }
            _ => vec![Incompatibility::here(Reason::Type {
                reader: self.reads(reader),
                writer: self.writes(writer),
            })],
        }
    }

    /// The branch of the reader's union that takes what the writer wrote.
    fn find_branch(
        &mut self,
        union: NodeIndex,
        branches: &[NodeIndex],
        writer: NodeIndex,
    ) -> Vec<Incompatibility> {
        let mut readable: Option<Vec<Incompatibility>> = None;
        let mut akin: Option<Vec<Incompatibility>> = None;
        for branch in branches {
            let found = self.compare(*branch, writer);
            if found.is_empty() {
                return found;
            }
            if !found.iter().any(Incompatibility::breaks_resolution) {
                readable.get_or_insert(found);
            } else if self.is_akin(*branch, writer) {
                akin.get_or_insert(found);
            }
        }
        // What is wrong with the branch that was meant says more than that none fits.
        let meant = readable.or(akin);
        meant.unwrap_or_else(|| {
            vec![Incompatibility::here(Reason::Branch {
                reader: self.reads(union),
                writer: self.writes(writer),
            })]
        })
    }

    /// Whether two types are the same but for what is inside.
    fn is_akin(&self, reader: NodeIndex, writer: NodeIndex) -> bool {
        kind(self.reader.node(reader)) == kind(self.writer.node(writer))
            && self.compare_names(reader, writer).is_empty()
    }

    fn compare_names(&self, reader: NodeIndex, writer: NodeIndex) -> Vec<Incompatibility> {
        let (Some(read), Some(written)) = (self.reader.named(reader), self.writer.named(writer))
        else {
            return Vec::new();
        };
        let is_alias = || read.aliases.iter().any(|alias| **alias == *written.name);
        if read.simple_name() == written.simple_name() || is_alias() {
            return Vec::new();
        }
        vec![Incompatibility::here(Reason::Name {
            reader: self.reads(reader),
            writer: self.writes(writer),
        })]
    }

    fn compare_fields(
        &mut self,
        reader: NodeIndex,
        record: &Record,
        written: &Record,
    ) -> Vec<Incompatibility> {
        let (reads, mut found) = (self.reader, Vec::new());
        for (position, field) in record.fields.iter().enumerate() {
            let aliases = reads
                .named(reader)
                .map(|named| named.field_aliases(position));
            let names = aliases.unwrap_or_default().iter().map(String::as_str);
            let names = std::iter::once(field.name()).chain(names);
            let mut meant: Vec<usize> = names.filter_map(|name| written.names.find(name)).collect();
            meant.sort_unstable();
            meant.dedup();
            match &*meant {
                [] if field.default.is_some() => {}
                [] => {
                    let missing = Incompatibility::here(Reason::MissingField);
                    found.push(missing.within(field.name()));
                }
                [one] => {
                    let inner = self.compare(field.node, written.fields[*one].node);
                    found.extend(within(inner, field.name()));
                }
                several => {
                    let fields = several
                        .iter()
                        .map(|one| written.fields[*one].name().to_owned());
                    let fields = fields.collect();
                    let ambiguous = Incompatibility::here(Reason::AmbiguousField { fields });
                    found.push(ambiguous.within(field.name()));
                }
            }
        }
        found
    }

    fn missing_symbols<'s>(
        &self,
        reader: NodeIndex,
        written: impl Iterator<Item = &'s str>,
    ) -> Option<Reason> {
        let Node::Enum { symbols, .. } = self.reader.node(reader) else {
            return None;
        };
        let default = self.reader.named(reader)?.default_symbol.as_deref();
        if default.is_some_and(|default| symbols.find(default).is_some()) {
            return None;
        }
        let missing = written.filter(|symbol| symbols.find(symbol).is_none());
        let missing: Vec<String> = missing.map(str::to_owned).collect();
        (!missing.is_empty()).then(|| Reason::Symbols {
            reader: self.reads(reader),
            symbols: missing,
        })
    }

    /// Logical types: what is read must be what was written.
    fn compare_meanings(&self, reader: NodeIndex, writer: NodeIndex) -> Vec<Incompatibility> {
        if keeps_meaning(self.reader.node(reader), self.writer.node(writer)) {
            return Vec::new();
        }
        vec![Incompatibility::here(Reason::Meaning {
            reader: self.reads(reader),
            writer: self.writes(writer),
        })]
    }

    /// What a person calls the reader's type.
    fn reads(&self, index: NodeIndex) -> String {
        describe(self.reader, index)
    }

    /// What a person calls the writer's type.
    fn writes(&self, index: NodeIndex) -> String {
        describe(self.writer, index)
    }
}

fn within(found: Vec<Incompatibility>, name: &str) -> Vec<Incompatibility> {
    found.into_iter().map(|one| one.within(name)).collect()
}

/// Names the branch that is at fault, unless the fault is the branch itself.
fn within_branch(found: Vec<Incompatibility>, name: Option<&str>) -> Vec<Incompatibility> {
    let Some(name) = name else { return found };
    let is_inside = |one: &Incompatibility| !one.path.is_empty();
    let name = format!("<{name}>");
    found
        .into_iter()
        .map(|one| {
            if is_inside(&one) {
                one.within(&name)
            } else {
                one
            }
        })
        .collect()
}

fn describe(schema: &CompiledSchema, index: NodeIndex) -> String {
    match schema.node(index) {
        Node::Bytes => "bytes".to_owned(),
        Node::Fixed { name, .. } => format!("fixed {name}"),
        Node::Union { branches } => {
            let names = branches.iter().map(|branch| describe(schema, branch.node));
            format!("[{}]", names.collect::<Vec<_>>().join(", "))
        }
        _ => schema.describe(index),
    }
}

fn size(named: Option<&NamedType>) -> Option<u64> {
    named?.size
}
