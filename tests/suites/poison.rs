//! Events that can never be published as they are, under `on_poison = "dead_letter"` (PUB-08).

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Observed, RelayProcess, Scenario, read_to_the_end, register, shared_stack, wait_until};
use postrider::local;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

const SCHEMA: &str = r#"{"type": "record", "name": "poison.Placed", "fields": [
    {"name": "order_id", "type": "string"}]}"#;

const LIMIT: Duration = Duration::from_mins(1);

pub(crate) async fn register_contract() -> Result<()> {
    static REGISTERED: OnceCell<()> = OnceCell::const_new();
    let registry = &shared_stack().await?.registry;
    REGISTERED
        .get_or_try_init(|| register(registry, "poison.Placed", SCHEMA))
        .await?;
    Ok(())
}

/// A scenario that puts poison aside, and its topic of orders.
async fn ready_scenario(name: &str) -> Result<(Scenario, String)> {
    register_contract().await?;
    let mut scenario = Scenario::new(name).await?;
    scenario.set("on_poison", "dead_letter");
    let topic = scenario.create_topic("order", 3).await?;
    scenario.init().await?;
    Ok((scenario, topic))
}

/// Emits with these arguments over the usual ones.
pub(crate) async fn emit(scenario: &Scenario, changed: &str) -> Result<()> {
    let mut arguments = vec![
        "event_type => 'poison.Placed'",
        "aggregate_type => 'order'",
        "aggregate_id => '42'",
        r#"payload => '{"order_id": "1"}'::text"#,
        "schema_version => 1",
    ];
    let name = |argument: &str| argument.split(" =>").next().unwrap_or_default().to_owned();
    arguments.retain(|argument| name(argument) != name(changed));
    arguments.push(changed);
    let emit = format!("select outbox.emit({})", arguments.join(", "));
    let pool = scenario.pool().await?;
    sqlx::query(sqlx::AssertSqlSafe(emit))
        .execute(&pool)
        .await?;
    Ok(())
}

async fn until_published(relay: &RelayProcess, events: u64, dead_letters: u64) -> Value {
    wait_until("all are on Kafka", LIMIT, async || {
        match relay.status().await {
            Ok(status)
                if status["events_published"] == events
                    && status["dead_letters"] == dead_letters =>
            {
                Observed::Reached(status)
            }
            seen => Observed::NotYet(seen),
        }
    })
    .await
}

pub(crate) fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let header = record.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}

