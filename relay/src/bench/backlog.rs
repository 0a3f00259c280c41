//! The events that a measurement drains: written by plain SQL, in transactions of a given size.

use futures::future::try_join_all;

use super::Error;
use crate::local::Postgres;
use crate::lsn::Lsn;

/// The aggregate type, and so the topic's last part.
pub(super) const AGGREGATE_TYPE: &str = "order";

/// The event type, and so the subject of the schema.
pub(super) const EVENT_TYPE: &str = "bench.OrderPlaced";

/// The event's schema: what an ordinary event has, one of each kind that costs something.
pub(super) const SCHEMA: &str = r#"{"type": "record", "name": "bench.OrderPlaced", "fields": [
    {"name": "order_id", "type": "string"},
    {"name": "customer", "type": "string"},
    {"name": "number", "type": "long"},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "coupon", "type": ["null", "string"], "default": null},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "bench.Line", "fields": [
        {"name": "sku", "type": "string"},
        {"name": "quantity", "type": "int"}]}}}]}"#;

/// Different keys among the events.
const KEYS: u32 = 50_000;

/// How many events, and how many of them in each database transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) events: u32,
    pub(super) per_transaction: u32,
}

/// Where the backlog ends in the write-ahead log.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Before the last commit: a slot that confirms it, or more, has seen the last event.
    pub(super) before_last_commit: Lsn,
    /// Behind the last commit: a reader that stops there has seen everything.
    pub(super) after_last_commit: Lsn,
}

/// Writes the backlog into `database` over `writers` connections; ends with a checkpoint, so that
/// no drain shares the machine with it.
pub(super) async fn write(
    postgres: &Postgres,
    database: &str,
    size: Size,
    writers: u32,
) -> Result<End, Error> {
    // The last transaction is written alone, so that it is the last to commit.
    let last = size.events.saturating_sub(size.per_transaction) + 1;
    let share = last.div_ceil(writers.max(1)).max(1);
    let share = share.next_multiple_of(size.per_transaction);
    let shares = (1..last).step_by(share as usize).map(|first| {
        let statement = transactions(first, (first + share).min(last), size.per_transaction);
        async move { postgres.execute(database, &statement).await }
    });
    try_join_all(shares).await?;

    let client = super::meter::connect(&postgres.superuser_url(database)).await?;
    let insert = insert(&last.to_string(), &size.events.to_string());
    client.batch_execute(&format!("begin; {insert}")).await?;
    let before_last_commit = position(&client, "pg_current_wal_insert_lsn()").await?;
    client.batch_execute("commit").await?;
    let after_last_commit = position(&client, "pg_current_wal_flush_lsn()").await?;
    client.batch_execute("checkpoint").await?;
    Ok(End {
        before_last_commit,
        after_last_commit,
    })
}

/// The mean size of a payload as text, in bytes.
pub(super) async fn payload_bytes(client: &tokio_postgres::Client) -> Result<u32, Error> {
    let query = "select avg(octet_length(payload::text))::integer \
                 from (select payload from outbox.event limit 10000) as sample";
    let bytes: i32 = client.query_one(query, &[]).await?.get(0);
    Ok(bytes.unsigned_abs())
}

/// Events `first` to `end`, `end` excluded, in transactions of `per_transaction`.
///
/// Without waiting for the disk at each commit: the last transaction does wait, and its flush
/// covers all that were written before.
fn transactions(first: u32, end: u32, per_transaction: u32) -> String {
    let insert = insert(
        "first",
        &format!("least(first + {per_transaction}, {end}) - 1"),
    );
    format!(
        "do $$
         declare first bigint := {first};
         begin
           perform set_config('synchronous_commit', 'off', false);
           while first < {end} loop
             {insert}
             commit;
             first := first + {per_transaction};
           end loop;
         end $$"
    )
}

/// One statement that inserts the events with the numbers `first` to `last`, both SQL expressions.
fn insert(first: &str, last: &str) -> String {
    format!(
        r#"insert into outbox.event
             (aggregate_type, aggregate_id, event_type, schema_ref, correlation_id, payload)
           select '{AGGREGATE_TYPE}', 'order-' || n % {KEYS}, '{EVENT_TYPE}', 'v1',
             md5(n::text)::uuid::text, format(
             '{{"order_id": "%s", "customer": "customer-%s", "number": %s, "total": "%s.%s", '
             '"placed_at": "2026-01-01T%s:30:00.123456Z", "coupon": %s, "lines": ['
             '{{"sku": "SKU-%s", "quantity": %s}}, {{"sku": "SKU-%s", "quantity": 1}}]}}',
             md5(n::text), lpad((n % 10007)::text, 8, '0'), n, n % 9973, 10 + n % 90,
             lpad((n % 24)::text, 2, '0'),
             case when n % 3 = 0 then '"WELCOME-' || n % 100 || '"' else 'null' end,
             lpad((n % 7919)::text, 6, '0'), 1 + n % 5, lpad((n % 6007)::text, 6, '0'))::json
           from generate_series({first}, {last}) as n;"#
    )
}

async fn position(client: &tokio_postgres::Client, function: &str) -> Result<Lsn, Error> {
    let row = client
        .query_one(&format!("select {function}::text"), &[])
        .await?;
    row.get::<_, String>(0).parse().map_err(|_| Error::Position)
}
