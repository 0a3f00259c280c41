//! The demo's domain: orders that are placed, paid and shipped, each step an event.

use chrono::{DateTime, Utc};
use outbox_sdk::{AvroType, EmitError, Event, EventId, InTransaction, emit};
use rand::Rng;
use rand::rngs::StdRng;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

/// The aggregate type, and so the topic.
pub(super) const AGGREGATE_TYPE: &str = OrderPlaced::AGGREGATE_TYPE;

/// Every event of an order carries its version, which grows by one: so the oracle sees a gap, and
/// the order of commits.
pub(super) const ORDER_FIELD: &str = "version";

/// Orders that a writer works on at the same time.
const OPEN_MAX: usize = 20;

/// An order was placed.
#[derive(Debug, Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
pub(super) struct OrderPlaced {
    order_id: Uuid,
    version: i64,
    customer: String,
    #[event(decimal(precision = 12, scale = 2))]
    total: Decimal,
    lines: Vec<Line>,
    placed_at: DateTime<Utc>,
}

#[derive(Debug, AvroType, Serialize)]
#[event(type = "shop.Line")]
struct Line {
    sku: String,
    quantity: i32,
}

/// It was paid.
#[derive(Debug, Event, Serialize)]
#[event(type = "shop.OrderPaid", aggregate = "order", key = order_id)]
pub(super) struct OrderPaid {
    order_id: Uuid,
    version: i64,
    #[event(decimal(precision = 12, scale = 2))]
    amount: Decimal,
    method: Method,
}

#[derive(Debug, AvroType, Serialize)]
#[event(type = "shop.Method")]
enum Method {
    Card,
    Invoice,
}

/// It left the house.
#[derive(Debug, Event, Serialize)]
#[event(type = "shop.OrderShipped", aggregate = "order", key = order_id)]
pub(super) struct OrderShipped {
    order_id: Uuid,
    version: i64,
    parcels: i32,
    note: Option<String>,
}

/// Event types with their schemas, to be registered.
pub(super) fn contracts() -> [(&'static str, &'static str); 3] {
    [
        (OrderPlaced::EVENT_TYPE, OrderPlaced::schema().json()),
        (OrderPaid::EVENT_TYPE, OrderPaid::schema().json()),
        (OrderShipped::EVENT_TYPE, OrderShipped::schema().json()),
    ]
}

/// What happened to an order.
#[derive(Debug)]
pub(super) enum Step {
    Placed(OrderPlaced),
    Paid(OrderPaid),
    Shipped(OrderShipped),
}

impl Step {
    /// The order.
    pub(super) fn order_id(&self) -> Uuid {
        match self {
            Self::Placed(event) => event.order_id,
            Self::Paid(event) => event.order_id,
            Self::Shipped(event) => event.order_id,
        }
    }

    /// The order's state after it.
    pub(super) fn state(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Paid(_) => "paid",
            Self::Shipped(_) => "shipped",
        }
    }

    /// Writes its event.
    pub(super) async fn emit<T: InTransaction>(&self, tx: &mut T) -> Result<EventId, EmitError> {
        match self {
            Self::Placed(event) => emit(tx, event).await,
            Self::Paid(event) => emit(tx, event).await,
            Self::Shipped(event) => emit(tx, event).await,
        }
    }
}

#[derive(Debug, Clone)]
struct Order {
    id: Uuid,
    version: i64,
    cents: u32,
}

/// The orders that one writer works on. A copy of it is the writer's view inside a transaction,
/// and is thrown away with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    open: Vec<Order>,
}

impl Orders {
    /// The next thing that happens: a new order, or the next step of one.
    pub(super) fn next(&mut self, chance: &mut StdRng) -> Step {
        if self.open.is_empty() || (self.open.len() < OPEN_MAX && chance.random_bool(0.4)) {
            return self.place(chance);
        }
        let at = chance.random_range(0..self.open.len());
        let order = &mut self.open[at];
        order.version += 1;
        let (order_id, version) = (order.id, order.version);
        if version == 2 {
            return Step::Paid(OrderPaid {
                order_id,
                version,
                amount: money(order.cents),
                method: if chance.random() {
                    Method::Card
                } else {
                    Method::Invoice
                },
            });
        }
        self.open.swap_remove(at);
        Step::Shipped(OrderShipped {
            order_id,
            version,
            parcels: chance.random_range(1..4),
            note: chance.random_bool(0.2).then(|| "fragile".to_owned()),
        })
    }

    fn place(&mut self, chance: &mut StdRng) -> Step {
        let order = Order {
            id: Uuid::from_u128(chance.random()),
            version: 1,
            cents: chance.random_range(100..1_000_000),
        };
        let line = |chance: &mut StdRng| Line {
            sku: format!("SKU-{:05}", chance.random_range(0..100_000)),
            quantity: chance.random_range(1..10),
        };
        let placed = OrderPlaced {
            order_id: order.id,
            version: order.version,
            customer: format!("customer {}", chance.random_range(1..5_000)),
            total: money(order.cents),
            lines: (0..chance.random_range(1..4))
                .map(|_| line(chance))
                .collect(),
            placed_at: Utc::now(),
        };
        self.open.push(order);
        Step::Placed(placed)
    }
}

fn money(cents: u32) -> Decimal {
    Decimal::new(cents.into(), 2)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_schema_is_one() {
        for schema in [
            OrderPlaced::schema(),
            OrderPaid::schema(),
            OrderShipped::schema(),
        ] {
            schema.compiled().unwrap();
        }
    }

    #[test]
    fn an_order_is_placed_then_paid_then_shipped() {
        let mut chance = StdRng::seed_from_u64(1);
        let mut orders = Orders::default();
        let mut states: HashMap<Uuid, Vec<&str>> = HashMap::new();
        for _ in 0..1_000 {
            let step = orders.next(&mut chance);
            states
                .entry(step.order_id())
                .or_default()
                .push(step.state());
        }
        let life = ["placed", "paid", "shipped"];
        assert!(states.values().all(|seen| life.starts_with(seen)));
        assert!(states.values().any(|seen| seen.len() == 3));
    }
}
