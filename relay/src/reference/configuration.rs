//! The configuration, from the types that read it: their comments are the text.

use schemars::schema_for;
use serde_json::{Map, Value};

use super::row;
use crate::config::Config;

/// A table of every key.
pub(super) fn page() -> String {
    let schema = schema_for!(Config).to_value();
    let mut page = String::from(
        "# Configuration\n\nMade by `postrider reference configuration` from the types that read it. \
         One TOML file, `postrider.toml` unless `--config` or `POSTRIDER_CONFIG` names another. Over it goes the environment \
         (`POSTRIDER__KAFKA__BOOTSTRAP_SERVERS`), and over that `--set kafka.bootstrap_servers=…`. \
         `${VAR}` in the file stands for a variable of the environment. An unknown key is an error, and \
         every problem is reported at once. `postrider config show` tells what works, and why.\n\n\
         For commands that run once, not for `run`, the variables of other tools count too, weaker than \
         the file: `DATABASE_URL`, `PGHOST` and the others of libpq, `KAFKA_BOOTSTRAP_SERVERS`, \
         `SCHEMA_REGISTRY_URL`.\n",
    );
    let mut top = Vec::new();
    let mut sections = Vec::new();
    for (name, property) in properties(&schema) {
        match resolved(&schema, property) {
            table if is_table(table) => sections.push((name.clone(), property, table)),
            _ => top.push((name, property)),
        }
    }
    page.push('\n');
    page += &head();
    for (name, property) in top {
        page += &key(&schema, &schema, name, property);
    }
    for (name, property, table) in sections {
        let text = description(property, table);
        page.extend(["\n## `[", &name, "]`\n\n", &text, "\n\n"]);
        page += &head();
        rows(&schema, table, &name, &mut page);
    }
    page
}

fn head() -> String {
    row(["key", "default", "meaning"]) + &row(["---"; 3])
}

/// The keys of a table, and those of the tables in it.
fn rows(root: &Value, table: &Value, prefix: &str, page: &mut String) {
    for (name, property) in properties(table) {
        let name = format!("{prefix}.{name}");
        let inner = resolved(root, property);
        if is_table(inner) {
            rows(root, inner, &name, page);
            continue;
        }
        *page += &key(root, table, &name, property);
        if let Some(items) = property.get("items").map(|items| resolved(root, items)) {
            rows(root, items, &format!("{name}[]"), page);
        }
    }
}

fn key(root: &Value, table: &Value, name: &str, property: &Value) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let required = table["required"].as_array();
    let is_required = required.is_some_and(|required| required.iter().any(|key| key == last));
    let default = match &property["default"] {
        _ if is_required => "*must be given*".to_owned(),
        Value::Null => String::new(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(table) if table.is_empty() => String::new(),
        other => format!("`{other}`"),
    };
    let mut meaning = description(property, &Value::Null);
    for choice in choices(resolved(root, property)) {
        meaning += &choice;
    }
    row([&format!("`{name}`"), &default, &meaning])
}

/// The variants of an enum, each with its text.
fn choices(schema: &Value) -> Vec<String> {
    let variants = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    let texts = variants.iter().filter_map(|variant| {
        let name = variant["const"].as_str()?;
        Some(format!(" `{name}`: {}", description(variant, &Value::Null)))
    });
    texts.collect()
}

fn description(property: &Value, table: &Value) -> String {
    let text = |value: &Value| value["description"].as_str().map(str::to_owned);
    text(property).or_else(|| text(table)).unwrap_or_default()
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let properties = schema["properties"].as_object();
    properties.map(Map::iter).into_iter().flatten().collect()
}

fn is_table(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// Follows a reference, also within "this or nothing".
fn resolved<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let branches = ["anyOf", "allOf"].map(|of| property[of].as_array());
    let mut referring = branches.into_iter().flatten().flatten().chain([property]);
    let reference = referring.find_map(|schema| schema["$ref"].as_str());
    let found = reference.and_then(|path| root.pointer(path.trim_start_matches('#')));
    found.unwrap_or(property)
}
