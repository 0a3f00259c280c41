//! Partitions that change their leader, and transactions that change their coordinator.

use anyhow::Result;
use e2e::{AGGREGATE_TYPE, Observed, RelayProcess, cluster, coordinator, leader, wait_until};
use postrider::local::Stack;

use super::{node, write_much};
use crate::links::{LIMIT, assert_proven, ready};

const ELECTION: &str = "org.apache.kafka.tools.LeaderElectionCommand";

/// How often each is done.
const ROUNDS: usize = 2;

/// A relay that publishes; it may have to begin anew.
fn expect_failover(relay: &mut RelayProcess) {
    relay.expect_log("session ended");
}

/// Kills the node, waits until events flow without it, and brings it back.
async fn outlive(stack: &mut Stack, id: i32, relay: &RelayProcess) -> Result<()> {
    node(stack, id)?.kill()?;
    relay.wait_for_more_events(LIMIT).await;
    node(stack, id)?.restart().await?;
    Ok(())
}

/// Moves every partition back to the node that should lead it, when that one has caught up.
async fn elect_preferred_leaders(stack: &Stack, topic: &str, preferred: i32) {
    let servers = stack.kafka.bootstrap_servers();
    let arguments = [
        "--bootstrap-server",
        &servers,
        "--election-type",
        "preferred",
        "--all-topic-partitions",
    ];
    wait_until("the preferred leader leads", LIMIT, async || {
        let elected = stack.kafka.tool(ELECTION, &arguments, LIMIT).await;
        match leader(&servers, topic, 0) {
            Ok(now) if now == preferred => Observed::Reached(()),
            seen => Observed::NotYet((elected, seen)),
        }
    })
    .await;
}

#[tokio::test]
async fn leaders_that_die_and_come_back_with_batches_in_flight_change_no_order() -> Result<()> {
    let mut stack = cluster().await?;
    let scenario = ready(&stack, "leaders").await?;
    let topic = scenario.topic(AGGREGATE_TYPE);
    let mut relay = scenario.start_relay()?;
    expect_failover(&mut relay);
    let workload = write_much(&scenario).await?;
    relay.wait_for_more_events(LIMIT).await;
    for _ in 0..ROUNDS {
        let preferred = leader(scenario.bootstrap_servers(), &topic, 0)?;
        outlive(&mut stack, preferred, &relay).await?;
        // The relay is in the middle of its batches when the leader changes a second time.
        elect_preferred_leaders(&stack, &topic, preferred).await;
        relay.wait_for_more_events(LIMIT).await;
    }
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

/// Both the one that decides over the transactions, and the one that leads the progress topic.
#[tokio::test]
async fn a_coordinator_that_dies_under_transactions_delays_them_and_tears_none() -> Result<()> {
    let mut stack = cluster().await?;
    let scenario = ready(&stack, "coordinator").await?;
    let servers = scenario.bootstrap_servers();
    let progress = format!("postrider.progress.{}", scenario.name());
    let mut relay = scenario.start_relay()?;
    expect_failover(&mut relay);
    let workload = write_much(&scenario).await?;
    relay.wait_for_more_events(LIMIT).await;
    for _ in 0..ROUNDS {
        let decides = coordinator(servers, &scenario.name().transactional_id())?;
        outlive(&mut stack, decides, &relay).await?;
        outlive(&mut stack, leader(servers, &progress, 0)?, &relay).await?;
    }
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}
