//! The publication or the table changes while the stream runs.

use std::time::Duration;

use anyhow::Result;
use e2e::Scenario;
use postrider::local::{Postgres, PostgresOptions, Release};

use super::{
    Halt, LIMIT, Witness, assert_proven, emit, ready, server, start_anew, until_confirmed,
    until_published,
};

/// A canary is written every three minutes.
const CANARY_LIMIT: Duration = Duration::from_mins(5);

/// A row past `outbox.emit`, which needs every column as it was.
async fn insert(scenario: &Scenario) -> Result<()> {
    let insert = "insert into outbox.event (id, aggregate_type, aggregate_id, event_type, \
                    correlation_id)
        select id, aggregate_type, aggregate_id, event_type, correlation_id from (
          select overlay(gen_random_uuid()::text placing '7' from 15)::uuid as id, 'order' as
            aggregate_type, '1' as aggregate_id, 'guardian.Deleted' as event_type, 'c' as
            correlation_id) as event";
    Ok(scenario.client().await?.batch_execute(insert).await?)
}

/// F20. The publication that `init` makes anew is there for what comes; the slot cannot pass what was
/// written before, and nobody may say that all is well.
#[tokio::test]
async fn a_publication_dropped_while_the_stream_runs_halts_also_when_it_is_made_again() -> Result<()>
{
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "unpublished").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    until_confirmed(&scenario).await?;
    relay.expect_log("session ended: ");
    relay.expect_log("halted: ");
    let drop_it = "drop publication postrider";
    scenario.client().await?.batch_execute(drop_it).await?;
    let before = Witness::of(&scenario).await?;
    emit(&scenario, 3).await?;
    let halt = Halt {
        reason: "publication_missing",
        sentence: "did not exist when the next change was written",
    };
    halt.is_shown(&mut relay).await?;
    drop(relay);
    // It makes the publication, so that no more is missed, and says what that does not mend.
    for _ in 0..2 {
        let init = scenario.command(&["init"])?.run().await?;
        assert_eq!(init.status.code(), Some(3), "{}", init.stderr);
        for expected in [halt.sentence, &halt.page()] {
            assert!(init.stderr.contains(expected), "{}", init.stderr);
        }
    }
    let check = scenario.command(&["check"])?.run().await?;
    assert_eq!(check.status.code(), Some(1), "{}", check.stdout);
    assert!(check.stdout.contains(halt.sentence), "{}", check.stdout);
    assert_eq!(Witness::of(&scenario).await?, before);
    start_anew(&mut scenario, 5).await.map(drop)
}

/// F20. PostgreSQL 18 drops the changes, and its slot could pass them; only its warning tells.
#[tokio::test]
async fn a_publication_that_postgresql_18_skips_halts_before_anything_is_confirmed() -> Result<()> {
    let postgres = Postgres::start(PostgresOptions {
        release: Some(Release::V18),
        ..PostgresOptions::default()
    });
    let postgres = postgres.await?;
    let mut scenario = ready(&postgres, "skipped").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    until_confirmed(&scenario).await?;
    relay.expect_log("halted: ");
    let drop_it = "drop publication postrider";
    scenario.client().await?.batch_execute(drop_it).await?;
    let before = Witness::of(&scenario).await?;
    emit(&scenario, 3).await?;
    let halt = Halt {
        reason: "publication_missing",
        sentence: "the server drops changes because a publication is missing",
    };
    halt.is_shown(&mut relay).await?;
    assert_eq!(Witness::of(&scenario).await?, before);
    drop(relay);
    start_anew(&mut scenario, 5).await.map(drop)
}

/// F21. No error comes: only the canary shows that rows are missing.
#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_publication_that_loses_the_outbox_while_the_stream_runs_halts() -> Result<()> {
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "forgotten").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    relay.expect_log("halted: ");
    let forget = "alter publication postrider drop table outbox.event";
    scenario.client().await?.batch_execute(forget).await?;
    emit(&scenario, 3).await?;
    relay.wait_for_state("halted", CANARY_LIMIT).await?;
    let halt = Halt {
        reason: "canary_missing",
        sentence: "the canary did not come back",
    };
    halt.is_shown(&mut relay).await?;
    drop(relay);
    let verify = scenario.command(&["verify"])?.run().await?;
    assert!(verify.stdout.contains("lost 3"), "{}", verify.stdout);
    let restore = "drop publication postrider";
    scenario.client().await?.batch_execute(restore).await?;
    start_anew(&mut scenario, 5).await.map(drop)
}

