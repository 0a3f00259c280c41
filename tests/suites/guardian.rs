//! The slot, the server and the publication are not what the relay left: it halts before an event
//! could be lost, says what to do, and where that is short the runbook's cure is tried.
//!
//! Each test has a database server of its own, since it breaks it.

mod failover;
mod places;
mod publication;
mod retention;
mod rights;
mod servers;
mod slot;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{Observed, RelayProcess, Scenario, read_to_the_end, wait_until};
use postrider::local::{Postgres, PostgresOptions};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_mins(1);

const TOPIC: &str = "order";

/// A server with these settings over the usual ones.
async fn server(settings: &[(&str, &str)]) -> Result<Postgres> {
    let settings = settings.iter();
    let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = PostgresOptions {
        settings: settings.collect(),
        ..PostgresOptions::default()
    };
    Ok(Postgres::start(options).await?)
}

/// A scenario on that server in which `run` would work.
async fn ready(postgres: &Postgres, name: &str) -> Result<Scenario> {
    let scenario = Scenario::on_postgres(postgres, name).await?;
    scenario.create_topic(TOPIC, 1).await?;
    scenario.init().await?;
    Ok(scenario)
}

/// The same for a relay that logs in as `role`, with the password in the file that is given.
async fn ready_as(
    postgres: &Postgres,
    name: &str,
    role: &str,
    password: &str,
) -> Result<(Scenario, PathBuf)> {
    let mut scenario = Scenario::on_postgres(postgres, name).await?;
    scenario.create_topic(TOPIC, 1).await?;
    let file = scenario.write("password", password)?;
    let url = postgres.url(role, "not this one", scenario.name().as_str());
    scenario.set("postgres.url", url);
    scenario.set("postgres.password_file", file.to_string_lossy());
    let admin = scenario.database_url().to_owned();
    let init = scenario.command(&["init", "--admin-url", &admin])?;
    init.succeed().await?;
    Ok((scenario, file))
}

/// Writes events, in one transaction.
async fn emit(scenario: &Scenario, events: i32) -> Result<()> {
    let emit = "select outbox.emit('guardian.Deleted', 'order', n::text, null::json)
        from generate_series(1, $1::int) as n";
    scenario.client().await?.execute(emit, &[&events]).await?;
    Ok(())
}

fn slot(scenario: &Scenario) -> String {
    format!("postrider_{}", scenario.name())
}

/// The ids of the events on Kafka.
fn on_kafka(scenario: &Scenario) -> Result<Vec<Uuid>> {
    use rdkafka::message::{Headers as _, Message as _};
    let records = read_to_the_end(scenario.bootstrap_servers(), &scenario.topic(TOPIC))?;
    let ids = records.iter().map(|record| {
        let headers = record.headers().context("a record has headers")?;
        let id = headers.iter().find(|header| header.key == "id");
        let id = id.and_then(|header| header.value).context("and an id")?;
        Ok(std::str::from_utf8(id)?.parse()?)
    });
    ids.collect()
}

async fn until_published(scenario: &Scenario, events: usize) -> Result<()> {
    let what = format!("{events} events are on Kafka");
    wait_until(&what, LIMIT, async || match on_kafka(scenario) {
        Ok(ids) if ids.len() == events => Observed::Reached(()),
        seen => Observed::NotYet(format!("{seen:?}")),
    })
    .await;
    Ok(())
}

/// Waits until the slot has confirmed everything that is written now.
async fn until_confirmed(scenario: &Scenario) -> Result<()> {
    let client = scenario.client().await?;
    let end = "select (pg_current_wal_flush_lsn() - '0/0')::bigint";
    let end: i64 = client.query_one(end, &[]).await?.get(0);
    let confirmed = "select (confirmed_flush_lsn - '0/0')::bigint from pg_replication_slots
        where slot_name = $1";
    let slot = slot(scenario);
    wait_until(
        "the slot has confirmed the present end",
        LIMIT,
        async || match client.query_one(confirmed, &[&slot]).await {
            Ok(row) if row.get::<_, i64>(0) >= end => Observed::Reached(()),
            seen => Observed::NotYet(format!("{seen:?}")),
        },
    )
    .await;
    Ok(())
}

/// Where the slots of a server stand, and how many events are on Kafka.
#[derive(Debug, PartialEq, Eq)]
struct Witness {
    slots: Vec<(String, Option<String>)>,
    events: usize,
}

impl Witness {
    async fn of(scenario: &Scenario) -> Result<Self> {
        let slots = "select slot_name::text, confirmed_flush_lsn::text from pg_replication_slots
            order by 1";
        let slots = scenario.client().await?.query(slots, &[]).await?;
        Ok(Self {
            slots: slots.iter().map(|row| (row.get(0), row.get(1))).collect(),
            events: on_kafka(scenario)?.len(),
        })
    }
}

/// What the error of a halt says.
struct Halt<'a> {
    reason: &'a str,
    sentence: &'a str,
}

