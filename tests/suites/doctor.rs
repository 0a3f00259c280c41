//! What `check` says of the events in the outbox and of the Kafka that they go to: it fails when
//! `run` would halt at one of them, and only then.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{
    HOST, KAFKA_PASSWORD, Observed, Scenario, Secured, USER, register, secured_stack, shared_stack,
    wait_until,
};
use outbox_contract::schema::CompiledSchema;
use postrider::local::{Kafka, KafkaOptions, Listener, create_topic, port};

const LIMIT: Duration = Duration::from_mins(1);

const SCHEMA: &str = r#"{"type": "record", "name": "doctor.Placed", "fields": []}"#;

/// The check must end with `code` and find exactly what has these beginnings, in this order.
async fn assert_finds(scenario: &Scenario, code: i32, beginnings: &[&str]) -> Result<()> {
    let output = scenario.command(&["check"])?.run().await?;
    let text = output.stdout;
    assert_eq!(output.status.code(), Some(code), "{text}");
    let is_of_the_server = |line: &str| line.contains("max_slot_wal_keep_size is unlimited");
    let found: Vec<&str> = text
        .lines()
        .filter(|line| !is_of_the_server(line) && !line.starts_with("ok: "))
        .collect();
    assert_eq!(found.len(), beginnings.len(), "{text}");
    for (line, beginning) in found.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{beginning:?} in {text}");
        assert!(line.contains("; remedy: "), "{line}");
    }
    Ok(())
}

/// Writes an event; `more` are further arguments of `outbox.emit`.
async fn emit(scenario: &Scenario, aggregate: &str, event: &str, more: &str) -> Result<()> {
    let emit = format!("select outbox.emit('{event}', '{aggregate}', '1', {more})");
    Ok(scenario.client().await?.batch_execute(&emit).await?)
}

const TOMBSTONE: &str = "null::json";

async fn initialised(name: &str) -> Result<Scenario> {
    let scenario = Scenario::new(name).await?;
    scenario.init().await?;
    Ok(scenario)
}

#[tokio::test]
async fn a_topic_that_is_missing_is_a_problem_unless_it_may_be_created() -> Result<()> {
    let mut scenario = initialised("doctor_topic").await?;
    assert_finds(&scenario, 0, &[]).await?;
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;
    emit(&scenario, "order", "doctor.Erased", TOMBSTONE).await?;
    let topic = scenario.topic("order");
    let missing = format!("kafka: topic {topic:?} does not exist; ");
    assert_finds(&scenario, 1, &[&missing]).await?;
    scenario.set("topics.create", true);
    assert_finds(&scenario, 0, &[]).await?;
    scenario.unset("topics.create");
    scenario.create_topic("order", 1).await?;
    assert_finds(&scenario, 0, &[]).await
}

#[tokio::test]
async fn an_event_without_a_route_is_a_problem() -> Result<()> {
    let mut scenario = initialised("doctor_route").await?;
    let allowed = scenario.create_topic("order", 1).await?;
    scenario.set("route.allow", vec![allowed]);
    for aggregate in ["order", "parcel"] {
        for version in 1..=2 {
            let tombstone = format!("{TOMBSTONE}, {version}");
            emit(&scenario, aggregate, "doctor.Deleted", &tombstone).await?;
        }
    }
    let refused =
        "route: aggregate type \"parcel\" and event type \"doctor.Deleted\" lead to topic";
    assert_finds(&scenario, 1, &[refused]).await?;
    scenario.append("[[route.rules]]\naggregate_type = \"parcel\"");
    scenario.append(&format!("topic = {:?}", scenario.topic("order")));
    assert_finds(&scenario, 0, &[]).await
}

