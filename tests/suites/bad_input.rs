//! What an operator gets wrong: each mistake ends with one clear sentence, a remedy and its exit
//! code, and never with a loss.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Observed, OneShot, RelayProcess, Scenario, register, shared_stack, wait_until};
use postrider::local::port;

const LIMIT: Duration = Duration::from_mins(1);

const SCHEMA: &str = r#"{"type": "record", "name": "bad.Placed", "fields": [
    {"name": "order_id", "type": "string"}]}"#;

/// Runs a command that must end with `code` and say `sentence` and a remedy on stderr.
async fn assert_refused(command: OneShot, code: i32, sentence: &str) -> Result<()> {
    let output = command.run().await?;
    let said = &output.stderr;
    assert_eq!(output.status.code(), Some(code), "{said}");
    for expected in [sentence, "\n  remedy: "] {
        assert!(said.contains(expected), "{expected:?} in {said}");
    }
    Ok(())
}

/// A scenario whose outbox is initialised, with the topic for `order` and a registered schema.
async fn ready(name: &str) -> Result<Scenario> {
    let scenario = Scenario::new(name).await?;
    scenario.create_topic("order", 1).await?;
    let registry = &shared_stack().await?.registry;
    register(registry, "bad.Placed", SCHEMA).await?;
    scenario.init().await?;
    Ok(scenario)
}

async fn emit(
    scenario: &Scenario,
    event_type: &str,
    aggregate_type: &str,
    payload: &str,
) -> Result<()> {
    let emit = "select outbox.emit(event_type => $1, aggregate_type => $2, aggregate_id => '1',
                  payload => $3::text, schema_version => 1)";
    let client = scenario.client().await?;
    client
        .query(emit, &[&event_type, &aggregate_type, &payload])
        .await?;
    Ok(())
}

/// Starts a relay that must end with `code`, and say `sentence` and a remedy.
async fn assert_ends(
    scenario: &Scenario,
    flag: &str,
    code: i32,
    sentence: &str,
) -> Result<RelayProcess> {
    let mut relay = scenario.start_relay_with(&[flag], &[])?;
    relay.expect_log("error: ");
    relay.expect_log("  remedy: ");
    relay.expect_log("  runbook: ");
    let status = relay.wait_exit(LIMIT).await?;
    let log = relay.log_lines()?.join("\n");
    assert_eq!(status.code(), Some(code), "{log}");
    for expected in [sentence, "\n  remedy: "] {
        assert!(log.contains(expected), "{expected:?} in {log}");
    }
    Ok(relay)
}

async fn assert_halts(scenario: &Scenario, sentence: &str) -> Result<()> {
    let relay = assert_ends(scenario, "--exit-on-halt", 3, sentence).await?;
    let log = relay.log_lines()?.join("\n");
    assert!(log.contains("\n  runbook: deploy/runbook.md#"), "{log}");
    Ok(())
}

/// An address at which nobody listens.
fn nobody() -> Result<String> {
    Ok(format!("127.0.0.1:{}", port::free()?))
}

