use chrono::{DateTime, Utc};
use outbox_sdk::Event;
use serde::Serialize;
use uuid::Uuid;

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "contracts/order_payed.avsc")]
struct NoFile {
    order_id: Uuid,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "contracts/no_fields.avsc")]
struct NoSchema {
    order_id: Uuid,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "contracts/no_record.avsc")]
struct NoRecord {
    order_id: Uuid,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "contracts/order_paid.avsc")]
struct OrderPaid {
    order_id: Uuid,
    #[serde(rename = "paidAt")]
    paid_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
    #[event(default = "none")]
    note: String,
}

fn main() {}
