//! A server goes away and comes back under a relay that keeps running, while writers write.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Observed, RelayProcess, Scenario, Workload, WorkloadOptions, judge, own_stack,
    register_contract, wait_until,
};
use postrider::local::{Stack, StopMode};

const LIMIT: Duration = Duration::from_mins(1);

const PATIENCE: Duration = Duration::from_secs(20);

/// A relay that is attached may delay the shutdown of its server by no more.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

async fn write(scenario: &Scenario, transactions: u64) -> Result<()> {
    let options = WorkloadOptions {
        sessions: 2,
        rate: 50,
        transactions: Some(transactions),
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    workload.finish().await?;
    Ok(())
}

/// What the outbox's slot has confirmed, and the end of the log, as numbers.
async fn positions(scenario: &Scenario) -> Result<(i64, i64)> {
    let query = "select (confirmed_flush_lsn - '0/0')::bigint,
        (pg_current_wal_flush_lsn() - '0/0')::bigint
        from pg_replication_slots where database = current_database()";
    let row = scenario.client().await?.query_one(query, &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Waits until everything that is written now is confirmed.
async fn until_confirmed(scenario: &Scenario) -> Result<()> {
    let (_, end) = positions(scenario).await?;
    wait_until(
        "the slot has passed the present end",
        LIMIT,
        async || match positions(scenario).await {
            Ok((confirmed, _)) if confirmed >= end => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    Ok(())
}

fn expect_outage(relay: &mut RelayProcess) {
    for text in [
        "session ended",
        "canary could not be written",
        "schema registry",
    ] {
        relay.expect_log(text);
    }
}

#[tokio::test]
async fn a_relay_survives_the_outage_of_each_server() -> Result<()> {
    survive(own_stack().await?).await
}

/// A relay on these servers loses and doubles nothing, whichever of them goes away.
pub(crate) async fn survive(mut stack: Stack) -> Result<()> {
    let scenario = Scenario::on(&stack, "outages").await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    expect_outage(&mut relay);
    write(&scenario, 20).await?;
    until_confirmed(&scenario).await?;

    // A quiet outbox in a busy database: the log of other tables is confirmed, too.
    let busy =
        "create table other as select n, repeat('x', 100) from generate_series(1, 20000) as n";
    scenario.client().await?.batch_execute(busy).await?;
    until_confirmed(&scenario).await?;

    // With the broker gone events wait, and the walsender is kept alive.
    stack.kafka.kill()?;
    write(&scenario, 20).await?;
    stack.kafka.restart().await?;
    until_confirmed(&scenario).await?;

    // The schema is known, so the registry is not needed.
    stack.registry.stop();
    write(&scenario, 20).await?;
    until_confirmed(&scenario).await?;
    stack.registry.restart().await?;

    // The server waits until the relay has confirmed everything, and the relay hurries.
    write(&scenario, 20).await?;
    let begun = Instant::now();
    stack.postgres.stop(StopMode::Fast, LIMIT).await?;
    let took = begun.elapsed();
    ensure!(took < SHUTDOWN_MAX, "the shutdown took {took:?}");
    stack.postgres.restart().await?;
    write(&scenario, 20).await?;
    until_confirmed(&scenario).await?;

    // A crash takes the slot back to its last checkpoint; what is sent again is on Kafka.
    stack.postgres.crash()?;
    stack.postgres.restart().await?;
    write(&scenario, 20).await?;

    let report = judge(&stack, &scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    Ok(())
}
