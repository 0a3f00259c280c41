use outbox_sdk::{AvroType, Event};
use serde::Serialize;

#[derive(Event, Serialize)]
struct WithoutAttributes {
    order_id: i64,
    customer_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order)]
#[event(partition_key = custommer_id)]
struct WrongKey {
    order_id: i64,
    customer_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = "order_id")]
struct QuotedKey {
    order_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OptionalKey {
    order_id: Option<i64>,
}

#[derive(Event, Serialize)]
#[event(type = "shop.order-placed", aggregate = "the order", key = order_id)]
struct WrongNames {
    order_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "postrider.OrderPlaced", aggregate = "order", key = order_id)]
struct ReservedName {
    order_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id, topic = "orders")]
struct UnknownAttribute {
    order_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct Twice {
    order_id: i64,
}

#[derive(AvroType, Serialize)]
#[event(key = order_id)]
struct NoEvent {
    order_id: i64,
}

#[derive(AvroType, Serialize)]
struct Fields {
    #[event(decimal(precision = 12))]
    without_scale: String,
    #[event(decimal(precision = 2, scale = 12))]
    scale_too_large: String,
    #[event(decimal(precision = 0, scale = 0))]
    without_digits: String,
    #[event(decimal(precision = 2, scale = 0), avro = "string")]
    two_types: String,
    #[event(avro = "timestamp")]
    unknown_type: String,
    #[event(avro = r#"{"type": "array"}"#)]
    no_schema: String,
    #[event(default = Currency::Eur)]
    no_json: String,
    #[event(default)]
    without_default: String,
    #[event(alias = "old")]
    unknown: String,
}

fn main() {}