/// F22.
#[tokio::test]
async fn a_column_that_is_added_changes_nothing_and_one_that_is_lost_halts_and_is_named()
-> Result<()> {
    let postgres = server(&[]).await?;
    let scenario = ready(&postgres, "altered").await?;
    let client = scenario.client().await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 1).await?;
    client
        .batch_execute("alter table outbox.event add column note text default 'x'")
        .await?;
    emit(&scenario, 1).await?;
    until_published(&scenario, 2).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;
    emit(&scenario, 1).await?;
    client
        .batch_execute("alter table outbox.event drop column note")
        .await?;
    emit(&scenario, 1).await?;
    let mut relay = scenario.start_relay()?;
    until_published(&scenario, 4).await?;
    assert_proven(&scenario, 4).await?;

    relay.expect_log("halted: ");
    relay.expect_log("canary could not be written");
    let rename = "alter table outbox.event rename column headers to heads";
    client.batch_execute(rename).await?;
    insert(&scenario).await?;
    let halt = Halt {
        reason: "outbox_column",
        sentence: "carries no column headers of the outbox",
    };
    halt.is_shown(&mut relay).await?;
    drop(relay);
    drop(halt.begins(&scenario).await?);
    until_published(&scenario, 4).await
}

/// F30. The row filter and the columns of `init`'s publication do not even let them be written.
#[tokio::test]
async fn changes_that_are_no_insert_are_never_events_and_are_said_once() -> Result<()> {
    let postgres = server(&[]).await?;
    let scenario = ready(&postgres, "all_changes").await?;
    let client = scenario.client().await?;
    let all = "alter publication postrider set (publish = 'insert, update, delete, truncate');
        alter publication postrider set table outbox.event";
    client.batch_execute(all).await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("changes that are no insert");
    // A payload outside of the row, so that the update leaves it unchanged and unsent (F29).
    let large = "select outbox.emit('guardian.Deleted', 'order', '1', null::json, headers =>
        json_build_object('large', (select string_agg(gen_random_uuid()::text, '') from
        generate_series(1, 200))))";
    client.batch_execute(large).await?;
    emit(&scenario, 2).await?;
    let update = "update outbox.event set occurred_at = now() where aggregate_type = 'order'";
    client.batch_execute(update).await?;
    client
        .batch_execute("delete from outbox.event where aggregate_id = '2'")
        .await?;
    client.batch_execute("truncate outbox.event").await?;
    emit(&scenario, 1).await?;
    until_published(&scenario, 4).await?;
    until_confirmed(&scenario).await?;
    relay
        .wait_for_log("changes that are no insert", LIMIT)
        .await;
    let said = relay.log_lines()?.concat();
    assert_eq!(
        said.matches("changes that are no insert").count(),
        1,
        "{said}"
    );
    Ok(())
}

/// F31. A row counts wherever it was written first; who wants it only there leaves the outbox out of
/// the other replication.
#[tokio::test]
async fn a_row_that_another_replication_applied_is_an_event_like_any_other() -> Result<()> {
    let postgres = server(&[]).await?;
    let scenario = ready(&postgres, "origin").await?;
    let _relay = scenario.start_relay()?;
    emit(&scenario, 1).await?;
    let client = scenario.client().await?;
    // As an apply worker does it.
    let apply = "select pg_replication_origin_create('elsewhere');
        select pg_replication_origin_session_setup('elsewhere');
        set session_replication_role = replica;";
    client.batch_execute(apply).await?;
    let applied = "begin; select pg_replication_origin_xact_setup('0/1234', now());
        select outbox.emit('guardian.Deleted', 'order', '2', null::json); commit";
    client.batch_execute(applied).await?;
    until_published(&scenario, 2).await?;
    emit(&scenario, 1).await?;
    assert_proven(&scenario, 3).await
}