#[tokio::test]
async fn an_unknown_key_is_named_with_those_that_are_known() -> Result<()> {
    let mut scenario = Scenario::new("bad_key").await?;
    scenario.set("postgres.slots", "x");
    scenario.set("batch.bytes_max", "many");
    for command in ["init", "migrate", "check", "verify", "run"] {
        let command = || scenario.command(&[command]);
        assert_refused(
            command()?,
            2,
            "postgres.slots: unknown key; known here: url",
        )
        .await?;
        assert_refused(command()?, 2, "batch.bytes_max: ").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_named_and_is_missing_is_wrong_usage() -> Result<()> {
    let missing = std::path::Path::new("/nowhere/postrider.toml");
    let command = OneShot::new(&["init"]).config(missing);
    assert_refused(
        command,
        2,
        "cannot read the configuration file /nowhere/postrider.toml",
    )
    .await
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_5() -> Result<()> {
    let mut scenario = Scenario::new("bad_database").await?;
    let address = nobody()?;
    scenario.set(
        "postgres.url",
        format!("postgres://relay:x@{address}/orders"),
    );
    let sentence = format!("cannot reach database \"orders\" on {address} as \"relay\"");
    for arguments in [
        &["init"][..],
        &["migrate"],
        &["migrate", "--check"],
        &["verify"],
    ] {
        assert_refused(scenario.command(arguments)?, 5, &sentence).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_kafka_that_cannot_be_reached_is_5_and_nothing_is_made() -> Result<()> {
    let mut scenario = Scenario::new("bad_kafka").await?;
    let address = nobody()?;
    scenario.set("kafka.bootstrap_servers", address.as_str());
    let sentence = format!("Kafka at {address} does not answer");
    assert_refused(scenario.command(&["init"])?, 5, &sentence).await?;
    assert_nothing_was_made(&scenario).await
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_5_and_nothing_is_made() -> Result<()> {
    let mut scenario = Scenario::new("bad_registry").await?;
    let url = format!("http://{}", nobody()?);
    scenario.set("registry.url", url.as_str());
    let sentence = format!("the schema registry at {url} does not answer");
    assert_refused(scenario.command(&["init"])?, 5, &sentence).await?;
    assert_nothing_was_made(&scenario).await
}

async fn assert_nothing_was_made(scenario: &Scenario) -> Result<()> {
    let client = scenario.client().await?;
    let schema = "select to_regnamespace('outbox') is null";
    assert!(client.query_one(schema, &[]).await?.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_2_and_is_not_shown() -> Result<()> {
    let mut scenario = Scenario::new("bad_password").await?;
    let stack = shared_stack().await?;
    let url = stack
        .postgres
        .url("postgres", "not-the-password", scenario.name().as_str());
    scenario.set("postgres.url", url);
    for command in ["init", "migrate", "verify", "run"] {
        let output = scenario.command(&[command])?.run().await?;
        assert!(!output.stderr.contains("not-the-password"));
        assert_refused(
            scenario.command(&[command])?,
            2,
            "the server refuses the login",
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn rows_older_than_the_slot_halt_init_until_they_are_given_up() -> Result<()> {
    let scenario = Scenario::new("bad_older").await?;
    scenario.command(&["migrate"])?.succeed().await?;
    emit(&scenario, "bad.Placed", "order", "{}").await?;
    let sentence = "the outbox holds 1 public events that are older than the replication slot";
    assert_refused(scenario.command(&["init"])?, 3, sentence).await?;
    scenario.command(&["init", "--from-now"])?.succeed().await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_publication_halts() -> Result<()> {
    let scenario = ready("bad_publication").await?;
    let drop_it = "drop publication postrider";
    scenario.client().await?.batch_execute(drop_it).await?;
    emit(&scenario, "bad.Placed", "order", r#"{"order_id": "1"}"#).await?;
    assert_halts(&scenario, "publication").await
}

/// The server says nothing about it; only the canary that stays away tells.
#[tokio::test]
async fn a_publication_without_the_outbox_halts() -> Result<()> {
    let scenario = ready("bad_published").await?;
    let replace = "create table other (); alter publication postrider set table other";
    scenario.client().await?.batch_execute(replace).await?;
    assert_halts(&scenario, "the canary did not come back").await
}

#[tokio::test]
async fn a_slot_that_was_dropped_halts_and_so_does_its_successor() -> Result<()> {
    let scenario = ready("bad_slot").await?;
    let slot = format!("postrider_{}", scenario.name());
    let client = scenario.client().await?;
    emit(&scenario, "bad.Placed", "order", r#"{"order_id": "1"}"#).await?;
    client
        .execute("select pg_drop_replication_slot($1::text::name)", &[&slot])
        .await?;
    assert_halts(
        &scenario,
        &format!("replication slot {slot:?} does not exist"),
    )
    .await?;

    let create = "select pg_create_logical_replication_slot($1::text::name, 'pgoutput')";
    client.execute(create, &[&slot]).await?;
    assert_halts(&scenario, "which contradicts the published position").await
}

#[tokio::test]
async fn a_slot_in_use_is_4_for_who_will_not_wait() -> Result<()> {
    let scenario = ready("bad_in_use").await?;
    let relay = scenario.start_relay()?;
    wait_until("the relay holds the slot", LIMIT, async || {
        match relay.log_lines() {
            Ok(lines)
                if lines
                    .iter()
                    .any(|line| line.contains(r#""message":"active""#)) =>
            {
                Observed::Reached(())
            }
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    assert_ends(&scenario, "--no-standby", 4, "is in use by process")
        .await
        .map(drop)
}

#[tokio::test]
async fn an_event_type_that_nobody_registered_halts() -> Result<()> {
    let scenario = ready("bad_type").await?;
    emit(&scenario, "bad.Unheard", "order", "{}").await?;
    assert_halts(&scenario, "has no version 1 of subject \"bad.Unheard\"").await
}

#[tokio::test]
async fn a_payload_that_does_not_fit_its_schema_halts() -> Result<()> {
    let scenario = ready("bad_payload").await?;
    emit(&scenario, "bad.Placed", "order", r#"{"order_id": 7}"#).await?;
    assert_halts(&scenario, "order_id").await
}

#[tokio::test]
async fn a_topic_that_does_not_exist_halts_and_can_be_created_later() -> Result<()> {
    let scenario = ready("bad_topic").await?;
    emit(&scenario, "bad.Placed", "parcel", r#"{"order_id": "1"}"#).await?;
    let topic = scenario.topic("parcel");
    assert_halts(&scenario, &format!("topic {topic:?} does not exist")).await?;

    scenario.create_topic("parcel", 1).await?;
    let relay = scenario.start_relay()?;
    let proof = scenario.command(&["verify"])?.succeed().await?;
    ensure!(
        proof.contains("committed 1   on Kafka 1   lost 0"),
        "{proof}"
    );
    drop(relay);
    Ok(())
}

/// A topic is created at its first event where that is allowed; one that has held events and is
/// gone never, since a new one would hide what was lost with it.
#[tokio::test]
async fn a_topic_that_is_gone_halts_although_topics_may_be_created() -> Result<()> {
    let mut scenario = ready("bad_gone").await?;
    scenario.set("topics.create", true);
    scenario.set("topics.partitions", 3);
    scenario.append("[topics.config]\n\"retention.ms\" = \"86400000\"");
    let mut relay = scenario.start_relay()?;
    emit(&scenario, "bad.Placed", "parcel", r#"{"order_id": "1"}"#).await?;
    wait_until("the event is published", LIMIT, async || {
        match scenario.command(&["verify", "--patience", "1"]) {
            Ok(verify) => match verify.run().await {
                Ok(output) if output.status.success() => Observed::Reached(()),
                seen => Observed::NotYet(format!("{seen:?}")),
            },
            Err(error) => Observed::NotYet(error.to_string()),
        }
    })
    .await;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    let topic = scenario.topic("parcel");
    shared_stack().await?.kafka.delete_topic(&topic).await?;
    emit(&scenario, "bad.Placed", "parcel", r#"{"order_id": "2"}"#).await?;
    assert_halts(&scenario, &format!("topic {topic:?} does not exist")).await
}
