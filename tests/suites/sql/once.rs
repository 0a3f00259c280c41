//! SDK-08: one event for each business key, whoever repeats it and when.

use std::time::Duration;

use e2e::{Observed, wait_until};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::{TestDatabase, database, one, refusal};

const EMIT_ONCE: &str = "select outbox.emit_once(business_key => $1, event_type => 'x', \
     aggregate_type => 'a', aggregate_id => '1', payload => '{}')";

async fn emit_once(transaction: &Transaction<'_>, key: &str) -> Uuid {
    let row = transaction.query_one(EMIT_ONCE, &[&key]).await;
    row.expect("emitted").get(0)
}

async fn events(database: &TestDatabase) -> Vec<Uuid> {
    let client = database.superuser().await;
    let rows = client.query("select id from outbox.event order by seq", &[]);
    let rows = rows.await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Waits until somebody waits for another transaction in this database.
async fn somebody_waits(observer: &Client) {
    let query = "select count(*) from pg_stat_activity \
         where datname = current_database() and wait_event = 'transactionid'";
    wait_until(
        "a transaction waits for another",
        Duration::from_secs(30),
        async || match one(observer, query).await.get::<_, i64>(0) {
            1 => Observed::Reached(()),
            waiting => Observed::NotYet(waiting),
        },
    )
    .await;
}

#[tokio::test]
async fn a_second_call_writes_nothing_and_returns_the_first_id() {
    let database = database().await;
    let mut emitter = database.role("outbox_emitter").await;
    let transaction = emitter.transaction().await.expect("begun");
    let first = emit_once(&transaction, "order-42").await;
    assert_eq!(emit_once(&transaction, "order-42").await, first, "at once");
    transaction.commit().await.expect("committed");
    let transaction = emitter.transaction().await.expect("begun");
    assert_eq!(emit_once(&transaction, "order-42").await, first, "later");
    let other = emit_once(&transaction, "order-43").await;
    transaction.commit().await.expect("committed");
    assert_eq!(events(&database).await, [first, other]);
}

#[tokio::test]
async fn a_key_that_was_rolled_back_is_free() {
    let database = database().await;
    let mut emitter = database.role("outbox_emitter").await;
    let transaction = emitter.transaction().await.expect("begun");
    let lost = emit_once(&transaction, "order-42").await;
    transaction.rollback().await.expect("rolled back");
    let transaction = emitter.transaction().await.expect("begun");
    let kept = emit_once(&transaction, "order-42").await;
    transaction.commit().await.expect("committed");
    assert_ne!(kept, lost);
    assert_eq!(events(&database).await, [kept]);
}

/// The second of two transactions begins its call while the first is open; returns what both got.
async fn race(database: &TestDatabase, commits: bool) -> (Uuid, Uuid) {
    let (mut first, mut second) = (
        database.role("outbox_emitter").await,
        database.role("outbox_emitter").await,
    );
    let observer = database.superuser().await;
    let first = first.transaction().await.expect("begun");
    let second = second.transaction().await.expect("begun");
    let first_id = emit_once(&first, "order-42").await;
    let end_first = async {
        somebody_waits(&observer).await;
        let ended = if commits {
            first.commit().await
        } else {
            first.rollback().await
        };
        ended.expect("ended");
    };
    let (second_id, ()) = tokio::join!(emit_once(&second, "order-42"), end_first);
    second.commit().await.expect("committed");
    (first_id, second_id)
}

#[tokio::test]
async fn a_transaction_that_loses_the_race_gets_the_winners_id() {
    let database = database().await;
    let (first, second) = race(&database, true).await;
    assert_eq!(second, first);
    assert_eq!(events(&database).await, [first]);
}

#[tokio::test]
async fn a_transaction_whose_rival_rolls_back_emits() {
    let database = database().await;
    let (first, second) = race(&database, false).await;
    assert_ne!(second, first);
    assert_eq!(events(&database).await, [second]);
}

#[tokio::test]
async fn every_argument_reaches_the_event_and_a_payload_may_be_of_any_type() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let emit = "select outbox.emit_once(business_key => 'k', event_type => 'x', \
         aggregate_type => 'a', aggregate_id => '1', payload => '{\"a\": 1}', schema_version => 1, \
         key => 'k', correlation_id => 'co', causation_id => 'ca', headers => '{\"h\": \"1\"}', \
         occurred_at => '2026-01-02T03:04:05Z', public => false, \
         id => '01890a5d-ac96-774b-bcce-b302099a8057')";
    one(&emitter, emit).await;
    let query = "select to_jsonb(event) - '{seq,xid,ring}'::text[] from outbox.event";
    let stored: serde_json::Value = one(&database.superuser().await, query).await.get(0);
    let expected = serde_json::json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "aggregate_type": "a",
        "aggregate_id": "1",
        "event_type": "x",
        "schema_ref": "v1",
        "key": "k",
        "correlation_id": "co",
        "causation_id": "ca",
        "payload": {"a": 1},
        "headers": {"h": "1"},
        "occurred_at": "2026-01-02T03:04:05+00:00",
        "public": false,
    });
    assert_eq!(stored, expected);
    for (key, payload) in [
        ("text", "'{}'::text"),
        ("json", "'{}'::json"),
        ("jsonb", "'{}'::jsonb"),
    ] {
        let emit = format!("select outbox.emit_once('{key}', 'x', 'a', '1', {payload})");
        one(&emitter, &emit).await;
    }
    assert_eq!(events(&database).await.len(), 4);
}

