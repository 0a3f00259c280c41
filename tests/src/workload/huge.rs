//! A transaction that is far larger than a batch of the relay.

use anyhow::Result;
use tokio_postgres::Client;

use super::{AGGREGATE_TYPE, EVENT_TYPE};

/// Writes `events` versions of one order in one transaction, and commits it if `kept`.
///
/// The order must be one that nobody else writes.
///
/// # Errors
///
/// The database refused, or went away.
pub async fn write_huge(
    client: &mut Client,
    order_id: &str,
    events: i32,
    kept: bool,
) -> Result<()> {
    let emit = "select count(outbox.emit($1::text, $2::text, $3::text, json_build_object(
            'order_id', $3::text, 'version', n, 'request', gen_random_uuid(), 'total', '12.50',
            'day', '2026-11-22', 'at', '2026-11-22T10:20:30Z', 'status', 'PAID',
            'note', repeat('x', n % 100), 'quantities', array[n, n], 'weight', 0.5),
            schema_version => 1))
        from generate_series(1, $4::int) as n";
    let transaction = client.transaction().await?;
    transaction
        .query(emit, &[&EVENT_TYPE, &AGGREGATE_TYPE, &order_id, &events])
        .await?;
    if kept {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(())
}
