//! `init` killed at every point: the next `init` finishes, and nothing that was written since is
//! lost or doubled.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Scenario, Workload, WorkloadOptions, judge, register_contract, shared_stack,
};
use postrider::failpoints::Failpoint;

const PATIENCE: Duration = Duration::from_secs(10);

async fn crash_at(point: Failpoint) -> Result<()> {
    let stack = shared_stack().await?;
    let scenario = Scenario::new(point.name()).await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;

    let crashed = scenario
        .command(&["init"])?
        .variable("POSTRIDER_FAILPOINTS", point.name())
        .run()
        .await?;
    ensure!(
        crashed.status.code().is_none(),
        "{point:?} was not passed: {}",
        crashed.stderr
    );
    scenario.init().await?;
    scenario.init().await?;

    let options = WorkloadOptions {
        sessions: 2,
        rate: 50,
        transactions: Some(5),
        ..WorkloadOptions::default()
    };
    let _relay = scenario.start_relay()?;
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    let written = workload.finish().await?;
    let report = judge(stack, &scenario, PATIENCE).await?;
    assert!(report.passed(), "{point:?}: {report}");
    assert_eq!(report.committed, written.committed, "{point:?}: {report}");
    Ok(())
}

#[tokio::test]
async fn init_killed_at_any_point_is_finished_by_the_next() -> Result<()> {
    for point in Failpoint::INIT {
        crash_at(point).await?;
    }
    Ok(())
}
