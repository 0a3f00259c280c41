//! Kafka forgets a `transactional.id` that nobody has used for long (`transactional.id.expiration.ms`,
//! 7 days by default).

use std::time::Duration;

use anyhow::Result;
use e2e::{Observed, Scenario, own_stack_with, wait_until};
use postrider::local::{KafkaOptions, Stack};

use crate::links::{LIMIT, assert_proven, ready, write};

const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";

/// Much shorter than a relay rests between two progress records, which keep it alive.
const EXPIRATION: [(&str, &str); 4] = [
    ("transactional.id.expiration.ms", "3000"),
    (
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        "500",
    ),
    ("producer.id.expiration.ms", "3000"),
    ("producer.id.expiration.check.interval.ms", "500"),
];

/// Waits until Kafka does not know the relay's id.
async fn until_forgotten(stack: &Stack, scenario: &Scenario) {
    let id = scenario.name().transactional_id();
    let servers = stack.kafka.bootstrap_servers();
    let arguments = ["--bootstrap-server", &servers, "list"];
    wait_until(
        "Kafka has forgotten the relay",
        2 * LIMIT,
        async || match stack.kafka.tool(TRANSACTIONS, &arguments, LIMIT).await {
            Ok(listed) if listed.status.success() && !listed.stdout.contains(&id) => {
                Observed::Reached(())
            }
            seen => Observed::NotYet(seen),
        },
    )
    .await;
}

#[tokio::test]
async fn a_relay_that_kafka_has_forgotten_begins_anew_by_itself() -> Result<()> {
    let settings = EXPIRATION.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let stack = own_stack_with(KafkaOptions {
        settings: settings.to_vec(),
        ..KafkaOptions::default()
    });
    let stack = stack.await?;
    let scenario = ready(&stack, "expired").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    let mut written = write(&scenario, Some(10)).await?.finish().await?;
    // While it runs, and across a restart.
    for is_restarted in [false, true] {
        if is_restarted {
            relay.terminate()?;
            relay.wait_exit(Duration::from_secs(30)).await?;
        }
        until_forgotten(&stack, &scenario).await;
        if is_restarted {
            relay = scenario.start_relay()?;
            relay.expect_log("session ended");
        }
        let workload = write(&scenario, Some(10)).await?;
        relay.wait_for_more_events(LIMIT).await;
        written.committed += workload.finish().await?.committed;
        if !is_restarted {
            let status = relay.status().await?;
            let error = status["last_error"]["error"].as_str().unwrap_or_default();
            assert!(error.contains("not currently assigned"), "{status}");
        }
    }
    assert_proven(&stack, &scenario, written).await
}
