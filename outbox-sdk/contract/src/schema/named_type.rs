//! What a record, an enum or a fixed says to readers of other versions: names, aliases, defaults.
//!
//! Encoding needs none of it, so it lies beside the nodes and not in them.

use serde_json::{Map, Value};

use super::names;

#[derive(Debug)]
pub(crate) struct NamedType {
    /// The full name.
    pub(crate) name: Box<str>,
    /// Full names.
    pub(crate) aliases: Box<[String]>,
    /// The bytes of a fixed.
    pub(crate) size: Option<u64>,
    /// What an enum's reader takes for a symbol that it does not know.
    pub(crate) default_symbol: Option<Box<str>>,
    /// By the position of the field.
    field_aliases: Box<[Box<[String]>]>,
}

impl NamedType {
    pub(super) fn new(full_name: &str, definition: &Map<String, Value>) -> Self {
        let namespace = names::namespace(full_name);
        let aliases = texts(definition.get("aliases"));
        let fields = definition.get("fields").and_then(Value::as_array);
        let fields = fields.map(Vec::as_slice).unwrap_or_default();
        Self {
            name: full_name.into(),
            aliases: aliases
                .map(|alias| names::in_namespace(alias, namespace))
                .collect(),
            size: definition.get("size").and_then(Value::as_u64),
            default_symbol: definition
                .get("default")
                .and_then(Value::as_str)
                .map(Box::from),
            field_aliases: fields
                .iter()
                .map(|field| texts(field.get("aliases")).map(str::to_owned).collect())
                .collect(),
        }
    }

    /// The name without its namespace.
    pub(crate) fn simple_name(&self) -> &str {
        self.name
            .rsplit_once('.')
            .map_or(&*self.name, |(_, name)| name)
    }

    /// The other names of the field at `position`.
    pub(crate) fn field_aliases(&self, position: usize) -> &[String] {
        self.field_aliases.get(position).map_or(&[], |all| all)
    }
}

/// The texts of a list; nothing where there is none.
fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
