//! The oracle is trusted because it finds every fault that the relay can be made to commit.
//!
//! One test for each fault: the same writers, a relay that is wrong on purpose, and a verdict that
//! must name what was done. The first test is the control: without a fault the verdict is clean.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, Observed, RelayProcess, Scenario, Workload, WorkloadOptions, add_partitions,
    judge, judge_with, register_contract, shared_stack, wait_until, write_huge,
};
use postrider::failpoints::{Failpoint, Sabotage};
use postrider::local;
use postrider::verify::{Report, Torn};

const LIMIT: Duration = Duration::from_secs(30);

/// The history has ended when the relay has had so long for what is missing.
const PATIENCE: Duration = Duration::from_secs(5);

/// The batch at which a relay dies: not one of the first, which may hold nothing but its canary, nor
/// one that a history of 200 transactions might not have.
const BATCH: u32 = 5;

async fn scenario(name: &str) -> Result<Scenario> {
    let mut scenario = Scenario::new(name).await?;
    // Small batches, so that there are many, and transactions are larger than one.
    scenario.set("batch.bytes_max", "64KiB");
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&shared_stack().await?.registry).await?;
    scenario.init().await?;
    Ok(scenario)
}

async fn write(scenario: &Scenario) -> Result<()> {
    let options = WorkloadOptions {
        sessions: 4,
        rate: 50,
        transactions: Some(50),
        ..WorkloadOptions::default()
    };
    let pool = scenario.pool().await?;
    Workload::start(&pool, options).await?.finish().await?;
    Ok(())
}

fn start(scenario: &Scenario, sabotage: Option<Sabotage>, failpoint: &str) -> Result<RelayProcess> {
    let mut variables = vec![("POSTRIDER_FAILPOINTS", failpoint)];
    variables.extend(sabotage.map(|fault| ("POSTRIDER_SABOTAGE", fault.name())));
    scenario.start_relay_with(&[], &variables)
}

fn crash_at(failpoint: Failpoint) -> String {
    format!("{}={BATCH}", failpoint.name())
}

async fn verdict(scenario: &Scenario) -> Result<Report> {
    judge(shared_stack().await?, scenario, PATIENCE).await
}

/// The relay writes all of a history with a fault.
async fn commit_fault(fault: Sabotage) -> Result<Report> {
    let scenario = scenario(fault.name()).await?;
    let _relay = start(&scenario, Some(fault), "")?;
    write(&scenario).await?;
    verdict(&scenario).await
}

/// The relay dies at a failpoint, and a second one goes on; both commit the fault.
async fn commit_fault_and_crash(
    fault: Sabotage,
    failpoint: Failpoint,
    halts: bool,
) -> Result<Report> {
    let scenario = scenario(fault.name()).await?;
    let mut first = start(&scenario, Some(fault), &crash_at(failpoint))?;
    write(&scenario).await?;
    first.wait_exit(LIMIT).await?;
    let mut second = start(&scenario, Some(fault), "")?;
    if halts {
        until_warned(&mut second, "halted").await;
    }
    verdict(&scenario).await
}

async fn until_warned(relay: &mut RelayProcess, text: &str) {
    relay.expect_log(text);
    wait_until(text, LIMIT, async || match relay.log_lines() {
        Ok(lines) if lines.iter().any(|line| line.contains(text)) => Observed::Reached(()),
        seen => Observed::NotYet(seen),
    })
    .await;
}

