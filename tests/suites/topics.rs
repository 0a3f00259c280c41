//! Topics that change under a relay.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{
    AGGREGATE_TYPE, RelayProcess, Scenario, Workload, WorkloadOptions, add_partitions,
    read_to_the_end, register_contract, shared_stack,
};
use rdkafka::Message as _;

const LIMIT: Duration = Duration::from_mins(1);

const FIRST: i32 = 3;

async fn write(scenario: &Scenario) -> Result<u64> {
    let options = WorkloadOptions {
        sessions: 2,
        rate: 50,
        transactions: Some(10),
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    Ok(workload.finish().await?.committed)
}

/// Else an event could overtake an earlier one of its key, which still lies where the key was.
#[tokio::test]
async fn keys_stay_where_they_are_when_a_topic_gets_more_partitions() -> Result<()> {
    let stack = shared_stack().await?;
    let scenario = Scenario::new("topic_grows").await?;
    let topic = scenario.create_topic(AGGREGATE_TYPE, FIRST).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    let before = write(&scenario).await?;
    let prove = async || scenario.command(&["verify"])?.succeed().await;
    prove().await?;
    add_partitions(scenario.bootstrap_servers(), &topic, 7).await?;
    let while_it_runs = write(&scenario).await?;
    prove().await?;

    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;
    let _successor = scenario.start_relay()?;
    let after = write(&scenario).await?;
    prove().await?;
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    assert_eq!(records.len() as u64, before + while_it_runs + after);
    assert!(records.iter().all(|record| record.partition() < FIRST));
    Ok(())
}

/// A relay of an outbox with some events on Kafka, their topic and their number.
async fn at_work(name: &str) -> Result<(Scenario, RelayProcess, String, u64)> {
    let stack = shared_stack().await?;
    let mut scenario = Scenario::new(name).await?;
    scenario.set("topics.create", true);
    let topic = scenario.create_topic(AGGREGATE_TYPE, FIRST).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    let events = write(&scenario).await?;
    scenario.command(&["verify"])?.succeed().await?;
    relay.expect_log("session ended");
    relay.expect_log("halted: ");
    Ok((scenario, relay, topic, events))
}

/// Waits until the relay has halted for `reason`.
async fn until_halted(relay: &mut RelayProcess, reason: &str) -> Result<()> {
    let status = relay.wait_for_state("halted", LIMIT).await?;
    ensure!(status["reason"] == reason, "{status}");
    Ok(())
}

/// What was in it is gone; a new one in its place, made by the relay, would hide that.
#[tokio::test]
async fn a_topic_that_is_deleted_under_a_relay_halts_it_until_somebody_makes_it() -> Result<()> {
    let (scenario, mut relay, topic, before) = at_work("topic_deleted").await?;
    shared_stack().await?.kafka.delete_topic(&topic).await?;
    let meanwhile = write(&scenario).await?;
    until_halted(&mut relay, "topic_missing").await?;
    scenario.create_topic(AGGREGATE_TYPE, FIRST).await?;
    relay.wait_for_state("active", LIMIT).await?;
    let after = write(&scenario).await?;
    let verify = scenario.command(&["verify"])?.run().await?;
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    ensure!(
        records.len() as u64 == meanwhile + after,
        "{}",
        verify.stdout
    );
    for expected in [&*format!("lost {before}"), "doubled 0", "out of order 0"] {
        ensure!(verify.stdout.contains(expected), "{}", verify.stdout);
    }
    Ok(())
}

/// The position is nowhere else: whoever goes on without it loses or doubles events.
#[tokio::test]
async fn a_progress_topic_that_is_deleted_under_a_relay_halts_it_for_good() -> Result<()> {
    let (scenario, mut relay, topic, before) = at_work("progress_deleted").await?;
    let progress = scenario.name().progress_topic();
    let stack = shared_stack().await?;
    stack.kafka.delete_topic(&progress).await?;
    write(&scenario).await?;
    until_halted(&mut relay, "progress_missing").await?;
    let published = read_to_the_end(scenario.bootstrap_servers(), &topic)?.len();
    ensure!(
        published as u64 == before,
        "{published} in place of {before}"
    );
    let check = scenario.command(&["check"])?.run().await?;
    ensure!(check.stdout.contains(&progress), "{}", check.stdout);
    Ok(())
}
