//! SDK-01, 04, 06 and 08: what the library writes, the same through both drivers.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use outbox_sdk::{
    Context, EmitError, EmitOptions, Event, EventId, EventSchema, EventStatement as _,
    InTransaction, context, emit, emit_all, emit_once, emit_with,
};
use sqlx::Connection as _;

use super::{TestDatabase, database, empty_database, one, server};

#[derive(serde::Serialize)]
pub(super) struct Placed {
    pub(super) order_id: i64,
}

impl Event for Placed {
    const EVENT_TYPE: &'static str = "shop.OrderPlaced";
    const AGGREGATE_TYPE: &'static str = "order";

    fn schema() -> &'static EventSchema {
        static SCHEMA: EventSchema = EventSchema::new(
            r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
                {"name": "order_id", "type": "long"}]}"#,
        );
        &SCHEMA
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        self.order_id.to_string().into()
    }
}

pub(super) const ORDER: Placed = Placed { order_id: 42 };

/// A connection of sqlx with the rights of `role`.
async fn sqlx_role(database: &TestDatabase, role: &str) -> sqlx::PgConnection {
    let url = server().await.superuser_url(&database.name);
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    let set = sqlx::AssertSqlSafe(format!("set session authorization {role}"));
    sqlx::raw_sql(set)
        .execute(&mut connection)
        .await
        .expect("a superuser may become any role");
    connection
}

/// Runs `$work` in a transaction of each driver, with the rights of an application, on a database
/// of its own; then `$look` at that database.
macro_rules! through_both_drivers {
    ($work:expr, $look:expr) => {{
        let database_one = database().await;
        let mut client = database_one.role("outbox_app").await;
        let mut tx = client.transaction().await.expect("begun");
        let done = $work(&mut tx).await;
        tx.commit().await.expect("committed");
        $look(&database_one.superuser().await, done).await;

        let database_two = database().await;
        let mut connection = sqlx_role(&database_two, "outbox_app").await;
        let mut tx = connection.begin().await.expect("begun");
        let done = $work(&mut tx).await;
        tx.commit().await.expect("committed");
        $look(&database_two.superuser().await, done).await;
    }};
}

pub(super) async fn stored(client: &tokio_postgres::Client) -> Vec<serde_json::Value> {
    let query = "select to_jsonb(event) - '{seq,xid,ring}'::text[] from outbox.event order by seq";
    let rows = client.query(query, &[]).await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_plain_event_has_its_type_its_schema_and_the_time_of_its_transaction() {
    async fn work(tx: &mut impl InTransaction) -> EventId {
        emit(tx, &ORDER).await.expect("emitted")
    }
    async fn look(client: &tokio_postgres::Client, id: EventId) {
        let rows = stored(client).await;
        let schema = Placed::schema().compiled().expect("a schema");
        let expected = serde_json::json!({
            "id": id.to_string(),
            "aggregate_type": "order",
            "aggregate_id": "42",
            "event_type": "shop.OrderPlaced",
            "schema_ref": schema.fingerprint().to_string(),
            "key": null,
            "correlation_id": id.to_string(),
            "causation_id": null,
            "payload": {"order_id": 42},
            "headers": {},
            "occurred_at": rows[0]["occurred_at"],
            "public": true,
        });
        assert_eq!(rows, [expected]);
        let now = "select abs(extract(epoch from now() - occurred_at)) < 60 from outbox.event";
        assert!(one(client, now).await.get::<_, bool>(0));
    }
    through_both_drivers!(work, look);
}

#[tokio::test]
async fn options_and_context_reach_the_row() {
    async fn work(tx: &mut impl InTransaction) -> EventId {
        let request = Context::new()
            .with_correlation_id("request-7")
            .with_causation_id("click")
            .with_header("tenant", "acme");
        let happened = UNIX_EPOCH + Duration::from_micros(1_767_323_045_123_456);
        let id = EventId::new();
        let options = EmitOptions::new()
            .with_event_id(id)
            .with_key("customer-9")
            .with_causation_id("import")
            .with_header("reply-to", "replies")
            .with_occurred_at(happened);
        let emitted = context::scope(request, emit_with(tx, &ORDER, options)).await;
        assert_eq!(emitted.expect("emitted"), id);
        let before_1970 = UNIX_EPOCH - Duration::from_micros(1);
        let options = EmitOptions::new().with_occurred_at(before_1970);
        emit_with(tx, &ORDER, options).await.expect("emitted");
        id
    }
    async fn look(client: &tokio_postgres::Client, id: EventId) {
        client
            .batch_execute("set timezone = 'UTC'")
            .await
            .expect("set");
        let rows = stored(client).await;
        let row = &rows[0];
        assert_eq!(row["id"], id.to_string());
        assert_eq!(row["key"], "customer-9");
        assert_eq!(row["correlation_id"], "request-7");
        assert_eq!(row["causation_id"], "import");
        let headers = serde_json::json!({"tenant": "acme", "reply-to": "replies"});
        assert_eq!(row["headers"], headers);
        assert_eq!(row["occurred_at"], "2026-01-02T03:04:05.123456+00:00");
        assert_eq!(rows[1]["occurred_at"], "1969-12-31T23:59:59.999999+00:00");
    }
    through_both_drivers!(work, look);
}

#[tokio::test]
async fn many_events_keep_their_order() {
    async fn work(tx: &mut impl InTransaction) -> Vec<EventId> {
        let orders = (0..500).map(|order_id| Placed { order_id });
        emit_all(tx, orders).await.expect("emitted")
    }
    async fn look(client: &tokio_postgres::Client, ids: Vec<EventId>) {
        let rows = stored(client).await;
        assert_eq!(rows.len(), 500);
        for ((row, id), order) in rows.iter().zip(ids).zip(0..) {
            assert_eq!(row["id"], id.to_string());
            assert_eq!(row["correlation_id"], id.to_string());
            assert_eq!(row["payload"]["order_id"], order);
        }
    }
    through_both_drivers!(work, look);
}

#[tokio::test]
async fn a_business_key_is_emitted_once() {
    async fn work(tx: &mut impl InTransaction) -> EventId {
        let first = emit_once(tx, "order-42", &ORDER).await.expect("emitted");
        let again = emit_once(tx, "order-42", &Placed { order_id: 43 }).await;
        assert_eq!(again.expect("emitted before"), first);
        first
    }
    async fn look(client: &tokio_postgres::Client, first: EventId) {
        let rows = stored(client).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["id"], first.to_string());
        assert_eq!(rows[0]["payload"]["order_id"], 42);
        assert_eq!(rows[0]["correlation_id"], first.to_string());
    }
    through_both_drivers!(work, look);
}

