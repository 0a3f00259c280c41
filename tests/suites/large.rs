//! One database transaction that is far larger than a batch: it goes out in slices, in little
//! memory, and a crash in its middle doubles nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{
    AGGREGATE_TYPE, EVENT_TYPE, Scenario, judge_with, read_to_the_end, register_contract,
    shared_stack,
};
use postrider::failpoints::Failpoint;
use rdkafka::Message as _;
use serde_json::Value;

/// Until a relay that is to die has died, or the last record is on Kafka. A walsender decodes the
/// whole transaction before it sends the first byte of it, for each relay anew.
const LIMIT: Duration = Duration::from_mins(20);

/// What a relay may have resident at its peak, by default settings.
const MEMORY_MAX: u64 = 64 << 20;

/// Orders, each with the same number of events in the transaction.
const ORDERS: i64 = 1_000;

/// Where relays die, one after the other: before a slice, in its middle, at its end, and when it is
/// committed and PostgreSQL knows nothing of it.
const DEATHS: [Failpoint; 5] = [
    Failpoint::AfterEndTxn,
    Failpoint::BeforeProduce,
    Failpoint::AckedNoProgress,
    Failpoint::ProgressNoEndTxn,
    Failpoint::AfterRead,
];

/// A hundredth of the real thing, for every day, with smaller slices.
#[tokio::test]
async fn a_transaction_beyond_the_batch_limit_resumes_where_it_was_killed() -> Result<()> {
    run("large_short", 50_000, Some("1MiB"), 3).await
}

/// `make long`, with the default batch limit.
#[tokio::test]
#[ignore = "takes many minutes and gigabytes: make long"]
async fn a_transaction_of_five_million_events_resumes_where_it_was_killed() -> Result<()> {
    run("large", 5_000_000, None, 25).await
}

/// Each relay but the last dies when it passes its window for the `passes`-th time.
async fn run(name: &str, events: i64, batch_bytes_max: Option<&str>, passes: u32) -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = Scenario::new(name).await?;
    if let Some(max) = batch_bytes_max {
        scenario.set("batch.bytes_max", max);
    }
    scenario.create_topic(AGGREGATE_TYPE, 6).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    write(&scenario, events).await?;

    let mut places = Vec::new();
    for window in DEATHS {
        let failpoint = format!("{}={passes}", window.name());
        let variables = [("POSTRIDER_FAILPOINTS", failpoint.as_str())];
        let mut killed = scenario.start_relay_with(&[], &variables)?;
        killed.wait_exit(LIMIT).await?;
        places.push(ordinal(&scenario)?);
    }
    // Each died in the middle of the transaction, and not before the one that it followed.
    ensure!(places.is_sorted(), "{places:?}");
    ensure!(places[0] > 0, "{places:?}");

    let mut relay = scenario.start_relay()?;
    let report = judge_with(stack, &scenario, LIMIT, |options| {
        options.rules.split_bytes_min = Some(1 << 20);
    })
    .await?;
    assert!(report.passed(), "{report}");
    ensure!(report.committed == events.unsigned_abs(), "{report}");
    let peak = relay.process().usage()?.memory_peak_bytes;
    eprintln!(
        "{name}: {events} events in one transaction, relays died at {places:?}, peak {} MiB: {report}",
        peak >> 20
    );
    // A debug build has larger frames and code, and is measured all the same.
    assert!(peak <= MEMORY_MAX, "the relay took {} MiB", peak >> 20);
    Ok(())
}

/// How many events of the open transaction are committed, as the progress record says.
fn ordinal(scenario: &Scenario) -> Result<u64> {
    let topic = scenario.name().progress_topic();
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    let progress = records.last().and_then(|record| record.payload());
    let progress: Value = serde_json::from_slice(progress.context("a progress record")?)?;
    let ordinal = progress["open"]["ordinal"].as_u64();
    ordinal.with_context(|| format!("a transaction is open: {progress}"))
}

async fn write(scenario: &Scenario, events: i64) -> Result<()> {
    let insert = "
        insert into outbox.event (aggregate_type, aggregate_id, event_type, schema_ref, payload)
        select $1, 'order-' || n % $4::bigint, $2, 'v1', json_build_object(
          'order_id', 'order-' || n % $4::bigint, 'version', n / $4::bigint + 1, 'request', gen_random_uuid(),
          'total', '12.50', 'day', '2026-11-21', 'at', '2026-11-21T10:20:30.123456Z',
          'status', 'PAID', 'quantities', json_build_array(n % 7, 2), 'weight', 0.25)
        from generate_series(0::bigint, $3::bigint - 1) as n";
    let client = scenario.client().await?;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&AGGREGATE_TYPE, &EVENT_TYPE, &events, &ORDERS];
    client.execute(insert, &parameters).await?;
    Ok(())
}
