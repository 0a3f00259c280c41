//! EVT-01, 04, 06 and 09: what an insert, `emit` and `canary` store.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{database, one};

#[tokio::test]
async fn an_insert_of_what_happened_gets_every_default() {
    let database = database().await;
    let insert = "insert into outbox.event (aggregate_type, aggregate_id, event_type) \
         values ('order', '42', 'shop.OrderPlaced')";
    database
        .role("outbox_app")
        .await
        .batch_execute(insert)
        .await
        .expect("inserted");
    let query = "select id, correlation_id, headers::text, public, \
         abs(extract(epoch from now() - occurred_at)) < 60, xid < pg_snapshot_xmax(pg_current_snapshot()), \
         ring between 0 and 7, seq = 1, num_nulls(schema_ref, key, causation_id, payload) = 4 \
         from outbox.event";
    let row = one(&database.superuser().await, query).await;
    let id: Uuid = row.get(0);
    assert_eq!(
        row.get::<_, String>(1),
        id.to_string(),
        "the correlation id is the event id"
    );
    assert_eq!(row.get::<_, String>(2), "{}");
    for (column, what) in (3..).zip(["public", "occurred now", "xid", "ring", "seq", "nulls"]) {
        assert!(row.get::<_, bool>(column), "{what}");
    }
}

#[tokio::test]
async fn a_generated_id_is_a_version_7_uuid_of_this_millisecond() {
    let database = database().await;
    let query = "select outbox.uuid_v7(), (extract(epoch from clock_timestamp()) * 1000)::bigint \
         from generate_series(1, 1000)";
    let rows = database
        .superuser()
        .await
        .query(query, &[])
        .await
        .expect("generated");
    let mut ids = std::collections::HashSet::new();
    for row in rows {
        let id: Uuid = row.get(0);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let (seconds, nanoseconds) = id.get_timestamp().expect("version 7 has a time").to_unix();
        let milliseconds =
            i64::try_from(seconds).expect("after 1970") * 1000 + i64::from(nanoseconds / 1_000_000);
        assert!((row.get::<_, i64>(1) - milliseconds).abs() <= 10, "{id}");
        assert!(ids.insert(id), "{id} twice");
    }
}

#[tokio::test]
async fn emit_stores_every_argument_and_returns_the_id() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let emit = "select outbox.emit( \
         event_type => 'shop.OrderPlaced', aggregate_type => 'order', aggregate_id => '42', \
         payload => '{\"order_id\": \"42\"}', schema_version => 1, key => 'k', correlation_id => 'co', \
         causation_id => 'ca', headers => '{\"traceparent\": \"00-1\", \"reply-to\": \"replies\"}', \
         occurred_at => '2026-01-02T03:04:05Z', public => false, \
         id => '01890a5d-ac96-774b-bcce-b302099a8057')";
    let id: Uuid = one(&emitter, emit).await.get(0);
    assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
    let query = "select to_jsonb(event) - '{seq,xid,ring}'::text[] from outbox.event";
    let stored: serde_json::Value = one(&database.superuser().await, query).await.get(0);
    let expected = serde_json::json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "aggregate_type": "order",
        "aggregate_id": "42",
        "event_type": "shop.OrderPlaced",
        "schema_ref": "v1",
        "key": "k",
        "correlation_id": "co",
        "causation_id": "ca",
        "payload": {"order_id": "42"},
        "headers": {"traceparent": "00-1", "reply-to": "replies"},
        "occurred_at": "2026-01-02T03:04:05+00:00",
        "public": false,
    });
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn emit_with_nulls_does_as_without_the_arguments() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let emit = "select outbox.emit(event_type => 'x', aggregate_type => 'a', aggregate_id => '1', \
         payload => null, schema_version => null, key => null, correlation_id => null, \
         causation_id => null, headers => null, occurred_at => null, public => null, id => null)";
    let id: Uuid = one(&emitter, emit).await.get(0);
    let query = "select correlation_id, headers::text, public, payload is null from outbox.event";
    let row = one(&database.superuser().await, query).await;
    assert_eq!(row.get::<_, String>(0), id.to_string());
    assert_eq!(row.get::<_, String>(1), "{}");
    assert!(row.get::<_, bool>(2) && row.get::<_, bool>(3));

    let error = emitter
        .batch_execute("select outbox.emit(null, 'a', '1', '{}')")
        .await;
    let error = error.expect_err("an event has a type");
    assert_eq!(super::refusal(&error).0, "23502");
}

