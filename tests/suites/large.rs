//! One database transaction that is far larger than a batch: it goes out in slices, in little
//! memory, and a crash in its middle doubles nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{AGGREGATE_TYPE, EVENT_TYPE, Scenario, judge_with, register_contract, shared_stack};
use postrider::failpoints::Failpoint;

const LIMIT: Duration = Duration::from_mins(5);

/// From the last record on.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a relay may have resident at its peak, by default settings.
const MEMORY_MAX: u64 = 64 << 20;

/// Orders, each with the same number of events in the transaction.
const ORDERS: i64 = 1_000;

/// A twentieth of the real thing, for every day; more slices than that has, as they are smaller.
#[tokio::test]
async fn a_transaction_beyond_the_batch_limit_resumes_where_it_was_killed() -> Result<()> {
    run("large_short", 50_000, Some("1MiB")).await
}

/// `make chaos`, with the default batch limit.
#[tokio::test]
#[ignore = "takes minutes: make chaos"]
async fn a_transaction_of_a_million_events_resumes_where_it_was_killed() -> Result<()> {
    run("large", 1_000_000, None).await
}

async fn run(name: &str, events: i64, batch_bytes_max: Option<&str>) -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = Scenario::new(name).await?;
    if let Some(max) = batch_bytes_max {
        scenario.set("batch.bytes_max", max);
    }
    scenario.create_topic(AGGREGATE_TYPE, 6).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    write(&scenario, events).await?;

    // The third slice is committed, PostgreSQL knows nothing of it.
    let failpoint = format!("{}=3", Failpoint::AfterEndTxn.name());
    let variables = [("POSTRIDER_FAILPOINTS", failpoint.as_str())];
    let mut killed = scenario.start_relay_with(&[], &variables)?;
    killed.wait_exit(LIMIT).await?;

    let mut relay = scenario.start_relay()?;
    let report = judge_with(stack, &scenario, PATIENCE, |options| {
        options.rules.split_bytes_min = Some(1 << 20);
    })
    .await?;
    assert!(report.passed(), "{report}");
    ensure!(report.committed == events.unsigned_abs(), "{report}");
    let peak = relay.process().usage()?.memory_peak_bytes;
    eprintln!(
        "{name}: {events} events in one transaction, peak {} MiB: {report}",
        peak >> 20
    );
    // A debug build has larger frames and code, and is measured all the same.
    assert!(peak <= MEMORY_MAX, "the relay took {} MiB", peak >> 20);
    Ok(())
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
