//! From a schema's JSON to its nodes.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    Branch, CompiledSchema, DEPTH_MAX, Error, Field, NODES_MAX, NamedType, Node, NodeIndex, Record,
    SortedNames, defaults, logical, names,
};
use crate::fingerprint::Fingerprint;

pub(super) fn compile(json: &str, references: &[&str]) -> Result<CompiledSchema, Error> {
    let parse = |json: &str| serde_json::from_str::<Value>(json).map_err(Error::ParseJson);
    let mut compiler = Compiler::default();
    for reference in references {
        compiler.compile(&parse(reference)?, "", 0)?;
    }
    let schema = parse(json)?;
    let root = compiler.compile(&schema, "", 0)?;
    let Compiler {
        mut nodes,
        named,
        declared_defaults,
        ..
    } = compiler;
    defaults::encode_all(&declared_defaults, &mut nodes)?;
    let fingerprint = Fingerprint::of_value(&schema);
    Ok(CompiledSchema {
        nodes: nodes.into(),
        named,
        root,
        fingerprint,
    })
}

/// The defaults as the schema has them, by record and field.
pub(super) type DeclaredDefaults = HashMap<(NodeIndex, usize), Value>;

#[derive(Default)]
struct Compiler {
    nodes: Vec<Node>,
    defined: HashMap<String, NodeIndex>,
    named: HashMap<NodeIndex, NamedType>,
    declared_defaults: DeclaredDefaults,
    fields: usize,
}

