//! SDK-09: the test double takes what a transaction takes, and refuses what it refuses.

#![cfg(feature = "testing")]

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use outbox_sdk::testing::Recorder;
use outbox_sdk::{
    Connection, Context, EmitError, EmitOptions, Event, EventId, EventSchema, InTransaction,
    context, emit, emit_all, emit_once, emit_with,
};

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Placed {
    order_id: i64,
    total: String,
}

impl Event for Placed {
    const EVENT_TYPE: &'static str = "shop.OrderPlaced";
    const AGGREGATE_TYPE: &'static str = "order";

    fn schema() -> &'static EventSchema {
        static SCHEMA: EventSchema = EventSchema::new(
            r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
                {"name": "order_id", "type": "long"},
                {"name": "total", "type": {"type": "bytes", "logicalType": "decimal",
                    "precision": 12, "scale": 2}}]}"#,
        );
        &SCHEMA
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        self.order_id.to_string().into()
    }
}

fn order(order_id: i64, total: &str) -> Placed {
    Placed {
        order_id,
        total: total.to_owned(),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_emitted_is_recorded_as_its_row_would_be() {
    let mut tx = Recorder::new();
    let request = Context::new()
        .with_correlation_id("request-7")
        .with_header("tenant", "acme");
    let happened = UNIX_EPOCH - Duration::from_micros(3);
    let options = EmitOptions::new()
        .with_key("customer-9")
        .with_occurred_at(happened);
    let id = context::scope(request, emit_with(&mut tx, &order(42, "12.30"), options))
        .await
        .unwrap();
    let [event] = tx.recorded().events()[..] else {
        panic!("one event");
    };
    assert_eq!(event.id, id);
    assert_eq!(event.aggregate_type, "order");
    assert_eq!(event.aggregate_id, "42");
    assert_eq!(event.kafka_key(), "customer-9");
    assert_eq!(event.correlation_id, "request-7");
    assert_eq!(event.headers["tenant"], "acme");
    assert_eq!(event.payload["total"], "12.30");
    assert_eq!(event.occurred_at, Some(happened));
    assert!(event.schema_ref.starts_with("sha256:") && event.is_public);
}

#[tokio::test(flavor = "current_thread")]
async fn events_are_found_by_type_key_header_and_payload_and_read_back() {
    let mut tx = Recorder::new();
    let orders = [order(1, "1"), order(2, "2.50")];
    emit_all(&mut tx, &orders).await.unwrap();
    let options = EmitOptions::new().with_header("tenant", "acme");
    emit_with(&mut tx, &order(1, "3"), options).await.unwrap();

    let recorded = tx.recorded();
    let all = recorded.of::<Placed>();
    assert_eq!(all, [order(1, "1"), order(2, "2.50"), order(1, "3")]);
    recorded.assert_count(3);
    recorded.with_type("shop.OrderPlaced").assert_count(3);
    recorded.with_type("shop.OrderCancelled").assert_count(0);
    recorded.with_key("1").assert_count(2);
    recorded.with_header("tenant", "acme").assert_count(1);
    recorded.with_header("tenant", "other").assert_count(0);
    recorded.with_payload(&order(2, "2.50")).assert_count(1);
    let acme = recorded.with_key("1").with_header("tenant", "acme");
    assert_eq!(acme.of::<Placed>(), [order(1, "3")]);
    let id = acme.events()[0].id.to_string();
    recorded.with_correlation_id(&id).assert_count(1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_business_key_is_recorded_once() {
    let mut tx = Recorder::new();
    let first = emit_once(&mut tx, "order-42", &order(42, "1"))
        .await
        .unwrap();
    let again = emit_once(&mut tx, "order-42", &order(42, "2"))
        .await
        .unwrap();
    let other = emit_once(&mut tx, "order-43", &order(43, "3"))
        .await
        .unwrap();
    assert_eq!(first, again);
    let ids: Vec<EventId> = tx
        .recorded()
        .events()
        .iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(ids, [first, other]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_real_call_refuses_is_refused_and_not_recorded() {
    let mut tx = Recorder::new();
    let misfit = order(42, "0.001");
    let error = emit(&mut tx, &misfit).await.unwrap_err();
    assert!(matches!(error, EmitError::Payload { .. }), "{error:?}");
    let error = emit_all(&mut tx, [order(1, "1"), misfit])
        .await
        .unwrap_err();
    assert!(
        matches!(error, EmitError::OfBatch { index: 1, .. }),
        "{error:?}"
    );
    let good = order(42, "1");
    for key in ["", &"k".repeat(1025)] {
        let error = emit_once(&mut tx, key, &good).await.unwrap_err();
        assert!(matches!(error, EmitError::Limit { .. }), "{error:?}");
    }
    for options in [
        EmitOptions::new().with_key(""),
        EmitOptions::new().with_correlation_id(""),
        EmitOptions::new().with_causation_id("c".repeat(1025)),
        EmitOptions::new().with_header("id", "a consumer trusts it"),
        EmitOptions::new().with_occurred_at(UNIX_EPOCH + Duration::from_hours(24 * 366 * 9000)),
    ] {
        let error = emit_with(&mut tx, &good, options).await.unwrap_err();
        assert!(matches!(error, EmitError::Limit { .. }), "{error:?}");
    }
    tx.recorded().assert_count(0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_unit_of_work_can_hold_it() {
    struct UnitOfWork {
        recorder: Recorder,
    }
    impl InTransaction for UnitOfWork {
        fn connection(&mut self) -> Connection<'_> {
            Connection::from(&mut self.recorder)
        }
    }
    let recorder = Recorder::new();
    let mut work = UnitOfWork { recorder };
    emit(&mut work, &order(42, "1")).await.unwrap();
    work.recorder.recorded().assert_count(1);
}

#[tokio::test(flavor = "current_thread")]
#[should_panic(expected = r#"expected 1 events of type "shop.Other", key "1", found 0"#)]
async fn a_failed_assertion_says_what_was_asked_for() {
    let mut tx = Recorder::new();
    emit(&mut tx, &order(1, "1")).await.unwrap();
    let recorded = tx.recorded();
    recorded
        .with_type("shop.Other")
        .with_key("1")
        .assert_count(1);
}

/// SDK-05, through the call itself.
#[cfg(feature = "opentelemetry")]
#[tokio::test(flavor = "current_thread")]
async fn an_event_carries_the_current_span_unless_its_options_say_otherwise() {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };
    let span = SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        SpanId::from(0xb7ad_6b71_6920_3331),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let current = opentelemetry::Context::new().with_remote_span_context(span);
    let _attached = current.attach();
    let mut tx = Recorder::new();
    emit(&mut tx, &order(1, "1")).await.unwrap();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let recorded = tx.recorded();
    recorded
        .with_header("traceparent", traceparent)
        .assert_count(1);

    let options = EmitOptions::new().with_header("traceparent", "own");
    emit_with(&mut tx, &order(2, "1"), options).await.unwrap();
    let recorded = tx.recorded();
    recorded.with_header("traceparent", "own").assert_count(1);
}
