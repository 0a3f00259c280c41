//! Two relays of one name: whatever becomes of either, one publishes, and nothing is lost, doubled
//! or reordered.

mod disturbance;
mod fenced;
mod frozen;
mod takeover;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Observed, RelayProcess, Scenario, Workload, WorkloadOptions, Written, batches,
    judge, register_contract, shared_stack, wait_until,
};

const LIMIT: Duration = Duration::from_mins(1);

/// From the last record on.
const PATIENCE: Duration = Duration::from_secs(20);

/// An initialised scenario.
async fn ready(name: &str) -> Result<Scenario> {
    let scenario = Scenario::new(name).await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&shared_stack().await?.registry).await?;
    scenario.init().await?;
    Ok(scenario)
}

/// Writers that go on until they are stopped.
async fn write(scenario: &Scenario) -> Result<Workload> {
    let options = WorkloadOptions {
        sessions: 4,
        rate: 10,
        events_max: 40,
        ..WorkloadOptions::default()
    };
    Workload::start(&scenario.pool().await?, options).await
}

async fn assert_proven(scenario: &Scenario, written: Written) -> Result<()> {
    let report = judge(shared_stack().await?, scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}

/// A relay that publishes.
async fn start_active(scenario: &Scenario) -> Result<RelayProcess> {
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    Ok(relay)
}

/// A relay that waits for another to be gone.
async fn start_standby(scenario: &Scenario) -> Result<RelayProcess> {
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("standby", LIMIT).await?;
    Ok(relay)
}

async fn published(relay: &RelayProcess) -> Result<u64> {
    let status = relay.status().await?;
    let published = status["events_published"].as_u64();
    published.with_context(|| status.to_string())
}

/// Waits until the relay has published `count` events more than `before`, and says how long after
/// `since` that was.
async fn until_published(
    relay: &RelayProcess,
    before: u64,
    count: u64,
    since: Instant,
) -> Duration {
    let what = format!("{count} more events are published");
    wait_until(&what, LIMIT, async || match published(relay).await {
        Ok(now) if now >= before + count => Observed::Reached(since.elapsed()),
        seen => Observed::NotYet(seen),
    })
    .await
}

/// Waits until a relay with a failpoint stands still there.
async fn until_frozen(relay: &mut RelayProcess, hits: &Path) -> Result<()> {
    wait_until(
        "the relay stands still",
        LIMIT,
        async || match fs::read_to_string(hits) {
            Ok(hits) if !hits.is_empty() => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    Ok(relay.process().pause()?)
}

fn count_logged(relay: &RelayProcess, text: &str) -> Result<usize> {
    let lines = relay.log_lines()?;
    Ok(lines.iter().filter(|line| line.contains(text)).count())
}

/// What a relay says when a session begins to publish.
const ACTIVE: &str = r#""message":"active""#;

/// The slots of the outbox's database.
async fn slots(scenario: &Scenario) -> Result<i64> {
    let count = "select count(*) from pg_replication_slots where database = current_database()";
    Ok(scenario.client().await?.query_one(count, &[]).await?.get(0))
}

/// The epochs in which events were written, one for each session that wrote any.
///
/// Proves that each session wrote nothing after its successor's first record, be it committed or
/// not: they share one producer's number, and in no partition an epoch comes after a later one.
async fn assert_each_wrote_before_its_successor(scenario: &Scenario) -> Result<Vec<i16>> {
    let kafka = &shared_stack().await?.kafka;
    let topic = scenario.topic(AGGREGATE_TYPE);
    let events = batches(kafka, &topic).await?;
    let progress = batches(kafka, &scenario.name().progress_topic()).await?;
    let mut ids: Vec<i64> = Vec::new();
    for batches in events.values().chain(progress.values()) {
        ensure!(batches.is_sorted_by_key(|batch| batch.epoch), "{batches:?}");
        ids.extend(batches.iter().map(|batch| batch.producer_id));
    }
    ids.dedup();
    ensure!(ids.len() == 1, "more than one producer: {ids:?}");
    let records = events.values().flatten().filter(|batch| !batch.is_marker);
    let mut epochs: Vec<i16> = records.map(|batch| batch.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    Ok(epochs)
}

/// The middle one and the longest.
fn median_and_max(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
