use chrono::NaiveDate;
use outbox_sdk::{AvroType, Event};
use serde::Serialize;

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
#[event(schema = "contracts/order_paid.avsc")]
struct OrderPaid {
    order_id: String,
    paid_at: NaiveDate,
    lines: Option<Vec<String>>,
}

type Note = Option<String>;

#[derive(AvroType, Serialize)]
struct Optional {
    note: Option<Note>,
}

fn main() {}
