//! The record contract is a page; these records are its examples, byte for byte.

use std::fmt::Write as _;
use std::sync::Arc;

use outbox_contract::schema::CompiledSchema;
use uuid::Uuid;

use super::*;
use crate::route::partition;

const PAGE: &str = include_str!("../../../outbox-sdk/contract/RECORD.md");

const SCHEMA: &str = r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
    {"name": "order_id", "type": "string"},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "note", "type": ["null", "string"], "default": null}]}"#;

/// 2026-11-21T10:20:30.123456Z.
const OCCURRED_AT: i64 = 1_795_256_430_123_456;

fn event() -> Event<'static> {
    Event {
        id: Uuid::parse_str("01a1fee4-4095-7c0e-b494-f45fd8686f01").unwrap(),
        aggregate_type: "order",
        aggregate_id: "42",
        event_type: "shop.OrderPlaced",
        schema_ref: Some("v1"),
        key: None,
        correlation_id: "checkout-7",
        causation_id: None,
        payload: Some(r#"{"total": "12.30", "order_id": "42"}"#),
        headers: r#"{"tenant": "acme"}"#,
        occurred_at: OCCURRED_AT,
    }
}

/// The record as the page shows it.
fn shown(event: &Event<'_>, now_micros: i64) -> String {
    let compiled = CompiledSchema::compile(SCHEMA, &[]).unwrap();
    let schema = RegisteredSchema {
        id: 7,
        version: 1,
        fingerprint: compiled.fingerprint(),
        compiled,
    };
    let position = Position {
        commit_lsn: Lsn::new(0x16_B374_D848),
        ordinal: 3,
    };
    let route = Arc::new(Route {
        topic: "order".into(),
        subject: "shop.OrderPlaced".into(),
    });
    let (mut arena, partition) = (Arena::default(), partition(key(event), 6));
    let record = Encoder::new("orders", 1, RecordTimestamp::OccurredAt)
        .encode(
            event,
            position,
            &route,
            partition,
            Some(&schema),
            now_micros,
            &mut arena,
        )
        .unwrap();
    let mut text = format!(
        "partition {} of 6\ntimestamp {}\nkey       {}\nvalue     {}\n",
        record.partition,
        record.timestamp_millis,
        String::from_utf8_lossy(arena.get(record.key)),
        record
            .value
            .map_or("null".to_owned(), |value| hex(arena.get(value))),
    );
    for (name, value) in Headers(arena.get(record.headers)) {
        writeln!(text, "header    {name}: {}", String::from_utf8_lossy(value)).unwrap();
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn assert_on_the_page(record: &str) {
    assert!(PAGE.contains(record), "RECORD.md lacks:\n{record}");
}

#[test]
fn an_ordinary_event_is_the_record_on_the_page() {
    assert_on_the_page(&shown(&event(), OCCURRED_AT + 5_000));
}

#[test]
fn a_late_tombstone_with_a_key_of_its_own_is_the_record_on_the_page() {
    let event = Event {
        key: Some("customer-9"),
        causation_id: Some("01a1fee4-0000-7000-8000-000000000001"),
        payload: None,
        ..event()
    };
    assert_on_the_page(&shown(&event, OCCURRED_AT + 2 * 3_600 * 1_000_000));
}
