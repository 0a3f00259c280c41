//! Requests to Kafka that arrive when nobody expects them any more.

use anyhow::Result;
use e2e::{
    Observed, Proxy, RelayProcess, Scenario, Workload, WorkloadOptions, ends_transaction, produces,
    stack_behind_proxy, wait_until,
};

use super::kafka::lead;
use super::{LIMIT, assert_proven, ready};

/// How often a request comes late: it must meet a transaction while that is open.
const ROUNDS: usize = 5;

/// Writers whose transactions are so large that one is always on its way to Kafka.
async fn write_much(scenario: &Scenario) -> Result<Workload> {
    let options = WorkloadOptions {
        sessions: 4,
        rate: 50,
        events_max: 100,
        ..WorkloadOptions::default()
    };
    Workload::start(&scenario.pool().await?, options).await
}

async fn until_held(proxy: &Proxy) {
    wait_until("a request is held", LIMIT, async || {
        match proxy.holds_request() {
            true => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
}

/// Waits until the relay has begun a transaction after the one that is held.
async fn until_a_later_transaction(relay: &RelayProcess, proxy: &Proxy) {
    until_held(proxy).await;
    relay.wait_for_more_events(LIMIT).await;
}

async fn deliver_late(name: &str, is_it: fn(&[u8]) -> bool) -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, name).await?;
    lead(&mut scenario, &proxy);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write_much(&scenario).await?;
    relay.wait_for_more_events(LIMIT).await;
    for _ in 0..2 {
        proxy.hold_from(is_it);
        until_held(&proxy).await;
        // The session gives up, and the next one publishes.
        relay.wait_for_state("retrying", LIMIT).await?;
        until_a_later_transaction(&relay, &proxy).await;
        proxy.deliver();
        relay.wait_for_more_events(LIMIT).await;
    }
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

#[tokio::test]
async fn a_commit_that_arrives_in_a_later_session_tears_nothing() -> Result<()> {
    deliver_late("late_commit", ends_transaction).await
}

#[tokio::test]
async fn records_that_arrive_in_a_later_session_are_not_written() -> Result<()> {
    deliver_late("late_produce", produces).await
}

/// KAFKA-17754: the connection breaks while a commit is on its way; librdkafka connects again and
/// repeats the commit, which succeeds; then the first one arrives and meets the next transaction.
#[tokio::test]
async fn a_commit_that_was_repeated_and_then_arrives_tears_nothing() -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, "late_repeated").await?;
    lead(&mut scenario, &proxy);
    // The relay learns of the broken connection whatever it logs.
    scenario.set("log.level", "warn");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write_much(&scenario).await?;
    relay.wait_for_more_events(LIMIT).await;
    for _ in 0..ROUNDS {
        proxy.hold_from(ends_transaction);
        until_held(&proxy).await;
        proxy.hang_up();
        until_a_later_transaction(&relay, &proxy).await;
        proxy.heal();
        relay.wait_for_more_events(LIMIT).await;
    }
    relay.wait_for_log("commit_repeated", LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}
