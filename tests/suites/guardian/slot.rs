//! Somebody moved the slot, or it lost its log.

use anyhow::Result;
use e2e::{Observed, wait_until};

use super::{
    Halt, LIMIT, Witness, assert_doctor_and_init_say, emit, grow_log, ready, server, slot,
    start_anew, until_confirmed, until_published,
};

/// F14. Between two runs, since a slot in use cannot be advanced.
#[tokio::test]
async fn a_slot_that_somebody_advanced_halts_and_what_it_passed_can_be_published() -> Result<()> {
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "advanced").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 3).await?;
    until_published(&scenario, 3).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    emit(&scenario, 2).await?;
    let advance = "select pg_replication_slot_advance($1::text::name, pg_current_wal_lsn())";
    let client = scenario.client().await?;
    client.execute(advance, &[&slot(&scenario)]).await?;
    emit(&scenario, 1).await?;
    let halt = Halt {
        reason: "slot_moved",
        sentence: "the replication slot stands at",
    };
    let halted = halt.begins(&scenario).await?;
    assert_doctor_and_init_say(&scenario, &halt).await?;
    drop(halted);
    start_anew(&mut scenario, 6).await.map(drop)
}

/// F11: `init` is what the halt names for a relay that has never run. For one that has, it makes no
/// slot: that would begin after what is not published.
#[tokio::test]
async fn a_slot_that_was_dropped_is_not_made_again_by_init() -> Result<()> {
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "dropped").await?;
    emit(&scenario, 2).await?;
    let drop_it = "select pg_drop_replication_slot($1::text::name)";
    let client = scenario.client().await?;
    client.execute(drop_it, &[&slot(&scenario)]).await?;
    let halt = Halt {
        reason: "slot_missing",
        sentence: "does not exist",
    };
    drop(halt.begins(&scenario).await?);
    assert_doctor_and_init_say(&scenario, &halt).await?;
    start_anew(&mut scenario, 2).await.map(drop)
}

/// F13, behind a transaction that holds the log back.
#[tokio::test]
async fn a_slot_that_loses_its_log_is_named_before_and_halts_then() -> Result<()> {
    // No checkpoint of the server's own, which would take the log away.
    let postgres = server(&[
        ("max_slot_wal_keep_size", "64MB"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "1h"),
    ])
    .await?;
    let mut scenario = ready(&postgres, "lost").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    until_confirmed(&scenario).await?;
    let mut holder = scenario.client().await?;
    let open = holder.transaction().await?;
    open.batch_execute("create table held ()").await?;

    relay.expect_log("the slot keeps ");
    let client = scenario.client().await?;
    grow_log(&client, 6).await?;
    let status = wait_until("it is about to be lost", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["slot_wal_status"] == "unreserved" => Observed::Reached(status),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    assert_eq!(status["slot_safe_wal_bytes"], 0, "{status}");
    assert!(
        status["slot_wal_budget_share"].as_f64() > Some(1.0),
        "{status}"
    );
    let alarm = relay
        .wait_for_log(r#""level":"ERROR","message":"the slot keeps "#, LIMIT)
        .await;
    assert!(
        alarm.contains("deploy/runbook.md#retained-wal-grows"),
        "{alarm}"
    );

    relay.expect_log("session ended: ");
    relay.expect_log("halted: ");
    let before = Witness::of(&scenario).await?;
    client.batch_execute("checkpoint").await?;
    emit(&scenario, 3).await?;
    let halt = Halt {
        reason: "slot_lost",
        sentence: "has lost log that it needs",
    };
    halt.is_shown(&mut relay).await?;
    assert_eq!(relay.status().await?["slot_wal_status"], "lost");
    assert_eq!(Witness::of(&scenario).await?.events, before.events);
    assert_doctor_and_init_say(&scenario, &halt).await?;
    drop((relay, open));
    start_anew(&mut scenario, 5).await.map(drop)
}
