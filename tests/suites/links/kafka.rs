//! The link to Kafka.

use std::time::Duration;

use anyhow::Result;
use e2e::{Observed, Proxy, Scenario, ends_transaction, produces, stack_behind_proxy, wait_until};
use tokio_postgres::types::PgLsn;

use super::{LIMIT, assert_proven, ready, until_events_flow, until_walsender_is, write};

/// Longer than the relay's transaction timeout (20 s) with the broker's sweep for open ones.
const PARTITION: Duration = Duration::from_secs(22);

/// Longer than the `wal_sender_timeout` of the relay's connections.
const OUTLIVES_WALSENDER_TIMEOUT: Duration = Duration::from_secs(12);

/// Between the end of `shutdown.timeout` and that of the process.
const EXIT: Duration = Duration::from_secs(2);

fn lead(scenario: &mut Scenario, proxy: &Proxy) {
    let servers = format!("127.0.0.1:{}", proxy.port());
    scenario.set("kafka.bootstrap_servers", servers);
}

/// The answer to a request of this kind never comes, although the broker did what was asked.
async fn lose_answer(name: &str, is_it: fn(&[u8]) -> bool, says: &str) -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, name).await?;
    lead(&mut scenario, &proxy);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write(&scenario, None).await?;
    until_events_flow(&relay).await;
    proxy.drop_answers_from(is_it);
    let status = relay.wait_for_state("retrying", LIMIT).await?;
    let error = status["last_error"]["error"].as_str().unwrap_or_default();
    assert!(error.contains(says), "{says:?} in {status}");
    assert!(proxy.drops_answers());
    proxy.heal();
    until_events_flow(&relay).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

#[tokio::test]
async fn records_whose_acknowledgement_is_lost_are_delivered_once() -> Result<()> {
    lose_answer("link_produce", produces, "did not acknowledge").await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out_and_not_repeated() -> Result<()> {
    lose_answer("link_commit", ends_transaction, "commit_transaction").await
}

#[tokio::test]
async fn a_partition_that_outlasts_a_transaction_is_survived_and_keepalives_go_on() -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, "link_partition").await?;
    lead(&mut scenario, &proxy);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write(&scenario, None).await?;
    until_events_flow(&relay).await;
    proxy.black_hole();
    let begun = std::time::Instant::now();
    relay.wait_for_state("retrying", LIMIT).await?;
    until_walsender_is(OUTLIVES_WALSENDER_TIMEOUT, &scenario).await?;
    wait_until(
        "the transaction has timed out",
        LIMIT,
        async || match begun.elapsed() {
            lasted if lasted > PARTITION => Observed::Reached(()),
            lasted => Observed::NotYet(lasted),
        },
    )
    .await;
    proxy.heal();
    until_events_flow(&relay).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

async fn position(scenario: &Scenario, query: &str) -> Result<PgLsn> {
    let row = scenario.client().await?.query_one(query, &[]).await?;
    Ok(row.get(0))
}

#[tokio::test]
async fn a_relay_told_to_stop_while_kafka_is_silent_stops_in_time_and_confirms_nothing()
-> Result<()> {
    let timeout = Duration::from_secs(4);
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, "link_stop").await?;
    lead(&mut scenario, &proxy);
    scenario.set("shutdown.timeout", format!("{}s", timeout.as_secs()));
    let mut relay = scenario.start_relay()?;
    relay.expect_log("the shutdown took longer than shutdown.timeout");
    let first = write(&scenario, None).await?;
    until_events_flow(&relay).await;
    let first = first.stop().await?;
    wait_until("all is published", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["events_published"] == first.committed => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;

    proxy.black_hole();
    let before = position(&scenario, "select pg_current_wal_insert_lsn()").await?;
    let second = write(&scenario, Some(10)).await?.finish().await?;
    wait_until("the relay has read an event", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["events_waiting"].as_u64() > Some(0) => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    relay.terminate()?;
    let exit = relay.wait_exit(timeout + EXIT).await?;
    assert_eq!(exit.code(), Some(0));
    let confirmed = "select confirmed_flush_lsn from pg_replication_slots
        where database = current_database()";
    let confirmed = position(&scenario, confirmed).await?;
    assert!(
        confirmed <= before,
        "{confirmed} is confirmed, not {before}"
    );

    proxy.heal();
    let _next = scenario.start_relay()?;
    let mut written = second;
    written.committed += first.committed;
    assert_proven(&stack, &scenario, written).await
}