#[tokio::test]
async fn a_schema_that_is_missing_or_that_nobody_names_is_a_problem() -> Result<()> {
    let mut scenario = initialised("doctor_schema").await?;
    scenario.create_topic("order", 1).await?;
    let registry = &shared_stack().await?.registry;
    register(registry, "doctor.Known", SCHEMA).await?;
    for (event, version) in [("Known", "1"), ("Unknown", "1"), ("Unnamed", "null")] {
        let more = format!("'{{}}'::json, {version}");
        emit(&scenario, "order", &format!("doctor.{event}"), &more).await?;
    }
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;
    let private = "'{}'::json, public => false";
    emit(&scenario, "parcel", "doctor.Private", private).await?;
    let output = scenario.command(&["check"])?.run().await?.stdout;
    for (event, why) in [
        ("Unknown", "has no version 1 of subject \"doctor.Unknown\""),
        ("Unnamed", "names no schema version and none is pinned"),
    ] {
        let what = format!("of type \"doctor.{event}\" has no schema: ");
        let is_about = |line: &str| line.contains(&what) && line.contains(why);
        assert!(output.lines().any(is_about), "{event}: {output}");
    }
    assert_finds(&scenario, 1, &["registry: event "; 2]).await?;

    register(registry, "doctor.Unknown", SCHEMA).await?;
    let registered = registry.register("doctor.Unnamed", SCHEMA).await?;
    let lock = format!(
        "[[contract]]\nsubject = \"doctor.Unnamed\"\nversion = 1\nid = {}\nfingerprint = \"{}\"",
        registered.id,
        CompiledSchema::compile(SCHEMA, &[])?.fingerprint(),
    );
    let lock = scenario.write("contracts.lock", &lock)?;
    scenario.set("contracts.lock", lock.to_str().context("a path in UTF-8")?);
    assert_finds(&scenario, 0, &[]).await
}

/// Its topic is gone, and `run` looks for it at the next event only.
#[tokio::test]
async fn what_only_events_that_the_slot_has_passed_need_is_a_hint() -> Result<()> {
    let mut scenario = initialised("doctor_past").await?;
    let topic = scenario.create_topic("order", 1).await?;
    scenario.create_topic("parcel", 1).await?;
    let mut relay = scenario.start_relay()?;
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;
    let client = scenario.client().await?;
    let passed = "select (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - age(catalog_xmin)
          > (select xid::text::bigint from outbox.event where aggregate_type = 'order'))
        from pg_replication_slots where database = current_database()";
    wait_until("the slot has passed the event", LIMIT, async || {
        // A checkpoint tells the slot which transactions run, and the next event carries it on.
        let turn = client.batch_execute("checkpoint").await;
        let sent = emit(&scenario, "parcel", "doctor.Deleted", TOMBSTONE).await;
        match client.query_one(passed, &[]).await {
            Ok(row) if row.get(0) => Observed::Reached(()),
            seen => Observed::NotYet(format!("{turn:?} {sent:?} {seen:?}")),
        }
    })
    .await;
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;

    shared_stack().await?.kafka.delete_topic(&topic).await?;
    let missing = format!("topic {topic:?} does not exist");
    let hint = format!("kafka (hint): {missing} (only for events that the slot has passed); ");
    assert_finds(&scenario, 0, &[&hint]).await?;
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;
    assert_finds(&scenario, 1, &[&format!("kafka: {missing}; ")]).await?;
    // It has held events, so it is not created again.
    scenario.set("topics.create", true);
    assert_finds(&scenario, 1, &[&format!("kafka: {missing}; ")]).await
}

#[tokio::test]
async fn kafkas_settings_are_held_against_what_the_relay_relies_on() -> Result<()> {
    let scenario = Scenario::new("doctor_settings").await?;
    let servers = scenario.bootstrap_servers();
    let progress = format!("postrider.progress.{}", scenario.name());
    create_topic(servers, &progress, 1, &[]).await?;
    scenario.init().await?;
    let topic = scenario.topic("order");
    create_topic(servers, &topic, 1, &[("min.insync.replicas", "2")]).await?;
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;
    let few = format!("kafka: topic {topic:?} takes records only with 2 copies in step");
    let deleted = format!("kafka (hint): topic {progress:?} has cleanup.policy=delete");
    assert_finds(&scenario, 1, &[&few, &deleted]).await
}