impl Halt<'_> {
    fn page(&self) -> String {
        format!("deploy/runbook.md#{}", self.reason)
    }

    /// A relay that starts here halts: one that may leave does so with code 3, another stays up.
    async fn begins(&self, scenario: &Scenario) -> Result<RelayProcess> {
        let before = Witness::of(scenario).await?;
        let mut leaving = scenario.start_relay_with(&["--exit-on-halt"], &[])?;
        for line in ["error: ", "  remedy: ", "  runbook: "] {
            leaving.expect_log(line);
        }
        let status = leaving.wait_exit(LIMIT).await?;
        let log = leaving.log_lines()?.join("\n");
        assert_eq!(status.code(), Some(3), "{log}");
        let page = format!("\n  runbook: {}", self.page());
        for expected in [self.sentence, "\n  remedy: ", &page] {
            assert!(log.contains(expected), "{expected:?} in {log}");
        }
        let mut staying = scenario.start_relay()?;
        staying.expect_log("halted: ");
        self.is_shown(&mut staying).await?;
        assert_eq!(Witness::of(scenario).await?, before);
        Ok(staying)
    }

    /// A relay that runs has halted, says so everywhere, and looks again to no other end.
    async fn is_shown(&self, relay: &mut RelayProcess) -> Result<()> {
        let status = relay.wait_for_state("halted", LIMIT).await?;
        let mut looks = vec![status["last_error"]["at"].clone()];
        let status = wait_until("it has looked again, twice", LIMIT, async || {
            let status = relay.status().await.unwrap_or_default();
            let at = &status["last_error"]["at"];
            if !looks.contains(at) {
                looks.push(at.clone());
            }
            match looks.len() {
                3 => Observed::Reached(status),
                _ => Observed::NotYet(status),
            }
        })
        .await;
        let error = &status["last_error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert_eq!(text(&status["reason"]), self.reason, "{status}");
        assert_eq!(text(&error["runbook"]), self.page());
        assert!(text(&error["error"]).contains(self.sentence), "{status}");
        assert!(!text(&error["remedy"]).is_empty(), "{status}");
        let metrics = relay.get("/metrics").await?;
        let halted = format!("postrider_halted{{reason=\"{}\"}} 1", self.reason);
        assert!(metrics.contains(&halted), "{metrics}");
        let log = relay.log_lines()?;
        let is_said = |line: &&String| line.contains("halted: ") && line.contains(self.sentence);
        let said = log.iter().find(is_said).context("the log says it")?;
        assert!(said.contains(&self.page()), "{said}");
        Ok(())
    }
}

/// The doctor sees it, too, and so does `init`: it makes nothing anew.
async fn assert_doctor_and_init_say(scenario: &Scenario, halt: &Halt<'_>) -> Result<()> {
    let before = Witness::of(scenario).await?;
    let check = scenario.command(&["check"])?.run().await?;
    assert_eq!(check.status.code(), Some(1), "{}", check.stdout);
    assert!(check.stdout.contains(halt.sentence), "{}", check.stdout);
    let init = scenario.command(&["init"])?.run().await?;
    assert_eq!(init.status.code(), Some(3), "{}", init.stderr);
    for expected in [halt.sentence, "\n  remedy: ", &halt.page()] {
        assert!(init.stderr.contains(expected), "{}", init.stderr);
    }
    assert_eq!(Witness::of(scenario).await?, before);
    Ok(())
}

async fn assert_proven(scenario: &Scenario, events: usize) -> Result<()> {
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let sentence = format!("committed {events}   on Kafka {events}   lost 0   doubled 0");
    ensure!(proof.contains(&sentence), "{proof}");
    Ok(())
}

/// The runbook's "Start anew", step by step, with the relay under another name; `events` are in the
/// table.
async fn start_anew(scenario: &mut Scenario, events: usize) -> Result<RelayProcess> {
    let old = slot(scenario);
    scenario.set("name", format!("{}_2", scenario.name()));
    scenario.command(&["init", "--from-now"])?.succeed().await?;
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    let mut client = scenario.client().await?;
    let again = client.transaction().await?;
    let ids: Vec<_> = on_kafka(scenario)?.iter().map(Uuid::to_string).collect();
    let missing = format!(
        "create temp table missing on commit drop as select * from outbox.event
          where public and event_type <> 'postrider.canary' and id <> all ('{{{}}}'::uuid[])",
        ids.join(",")
    );
    again.batch_execute(&missing).await?;
    let publish = "delete from outbox.event where id in (select id from missing);
        insert into outbox.event (id, aggregate_type, aggregate_id, event_type, schema_ref, key,
            correlation_id, causation_id, payload, headers, occurred_at)
          select id, aggregate_type, aggregate_id, event_type, schema_ref, key,
            correlation_id, causation_id, payload, headers, occurred_at
          from missing order by seq";
    again.batch_execute(publish).await?;
    again.commit().await?;
    assert_proven(scenario, events).await?;
    let drop_slot = "select pg_drop_replication_slot(slot_name) from pg_replication_slots
        where slot_name = $1";
    client.execute(drop_slot, &[&old]).await?;
    let forget = "delete from outbox.slot where slot_name = $1::text";
    client.execute(forget, &[&old]).await?;
    Ok(relay)
}

/// Writes segments of log, all but empty.
async fn grow_log(client: &Client, segments: usize) -> Result<()> {
    for _ in 0..segments {
        let switch = "select pg_logical_emit_message(false, '', ''), pg_switch_wal()";
        client.batch_execute(switch).await?;
    }
    Ok(())
}

/// Copies a folder of a stopped server, with its owner and its rights.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").args([from, to]).status()?;
    ensure!(copied.success(), "{} to {}", from.display(), to.display());
    Ok(())
}
