//! Another server answers at the address, or an older state of the same one.

use std::collections::HashSet;
use std::fs;

use anyhow::Result;
use postrider::local::{Postgres, PostgresOptions, StopMode};

use super::{
    Halt, LIMIT, assert_doctor_and_init_say, copy, emit, ready, server, slot, until_confirmed,
    until_published,
};

/// F15: a snapshot of the volume has the same identity, timeline and slot.
#[tokio::test]
async fn a_server_restored_from_a_snapshot_halts_before_and_after_its_log_has_grown() -> Result<()>
{
    let mut postgres = server(&[]).await?;
    let scenario = ready(&postgres, "restored").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    postgres.stop(StopMode::Fast, LIMIT).await?;
    let (data, snapshot) = (
        postgres.home().join("data"),
        postgres.home().join("snapshot"),
    );
    copy(&data, &snapshot)?;
    postgres.restart().await?;
    let mut relay = scenario.start_relay()?;
    // More log than a server writes by itself while it is looked at.
    emit(&scenario, 500).await?;
    until_published(&scenario, 502).await?;
    until_confirmed(&scenario).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    postgres.stop(StopMode::Immediate, LIMIT).await?;
    fs::remove_dir_all(&data)?;
    fs::rename(&snapshot, &data)?;
    postgres.restart().await?;
    let future = Halt {
        reason: "slot_moved",
        sentence: "the end of the write-ahead log stands at",
    };
    drop(future.begins(&scenario).await?);
    assert_doctor_and_init_say(&scenario, &future).await?;

    // Once the log has grown past the position, only the table tells.
    emit(&scenario, 5_000).await?;
    let forgotten = Halt {
        reason: "last_event_missing",
        sentence: "was published, but is not in outbox.event",
    };
    let relay = forgotten.begins(&scenario).await?;
    assert_doctor_and_init_say(&scenario, &forgotten).await?;
    drop(relay);
    Ok(())
}

/// F16: everything is there under the same names, and it is another cluster.
#[tokio::test]
async fn another_cluster_at_the_same_address_halts() -> Result<()> {
    let options = || PostgresOptions {
        password: Some("the same for both".to_owned()),
        ..PostgresOptions::default()
    };
    let first = Postgres::start(options()).await?;
    let scenario = ready(&first, "swapped").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    let port = Some(first.port());
    drop(first);
    let second = PostgresOptions { port, ..options() };
    let second = Postgres::start(second).await?;
    second.create_database(scenario.name().as_str()).await?;
    scenario.command(&["migrate"])?.succeed().await?;
    let create = "select pg_create_logical_replication_slot($1::text::name, 'pgoutput')";
    let client = scenario.client().await?;
    client.execute(create, &[&slot(&scenario)]).await?;
    emit(&scenario, 3).await?;
    let halt = Halt {
        reason: "identity_mismatch",
        sentence: "the database cluster is",
    };
    drop(halt.begins(&scenario).await?);
    assert_doctor_and_init_say(&scenario, &halt).await?;

    // Without the slot the relay cannot know more than that, and `init` does.
    let drop_it = "select pg_drop_replication_slot($1::text::name)";
    client.execute(drop_it, &[&slot(&scenario)]).await?;
    let init = scenario.command(&["init"])?.run().await?;
    assert_eq!(init.status.code(), Some(3), "{}", init.stderr);
    assert!(init.stderr.contains(halt.sentence), "{}", init.stderr);
    Ok(())
}

/// It shuts the original out once, before it knows better, and not at each look.
#[tokio::test]
async fn a_clone_that_halts_leaves_its_original_alone() -> Result<()> {
    let original = server(&[]).await?;
    let mut scenario = ready(&original, "cloned").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    emit(&scenario, 1).await?;
    until_published(&scenario, 1).await?;

    let clone = server(&[]).await?;
    clone.create_database(scenario.name().as_str()).await?;
    scenario.set(
        "postgres.url",
        clone.superuser_url(scenario.name().as_str()),
    );
    scenario.command(&["migrate"])?.succeed().await?;
    let make_slot = format!(
        "select pg_create_logical_replication_slot('{}', 'pgoutput')",
        slot(&scenario)
    );
    clone.execute(scenario.name().as_str(), &make_slot).await?;
    let mut second = scenario.start_relay()?;
    second.expect_log("halted: ");
    let halt = Halt {
        reason: "identity_mismatch",
        sentence: "database cluster",
    };
    halt.is_shown(&mut second).await?;
    // Whoever is shut out notices when it publishes.
    let mut published = 1;
    let mut looks = HashSet::new();
    while looks.len() < 4 {
        emit(&scenario, 1).await?;
        published += 1;
        until_published(&scenario, published).await?;
        looks.insert(second.status().await?["last_error"]["at"].to_string());
    }
    // A session of its own, and one after it was shut out.
    let sessions = relay.log_lines()?.concat();
    let sessions = sessions.matches("\"message\":\"active\"").count();
    assert!(sessions <= 2, "{:?}", relay.log_lines());
    Ok(())
}
