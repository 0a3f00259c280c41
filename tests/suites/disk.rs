//! The disk of the database server is full where its walsender spills large transactions (F27).

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use e2e::Scenario;
use postrider::local::{Postgres, PostgresOptions};
use serde_json::Value;
use tokio_postgres::Client;

const LIMIT: Duration = Duration::from_mins(1);

const TOPIC: &str = "order";

/// Far more than the 64 KiB that the walsender of this test keeps in memory.
const EVENTS: u64 = 3_000;

/// Of log, in which the transaction surely ends.
const SEGMENTS: u64 = 8;
const SEGMENT_BYTES: u64 = 16 << 20;

/// Events without payloads, whose correlation ids make them large.
const INSERT: &str = "insert into outbox.event
    (aggregate_type, aggregate_id, event_type, correlation_id)
  select 'order', n::text, 'disk.Deleted', repeat('x', 1000) from generate_series(1, $1::int) as n";

#[tokio::test]
async fn a_walsender_without_disk_is_named_and_the_stream_goes_on_with_it() -> Result<()> {
    let settings = vec![("logical_decoding_work_mem".to_owned(), "64kB".to_owned())];
    let options = PostgresOptions {
        settings,
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(options).await?;
    let scenario = Scenario::on_postgres(&postgres, "disk").await?;
    scenario.create_topic(TOPIC, 1).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    relay.wait_for_state("active", LIMIT).await?;

    let mut client = scenario.client().await?;
    let transaction = client.transaction().await?;
    transaction.execute(INSERT, &[&1]).await?;
    let slot = scenario.name().default_replication_slot();
    let folder = postgres.home().join("data/pg_replslot").join(slot);
    fill(&folder, transaction.client()).await?;
    let rest = i32::try_from(EVENTS - 1)?;
    transaction.execute(INSERT, &[&rest]).await?;
    let is_named = |status: &Value| status["last_error"]["reason"] == "postgres_disk_full";
    let status = relay.wait_for_status("the relay says what failed", LIMIT, is_named);
    let status = status.await;
    let error = status["last_error"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("No space left on device"), "{status}");

    // A walsender that begins removes what is left of the last one's files, and so makes room.
    transaction.commit().await?;
    relay.wait_for_events(EVENTS, LIMIT).await;
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 3,000   on Kafka 3,000   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

/// Leaves no byte for the files into which the walsender spills the transaction of `client`, one for
/// each segment of log (`ReorderBufferSerializedPath`).
async fn fill(folder: &Path, client: &Client) -> Result<()> {
    let query =
        "select pg_current_xact_id()::xid::text, (pg_current_wal_insert_lsn() - '0/0')::bigint";
    let row = client.query_one(query, &[]).await?;
    let (xid, position): (String, i64) = (row.get(0), row.get(1));
    let first = u64::try_from(position)? / SEGMENT_BYTES;
    for segment in first..first + SEGMENTS {
        let start = segment * SEGMENT_BYTES;
        let (high, low) = (start >> 32, start & 0xffff_ffff);
        let file = format!("xid-{xid}-lsn-{high:X}-{low:X}.spill");
        symlink("/dev/full", folder.join(file))?;
    }
    Ok(())
}
