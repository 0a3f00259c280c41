//! Kafka takes less than the relay has.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, Scenario, Workload, WorkloadOptions, judge, register_contract, shared_stack,
};

/// From the last record on.
const PATIENCE: Duration = Duration::from_secs(20);

/// librdkafka refuses a record then, and one that is offered again later must not be overtaken.
#[tokio::test]
async fn a_producer_whose_queue_is_full_is_waited_for_and_nothing_overtakes() -> Result<()> {
    let stack = shared_stack().await?;
    let mut scenario = Scenario::new("queue_full").await?;
    scenario.set("kafka.options.\"queue.buffering.max.messages\"", "10");
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let options = WorkloadOptions {
        sessions: 4,
        rate: 50,
        transactions: Some(20),
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    let written = workload.finish().await?;
    // Everything at once.
    let _relay = scenario.start_relay()?;
    let report = judge(stack, &scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}