#[tokio::test]
async fn a_business_key_outside_the_limits_is_refused_by_name_and_with_a_hint() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    for bad in [String::new(), "k".repeat(1025)] {
        let error = emitter.query_one(EMIT_ONCE, &[&bad]).await;
        let error = error.expect_err("outside the limits");
        let expected = ("23514", Some("once_business_key_size"));
        assert_eq!(refusal(&error), expected, "{error:?}");
        let hint = error.as_db_error().and_then(|error| error.hint());
        assert!(hint.is_some_and(|hint| hint.contains("order-42-placed")));
    }
    let none: Option<&str> = None;
    let error = emitter.query_one(EMIT_ONCE, &[&none]).await;
    assert_eq!(refusal(&error.expect_err("no key")).0, "23502");
    for good in ["k".to_owned(), "k".repeat(1024)] {
        emitter
            .query_one(EMIT_ONCE, &[&good])
            .await
            .expect("emitted");
    }
}

#[tokio::test]
async fn an_event_that_is_refused_leaves_its_key_free() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let misnamed = "select outbox.emit_once('k', 'no name', 'a', '1', '{}')";
    let error = emitter.batch_execute(misnamed).await;
    assert_eq!(
        refusal(&error.expect_err("refused")).1,
        Some("event_type_name")
    );
    emitter
        .query_one(EMIT_ONCE, &[&"k"])
        .await
        .expect("emitted");
    assert_eq!(events(&database).await.len(), 1);
}

#[tokio::test]
async fn old_keys_are_forgotten_oldest_first_and_may_then_emit_again() {
    let database = database().await;
    let old = "insert into outbox.once select 'old-' || day, outbox.uuid_v7(), \
         now() - day * interval '1 day' from generate_series(1, 5) as day";
    let owner = database.owner().await;
    owner.batch_execute(old).await.expect("inserted");
    let retention = database.role("outbox_retention").await;
    let forget = async |arguments: &str| {
        let forget = format!("select outbox.forget_business_keys({arguments})");
        one(&retention, &forget).await.get::<_, i32>(0)
    };
    assert_eq!(forget("'7 days'").await, 0);
    assert_eq!(forget("'36 hours', 3").await, 3);
    let left = "select string_agg(business_key, ' ' order by business_key) from outbox.once";
    let left: String = one(&owner, left).await.get(0);
    assert_eq!(left, "old-1 old-2");
    assert_eq!(forget("'36 hours'").await, 1);

    let emitter = database.role("outbox_emitter").await;
    for key in ["old-1", "old-2"] {
        emitter
            .query_one(EMIT_ONCE, &[&key])
            .await
            .expect("emitted");
    }
    assert_eq!(
        events(&database).await.len(),
        1,
        "of the forgotten key alone"
    );
    for bad in ["null", "'-1 day'", "'1 day', 0"] {
        let forget = format!("select outbox.forget_business_keys({bad})");
        let error = retention.batch_execute(&forget).await.expect_err(bad);
        assert_eq!(refusal(&error).0, "22023", "{bad}");
    }
}
