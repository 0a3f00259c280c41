//! Contracts as files.

use std::fs;
use std::io::ErrorKind;

use chrono::{DateTime, Utc};
use outbox_sdk::{AvroType, Event, contracts};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "tests/derive/contracts/shop.OrderPaid/1.avsc")]
struct OrderPaid {
    order_id: Uuid,
    total: Decimal,
    #[serde(rename = "paidAt")]
    paid_at: DateTime<Utc>,
    lines: Vec<Line>,
}

#[derive(AvroType, Serialize)]
struct Line {
    count: i32,
}

#[test]
fn a_schema_file_is_the_schema() {
    let schema = OrderPaid::schema().compiled().expect("a schema");
    assert_eq!(schema.name(), Some("com.example.OrderPaid"));
    assert!(OrderPaid::schema().json().contains("paidAt"));
    contracts::check::<OrderPaid>().expect("it keeps its schema");
}

#[test]
fn what_the_compiler_cannot_see_the_check_tells() {
    #[derive(AvroType, Serialize)]
    struct LongLine {
        count: i64,
        price: Option<f32>,
    }

    #[derive(Event, Serialize)]
    #[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
    #[event(schema = "tests/derive/contracts/shop.OrderPaid/1.avsc")]
    struct OrderPaid {
        order_id: Uuid,
        #[event(decimal(precision = 12, scale = 3))]
        total: Decimal,
        #[serde(rename = "paidAt")]
        paid_at: DateTime<Utc>,
        lines: Vec<LongLine>,
    }

    let error = contracts::check::<OrderPaid>().expect_err("it does not keep its schema");
    insta::assert_snapshot!(error);
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
}

/// The same with a field more.
mod next {
    #[derive(outbox_sdk::Event, serde::Serialize)]
    #[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
    pub(super) struct OrderPlaced {
        order_id: i64,
        note: Option<String>,
    }
}

#[test]
fn a_contract_is_written_once_and_never_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = contracts::write::<OrderPlaced>(dir.path(), 1).expect("it is written");
    assert_eq!(path, dir.path().join("shop.OrderPlaced/1.avsc"));
    let text = fs::read_to_string(&path).expect("it is there");
    assert_eq!(text.trim_end(), OrderPlaced::schema().json());

    // The same in another form is left as it is.
    let compact = text.replace(['\n', ' '], "");
    fs::write(&path, &compact).expect("it is written");
    contracts::write::<OrderPlaced>(dir.path(), 1).expect("it is the same");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), compact);

    let error = contracts::write::<next::OrderPlaced>(dir.path(), 1).expect_err("it differs");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("write the next one"), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), compact);
    contracts::write::<next::OrderPlaced>(dir.path(), 2).expect("a version of its own");
}
