use std::collections::HashMap;
use std::time::Duration;

use outbox_sdk::{AvroType, Event};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct Line {
    count: i32,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
#[event(partition_key = customer_id)]
struct OrderPlaced {
    order_id: Id,
    customer_id: Id,
    lines: Vec<Line>,
    waited: Duration,
    counts: HashMap<Uuid, i64>,
    #[event(decimal(precision = 12, scale = 2))]
    total: f64,
}

#[derive(AvroType, Serialize)]
struct Id(i64);

fn main() {}
