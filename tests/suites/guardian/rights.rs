//! What the relay may do changes while it runs (F35).

use anyhow::Result;
use e2e::{RelayProcess, Scenario};
use postrider::local::Postgres;

use super::{LIMIT, assert_proven, emit, ready_as, server, until_published};

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

    alter(&postgres, "password 'second-secret'").await?;
    assert_refused_next(&scenario, &mut relay, 1, "postgres_login").await?;
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
