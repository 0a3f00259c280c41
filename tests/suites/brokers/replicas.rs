//! Too few brokers have a record.

use anyhow::{Context as _, Result};
use e2e::{AGGREGATE_TYPE, Scenario, cluster, leader, register_contract};
use postrider::local::create_topic;

use super::{node, write_much};
use crate::links::{LIMIT, assert_proven};

/// What the slot has confirmed.
async fn confirmed(scenario: &Scenario) -> Result<u64> {
    let query = "select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots
        where database = current_database()";
    let row = scenario.client().await?.query_one(query, &[]).await?;
    Ok(u64::try_from(row.get::<_, i64>(0))?)
}

/// The topic wants all three copies, so that one broker less is one too few while the others still
/// decide: the brokers answer `NOT_ENOUGH_REPLICAS`.
#[tokio::test]
async fn with_too_few_replicas_nothing_is_confirmed_and_everything_is_published_later() -> Result<()>
{
    let mut stack = cluster().await?;
    let scenario = Scenario::on(&stack, "replicas").await?;
    let (servers, topic) = (scenario.bootstrap_servers(), scenario.topic(AGGREGATE_TYPE));
    create_topic(servers, &topic, 3, &[("min.insync.replicas", "3")]).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write_much(&scenario).await?;
    relay.wait_for_more_events(LIMIT).await;

    let follower = leader(servers, &topic, 0)? % 3 + 1;
    node(&mut stack, follower)?.kill()?;
    let status = relay.wait_for_state("retrying", LIMIT).await?;
    let published = status["events_published"].as_u64().context("a count")?;
    let position = confirmed(&scenario).await?;
    // Not even the end of the transaction can be written.
    relay
        .wait_for_log("does not finish the last transaction", LIMIT)
        .await;
    let status = relay.status().await?;
    assert_eq!(status["events_published"], published, "{status}");
    assert_eq!(confirmed(&scenario).await?, position);

    node(&mut stack, follower)?.restart().await?;
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}
