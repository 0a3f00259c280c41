//! Another server of the same cluster takes over.

use anyhow::{Context as _, Result};
use e2e::{Observed, Scenario, wait_until};
use postrider::local::{Postgres, StopMode};

use super::{
    Halt, LIMIT, assert_doctor_and_init_say, assert_proven, copy, emit, ready, server, slot,
    start_anew, until_confirmed, until_published,
};

/// A primary, its standby, and a scenario whose relay looks for the database on both.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    scenario: Scenario,
}

impl Pair {
    async fn start(name: &str) -> Result<Self> {
        let primary = server(&[]).await?;
        let standby = primary.start_standby().await?;
        let mut scenario = ready(&primary, name).await?;
        let url = primary.superuser_url(scenario.name().as_str());
        let first = format!("@127.0.0.1:{}", primary.port());
        let both = format!("{first},127.0.0.1:{}", standby.port());
        scenario.set("postgres.url", url.replace(&first, &both));
        Ok(Self {
            primary,
            standby,
            scenario,
        })
    }

    /// Waits until the standby has everything that the primary has now.
    async fn until_followed(&self) -> Result<()> {
        let primary = self.scenario.client().await?;
        let end = "select (pg_current_wal_flush_lsn() - '0/0')::bigint";
        let end: i64 = primary.query_one(end, &[]).await?.get(0);
        let replayed = "do $$ begin
            if pg_last_wal_replay_lsn() - '0/0' < END then raise 'not yet'; end if; end $$";
        let replayed = replayed.replace("END", &end.to_string());
        wait_until("the standby has followed", LIMIT, async || {
            match self.standby.execute("postgres", &replayed).await {
                Ok(()) => Observed::Reached(()),
                Err(error) => Observed::NotYet(error),
            }
        })
        .await;
        Ok(())
    }

    /// Gives the standby, which is stopped, the slot as it is on the primary's disk, as tools for
    /// failover do before PostgreSQL 17.
    async fn copy_slot(&self) -> Result<()> {
        self.primary.execute("postgres", "checkpoint").await?;
        let slots = |server: &Postgres| server.home().join("data/pg_replslot");
        let name = slot(&self.scenario);
        copy(
            &slots(&self.primary).join(&name),
            &slots(&self.standby).join(&name),
        )
    }

    /// The primary dies, and the standby takes its place.
    async fn fail_over(&mut self) -> Result<()> {
        self.primary.crash()?;
        self.standby.promote().await?;
        self.scenario.move_to(&self.standby);
        Ok(())
    }
}

/// F17.
#[tokio::test]
async fn a_failover_to_a_standby_without_the_slot_halts() -> Result<()> {
    let mut pair = Pair::start("no_slot").await?;
    let mut relay = pair.scenario.start_relay()?;
    relay.expect_log("session ended: ");
    relay.expect_log("halted: ");
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 3).await?;
    pair.until_followed().await?;
    pair.fail_over().await?;
    emit(&pair.scenario, 2).await?;
    let halt = Halt {
        reason: "slot_missing",
        sentence: "does not exist",
    };
    halt.is_shown(&mut relay).await?;
    assert_doctor_and_init_say(&pair.scenario, &halt).await?;
    drop(relay);
    start_anew(&mut pair.scenario, 5).await.map(drop)
}

/// F18: what the relay published last never reached the standby.
#[tokio::test]
async fn a_failover_to_a_standby_that_lacks_what_is_published_halts() -> Result<()> {
    let mut pair = Pair::start("lagging").await?;
    let mut relay = pair.scenario.start_relay()?;
    relay.expect_log("session ended: ");
    relay.expect_log("halted: ");
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 3).await?;
    until_confirmed(&pair.scenario).await?;
    pair.until_followed().await?;
    pair.standby.stop(StopMode::Fast, LIMIT).await?;
    pair.copy_slot().await?;
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 6).await?;
    until_confirmed(&pair.scenario).await?;

    pair.primary.crash()?;
    pair.standby.restart().await?;
    pair.standby.promote().await?;
    pair.scenario.move_to(&pair.standby);
    let halt = Halt {
        reason: "slot_moved",
        sentence: "the fork of the timeline stands at",
    };
    halt.is_shown(&mut relay).await?;
    // Also when the new server's log has long passed the position.
    emit(&pair.scenario, 500).await?;
    drop(relay);
    drop(halt.begins(&pair.scenario).await?);
    assert_doctor_and_init_say(&pair.scenario, &halt).await
}

/// F19, after a failover that is as it should be.
#[tokio::test]
async fn a_failover_with_the_slot_goes_on_and_the_old_primary_halts() -> Result<()> {
    let mut pair = Pair::start("returns").await?;
    let mut relay = pair.scenario.start_relay()?;
    relay.expect_log("session ended: ");
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 3).await?;
    pair.standby.stop(StopMode::Fast, LIMIT).await?;
    pair.copy_slot().await?;
    pair.standby.restart().await?;
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 6).await?;
    pair.until_followed().await?;
    pair.fail_over().await?;
    emit(&pair.scenario, 3).await?;
    until_published(&pair.scenario, 9).await?;
    until_confirmed(&pair.scenario).await?;
    relay.wait_for_state("active", LIMIT).await?;
    drop(relay);

    // Both accept writes now, and the old one comes first in the URL.
    pair.primary.restart().await?;
    let promoted = pair.scenario.client().await?;
    let of_both = "select confirmed_flush_lsn::text from pg_replication_slots";
    let before: String = promoted.query_one(of_both, &[]).await?.get(0);
    pair.scenario.move_to(&pair.primary);
    emit(&pair.scenario, 2).await?;
    let halt = Halt {
        reason: "identity_mismatch",
        sentence: "the timeline is 1, but the progress record says 2",
    };
    let mut relay = halt.begins(&pair.scenario).await?;
    assert_doctor_and_init_say(&pair.scenario, &halt).await?;
    let after = promoted.query_opt(of_both, &[]).await?;
    assert_eq!(after.context("it is there")?.get::<_, String>(0), before);

    // The cure: nobody may reach the old one.
    relay.expect_log("session ended: ");
    pair.primary.stop(StopMode::Fast, LIMIT).await?;
    pair.scenario.move_to(&pair.standby);
    emit(&pair.scenario, 1).await?;
    relay.wait_for_state("active", LIMIT).await?;
    assert_proven(&pair.scenario, 10).await
}
