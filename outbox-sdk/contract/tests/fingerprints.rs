//! The spelling of a schema does not change its fingerprint.

use outbox_contract::fingerprint::Fingerprint;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Writes `value` with its keys in an order that `seed` picks, and white space.
fn respell(value: &Value, seed: &mut u64, out: &mut String) {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    out.push_str(["", " ", "\n", "\t "][(*seed >> 33) as usize % 4]);
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " ," });
                respell(item, seed, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut keys: Vec<_> = members.keys().collect();
            let rotation = (*seed >> 40) as usize % keys.len().max(1);
            keys.rotate_left(rotation);
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(&json!(key).to_string());
                out.push_str(" : ");
                respell(&members[key], seed, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Adds what says nothing to a type: docs, the default order, no aliases, a wrapped primitive.
fn annotate(schema: &mut Value, doc: &str) {
    match schema {
        Value::Array(branches) => branches.iter_mut().for_each(|one| annotate(one, doc)),
        Value::Object(definition) => {
            definition.insert("doc".to_owned(), json!(doc));
            for key in ["items", "values"] {
                definition
                    .entry(key)
                    .and_modify(|inner| annotate(inner, doc));
            }
            if let Some(Value::Array(fields)) = definition.get_mut("fields") {
                for field in fields {
                    annotate(&mut field["type"], doc);
                    field["doc"] = json!(doc);
                    field["order"] = json!("ascending");
                    let attributes = field.as_object_mut().expect("a field is an object");
                    attributes.entry("aliases").or_insert(json!([]));
                }
            }
        }
        primitive => *primitive = json!({"type": primitive, "doc": doc}),
    }
}

fn schema() -> Value {
    json!({
        "type": "record", "name": "Order", "namespace": "shop", "aliases": ["Purchase"],
        "fields": [
            {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
            {"name": "note", "type": ["null", "string"], "default": null},
            {"name": "extra", "type": {"type": "map", "values": "string"},
             "default": {"doc": "kept", "b": "1", "a": "2"}},
            {"name": "lines", "type": {"type": "array", "items": {
                "type": "record", "name": "Line", "fields": [
                    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal",
                        "precision": 9, "scale": 2}, "aliases": ["cost"]},
                    {"name": "amount", "type": "int", "default": 1}]}}}
        ]
    })
}

fn fingerprint(schema: &Value) -> Fingerprint {
    Fingerprint::of_schema(&schema.to_string()).expect("a value is JSON")
}

proptest! {
    #[test]
    fn neither_key_order_nor_white_space_nor_docs_matter(mut seed: u64, doc: String) {
        let mut annotated = schema();
        annotate(&mut annotated, &doc);
        let mut spelled = String::new();
        respell(&annotated, &mut seed, &mut spelled);
        prop_assert_eq!(Fingerprint::of_schema(&spelled).unwrap(), fingerprint(&schema()));
    }
}

/// Removes the attribute at `path`, which must be there.
fn without(mut schema: Value, path: &str) -> Value {
    let (parent, key) = path.rsplit_once('/').expect("a path begins with a slash");
    let parent = schema
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect(path);
    assert!(parent.remove(key).is_some(), "{path}");
    schema
}

#[test]
fn every_attribute_that_has_a_meaning_matters() {
    for path in [
        "/aliases",
        "/namespace",
        "/fields/0/type/logicalType",
        "/fields/1/default",
        "/fields/2/default/doc",
        "/fields/3/type/items/fields/0/type/scale",
        "/fields/3/type/items/fields/0/aliases",
        "/fields/3/type/items/fields/1/default",
    ] {
        assert_ne!(
            fingerprint(&without(schema(), path)),
            fingerprint(&schema()),
            "{path}"
        );
    }
}

#[test]
fn the_fingerprint_of_a_schema_stays_what_it_is() {
    // Events in the tables of users carry this text.
    assert_eq!(
        fingerprint(&schema()).to_string(),
        "sha256:66823a4317c0b67f"
    );
}