impl Compiler {
    /// Compiles the type at a place where one stands, inside the namespace `enclosing`.
    fn compile(
        &mut self,
        schema: &Value,
        enclosing: &str,
        depth: usize,
    ) -> Result<NodeIndex, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::TooDeep);
        }
        match schema {
            Value::String(name) => self.named(name, enclosing),
            Value::Array(branches) => self.union(branches, enclosing, depth),
            Value::Object(definition) => self.definition(definition, enclosing, depth),
            other => Err(Error::NotAType {
                found: shortened(&other.to_string()),
            }),
        }
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Error> {
        if self.nodes.len() + self.fields >= NODES_MAX {
            return Err(Error::TooLarge);
        }
        self.nodes.push(node);
        Ok(NodeIndex::new(self.nodes.len() - 1))
    }

    fn named(&mut self, name: &str, enclosing: &str) -> Result<NodeIndex, Error> {
        if let Some(node) = primitive(name) {
            return self.add(node);
        }
        let full_name = names::in_namespace(name, enclosing);
        // Java looks in the null namespace too, so schemas rely on it.
        let found = self
            .defined
            .get(&full_name)
            .or_else(|| self.defined.get(name));
        found.copied().ok_or(Error::UnknownType {
            name: shortened(&full_name),
        })
    }

    fn definition(
        &mut self,
        definition: &Map<String, Value>,
        enclosing: &str,
        depth: usize,
    ) -> Result<NodeIndex, Error> {
        match definition.get("type") {
            Some(Value::String(kind)) => match kind.as_str() {
                "record" | "error" => self.record(definition, enclosing, depth),
                "enum" => self.enumeration(definition, enclosing),
                "fixed" => self.fixed(definition, enclosing),
                "array" => {
                    let items = attribute(definition, "array", "items", "a type", Some)?;
                    let items = self.compile(items, enclosing, depth + 1)?;
                    self.add(Node::Array { items })
                }
                "map" => {
                    let values = attribute(definition, "map", "values", "a type", Some)?;
                    let values = self.compile(values, enclosing, depth + 1)?;
                    self.add(Node::Map { values })
                }
                name => match primitive(name) {
                    Some(node) => self.add(logical::apply(node, definition)?),
                    None => self.named(name, enclosing),
                },
            },
            Some(inner) => self.compile(inner, enclosing, depth + 1),
            None => Err(Error::NotAType {
                found: "an object without a type".to_owned(),
            }),
        }
    }

    fn union(
        &mut self,
        branches: &[Value],
        enclosing: &str,
        depth: usize,
    ) -> Result<NodeIndex, Error> {
        let mut compiled = Vec::with_capacity(branches.len());
        let mut identities = HashSet::new();
        for branch in branches {
            let node = self.compile(branch, enclosing, depth + 1)?;
            let identity = match &self.nodes[node.position()] {
                Node::Union { .. } => {
                    return Err(Error::Union {
                        what: "another union".to_owned(),
                    });
                }
                // A named type is itself, whatever its name; other types may be there once. That
                // covers a fixed with a logical type, too: it is one node for all its uses.
                Node::Record(_)
                | Node::Enum { .. }
                | Node::Fixed { .. }
                | Node::Decimal { size: Some(_), .. }
                | Node::Uuid(super::UuidForm::Fixed) => format!("#{}", node.position()),
                unnamed => underlying_name(unnamed).to_owned(),
            };
            if let Some(identity) = identities.replace(identity) {
                return Err(Error::Union {
                    what: format!("two of {identity}"),
                });
            }
            let kinds = self.nodes[node.position()].json_kinds();
            compiled.push(Branch::new(node, kinds));
        }
        if compiled.is_empty() {
            return Err(Error::Union {
                what: "no types at all".to_owned(),
            });
        }
        self.add(Node::Union {
            branches: compiled.into(),
        })
    }

    fn record(
        &mut self,
        definition: &Map<String, Value>,
        enclosing: &str,
        depth: usize,
    ) -> Result<NodeIndex, Error> {
        let (name, index) = self.define(definition, enclosing, "record")?;
        let fields = attribute(definition, &name, "fields", "a list", Value::as_array)?;
        let namespace = names::namespace(&name);
        let mut compiled = Vec::with_capacity(fields.len());
        for (position, field) in fields.iter().enumerate() {
            let of = format!("field {} of {name}", position + 1);
            let Value::Object(field) = field else {
                return Err(Error::NotAType {
                    found: format!("{of}, which is not an object"),
                });
            };
            let field_name = attribute(field, &of, "name", "a text", Value::as_str)?;
            if !names::is_name(field_name) {
                return Err(Error::InvalidName {
                    name: shortened(field_name),
                });
            }
            let field_type = attribute(field, &of, "type", "a type", Some)?;
            self.fields += 1;
            let node = self.compile(field_type, namespace, depth + 1)?;
            if let Some(default) = field.get("default") {
                self.declared_defaults
                    .insert((index, position), default.clone());
            }
            let key = format!("\"{field_name}\":").into();
            compiled.push(Field {
                key,
                node,
                default: None,
            });
        }
        let names = SortedNames::new(compiled.iter().map(Field::name)).map_err(|field| {
            Error::Duplicate {
                of: name.clone(),
                name: field,
            }
        })?;
        let record = Record {
            name: name.into(),
            fields: compiled.into(),
            names,
        };
        self.nodes[index.position()] = Node::Record(record);
        Ok(index)
    }

    fn enumeration(
        &mut self,
        definition: &Map<String, Value>,
        enclosing: &str,
    ) -> Result<NodeIndex, Error> {
        let (name, index) = self.define(definition, enclosing, "enum")?;
        let of_texts = |value: &'_ Value| -> Option<Vec<String>> {
            value
                .as_array()?
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect()
        };
        let expected = "a list of texts";
        let symbols = definition
            .get("symbols")
            .and_then(of_texts)
            .ok_or_else(|| Error::Attribute {
                of: name.clone(),
                attribute: "symbols",
                expected,
            })?;
        if let Some(symbol) = symbols.iter().find(|symbol| !names::is_name(symbol)) {
            return Err(Error::InvalidName {
                name: shortened(symbol),
            });
        }
        let symbols = SortedNames::new(symbols.iter().map(String::as_str)).map_err(|symbol| {
            Error::Duplicate {
                of: name.clone(),
                name: symbol,
            }
        })?;
        self.nodes[index.position()] = Node::Enum {
            name: name.into(),
            symbols,
        };
        Ok(index)
    }

    fn fixed(
        &mut self,
        definition: &Map<String, Value>,
        enclosing: &str,
    ) -> Result<NodeIndex, Error> {
        let (name, index) = self.define(definition, enclosing, "fixed")?;
        let size = attribute(definition, &name, "size", "a number of bytes", |size| {
            size.as_u64().and_then(|size| usize::try_from(size).ok())
        })?;
        let fixed = Node::Fixed {
            name: name.into(),
            size,
        };
        self.nodes[index.position()] = logical::apply(fixed, definition)?;
        Ok(index)
    }

    /// Reserves the node of a named type, so that a record can be used inside itself: until its
    /// fields are known, it stands there without any.
    fn define(
        &mut self,
        definition: &Map<String, Value>,
        enclosing: &str,
        kind: &'static str,
    ) -> Result<(String, NodeIndex), Error> {
        let name = names::of_definition(definition, enclosing).ok_or_else(|| Error::Attribute {
            of: kind.to_owned(),
            attribute: "name",
            expected: "a text",
        })?;
        if !name.split('.').all(names::is_name) || names::is_primitive(&name) {
            return Err(Error::InvalidName {
                name: shortened(&name),
            });
        }
        let names = SortedNames::new([]).expect("no name is there twice");
        let reserved = Record {
            name: name.as_str().into(),
            fields: Box::default(),
            names,
        };
        let index = self.add(Node::Record(reserved))?;
        self.named.insert(index, NamedType::new(&name, definition));
        if self.defined.insert(name.clone(), index).is_some() {
            return Err(Error::DuplicateType { name });
        }
        Ok((name, index))
    }
}

fn attribute<'a, T>(
    definition: &'a Map<String, Value>,
    of: &str,
    attribute: &'static str,
    expected: &'static str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Error> {
    definition
        .get(attribute)
        .and_then(read)
        .ok_or_else(|| Error::Attribute {
            of: of.to_owned(),
            attribute,
            expected,
        })
}

fn primitive(name: &str) -> Option<Node> {
    Some(match name {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int,
        "long" => Node::Long,
        "float" => Node::Float,
        "double" => Node::Double,
        "bytes" => Node::Bytes,
        "string" => Node::String,
        _ => return None,
    })
}

/// The name of the type that a reader distinguishes in a union.
pub(crate) fn underlying_name(node: &Node) -> &'static str {
    match node {
        Node::Null => "null",
        Node::Boolean => "boolean",
        Node::Int | Node::Date | Node::Time(super::TimeUnit::Millis) => "int",
        Node::Long | Node::Time(_) | Node::Timestamp { .. } => "long",
        Node::Float => "float",
        Node::Double => "double",
        Node::Bytes | Node::Decimal { .. } => "bytes",
        Node::String | Node::Uuid(_) => "string",
        Node::Array { .. } => "array",
        Node::Map { .. } => "map",
        Node::Fixed { .. } => "fixed",
        Node::Enum { .. } => "enum",
        Node::Record(_) => "record",
        Node::Union { .. } => "union",
    }
}

/// Enough of a wrong text to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