#[tokio::test]
async fn what_can_never_be_published_is_put_aside_exactly_once() -> Result<()> {
    let (scenario, topic) = ready_scenario("poison").await?;
    scenario.create_topic("order-dlt", 1).await?;
    let dead_letters = format!("{topic}-dlt");
    let bad = [
        (r#"payload => '{"order_id": 7}'::text"#, "payload_misfit"),
        ("event_type => 'poison.Unknown'", "schema_not_found"),
        ("schema_version => null", "no_schema_version"),
        ("occurred_at => 'infinity'", "occurred_at_out_of_range"),
    ];
    emit(&scenario, "aggregate_id => '1'").await?;
    for (changed, _) in bad {
        emit(&scenario, changed).await?;
    }
    emit(&scenario, "aggregate_id => '2'").await?;

    // What a crash leaves without progress is put aside again, and seen once.
    let window = ("POSTRIDER_FAILPOINTS", "progress_no_end_txn=1");
    let mut relay = scenario.start_relay_with(&[], &[window])?;
    relay.expect_log("an event became a dead letter");
    relay.wait_exit(LIMIT).await?;
    let lines = relay.log_lines()?.concat();
    assert!(lines.contains("an event became a dead letter"), "{lines}");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("an event became a dead letter");
    until_published(&relay, 2, 4).await;

    let servers = scenario.bootstrap_servers();
    let letters = read_to_the_end(servers, &dead_letters)?;
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| header(letter, "dead-letter-reason").unwrap_or_default())
        .collect();
    assert_eq!(reasons, bad.map(|(_, reason)| reason), "{letters:?}");
    let first = letters.first().context("there are four")?;
    assert_eq!(first.payload(), Some(&br#"{"order_id": 7}"#[..]));
    assert_eq!(first.key(), Some(&b"42"[..]));
    assert_eq!(header(first, "type").as_deref(), Some("poison.Placed"));
    assert_eq!(header(first, "dead-letter-topic"), Some(topic));
    let error = header(first, "dead-letter-error").unwrap_or_default();
    assert!(error.contains("order_id"), "{error}");
    let metrics = relay.get("/metrics").await?;
    assert!(
        metrics.contains("postrider_dead_letters_total 4"),
        "{metrics}"
    );

    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 6   on Kafka 2   dead-lettered 4   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn an_event_without_a_route_goes_to_the_relays_own_topic() -> Result<()> {
    let (mut scenario, _) = ready_scenario("poison_route").await?;
    scenario.set("topics.create", true);
    scenario.set("route.allow", serde_json::json!([scenario.topic("order")]));
    let mut relay = scenario.start_relay()?;
    relay.expect_log("an event became a dead letter");
    emit(&scenario, "aggregate_type => 'elsewhere'").await?;
    until_published(&relay, 0, 1).await;
    let letters = format!("{}-dlt", scenario.name().transactional_id());
    let letters = read_to_the_end(scenario.bootstrap_servers(), &letters)?;
    let [letter] = &*letters else {
        panic!("one event has no route: {letters:?}");
    };
    let reason = header(letter, "dead-letter-reason");
    assert_eq!(reason.as_deref(), Some("topic_not_allowed"));
    assert_eq!(header(letter, "dead-letter-topic"), None);
    Ok(())
}

#[tokio::test]
async fn without_a_topic_for_dead_letters_the_relay_halts() -> Result<()> {
    let (scenario, topic) = ready_scenario("poison_topic").await?;
    emit(&scenario, r#"payload => '{"order_id": 7}'::text"#).await?;
    let run = scenario.command(&["run", "--exit-on-halt", "--set", "http.listen=127.0.0.1:0"])?;
    let output = run.run().await?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let expected = format!("topic {:?} does not exist", format!("{topic}-dlt"));
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
    Ok(())
}

/// What makes a topic take little at once.
const SMALL: &[(&str, &str)] = &[("max.message.bytes", "5000")];

/// A scenario whose topic of orders takes little at once, and whose batches are not compressed.
pub(crate) async fn small_scenario(name: &str, on_poison: &str) -> Result<Scenario> {
    small_scenario_with(name, on_poison, &[]).await
}

/// The same, with these settings of the topic of dead letters.
async fn small_scenario_with(
    name: &str,
    on_poison: &str,
    dead_letters: &[(&str, &str)],
) -> Result<Scenario> {
    register_contract().await?;
    let mut scenario = Scenario::new(name).await?;
    scenario.set("on_poison", on_poison);
    scenario.set("kafka.options.\"compression.type\"", "none");
    for (aggregate_type, settings) in [("order", SMALL), ("order-dlt", dead_letters)] {
        let topic = scenario.topic(aggregate_type);
        local::create_topic(scenario.bootstrap_servers(), &topic, 1, settings).await?;
    }
    scenario.init().await?;
    Ok(scenario)
}

/// 300 events in one transaction; those at these places are too large for the topic.
pub(crate) async fn emit_many(scenario: &Scenario, too_large: &[i32]) -> Result<Vec<String>> {
    emit_some(&scenario.client().await?, 300, too_large).await
}

async fn emit_some(client: &Client, count: i32, too_large: &[i32]) -> Result<Vec<String>> {
    let emit = "select outbox.emit('poison.Placed', 'order', n::text, json_build_object('order_id',
            repeat('x', case when n = any($1) then 6000 else 400 end)), schema_version => 1)::text
        from generate_series(1, $2) as n";
    let rows = client.query(emit, &[&too_large, &count]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Together they are more than the topic takes, each alone is not: no event is at fault.
#[tokio::test]
async fn small_events_that_are_too_much_together_are_published() -> Result<()> {
    let scenario = small_scenario("poison_together", "halt").await?;
    emit_many(&scenario, &[]).await?;
    let relay = scenario.start_relay()?;
    until_published(&relay, 300, 0).await;
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 300   on Kafka 300   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn kafka_refuses_two_events_among_many_and_exactly_those_are_put_aside() -> Result<()> {
    let scenario = small_scenario("poison_refused", "dead_letter").await?;
    let ids = emit_many(&scenario, &[7, 250]).await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("an event became a dead letter");
    until_published(&relay, 298, 2).await;
    let letters = scenario.topic("order-dlt");
    let letters = read_to_the_end(scenario.bootstrap_servers(), &letters)?;
    let found: Vec<_> = letters
        .iter()
        .map(|letter| (header(letter, "id"), header(letter, "dead-letter-reason")))
        .collect();
    let refused = Some("record_refused".to_owned());
    let expected = [6, 249].map(|place| (Some(ids[place].clone()), refused.clone()));
    assert_eq!(found, expected);
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 300   on Kafka 298   dead-lettered 2   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn a_halt_names_the_very_event_that_kafka_refuses() -> Result<()> {
    let scenario = small_scenario("poison_named", "halt").await?;
    let ids = emit_many(&scenario, &[250]).await?;
    let run = scenario.command(&["run", "--exit-on-halt", "--set", "http.listen=127.0.0.1:0"])?;
    let output = run.run().await?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let expected = format!("Kafka refuses event {}", ids[249]);
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
    Ok(())
}

/// What is too large for the topic is too large for a topic of dead letters that takes no more.
#[tokio::test]
async fn a_dead_letter_that_kafka_refuses_halts() -> Result<()> {
    let scenario = small_scenario_with("poison_twice", "dead_letter", SMALL).await?;
    let ids = emit_many(&scenario, &[250]).await?;
    let run = scenario.command(&["run", "--exit-on-halt", "--set", "http.listen=127.0.0.1:0"])?;
    let output = run.run().await?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let letters = scenario.topic("order-dlt");
    let expected = format!("Kafka refuses event {} for topic {letters:?}", ids[249]);
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
    Ok(())
}

/// A broker that refuses one record for its time refuses its whole request, and blames the others
/// for the company they keep.
#[tokio::test]
async fn a_time_that_the_topic_refuses_is_put_aside_alone() -> Result<()> {
    register_contract().await?;
    let mut scenario = Scenario::new("poison_time").await?;
    scenario.set("on_poison", "dead_letter");
    let topic = scenario.topic("order");
    let recent = [("message.timestamp.before.max.ms", "600000")];
    local::create_topic(scenario.bootstrap_servers(), &topic, 1, &recent).await?;
    scenario.create_topic("order-dlt", 1).await?;
    scenario.init().await?;
    let emit = "select outbox.emit('poison.Placed', 'order', n::text,
            '{\"order_id\": \"1\"}'::json, schema_version => 1, occurred_at =>
            now() - case when n = 150 then interval '30 minutes' else interval '0' end)::text
        from generate_series(1, 300) as n";
    scenario.client().await?.batch_execute(emit).await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("an event became a dead letter");
    until_published(&relay, 299, 1).await;
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 300   on Kafka 299   dead-lettered 1   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn what_lies_before_an_event_that_kafka_refuses_is_published() -> Result<()> {
    let scenario = small_scenario("poison_before", "halt").await?;
    // Many small transactions, so that some share a gulp with the one that is refused.
    let client = scenario.client().await?;
    let mut before = Vec::new();
    for _ in 0..30 {
        before.extend(emit_some(&client, 1, &[]).await?);
    }
    emit_some(&client, 1, &[1]).await?;
    let run = scenario.command(&["run", "--exit-on-halt", "--set", "http.listen=127.0.0.1:0"])?;
    let output = run.run().await?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let records = read_to_the_end(scenario.bootstrap_servers(), &scenario.topic("order"))?;
    let ids: Vec<_> = records.iter().filter_map(|it| header(it, "id")).collect();
    assert_eq!(ids, before);
    Ok(())
}
