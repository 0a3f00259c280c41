use outbox_sdk::{AvroType, Event};
use serde::Serialize;

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
enum OrderEvent {
    Placed,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced(i64);

#[derive(Event, Serialize)]
#[event(type = "shop.Changed", aggregate = "order", key = order_id)]
struct Changed<T> {
    order_id: T,
}

#[derive(AvroType, Serialize)]
struct Page<T, const N: usize> {
    items: Vec<T>,
}

#[derive(AvroType, Serialize)]
struct Pair(i32, i32);

#[derive(AvroType, Serialize)]
struct Unit;

#[derive(AvroType, Serialize)]
enum Payment {
    Cash,
    Card { number: String },
    Voucher(i64),
}

#[derive(AvroType)]
union Either {
    one: i32,
    other: f32,
}

fn main() {}
