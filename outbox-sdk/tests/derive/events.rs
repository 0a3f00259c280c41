//! What an event says about itself.

use outbox_sdk::Event;
use serde::Serialize;
use uuid::Uuid;

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
}

#[derive(Event, Serialize)]
#[event(type = "shop.LinePicked", aggregate = "order", key = r#type)]
#[event(partition_key = shelf, private)]
struct LinePicked<'a> {
    r#type: &'a str,
    #[serde(skip)]
    shelf: Uuid,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderMoved", aggregate = "order", key = order_id, partition_key = tenant)]
struct OrderMoved {
    order_id: String,
    tenant: Option<u16>,
}

#[test]
fn the_attributes_are_the_constants() {
    assert_eq!(OrderPlaced::EVENT_TYPE, "shop.OrderPlaced");
    assert_eq!(OrderPlaced::AGGREGATE_TYPE, "order");
    const { assert!(OrderPlaced::PUBLIC && !LinePicked::PUBLIC) };
}

#[test]
fn the_key_field_is_the_aggregate_id_and_by_itself_no_other_key() {
    let event = OrderPlaced { order_id: 42 };
    assert_eq!(event.aggregate_id(), "42");
    assert_eq!(event.key(), None);
}

#[test]
fn the_partition_key_field_is_the_key() {
    let event = LinePicked {
        r#type: "book",
        shelf: Uuid::nil(),
    };
    assert_eq!(event.aggregate_id(), "book");
    assert_eq!(
        event.key().as_deref(),
        Some("00000000-0000-0000-0000-000000000000")
    );
}

#[test]
fn a_partition_key_that_is_none_leaves_the_aggregate_id() {
    let moved = |tenant| OrderMoved {
        order_id: "7".to_owned(),
        tenant,
    };
    assert_eq!(moved(None).key(), None);
    assert_eq!(moved(Some(3)).key().as_deref(), Some("3"));
}

#[test]
fn the_schema_is_built_once() {
    assert!(std::ptr::eq(OrderPlaced::schema(), OrderPlaced::schema()));
    assert!(std::ptr::eq(
        OrderPlaced::schema().json(),
        OrderPlaced::schema().json()
    ));
}

#[test]
fn the_sdk_may_be_found_under_another_path() {
    mod shop {
        pub(super) use outbox_sdk as outbox;
    }

    #[derive(Event, Serialize)]
    #[event(type = "Closed", aggregate = "shop", key = shop, crate = shop::outbox)]
    struct Closed {
        shop: u16,
    }

    assert_eq!(Closed { shop: 1 }.aggregate_id(), "1");
    assert_eq!(
        Closed::schema().compiled().expect("a schema").name(),
        Some("Closed")
    );
}
