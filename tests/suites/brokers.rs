//! Three brokers, some of which die, stand still or fall behind, while a relay publishes.

mod leaders;
mod paused;
mod replicas;

use anyhow::{Context as _, Result};
use e2e::{Scenario, Workload, WorkloadOptions};
use postrider::local::{Node, Stack};

/// Writers that leave no moment without a batch in flight, until they are stopped.
async fn write_much(scenario: &Scenario) -> Result<Workload> {
    let options = WorkloadOptions {
        sessions: 4,
        rate: 25,
        events_max: 20,
        ..WorkloadOptions::default()
    };
    Workload::start(&scenario.pool().await?, options).await
}

/// The node of this id.
fn node(stack: &mut Stack, id: i32) -> Result<&mut Node> {
    let mut nodes = stack.kafka.nodes_mut().iter_mut();
    nodes
        .find(|node| node.id() == id)
        .with_context(|| format!("there is no node {id}"))
}
