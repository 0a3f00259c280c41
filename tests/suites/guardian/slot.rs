//! Somebody moved the slot, or it lost its log.

use anyhow::Result;

use super::{
    Halt, LIMIT, assert_doctor_and_init_say, emit, ready, server, slot, start_anew, until_published,
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