/// Events that a topic would take one by one halt the relay when they come together.
#[tokio::test]
async fn a_topic_that_does_not_take_a_batch_is_a_hint_until_batches_are_small() -> Result<()> {
    let mut scenario = initialised("doctor_size").await?;
    let topic = scenario.topic("order");
    let small = [("max.message.bytes", "20000")];
    create_topic(scenario.bootstrap_servers(), &topic, 1, &small).await?;
    // Without compression, and each with a key of 1000 bytes.
    scenario.set("kafka.options.\"compression.type\"", "none");
    let emit = "select outbox.emit('doctor.Deleted', 'order', n::text, null::json,
        key => repeat('k', 1000)) from generate_series(1, 500) as n";
    scenario.client().await?.batch_execute(emit).await?;
    let takes = format!("topic {topic:?} takes 20000 bytes at once (max.message.bytes), and");
    let batch = format!("kafka (hint): {takes} the relay sends up to 1000000: ");
    assert_finds(&scenario, 0, &[&batch]).await?;

    scenario.set("kafka.options.\"batch.size\"", "20000");
    let payload = format!("kafka (hint): {takes} a payload may have 1048576; ");
    assert_finds(&scenario, 0, &[&payload]).await?;
    let relay = scenario.start_relay()?;
    let proof = scenario.command(&["verify"])?.succeed().await?;
    assert!(
        proof.starts_with("committed 500   on Kafka 500   lost 0"),
        "{proof}"
    );
    drop(relay);
    Ok(())
}

/// A broker that lets the relay log in and see nothing, and creates whatever is asked for.
async fn closed_kafka(secured: &Secured, listener: u16) -> Result<Kafka> {
    let tls = secured.authority.server()?;
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let settings = [
        ("authorizer.class.name", authorizer),
        ("super.users", "User:ANONYMOUS"),
        ("auto.create.topics.enable", "true"),
        ("transaction.max.timeout.ms", "10000"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let kafka = Kafka::start(KafkaOptions {
        listeners: vec![Listener::sasl(listener, &tls, &[(USER, KAFKA_PASSWORD)])],
        settings: settings.to_vec(),
        ..KafkaOptions::default()
    });
    Ok(kafka.await?)
}

#[tokio::test]
async fn what_kafka_hides_is_told_from_what_it_lacks() -> Result<()> {
    let secured = secured_stack().await?;
    let listener = port::free()?;
    let kafka = closed_kafka(secured, listener).await?;
    let mut scenario = secured.scenario("doctor_hidden").await?;
    scenario.command(&["init"])?.succeed().await?;
    emit(&scenario, "order", "doctor.Deleted", TOMBSTONE).await?;

    scenario.set("kafka.sasl.mechanism", "PLAIN");
    scenario.set("kafka.bootstrap_servers", format!("{HOST}:{listener}"));
    let (topic, servers) = (scenario.topic("order"), kafka.bootstrap_servers());
    let progress = format!("postrider.progress.{}", scenario.name());
    let denies = |topic: &str| format!("kafka: Kafka denies the relay describing topic {topic:?}");
    let hides = "kafka (hint): Kafka does not show the relay the settings of the brokers";
    assert_finds(&scenario, 1, &[&denies(&progress), &denies(&topic), hides]).await?;

    for name in ["tls", "sasl"] {
        scenario.unset(&format!("kafka.{name}"));
    }
    scenario.set("kafka.bootstrap_servers", servers.as_str());
    let lacks = format!("kafka: there is no progress record in topic {progress:?}");
    let missing = format!("kafka: topic {topic:?} does not exist");
    let short = "kafka: Kafka lets a transaction last 10000 ms";
    // Whatever the options say, a look creates nothing: the second finds what the first did.
    scenario.set("kafka.options.\"allow.auto.create.topics\"", true);
    for _ in 0..2 {
        assert_finds(&scenario, 1, &[&lacks, &missing, short]).await?;
    }
    Ok(())
}
