//! `postrider skip`: one event at which the relay halts is given up (PUB-08, OPS-12).

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Observed, OneShot, RelayProcess, Scenario, read_to_the_end, wait_until};
use rdkafka::Message as _;
use serde_json::Value;

use crate::poison::{emit, emit_many, header, register_contract, small_scenario};

const LIMIT: Duration = Duration::from_mins(1);

const MISFIT: &str = r#"payload => '{"order_id": 7}'::text"#;

/// A scenario whose relay halts at poison.
async fn ready(name: &str) -> Result<(Scenario, String)> {
    register_contract().await?;
    let scenario = Scenario::new(name).await?;
    let topic = scenario.create_topic("order", 3).await?;
    scenario.create_topic("order-dlt", 1).await?;
    scenario.init().await?;
    Ok((scenario, topic))
}

fn skip(scenario: &Scenario, event_id: &str, arguments: &[&str]) -> Result<OneShot> {
    scenario.command(&[&["skip", event_id], arguments].concat())
}

/// The event at which the relay halts.
async fn halted_at(relay: &RelayProcess) -> Result<String> {
    let is_halted = |status: &Value| status["state"] == "halted";
    let status = relay.wait_for_status("the relay halts at an event", LIMIT, is_halted);
    let status = status.await;
    let remedy = status["last_error"]["remedy"].as_str().unwrap_or_default();
    let (_, command) = remedy
        .split_once("postrider skip ")
        .with_context(|| format!("the remedy names the command: {remedy}"))?;
    let id = command.split(' ').next().context("and the event")?;
    Ok(id.to_owned())
}

