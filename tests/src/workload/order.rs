//! The event that the writers write, and its contract.

use std::borrow::Cow;

use anyhow::Result;
use outbox_sdk::{Event, EventSchema};
use postrider::local::Registry;
use rand::Rng;
use rand::rngs::StdRng;
use serde::Serialize;
use uuid::Uuid;

use crate::stack::register;

/// The aggregate type of the events, to be given to `Scenario::create_topic`.
pub const AGGREGATE_TYPE: &str = "order";

/// The contract of the events.
pub const EVENT_TYPE: &str = "shop.OrderChanged";

/// The field of the payload that an aggregate's events count.
pub const ORDER_FIELD: &str = "version";

/// Its schema: every kind of value that an ordinary contract has.
pub const SCHEMA: &str = r#"{"type": "record", "name": "shop.OrderChanged", "fields": [
    {"name": "order_id", "type": "string"},
    {"name": "version", "type": "long"},
    {"name": "request", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PLACED", "PAID"]}},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "quantities", "type": {"type": "array", "items": "int"}},
    {"name": "weight", "type": "double"}]}"#;

/// Registers the contract.
///
/// # Errors
///
/// The registry refused.
pub async fn register_contract(registry: &Registry) -> Result<()> {
    register(registry, EVENT_TYPE, SCHEMA).await
}

/// An order has a new version.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OrderChanged {
    pub(super) order_id: String,
    pub(super) version: i64,
    pub(super) request: Uuid,
    pub(super) total: String,
    pub(super) day: String,
    pub(super) at: String,
    pub(super) status: &'static str,
    pub(super) note: Option<String>,
    pub(super) quantities: Vec<i32>,
    pub(super) weight: f64,
}

impl OrderChanged {
    /// A version of an order whose other fields are left to chance.
    pub(super) fn random(order_id: String, version: i64, rng: &mut StdRng) -> Self {
        Self {
            order_id,
            version,
            request: Uuid::from_u128(rng.random()),
            total: format!(
                "{}.{:02}",
                rng.random_range(-9999..9999),
                rng.random_range(0..100)
            ),
            day: format!(
                "2026-{:02}-{:02}",
                rng.random_range(1..13),
                rng.random_range(1..29)
            ),
            at: format!("2026-11-21T10:20:30.{:06}Z", rng.random_range(0..1_000_000)),
            status: if rng.random_bool(0.5) {
                "PLACED"
            } else {
                "PAID"
            },
            note: rng
                .random_bool(0.3)
                .then(|| "leave it \"there\" \u{e4}\u{1f4e6}".repeat(rng.random_range(1..9))),
            quantities: (0..rng.random_range(0..5)).map(|_| rng.random()).collect(),
            weight: rng.random(),
        }
    }
}

impl Event for OrderChanged {
    const EVENT_TYPE: &'static str = EVENT_TYPE;
    const AGGREGATE_TYPE: &'static str = AGGREGATE_TYPE;

    fn schema() -> &'static EventSchema {
        static CONTRACT: EventSchema = EventSchema::new(SCHEMA);
        &CONTRACT
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        self.order_id.as_str().into()
    }
}
