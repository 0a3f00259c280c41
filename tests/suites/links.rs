//! Links that fail while both of their ends live: cut, silent, slow, or deaf in one direction.

mod kafka;
mod late;
mod postgres;
mod registry;

use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, Observed, Proxy, Scenario, Workload, WorkloadOptions, Written, judge,
    register_contract, wait_until,
};
use postrider::local::Stack;

pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// From the last record on: the relay may be in its longest pause.
const PATIENCE: Duration = Duration::from_secs(20);

/// An initialised scenario.
pub(super) async fn ready(stack: &Stack, name: &str) -> Result<Scenario> {
    let scenario = Scenario::on(stack, name).await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    Ok(scenario)
}

/// The way from the relays of `scenario` to PostgreSQL.
fn to_postgres(stack: &Stack, scenario: &mut Scenario) -> Result<Proxy> {
    let server = stack.postgres.port();
    let proxy = Proxy::start(server)?;
    scenario.set("postgres.url", proxy.lead(scenario.database_url(), server));
    Ok(proxy)
}

/// Writers that go on until they are stopped, or for some transactions each.
pub(super) async fn write(scenario: &Scenario, transactions: Option<u64>) -> Result<Workload> {
    let options = WorkloadOptions {
        sessions: 2,
        rate: 5,
        transactions,
        events_max: 20,
        ..WorkloadOptions::default()
    };
    Workload::start(&scenario.pool().await?, options).await
}

pub(super) async fn assert_proven(
    stack: &Stack,
    scenario: &Scenario,
    written: Written,
) -> Result<()> {
    let report = judge(stack, scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}

/// Waits until one walsender of the slot has lived for so long.
async fn until_walsender_is(age: Duration, scenario: &Scenario) -> Result<()> {
    let query = "select extract(epoch from now() - backend_start)::float8
        from pg_stat_activity join pg_replication_slots on pid = active_pid
        where slot_name = $1";
    let slot = format!("postrider_{}", scenario.name());
    let client = scenario.client().await?;
    wait_until("the walsender is old", LIMIT, async || {
        let lived = client.query_opt(query, &[&slot]).await;
        match lived.map(|row| row.map(|row| row.get::<_, f64>(0))) {
            Ok(Some(lived)) if lived > age.as_secs_f64() => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    Ok(())
}
