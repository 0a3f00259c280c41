//! The main job, small: a row that plain SQL emits is what Kafka's own console consumer shows, once,
//! although the relay is killed in between.

use std::time::Duration;

use anyhow::Result;
use e2e::{Observed, Scenario, shared_stack, wait_until};

const SCHEMA: &str = r#"{"type": "record", "name": "milestone.OrderPlaced", "fields": [
    {"name": "order_id", "type": "string"}]}"#;

const LIMIT: Duration = Duration::from_mins(1);

async fn emit(scenario: &Scenario, order_id: &str) -> Result<()> {
    let payload = format!(r#"{{"order_id": "{order_id}"}}"#);
    sqlx::query(
        "select outbox.emit(event_type => 'milestone.OrderPlaced', aggregate_type => 'order',
           aggregate_id => '42', payload => $1, schema_version => 1)",
    )
    .bind(payload)
    .execute(&scenario.pool().await?)
    .await?;
    Ok(())
}

/// What Kafka's console consumer prints of the topic, to its end.
async fn consumed(topic: &str) -> Result<String> {
    let stack = shared_stack().await?;
    let bootstrap_servers = stack.kafka.bootstrap_servers();
    let arguments = [
        "--bootstrap-server",
        &bootstrap_servers,
        "--topic",
        topic,
        "--from-beginning",
        "--isolation-level",
        "read_committed",
        "--timeout-ms",
        "3000",
    ];
    let tool = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let output = stack.kafka.tool(tool, &arguments, LIMIT).await?;
    Ok(output.stdout)
}

async fn until_consumed(topic: &str, order_id: &str) -> Result<()> {
    wait_until(
        &format!("{order_id} is on {topic}, once"),
        LIMIT,
        async || match consumed(topic).await {
            Ok(text) if text.matches(order_id).count() == 1 => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        },
    )
    .await;
    Ok(())
}

#[tokio::test]
async fn an_emitted_row_reaches_the_console_consumer_once_although_the_relay_is_killed()
-> Result<()> {
    let stack = shared_stack().await?;
    let scenario = Scenario::new("milestone").await?;
    let topic = scenario.create_topic("order", 3).await?;
    stack
        .registry
        .register("milestone.OrderPlaced", SCHEMA)
        .await?;
    scenario.init().await?;
    scenario.init().await?;

    let mut relay = scenario.start_relay()?;
    emit(&scenario, "first").await?;
    until_consumed(&topic, "first").await?;
    relay.kill()?;

    emit(&scenario, "second").await?;
    let mut relay = scenario.start_relay()?;
    until_consumed(&topic, "second").await?;
    until_consumed(&topic, "first").await?;

    relay.terminate()?;
    assert!(relay.wait_exit(LIMIT).await?.success());
    Ok(())
}
