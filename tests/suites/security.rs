//! Servers that ask for TLS, certificates and passwords: the relay comes in as they ask, refuses
//! whom it cannot trust, says what is wrong, and shows no secret (F68, F125).

mod kafka;
mod postgres;
mod registry;
mod rights;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use e2e::{
    AGGREGATE_TYPE, KAFKA_PASSWORD, Observed, OneShot, POSTGRES_PASSWORD, REGISTRY_PASSWORD,
    RelayProcess, Scenario, Secured, USER, Workload, WorkloadOptions, judge, register_contract,
    secured_stack, wait_until, write_identity,
};

const LIMIT: Duration = Duration::from_mins(1);

const PATIENCE: Duration = Duration::from_secs(20);

/// Every secret that a test of this family gives to the relay, right or wrong, has this in it.
const CANARY: &str = "canary";

/// A password that no server knows.
const WRONG_PASSWORD: &str = "canary-that-is-wrong";

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a command that must end with `code` and say all of `sentences`, and shows no secret.
async fn assert_says(command: OneShot, code: i32, sentences: &[&str]) -> Result<()> {
    let output = command.run().await?;
    let said = output.stdout + &output.stderr;
    assert_eq!(output.status.code(), Some(code), "{sentences:?}: {said}");
    for sentence in sentences {
        assert!(said.contains(sentence), "{sentence:?} in {said}");
    }
    assert!(!said.contains(CANARY), "{said}");
    Ok(())
}

/// Both the first question of a command and the relay's stream must be refused so.
async fn assert_refused(scenario: &Scenario, command: &str, sentences: &[&str]) -> Result<()> {
    assert_says(scenario.command(&[command])?, 2, sentences).await?;
    let run = scenario.command(&["run", "--set", "http.listen=127.0.0.1:0"])?;
    assert_says(run, 2, sentences).await
}

async fn write(scenario: &Scenario) -> Result<()> {
    let options = WorkloadOptions {
        sessions: 1,
        transactions: Some(10),
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    workload.finish().await?;
    Ok(())
}

async fn assert_proven(secured: &Secured, scenario: &Scenario) -> Result<()> {
    let report = judge(&secured.stack, scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    Ok(())
}

/// What one command printed; it must have succeeded.
async fn printed(scenario: &Scenario, arguments: &[&str]) -> Result<String> {
    let output = scenario.command(arguments)?.run().await?;
    let printed = output.stdout + &output.stderr;
    assert!(output.status.success(), "{arguments:?}: {printed}");
    Ok(printed)
}

#[tokio::test]
async fn an_event_travels_through_secured_servers_and_no_output_shows_a_secret() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("secured").await?;
    scenario.set("log.level", "debug");
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&secured.stack.registry).await?;

    let mut outputs = printed(&scenario, &["init"]).await?;
    outputs += &printed(&scenario, &["check"]).await?;
    let mut relay = scenario.start_relay()?;
    write(&scenario).await?;
    assert_proven(secured, &scenario).await?;
    outputs += &printed(&scenario, &["verify"]).await?;
    let listen = format!("http.listen={}", relay.address());
    outputs += &printed(&scenario, &["status", "--set", &listen]).await?;
    outputs += &printed(&scenario, &["config", "show"]).await?;
    for path in ["/status", "/metrics"] {
        outputs += &relay.get(path).await?;
    }
    relay.terminate()?;
    assert!(relay.wait_exit(LIMIT).await?.success());
    outputs += &relay.log_lines()?.join("\n");
    // The outputs are those of relays that worked, and spoke.
    for word in [
        "initialised",
        "SCRAM-SHA-512",
        "postrider_events_published_total",
        "DEBUG",
    ] {
        assert!(outputs.contains(word), "{word}");
    }
    for secret in [
        POSTGRES_PASSWORD,
        KAFKA_PASSWORD,
        REGISTRY_PASSWORD,
        "PRIVATE KEY",
    ] {
        let line = outputs.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    Ok(())
}

/// The serial number of the certificate that the relay's stream showed.
async fn shown_certificate(scenario: &Scenario) -> Result<Option<String>> {
    let query = "select s.client_serial::text from pg_stat_replication r
        join pg_stat_ssl s using (pid) where r.usename = $1
        and r.pid = (select active_pid from pg_replication_slots where slot_name = $2)";
    let slot = format!("postrider_{}", scenario.name());
    let client = scenario.client().await?;
    let row = client.query_opt(query, &[&USER, &slot]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

async fn until_another_certificate(
    scenario: &Scenario,
    relay: &mut RelayProcess,
    before: Option<&String>,
) -> Result<Option<String>> {
    relay.wait_for_state("active", LIMIT).await?;
    let what = "the stream shows another certificate";
    Ok(wait_until(what, LIMIT, async || {
        match shown_certificate(scenario).await {
            Ok(shown) if shown.is_some() && shown.as_ref() != before => Observed::Reached(shown),
            seen => Observed::NotYet(seen),
        }
    })
    .await)
}

#[tokio::test]
async fn a_certificate_that_is_replaced_counts_from_the_next_connection() -> Result<()> {
    let secured = secured_stack().await?;
    let scenario = secured.scenario("rotation").await?;
    scenario.create_topic(AGGREGATE_TYPE, 1).await?;
    register_contract(&secured.stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let before = until_another_certificate(&scenario, &mut relay, None).await?;

    write_identity(&scenario, "client", &secured.authority.client(USER)?)?;
    let end = "select pg_terminate_backend(active_pid) from pg_replication_slots
        where slot_name = $1";
    let slot = format!("postrider_{}", scenario.name());
    scenario.client().await?.query(end, &[&slot]).await?;
    until_another_certificate(&scenario, &mut relay, before.as_ref()).await?;
    write(&scenario).await?;
    assert_proven(secured, &scenario).await
}
