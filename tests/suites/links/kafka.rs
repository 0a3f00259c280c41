//! The link to Kafka.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    Observed, Proxy, Scenario, Written, ends_transaction, judge_with, produces, stack_behind_proxy,
    wait_until,
};
use postrider::local::Stack;
use tokio_postgres::types::PgLsn;

use super::{LIMIT, PATIENCE, assert_proven, ready, until_walsender_is, write};

/// Longer than the relay's transaction timeout (20 s) with the broker's sweep for open ones.
const PARTITION: Duration = Duration::from_secs(22);

/// Longer than the `wal_sender_timeout` of the relay's connections.
const OUTLIVES_WALSENDER_TIMEOUT: Duration = Duration::from_secs(12);

/// Between the end of `shutdown.timeout` and that of the process.
const EXIT: Duration = Duration::from_secs(2);

pub(super) fn lead(scenario: &mut Scenario, proxy: &Proxy) {
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
    relay.wait_for_more_events(LIMIT).await;
    proxy.drop_answers_from(is_it);
    let status = relay.wait_for_state("retrying", LIMIT).await?;
    let error = status["last_error"]["error"].as_str().unwrap_or_default();
    assert!(error.contains(says), "{says:?} in {status}");
    assert!(proxy.drops_answers());
    proxy.heal();
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

/// As a broker answers that has lost count of the producer's records, or the producer itself.
async fn lose_count(name: &str, error: i16, mode: &str, says: &str) -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, name).await?;
    lead(&mut scenario, &proxy);
    scenario.set("delivery.mode", mode);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write(&scenario, None).await?;
    relay.wait_for_more_events(LIMIT).await;
    proxy.refuse_records(error);
    relay.wait_for_log(says, LIMIT).await;
    assert!(!proxy.refuses_records());
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    match mode {
        "at_least_once" => assert_nothing_lost(&stack, &scenario, written).await,
        _ => assert_proven(&stack, &scenario, written).await,
    }
}

/// What was sent again may be there twice.
async fn assert_nothing_lost(stack: &Stack, scenario: &Scenario, written: Written) -> Result<()> {
    let report = judge_with(stack, scenario, PATIENCE, |options| {
        options.rules.duplicates_allowed = true;
    });
    let report = report.await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}

const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const UNKNOWN_PRODUCER_ID: i16 = 59;

#[tokio::test]
async fn a_producer_whose_records_are_out_of_sequence_is_replaced_and_nothing_overtakes()
-> Result<()> {
    for mode in ["exactly_once", "at_least_once"] {
        let says = "session ended: publishing failed: the Kafka transaction failed at produce";
        lose_count("sequence", OUT_OF_ORDER_SEQUENCE_NUMBER, mode, says).await?;
    }
    Ok(())
}

/// Without a transaction librdkafka takes a new id by itself, which is safe where nothing else is in
/// flight.
#[tokio::test]
async fn a_producer_that_kafka_does_not_know_any_more_is_replaced() -> Result<()> {
    let says = "session ended: publishing failed";
    lose_count(
        "unknown_producer",
        UNKNOWN_PRODUCER_ID,
        "exactly_once",
        says,
    )
    .await
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
    relay.wait_for_more_events(LIMIT).await;
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
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

/// Without a transaction no record is ever given up by librdkafka: it could come late, behind those
/// that were sent after it. The relay itself gives up, and its next session sends all of them again.
#[tokio::test]
async fn a_partition_that_outlasts_the_patience_of_at_least_once_loses_nothing() -> Result<()> {
    let (stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = ready(&stack, "link_at_least_once").await?;
    lead(&mut scenario, &proxy);
    scenario.set("delivery.mode", "at_least_once");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let workload = write(&scenario, None).await?;
    relay.wait_for_more_events(LIMIT).await;
    proxy.black_hole();
    relay
        .wait_for_log("did not acknowledge a batch within 60 s", 2 * LIMIT)
        .await;
    proxy.heal();
    relay.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_nothing_lost(&stack, &scenario, written).await
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
    relay.wait_for_more_events(LIMIT).await;
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