#[tokio::test]
async fn without_a_fault_the_verdict_is_clean() -> Result<()> {
    let scenario = scenario("no_fault").await?;
    let mut first = start(&scenario, None, &crash_at(Failpoint::AfterEndTxn))?;
    write(&scenario).await?;
    first.wait_exit(LIMIT).await?;
    let _second = start(&scenario, None, "")?;
    let report = verdict(&scenario).await?;
    assert!(report.passed() && report.committed > 0, "{report}");
    assert!(matches!(report.torn, Torn::Examined(_)), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_event_is_lost() -> Result<()> {
    let report = commit_fault(Sabotage::DropEvent).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn an_event_produced_twice_is_doubled() -> Result<()> {
    let report = commit_fault(Sabotage::DoubleEvent).await?;
    assert!(!report.passed() && report.doubled.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn two_events_swapped_are_out_of_order() -> Result<()> {
    let report = commit_fault(Sabotage::SwapEvents).await?;
    assert!(
        !report.passed() && report.out_of_order.count > 0,
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_that_ends_within_a_transaction_tears_it() -> Result<()> {
    let report = commit_fault(Sabotage::TearTransaction).await?;
    let Torn::Examined(torn) = &report.torn else {
        panic!("transactions were not examined: {report}")
    };
    assert!(!report.passed() && torn.count > 0, "{report}");
    Ok(())
}

/// What is confirmed and not published is gone from the slot. The relay sees the slot beyond its
/// record and halts, so nothing hides the loss.
#[tokio::test]
async fn what_is_confirmed_too_early_is_lost() -> Result<()> {
    let failpoint = Failpoint::AckedNoProgress;
    let report = commit_fault_and_crash(Sabotage::ConfirmEarly, failpoint, true).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn progress_before_its_events_loses_them() -> Result<()> {
    let failpoint = Failpoint::AckedNoProgress;
    let report = commit_fault_and_crash(Sabotage::ProgressBeforeEvents, failpoint, false).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

/// Recorded at its commit, the last transaction of a batch comes again. That may be the relay's own
/// canary, which is no event: hence several crashes.
#[tokio::test]
async fn acknowledging_commit_lsn_doubles() -> Result<()> {
    let fault = Sabotage::AcknowledgeCommitLsn;
    let failpoint = crash_at(Failpoint::AfterEndTxn);
    let scenario = scenario(fault.name()).await?;
    for _ in 0..3 {
        let mut relay = start(&scenario, Some(fault), &failpoint)?;
        write(&scenario).await?;
        relay.wait_exit(LIMIT).await?;
    }
    let _last = start(&scenario, Some(fault), "")?;
    let report = verdict(&scenario).await?;
    assert!(!report.passed() && report.doubled.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn what_is_skipped_on_a_reconnect_is_lost() -> Result<()> {
    let failpoint = Failpoint::BeforeProduce;
    let report = commit_fault_and_crash(Sabotage::SkipOnReconnect, failpoint, false).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

/// The slot knows less than the progress record after every crash.
#[tokio::test]
async fn beginning_where_the_slot_stands_doubles() -> Result<()> {
    let failpoint = Failpoint::AfterEndTxn;
    let report = commit_fault_and_crash(Sabotage::IgnoreProgress, failpoint, false).await?;
    assert!(!report.passed() && report.doubled.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn an_open_transaction_that_begins_anew_is_doubled() -> Result<()> {
    let fault = Sabotage::ForgetSlice;
    let scenario = scenario(fault.name()).await?;
    let mut client = scenario.client().await?;
    write_huge(&mut client, "huge", 3_000, true).await?;
    let mut first = start(&scenario, Some(fault), &crash_at(Failpoint::AfterEndTxn))?;
    first.wait_exit(LIMIT).await?;
    let _second = start(&scenario, Some(fault), "")?;
    let report = verdict(&scenario).await?;
    assert!(!report.passed() && report.doubled.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn keys_that_move_to_new_partitions_are_misplaced() -> Result<()> {
    let fault = Sabotage::RemapKeys;
    let scenario = scenario(fault.name()).await?;
    let topic = scenario.topic(AGGREGATE_TYPE);
    let mut first = start(&scenario, Some(fault), "")?;
    write(&scenario).await?;
    verdict(&scenario).await?;
    first.kill()?;
    add_partitions(scenario.bootstrap_servers(), &topic, 5).await?;
    let _second = start(&scenario, Some(fault), "")?;
    write(&scenario).await?;
    let stack = shared_stack().await?;
    let report = judge_with(stack, &scenario, PATIENCE, |options| {
        options.rules.partition_counts = [(topic, 3)].into();
    })
    .await?;
    assert!(!report.passed() && report.misplaced.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn what_kafka_refused_and_counts_as_acknowledged_is_lost() -> Result<()> {
    let fault = Sabotage::IgnoreRefusal;
    let mut scenario = Scenario::new(fault.name()).await?;
    // A transaction of Kafka would not commit without the record.
    scenario.set("delivery.mode", "at_least_once");
    let (servers, topic) = (scenario.bootstrap_servers(), scenario.topic(AGGREGATE_TYPE));
    local::create_topic(servers, &topic, 3, &[("max.message.bytes", "4000")]).await?;
    register_contract(&shared_stack().await?.registry).await?;
    scenario.init().await?;
    let _relay = start(&scenario, Some(fault), "")?;
    write(&scenario).await?;
    let report = verdict(&scenario).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn what_somebody_moved_the_slot_past_is_lost_without_the_comparison() -> Result<()> {
    let fault = Sabotage::SkipComparison;
    let scenario = scenario(fault.name()).await?;
    let mut first = start(&scenario, Some(fault), "")?;
    write(&scenario).await?;
    // One that passes waits for no longer than it takes.
    let before = judge(shared_stack().await?, &scenario, LIMIT).await?;
    assert!(before.passed(), "{before}");
    first.kill()?;
    write(&scenario).await?;
    let advance = "select pg_replication_slot_advance(slot_name, pg_current_wal_lsn())
        from pg_replication_slots where database = current_database()";
    scenario.client().await?.execute(advance, &[]).await?;
    let mut second = start(&scenario, Some(fault), "")?;
    second.wait_for_state("active", LIMIT).await?;
    let report = verdict(&scenario).await?;
    assert!(!report.passed() && report.lost.count > 0, "{report}");
    Ok(())
}

/// Nothing is lost by it, and the active relay has to begin again each time.
#[tokio::test]
async fn a_standby_that_takes_the_producer_disturbs_the_active_relay() -> Result<()> {
    let scenario = scenario("take_producer").await?;
    let mut active = scenario.start_relay()?;
    active.wait_for_state("active", LIMIT).await?;
    let _standby = start(&scenario, Some(Sabotage::TakeProducerFirst), "")?;
    write(&scenario).await?;
    until_warned(&mut active, r#""reason":"fenced""#).await;
    Ok(())
}
