//! A relay that stands still for longer than PostgreSQL waits, and then goes on.

use super::*;

/// Events of the successor before the frozen relay goes on.
const EVENTS: u64 = 100;

/// A frozen relay goes on with what it had in hand, and must not get far.
async fn continue_frozen(relay: &mut RelayProcess) -> Result<()> {
    relay.process().resume()?;
    relay.wait_for_state("standby", LIMIT).await?;
    Ok(())
}

/// Everything of a transaction is acknowledged, only its end is missing.
async fn freeze_before_a_commit(name: &str, at_least: Duration) -> Result<()> {
    let scenario = ready(name).await?;
    let folder = tempfile::tempdir()?;
    let hits = folder.path().join("hits");
    let variables = [
        ("POSTRIDER_FAILPOINTS", "progress_no_end_txn=10:freeze"),
        (
            "POSTRIDER_FAILPOINT_LOG",
            hits.to_str().context("a plain name")?,
        ),
    ];
    let mut first = scenario.start_relay_with(&[], &variables)?;
    first.expect_log("session ended");
    first.wait_for_state("active", LIMIT).await?;
    let second = start_standby(&scenario).await?;
    let workload = write(&scenario).await?;
    until_frozen(&mut first, &hits).await?;
    let frozen = Instant::now();
    let after = until_published(&second, 0, EVENTS, frozen).await;
    eprintln!("{name}: {EVENTS} events of the successor after {after:.1?}");
    wait_until(
        "it has stood still for long",
        at_least + LIMIT,
        async || match frozen.elapsed() {
            stood if stood >= at_least => Observed::Reached(()),
            stood => Observed::NotYet(stood),
        },
    )
    .await;
    continue_frozen(&mut first).await?;
    second.wait_for_more_events(LIMIT).await;
    let written = workload.stop().await?;
    assert_proven(&scenario, written).await?;
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert_eq!(epochs.len(), 2, "{epochs:?}");
    Ok(())
}

#[tokio::test]
async fn a_relay_that_was_frozen_before_a_commit_is_shut_out_by_its_successor() -> Result<()> {
    freeze_before_a_commit("frozen", Duration::ZERO).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_relay_that_was_frozen_for_two_minutes_is_shut_out_by_its_successor() -> Result<()> {
    freeze_before_a_commit("frozen_long", Duration::from_mins(2)).await
}

async fn freeze_in_turn(name: &str, turns: usize) -> Result<()> {
    let scenario = ready(name).await?;
    let mut active = start_active(&scenario).await?;
    let mut standby = start_standby(&scenario).await?;
    let workload = write(&scenario).await?;
    let mut times = Vec::new();
    for _ in 0..turns {
        active.expect_log("session ended");
        active.wait_for_more_events(LIMIT).await;
        let before = published(&standby).await?;
        active.process().pause()?;
        times.push(until_published(&standby, before, EVENTS, Instant::now()).await);
        continue_frozen(&mut active).await?;
        std::mem::swap(&mut active, &mut standby);
    }
    let written = workload.stop().await?;
    eprintln!("{name}: {EVENTS} events of the other one after {times:.1?}");
    assert_proven(&scenario, written).await?;
    let epochs = assert_each_wrote_before_its_successor(&scenario).await?;
    assert_eq!(epochs.len(), turns + 1, "{epochs:?}");
    Ok(())
}

#[tokio::test]
async fn of_two_relays_that_freeze_in_turn_exactly_one_publishes() -> Result<()> {
    freeze_in_turn("frozen_turns", 3).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn of_two_relays_that_freeze_in_turn_many_times_exactly_one_publishes() -> Result<()> {
    freeze_in_turn("frozen_many_turns", 20).await
}

#[tokio::test]
async fn a_relay_that_finds_a_frozen_one_names_it_and_makes_no_slot() -> Result<()> {
    let scenario = ready("frozen_holder").await?;
    let mut first = start_active(&scenario).await?;
    first.expect_log("session ended");
    let holder = "select pid::text, application_name, host(client_addr)
        from pg_stat_activity join pg_replication_slots on pid = active_pid
        where slot_name = $1";
    let slot = format!("postrider_{}", scenario.name());
    let row = scenario.client().await?.query_one(holder, &[&slot]).await?;
    first.process().pause()?;
    let mut second = scenario.start_relay()?;
    let status = second.wait_for_state("standby", LIMIT).await?;
    assert_eq!(status["reason"], "slot_in_use");
    let said = status["last_error"]["error"].as_str().unwrap_or_default();
    for column in 0..3 {
        let expected: &str = row.get(column);
        assert!(said.contains(expected), "{expected:?} in {said:?}");
    }
    assert_eq!(slots(&scenario).await?, 1);
    second.wait_for_state("active", LIMIT).await?;
    assert_eq!(slots(&scenario).await?, 1);
    continue_frozen(&mut first).await?;
    assert_eq!(slots(&scenario).await?, 1);
    Ok(())
}
