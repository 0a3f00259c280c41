//! Rights in Kafka that are taken from a relay while it runs, and given back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Authority, HOST, KAFKA_PASSWORD, Observed, RelayProcess, Scenario, USER,
    own_stack_with, register_contract, wait_until,
};
use postrider::local::{KafkaOptions, Listener, Stack, port};

use super::{LIMIT, text};
use crate::links::{assert_proven, write};

const ACLS: &str = "org.apache.kafka.tools.AclCommand";

/// A stack whose Kafka asks who somebody is at the second listener, on this port, and lets him do
/// only what he has a right to.
async fn stack_with_rights(listener: u16, authority: &Authority) -> Result<Stack> {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let settings = [
        ("authorizer.class.name", authorizer),
        ("super.users", "User:ANONYMOUS"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let users = [(USER, KAFKA_PASSWORD)];
    own_stack_with(KafkaOptions {
        listeners: vec![Listener::sasl(listener, &authority.server()?, &users)],
        settings: settings.to_vec(),
        ..KafkaOptions::default()
    })
    .await
}

/// `--add` or `--remove`; `what` is a resource and operations.
async fn change_rights(stack: &Stack, change: &str, what: &[&str]) -> Result<()> {
    let (servers, principal) = (stack.kafka.bootstrap_servers(), format!("User:{USER}"));
    let mut arguments = vec!["--bootstrap-server", &servers, change, "--force"];
    arguments.extend(["--allow-principal", &principal]);
    arguments.extend(what);
    let output = stack.kafka.tool(ACLS, &arguments, LIMIT).await?;
    ensure!(output.status.success(), "{what:?}: {output:?}");
    Ok(())
}

/// Waits until the relay is halted and says so.
async fn until_halted(relay: &RelayProcess, says: &str) {
    wait_until(says, LIMIT, async || match relay.status().await {
        Ok(status) => match status["last_error"]["error"].as_str() {
            Some(error) if status["state"] == "halted" && error.contains(says) => {
                Observed::Reached(())
            }
            _ => Observed::NotYet(Ok(status)),
        },
        seen => Observed::NotYet(seen),
    })
    .await;
}

/// A halted relay looks again, and each time later.
async fn assert_patient(relay: &RelayProcess) {
    let attempts = || {
        let lines = relay.log_lines().unwrap_or_default();
        let tried = lines.iter().filter(|line| line.contains("holds the slot"));
        tried.count()
    };
    let (begun, before) = (Instant::now(), attempts());
    let observed = Duration::from_secs(6);
    wait_until("a while has passed", LIMIT, async || {
        match begun.elapsed() {
            lasted if lasted > observed => Observed::Reached(()),
            lasted => Observed::NotYet(lasted),
        }
    })
    .await;
    // The pauses double from a quarter of a second on.
    let tried = attempts() - before;
    assert!(tried <= 5, "{tried} attempts in {observed:?}");
}

#[tokio::test]
async fn a_right_that_is_taken_halts_the_relay_is_named_and_counts_again_when_given_back()
-> Result<()> {
    let authority = Authority::new("Postrider tests")?;
    let listener = port::free()?;
    let stack = stack_with_rights(listener, &authority).await?;
    let mut scenario = Scenario::on(&stack, "rights").await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;

    let id = scenario.name().transactional_id();
    let topic = scenario.topic(AGGREGATE_TYPE);
    let progress = format!("postrider.progress.{}", scenario.name());
    let on_id = [
        "--transactional-id",
        &id,
        "--operation",
        "Write",
        "--operation",
        "Describe",
    ];
    let on_topic = ["--topic", &topic, "--operation", "Write"];
    let on_progress = ["--topic", &progress, "--operation", "Write"];
    let readable = ["--topic", &progress, "--operation", "Read"];
    let shown = ["--topic", &topic, "--operation", "Describe"];
    for right in [&on_id[..], &on_topic, &on_progress, &readable, &shown] {
        change_rights(&stack, "--add", right).await?;
    }

    log_in(&mut scenario, listener, &authority)?;
    scenario.set("log.level", "info,postrider::pipeline=debug");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("halted: publishing failed: Kafka denies the relay");
    let workload = write(&scenario, None).await?;
    for (right, denied) in [
        (&on_topic[..], format!("writing to topic {topic:?}")),
        (&on_progress, format!("writing to topic {progress:?}")),
        (&on_id, format!("the transactional id {id:?}")),
        (&readable, format!("reading topic {progress:?}")),
    ] {
        relay.wait_for_more_events(LIMIT).await;
        change_rights(&stack, "--remove", right).await?;
        if right == readable {
            // It reads its progress when a session begins.
            relay.terminate()?;
            relay.wait_exit(LIMIT).await?;
            relay = scenario.start_relay()?;
            relay.expect_log("halted: publishing failed: Kafka denies the relay");
        }
        until_halted(&relay, &format!("Kafka denies the relay {denied}")).await;
        assert_patient(&relay).await;
        change_rights(&stack, "--add", right).await?;
    }
    relay.wait_for_more_events(LIMIT).await;

    // Nothing is left to know a topic by: it is hidden, which is not missing.
    for (rights, topic) in [
        ([&shown[..], &on_topic], &topic),
        ([&readable[..], &on_progress], &progress),
    ] {
        for right in rights {
            change_rights(&stack, "--remove", right).await?;
        }
        let hidden = format!("Kafka denies the relay describing topic {topic:?}");
        until_halted(&relay, &hidden).await;
        for right in rights {
            change_rights(&stack, "--add", right).await?;
        }
        relay.wait_for_more_events(LIMIT).await;
    }
    let written = workload.stop().await?;
    assert_proven(&stack, &scenario, written).await
}

/// What the relay does goes through the listener that asks.
fn log_in(scenario: &mut Scenario, listener: u16, authority: &Authority) -> Result<()> {
    let ca = scenario.write("ca.pem", &authority.pem())?;
    let password = scenario.write("kafka.password", KAFKA_PASSWORD)?;
    scenario.set("kafka.bootstrap_servers", format!("{HOST}:{listener}"));
    scenario.set("kafka.tls.ca", text(&ca));
    scenario.set("kafka.sasl.mechanism", "PLAIN");
    scenario.set("kafka.sasl.user", USER);
    scenario.set("kafka.sasl.password_file", text(&password));
    Ok(())
}