#[tokio::test]
async fn a_payload_may_be_a_literal_text_json_or_jsonb() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let arguments = "event_type => 'x', aggregate_type => 'a', aggregate_id => '1'";
    let pairs = [
        ("'{\"a\":1}'", None),
        ("'{\"a\":1}'", Some("'{\"h\":\"1\"}'")),
        ("'{\"a\":1}'", Some("json_build_object('h', '1')")),
        ("'{\"a\":1}'", Some("jsonb_build_object('h', '1')")),
        ("'{\"a\":1}'::text", None),
        ("'{\"a\":1}'::varchar", Some("'{\"h\":\"1\"}'::varchar")),
        ("json_build_object('a', 1)", None),
        ("json_build_object('a', 1)", Some("'{\"h\":\"1\"}'")),
        ("jsonb_build_object('a', 1)", Some("'{\"h\":\"1\"}'")),
    ];
    for (payload, headers) in pairs {
        let headers = headers
            .map(|headers| format!(", headers => {headers}"))
            .unwrap_or_default();
        let emit = format!("select outbox.emit({arguments}, payload => {payload}{headers})");
        one(&emitter, &emit).await;
    }

    // A driver that leaves the type to the server sends text; one that knows JSON sends jsonb.
    let emit = format!("select outbox.emit({arguments}, payload => $1, headers => $2)");
    let unknown = emitter.prepare(&emit).await.expect("not ambiguous");
    assert_eq!(unknown.params(), [Type::TEXT, Type::TEXT]);
    emitter
        .query_one(&unknown, &[&"{\"a\":1}", &"{\"h\":\"1\"}"])
        .await
        .expect("emitted");
    for json in [Type::JSON, Type::JSONB] {
        let known = emitter
            .prepare_typed(&emit, &[json.clone(), json])
            .await
            .expect("not ambiguous");
        let (payload, headers) = (serde_json::json!({"a": 1}), serde_json::json!({"h": "1"}));
        emitter
            .query_one(&known, &[&payload, &headers])
            .await
            .expect("emitted");
    }
    let query = "select count(*) from outbox.event where payload->>'a' = '1'";
    let stored: i64 = one(&database.superuser().await, query).await.get(0);
    assert_eq!(stored, 12);
}

#[tokio::test]
async fn a_rolled_back_event_never_was() {
    let database = database().await;
    let mut emitter = database.role("outbox_emitter").await;
    let transaction = emitter.transaction().await.expect("begun");
    transaction
        .batch_execute("select outbox.emit('x', 'a', '1', '{}')")
        .await
        .expect("emitted");
    transaction.rollback().await.expect("rolled back");
    let rows: i64 = one(
        &database.superuser().await,
        "select count(*) from outbox.event",
    )
    .await
    .get(0);
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn emit_takes_no_subtransaction() {
    let database = database().await;
    let mut emitter = database.role("outbox_emitter").await;
    let transaction = emitter.transaction().await.expect("begun");
    transaction
        .batch_execute("select outbox.emit('x', 'a', '1', '{}')")
        .await
        .expect("emitted");
    // With a subtransaction the row itself would bear another transaction id.
    transaction
        .batch_execute("reset session authorization")
        .await
        .expect("superuser again");
    let query =
        "select bool_and(xmin::text = (xid::text::bigint % 4294967296)::text) from outbox.event";
    let row = transaction.query_one(query, &[]).await.expect("read");
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_canary_is_a_public_tombstone_of_its_own_type() {
    let database = database().await;
    let id: Uuid = one(
        &database.role("outbox_relay").await,
        "select outbox.canary()",
    )
    .await
    .get(0);
    let query = "select id, event_type, aggregate_type, correlation_id, public and payload is null \
         from outbox.event";
    let row = one(&database.superuser().await, query).await;
    assert_eq!(row.get::<_, Uuid>(0), id);
    assert_eq!(
        row.get::<_, String>(1),
        outbox_contract::columns::CANARY_EVENT_TYPE
    );
    assert_eq!(row.get::<_, String>(2), "postrider");
    assert_eq!(row.get::<_, String>(3), id.to_string());
    assert!(row.get::<_, bool>(4));
}
