//! The mode of delivery may change whenever the relay starts (PUB-01).

use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, Scenario, Workload, WorkloadOptions, judge_with, open_transaction,
    read_to_the_end, register_contract, shared_stack,
};

use rdkafka::producer::Producer as _;

const LIMIT: Duration = Duration::from_mins(1);

/// From the last record on.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn each_mode_goes_on_where_the_other_was_killed() -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = Scenario::new("delivery_modes").await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let workload = WorkloadOptions {
        rate: 5,
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, workload).await?;
    for mode in [
        "exactly_once",
        "at_least_once",
        "exactly_once",
        "at_least_once",
    ] {
        scenario.set("delivery.mode", mode);
        let window = ("POSTRIDER_FAILPOINTS", "progress_no_end_txn=5");
        let mut relay = scenario.start_relay_with(&[], &[window])?;
        relay.wait_exit(LIMIT).await?;
    }
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    let written = workload.stop().await?;
    let report = judge_with(stack, &scenario, PATIENCE, |options| {
        options.rules.duplicates_allowed = true;
    })
    .await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}

/// A relay without transactions has none to be fenced by, so it shuts the others out itself.
#[tokio::test]
async fn a_relay_of_exactly_once_that_comes_too_late_is_shut_out_by_at_least_once() -> Result<()> {
    let mut scenario = Scenario::new("delivery_late").await?;
    let topic = scenario.create_topic(AGGREGATE_TYPE, 1).await?;
    scenario.init().await?;
    let servers = scenario.bootstrap_servers();
    let late = scenario.name().transactional_id();
    let late = open_transaction(servers, &late, &topic, ("key", "late"))?;

    scenario.set("delivery.mode", "at_least_once");
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    assert!(late.commit_transaction(LIMIT).is_err());
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    assert_eq!(records.len(), 0, "{records:?}");
    Ok(())
}
