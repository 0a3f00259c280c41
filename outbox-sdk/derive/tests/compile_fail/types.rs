use std::borrow::Cow;
use std::collections::HashMap;

use outbox_sdk::AvroType;
use rust_decimal::Decimal;
use serde::Serialize;
use time::{OffsetDateTime, PrimitiveDateTime};

#[derive(AvroType, Serialize)]
struct Numbers {
    large: u64,
    larger: Option<i128>,
    size: Vec<usize>,
    total: Decimal,
    by_name: HashMap<String, Box<Option<Decimal>>>,
}

#[derive(AvroType, Serialize)]
struct Times {
    at: OffsetDateTime,
    maybe_at: Option<OffsetDateTime>,
    all: Vec<OffsetDateTime>,
    local: PrimitiveDateTime,
    date: time::Date,
}

#[derive(AvroType, Serialize)]
struct Others<'a> {
    bytes: Vec<u8>,
    hash: Option<[u8; 4]>,
    slice: &'a [u8],
    cow: Cow<'a, [u8]>,
    pair: (i32, String),
    json: serde_json::Value,
    note: Option<Option<String>>,
}

fn main() {}
