//! PostgreSQL shuts down with a relay attached, and waits until everything it has sent is confirmed
//! (`WalSndDone` in PostgreSQL's `walsender.c`). A relay that can confirm hurries; one that cannot,
//! because Kafka is away, leaves, since a failover would wait for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{
    AGGREGATE_TYPE, RelayProcess, Scenario, Workload, WorkloadOptions, Written, judge, own_stack,
    register_contract, stack_behind_proxy, write_huge,
};
use postrider::local::{Stack, StopMode};

const LIMIT: Duration = Duration::from_mins(1);

const PATIENCE: Duration = Duration::from_secs(20);

/// A relay may delay the shutdown by no more.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

/// Of 100 events, which at the pace of that test take some 20 s to publish.
const BACKLOG_TRANSACTIONS: usize = 600;

/// What is written while the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Idle,
    Writers,
}

async fn ready(stack: &Stack, name: &str) -> Result<(Scenario, RelayProcess)> {
    let scenario = Scenario::on(stack, name).await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    relay.expect_log("canary could not be written");
    Ok((scenario, relay))
}

async fn workload(scenario: &Scenario) -> Result<Workload> {
    let options = WorkloadOptions {
        sessions: 4,
        rate: 20,
        events_max: 40,
        outages: true,
        ..WorkloadOptions::default()
    };
    Workload::start(&scenario.pool().await?, options).await
}

/// Ends the server, and gives what the relay delayed that by. A smart shutdown waits for the
/// writers, which is not the relay's doing.
async fn stop(
    stack: &mut Stack,
    scenario: &Scenario,
    mode: StopMode,
    load: Load,
    written: &mut u64,
) -> Result<Duration> {
    let mut began = Instant::now();
    if (mode, load) == (StopMode::Smart, Load::Writers) {
        let mut client = scenario.client().await?;
        let (left, stopped) = tokio::join!(
            async {
                for number in 0..100 {
                    write_huge(&mut client, &format!("{written}-{number}"), 20, true).await?;
                }
                *written += 2_000;
                drop(client);
                Ok::<_, anyhow::Error>(Instant::now())
            },
            stack.postgres.stop(mode, LIMIT)
        );
        stopped?;
        began = left?;
    } else {
        stack.postgres.stop(mode, LIMIT).await?;
    }
    Ok(began.elapsed())
}

/// Every way to stop the server, one after the other.
async fn stop_every_way(name: &str, has_kafka: bool) -> Result<()> {
    let mut stack = own_stack().await?;
    let (scenario, relay) = ready(&stack, name).await?;
    let mut written = Written::default();
    for mode in [StopMode::Fast, StopMode::Smart] {
        for load in [Load::Idle, Load::Writers] {
            let mut writers = Some(workload(&scenario).await?);
            relay.wait_for_more_events(LIMIT).await;
            // A fast shutdown disconnects them.
            if (mode, load) != (StopMode::Fast, Load::Writers) {
                add(&mut written, writers.take()).await?;
            }
            if !has_kafka {
                stack.kafka.kill()?;
                // Something that cannot be confirmed.
                let mut client = scenario.client().await?;
                write_huge(&mut client, &format!("{mode:?}-{load:?}"), 20, true).await?;
                written.committed += 20;
            }
            let took = stop(&mut stack, &scenario, mode, load, &mut written.committed).await?;
            eprintln!("{name}: {mode:?}, {load:?}: {took:?}");
            ensure!(took < SHUTDOWN_MAX, "{mode:?}, {load:?} took {took:?}");
            stack.postgres.restart().await?;
            if !has_kafka {
                stack.kafka.restart().await?;
            }
            add(&mut written, writers.take()).await?;
        }
    }
    let report = judge(&stack, &scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    // Who can confirm does so, and leaves nothing to the slot. Who cannot may say that Kafka is away.
    let left = relay.log_lines()?.concat().contains("server_stopping");
    assert!(!(left && has_kafka), "{name}");
    let most = written.committed + written.uncertain;
    assert!(
        (written.committed..=most).contains(&report.committed),
        "{written:?}: {report}"
    );
    Ok(())
}

/// Ends the writers, if there are any, and with them their connections.
async fn add(all: &mut Written, writers: Option<Workload>) -> Result<()> {
    if let Some(writers) = writers {
        let written = writers.stop().await?;
        all.committed += written.committed;
        all.uncertain += written.uncertain;
    }
    Ok(())
}

/// A relay that has hours to catch up with confirms all the time, and yet the server must not wait.
#[tokio::test]
async fn a_server_that_stops_while_a_relay_is_far_behind_is_left_as_well() -> Result<()> {
    let (mut stack, proxy) = stack_behind_proxy().await?;
    let mut scenario = Scenario::on(&stack, "stop_behind").await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&stack.registry).await?;
    scenario.set("batch.bytes_max", "64KiB");
    let servers = format!("127.0.0.1:{}", proxy.port());
    scenario.set("kafka.bootstrap_servers", servers);
    scenario.init().await?;
    let mut client = scenario.client().await?;
    for number in 0..BACKLOG_TRANSACTIONS {
        write_huge(&mut client, &format!("behind-{number}"), 100, true).await?;
    }
    drop(client);
    // Each transaction takes several round trips; yet it never stands still for long.
    proxy.delay(Duration::from_millis(5));
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    relay.wait_for_more_events(LIMIT).await;
    let begun = Instant::now();
    stack.postgres.stop(StopMode::Fast, LIMIT).await?;
    let took = begun.elapsed();
    ensure!(took < SHUTDOWN_MAX, "the shutdown took {took:?}");
    relay.wait_for_log("server_stopping", LIMIT).await;
    proxy.heal();
    stack.postgres.restart().await?;
    let report = judge(&stack, &scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_stops_is_confirmed_everything_at_once() -> Result<()> {
    stop_every_way("stop_kafka_up", true).await
}

#[tokio::test]
async fn a_server_that_stops_while_kafka_is_away_is_left_after_a_grace_period() -> Result<()> {
    stop_every_way("stop_kafka_down", false).await
}