#[tokio::test]
async fn exactly_the_event_that_was_given_up_is_put_aside() -> Result<()> {
    let (scenario, topic) = ready("skip").await?;
    for changed in ["aggregate_id => '1'", MISFIT, "aggregate_id => '2'", MISFIT] {
        emit(&scenario, changed).await?;
    }
    emit(&scenario, "aggregate_id => '42'").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("halted:");
    relay.expect_log("an event became a dead letter");
    let first = halted_at(&relay).await?;

    let shown = skip(&scenario, &first, &["--dry-run"])?.succeed().await?;
    for line in [
        format!("meant for     {topic}\n"),
        format!("goes to       {topic}-dlt, as the JSON that was written\n"),
        "overtaken by  2 later events of key \"42\"\n".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line:?} in {shown}");
    }
    let client = scenario.client().await?;
    let count = "select count(*) from outbox.skip";
    assert_eq!(client.query_one(count, &[]).await?.get::<_, i64>(0), 0);

    let arguments = ["--reason", "a test order", "--by", "ada", "--json"];
    let done = skip(&scenario, &first, &arguments)?.succeed().await?;
    let done: Value = serde_json::from_str(&done)?;
    assert_eq!(done["dead_letter"]["topic"], format!("{topic}-dlt"));
    assert_eq!(done["given_up"]["requested_by"], "ada");

    // The second is as bad, and nobody gave it up.
    let second = wait_until(
        "the relay halts at the next",
        LIMIT,
        async || match halted_at(&relay).await {
            Ok(id) if id != first => Observed::Reached(id),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    assert_eq!(relay.status().await?["events_published"], 2);
    let done = skip(&scenario, &second, &["--reason", "so is this"])?;
    let done = done.succeed().await?;
    assert!(
        done.contains(&format!("put aside     {topic}-dlt[0]@")),
        "{done}"
    );
    relay.wait_for_events(3, LIMIT).await;

    let letters = format!("{topic}-dlt");
    let letters = read_to_the_end(scenario.bootstrap_servers(), &letters)?;
    let letter = letters.first().context("there are two")?;
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert_eq!(letter.payload(), Some(&br#"{"order_id": 7}"#[..]));
    for (name, value) in [
        ("id", &*first),
        ("dead-letter-reason", "payload_misfit"),
        ("dead-letter-skipped-by", "ada"),
        ("dead-letter-skip-reason", "a test order"),
    ] {
        assert_eq!(header(letter, name).as_deref(), Some(value), "{name}");
    }
    let audit = "select requested_by, reason, session_role from outbox.skip
        where event_id = $1::text::uuid";
    let audit = client.query_one(audit, &[&first]).await?;
    assert_eq!(audit.get::<_, &str>(0), "ada");
    assert_eq!(audit.get::<_, &str>(1), "a test order");
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 5   on Kafka 3   dead-lettered 2   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

/// Also what only Kafka refuses, and while no relay runs: the wish waits for the next.
#[tokio::test]
async fn an_event_that_kafka_refuses_is_given_up_before_a_relay_runs() -> Result<()> {
    let scenario = small_scenario("skip_refused", "halt").await?;
    let ids = emit_many(&scenario, &[250]).await?;
    let refused = &ids[249];
    let arguments = ["--reason", "too large", "--timeout", "1"];
    let output = skip(&scenario, refused, &arguments)?.run().await?;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(
        output.stderr.contains("no relay put it aside"),
        "{}",
        output.stderr
    );

    let mut relay = scenario.start_relay()?;
    relay.expect_log("an event became a dead letter");
    relay.wait_for_events(299, LIMIT).await;
    let letters = scenario.topic("order-dlt");
    let letters = read_to_the_end(scenario.bootstrap_servers(), &letters)?;
    let [letter] = &*letters else {
        panic!("one event was given up: {letters:?}");
    };
    assert_eq!(header(letter, "id").as_ref(), Some(refused));
    let skipped = header(letter, "dead-letter-skip-reason");
    assert_eq!(skipped.as_deref(), Some("too large"));
    // It finds the letter also when it is asked again, and the first reason stays.
    let again = skip(&scenario, refused, &["--reason", "again", "--json"])?;
    let again: Value = serde_json::from_str(&again.succeed().await?)?;
    assert_eq!(again["given_up"]["reason"], "too large");
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let expected = "committed 300   on Kafka 299   dead-lettered 1   lost 0   doubled 0";
    assert!(proof.starts_with(expected), "{proof}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_can_be_published_is_published_although_it_was_given_up() -> Result<()> {
    let (scenario, topic) = ready("skip_good").await?;
    emit(&scenario, "aggregate_id => '1'").await?;
    let client = scenario.client().await?;
    let id: String = client
        .query_one("select id::text from outbox.event", &[])
        .await?
        .get(0);
    let arguments = ["--reason", "a mistake", "--timeout", "1"];
    let output = skip(&scenario, &id, &arguments)?.run().await?;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let relay = scenario.start_relay()?;
    relay.wait_for_events(1, LIMIT).await;
    let records = read_to_the_end(scenario.bootstrap_servers(), &topic)?;
    assert_eq!(records.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_given_up_is_refused_with_words() -> Result<()> {
    let (scenario, _) = ready("skip_refuses").await?;
    emit(&scenario, "public => false").await?;
    let client = scenario.client().await?;
    let private: String = client
        .query_one("select id::text from outbox.event", &[])
        .await?
        .get(0);
    emit(&scenario, "aggregate_id => '1'").await?;
    let public = "select id::text from outbox.event where public and aggregate_id = '1'";
    let public: String = client.query_one(public, &[]).await?.get(0);
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let canary: String = client
        .query_one("select outbox.canary()::text", &[])
        .await?
        .get(0);
    let long = "x".repeat(1_001);
    for (id, reason, sentence) in [
        (unknown, "a reason", "is not in outbox.event"),
        (&*canary, "a reason", "is not in outbox.event"),
        (&*private, "a reason", "is private"),
        (&*public, " ", "skip_reason_size"),
        (&*public, &*long, "skip_reason_size"),
        ("42", "a reason", "invalid value '42' for '<EVENT_ID>'"),
    ] {
        let output = skip(&scenario, id, &["--reason", reason])?.run().await?;
        assert_eq!(output.status.code(), Some(2), "{sentence}: {output:?}");
        assert!(
            output.stderr.contains(sentence),
            "{sentence}: {}",
            output.stderr
        );
    }
    let output = skip(&scenario, &public, &[])?.run().await?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stderr.contains("--reason"), "{}", output.stderr);
    let count = "select count(*) from outbox.skip";
    assert_eq!(client.query_one(count, &[]).await?.get::<_, i64>(0), 0);

    // As with a schema of an earlier release: the relay halts at poison all the same.
    client.batch_execute("drop table outbox.skip").await?;
    emit(&scenario, MISFIT).await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("halted:");
    halted_at(&relay).await?;
    let output = skip(&scenario, &public, &["--dry-run"])?.run().await?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        output.stderr.contains("postrider migrate"),
        "{}",
        output.stderr
    );
    Ok(())
}
