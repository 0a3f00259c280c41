//! Topics that change under a relay.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, Scenario, Workload, WorkloadOptions, add_partitions, read_to_the_end,
    register_contract, shared_stack,
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