#[tokio::test]
async fn another_library_runs_the_statement_and_writes_the_same_row() {
    use tokio_postgres::types::{ToSql, Type};

    let database = database().await;
    let options = EmitOptions::new()
        .with_key("customer-9")
        .with_occurred_at(UNIX_EPOCH);
    let statement = ORDER.statement_with(&options).expect("a good event");
    let client = database.role("outbox_app").await;
    // A library that leaves the types to the server is told that all of them are texts.
    let prepared = client.prepare(statement.sql()).await.expect("prepared");
    assert!(prepared.params().iter().all(|kind| *kind == Type::TEXT));
    let binds = statement.binds().iter();
    let binds: Vec<_> = binds.map(|bind| bind as &(dyn ToSql + Sync)).collect();
    client.execute(&prepared, &binds).await.expect("inserted");

    let mut client = database.superuser().await;
    let foreign = stored(&client).await;
    client
        .batch_execute("truncate outbox.event")
        .await
        .expect("emptied");
    let mut tx = client.transaction().await.expect("begun");
    let options = options.with_event_id(statement.id());
    emit_with(&mut tx, &ORDER, options).await.expect("emitted");
    tx.commit().await.expect("committed");
    assert_eq!(stored(&client).await, foreign);
}

/// A pooler in transaction mode would lose it, or give it to somebody else.
#[tokio::test]
async fn no_prepared_statement_is_left_behind() {
    async fn work(tx: &mut impl InTransaction) {
        emit(tx, &ORDER).await.expect("emitted");
        emit_all(tx, [ORDER, ORDER]).await.expect("emitted");
        emit_once(tx, "order-42", &ORDER).await.expect("emitted");
    }
    let left = "select name from pg_prepared_statements where statement like '%outbox%'";
    let database = database().await;
    let mut client = database.role("outbox_app").await;
    let mut tx = client.transaction().await.expect("begun");
    work(&mut tx).await;
    let rows = tx.query_typed(left, &[]).await.expect("read");
    assert!(rows.is_empty(), "{rows:?}");
    tx.rollback().await.expect("rolled back");

    let mut connection = sqlx_role(&database, "outbox_app").await;
    let mut tx = connection.begin().await.expect("begun");
    work(&mut tx).await;
    let rows = sqlx::query(left)
        .persistent(false)
        .fetch_all(&mut *tx)
        .await;
    assert_eq!(rows.expect("read").len(), 0);
}

#[tokio::test]
async fn both_drivers_errors_say_what_is_missing() {
    async fn work(tx: &mut impl InTransaction) -> [EmitError; 1] {
        [emit(tx, &ORDER).await.expect_err("it cannot work")]
    }
    async fn once(tx: &mut impl InTransaction) -> [EmitError; 1] {
        [emit_once(tx, "k", &ORDER)
            .await
            .expect_err("it cannot work")]
    }
    let (empty, migrated) = (empty_database().await, database().await);
    let outsider = format!("{}_outsider", migrated.name);
    let create = format!("create role {outsider}; grant usage on schema outbox to {outsider}");
    let superuser = migrated.superuser().await;
    superuser.batch_execute(&create).await.expect("created");
    for (database, role, is_expected) in [
        (
            &empty,
            empty.owner.as_str(),
            (|error| matches!(error, EmitError::NotMigrated { .. })) as fn(&EmitError) -> bool,
        ),
        (&migrated, outsider.as_str(), |error| {
            matches!(error, EmitError::NotPermitted { .. })
        }),
    ] {
        let mut errors = Vec::new();
        let mut client = database.role(role).await;
        errors.extend(work(&mut client.transaction().await.expect("begun")).await);
        errors.extend(once(&mut client.transaction().await.expect("begun")).await);
        let mut connection = sqlx_role(database, role).await;
        errors.extend(work(&mut connection.begin().await.expect("begun")).await);
        errors.extend(once(&mut connection.begin().await.expect("begun")).await);
        assert!(errors.iter().all(is_expected), "{errors:?}");
    }
}

#[tokio::test]
async fn a_lost_transaction_is_an_insert_error_with_its_cause() {
    let database = database().await;
    let mut client = database.role("outbox_app").await;
    let mut tx = client.transaction().await.expect("begun");
    tx.batch_execute("select 1 / 0")
        .await
        .expect_err("division by zero");
    let error = emit(&mut tx, &ORDER).await.expect_err("aborted");
    let EmitError::Insert { source } = error else {
        panic!("{error:?}");
    };
    let source = source.downcast_ref::<tokio_postgres::Error>();
    let code = source.and_then(tokio_postgres::Error::code);
    assert_eq!(
        code.map(tokio_postgres::error::SqlState::code),
        Some("25P02")
    );
}
