//! What the relay may do changes while it runs (F35).

use anyhow::Result;
use e2e::{RelayProcess, Scenario};
use postrider::local::Postgres;
use serde_json::Value;

use super::{LIMIT, assert_proven, emit, ready, ready_as, server, until_published};

/// The stream that runs goes on; the next connection is refused for `reason`.
async fn assert_refused_next(
    scenario: &Scenario,
    relay: &mut RelayProcess,
    published: usize,
    reason: &str,
) -> Result<()> {
    emit(scenario, 1).await?;
    until_published(scenario, published).await?;
    assert_eq!(relay.status().await?["state"], "active");
    let end = "select pg_terminate_backend(pid) from pg_stat_replication";
    scenario.client().await?.execute(end, &[]).await?;
    let status = relay
        .wait_for_status(reason, LIMIT, |it| it["reason"] == reason)
        .await;
    assert_eq!(status["state"], "retrying", "{status}");
    Ok(())
}

async fn alter(postgres: &Postgres, what: &str) -> Result<()> {
    let alter = format!("alter role rotated {what}");
    Ok(postgres.execute("postgres", &alter).await?)
}

#[tokio::test]
async fn a_password_or_right_that_changes_counts_at_the_next_connection() -> Result<()> {
    let postgres = server(&[]).await?;
    let role = "create role rotated login replication password 'first-secret'";
    postgres.execute("postgres", role).await?;
    let (scenario, password) = ready_as(&postgres, "rights", "rotated", "first-secret").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended: ");
    relay.wait_for_state("active", LIMIT).await?;
    // Whoever only waits stays as well: it is relied on.
    let mut standby = scenario.start_relay()?;
    standby.expect_log("session ended: ");
    standby.wait_for_state("standby", LIMIT).await?;

    alter(&postgres, "password 'second-secret'").await?;
    standby.wait_for_state("retrying", LIMIT).await?;
    assert_refused_next(&scenario, &mut relay, 1, "postgres_login").await?;
    drop(standby);
    std::fs::write(&password, "second-secret\n")?;
    relay.wait_for_state("active", LIMIT).await?;

    alter(&postgres, "noreplication").await?;
    assert_refused_next(&scenario, &mut relay, 2, "postgres_privilege").await?;
    alter(&postgres, "replication").await?;
    relay.wait_for_state("active", LIMIT).await?;
    emit(&scenario, 1).await?;
    assert_proven(&scenario, 3).await?;
    let said = relay.log_lines()?.concat() + &relay.get("/status").await?;
    assert!(!said.contains("-secret"), "{said}");
    Ok(())
}

/// Each look waits for the lock, and nobody may go on to wait when the look is over.
#[tokio::test]
#[ignore = "takes a minute: make long"]
async fn a_table_that_is_locked_for_long_gathers_no_sessions_that_wait() -> Result<()> {
    let postgres = server(&[]).await?;
    let scenario = ready(&postgres, "locked").await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 1).await?;
    until_published(&scenario, 1).await?;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;
    let mut client = scenario.client().await?;
    let lock = client.transaction().await?;
    lock.batch_execute("lock table outbox.event").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended: ");
    let mut looks: Vec<String> = Vec::new();
    while looks.len() < 3 {
        let again = |it: &Value| {
            let at = it["last_error"]["at"].as_str();
            at.is_some_and(|at| looks.iter().all(|look| look != at))
        };
        let status = relay.wait_for_status("it looks again", LIMIT, again).await;
        looks.push(
            status["last_error"]["at"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    let waiting: i64 = lock.query_one(waiting, &[]).await?.get(0);
    assert!(waiting <= 1, "{waiting} sessions wait");
    lock.rollback().await?;
    relay.wait_for_state("active", LIMIT).await?;
    Ok(())
}
