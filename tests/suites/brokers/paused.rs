//! A broker that stands still, as in a long garbage collection, and then goes on where it was.

use anyhow::Result;
use e2e::{AGGREGATE_TYPE, Observed, cluster, leader, own_stack, wait_until};

use super::{node, write_much};
use crate::links::{LIMIT, assert_proven, ready};

/// The other brokers take over, the relay begins anew with them, and then the old leader wakes with
/// requests of the earlier session in its sockets.
#[tokio::test]
async fn a_leader_that_wakes_up_late_publishes_nothing_of_an_earlier_session() -> Result<()> {
    let mut stack = cluster().await?;
    let scenario = ready(&stack, "paused_leader").await?;
    let topic = scenario.topic(AGGREGATE_TYPE);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write_much(&scenario).await?;
    for partition in 0..2 {
        relay.wait_for_more_events(LIMIT).await;
        let id = leader(scenario.bootstrap_servers(), &topic, partition)?;
        node(&mut stack, id)?.process_mut().pause()?;
        relay.wait_for_log("session ended", LIMIT).await;
        relay.wait_for_more_events(LIMIT).await;
        node(&mut stack, id)?.process_mut().resume()?;
        // It is in step again, and may lead.
        node(&mut stack, id)?.until_ready().await?;
    }
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

/// The only broker: everything that the relay sent while it stood, from every session that it gave
/// up meanwhile, lies in its sockets and is handled at once when it goes on.
#[tokio::test]
async fn requests_of_given_up_sessions_that_a_broker_hears_late_do_not_surface() -> Result<()> {
    let mut stack = own_stack().await?;
    let scenario = ready(&stack, "paused_broker").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write_much(&scenario).await?;
    for _ in 0..2 {
        relay.wait_for_more_events(LIMIT).await;
        node(&mut stack, 1)?.process_mut().pause()?;
        relay.wait_for_state("retrying", LIMIT).await?;
        wait_until(
            "a second session has given up",
            LIMIT,
            async || match relay.status().await {
                Ok(status) if status["reason"] == "kafka_unreachable" => Observed::Reached(()),
                seen => Observed::NotYet(seen),
            },
        )
        .await;
        node(&mut stack, 1)?.process_mut().resume()?;
    }
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}
