//! How long a payload takes from JSON to Avro: `cargo run --release --example transcode_speed`.
//!
//! Prints the quickest of many short rounds, which other programs on the machine disturb least:
//! for compact JSON in the schema's order, as the SDK writes it, and for other orders and spacing.

use std::hint::black_box;
use std::time::Instant;

use outbox_contract::schema::CompiledSchema;
use outbox_contract::transcode::Transcoder;

const SCHEMA: &str = r#"{"type":"record","name":"shop.OrderPlaced","fields":[
    {"name":"id","type":"long"},
    {"name":"customer","type":"string"},
    {"name":"sku","type":"string"},
    {"name":"quantity","type":"int"},
    {"name":"price","type":"double"},
    {"name":"express","type":"boolean"},
    {"name":"note","type":["null","string"],"default":null}]}"#;

const LOGICAL_SCHEMA: &str = r#"{"type":"record","name":"shop.OrderPlaced","fields":[
    {"name":"order_id","type":{"type":"string","logicalType":"uuid"}},
    {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
    {"name":"placed_at","type":{"type":"long","logicalType":"timestamp-micros"}}]}"#;

const PAYLOADS: [(&str, &str, &str); 4] = [
    (
        "in order",
        SCHEMA,
        r#"{"id":123456789,"customer":"customer-00012345","sku":"SKU-98765-blue-large","quantity":3,"price":49.95,"express":true,"note":"leave it at the back door please"}"#,
    ),
    (
        "spaced",
        SCHEMA,
        r#"{"id": 123456789, "customer": "customer-00012345", "sku": "SKU-98765-blue-large", "quantity": 3, "price": 49.95, "express": true, "note": "leave it at the back door"}"#,
    ),
    (
        "reversed",
        SCHEMA,
        r#"{"note":"leave it at the back door please","express":true,"price":49.95,"quantity":3,"sku":"SKU-98765-blue-large","customer":"customer-00012345","id":123456789}"#,
    ),
    (
        "logical types",
        LOGICAL_SCHEMA,
        r#"{"order_id":"0197f2d6-3c1b-7a52-9d3e-4b8e6f0a1c2d","total":"1234567.89","placed_at":"2026-07-01T12:34:56.789012Z"}"#,
    ),
];

fn main() {
    const ROUNDS: usize = 1000;
    const PAYLOADS_PER_ROUND: u32 = 1000;
    for (name, schema, json) in PAYLOADS {
        let schema = CompiledSchema::compile(schema, &[]).expect("the schema is valid");
        let mut transcoder = Transcoder::new();
        let mut avro = Vec::new();
        let quickest = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..PAYLOADS_PER_ROUND {
                    avro.clear();
                    transcoder
                        .transcode(black_box(json), &schema, &mut avro)
                        .expect("the payload fits");
                    black_box(&avro);
                }
                start.elapsed().as_secs_f64() * 1e9 / f64::from(PAYLOADS_PER_ROUND)
            })
            .fold(f64::INFINITY, f64::min);
        println!(
            "{name:>14}: {quickest:4.0} ns for {} bytes of JSON, {} of Avro",
            json.len(),
            avro.len()
        );
    }
}
