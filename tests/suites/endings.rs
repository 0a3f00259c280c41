//! How a relay ends: as it was told, or because a part of it has failed. And what it does when it
//! can open nothing more.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{
    AGGREGATE_TYPE, Observed, RelayProcess, Scenario, Workload, WorkloadOptions, Written, judge,
    register_contract, shared_stack, wait_until,
};
use postrider::failpoints::Failpoint;
use postrider::runtime::EXIT_CODE_PANIC;
use rand::Rng;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

const LIMIT: Duration = Duration::from_mins(1);

/// From the last record on.
const PATIENCE: Duration = Duration::from_secs(20);

/// `shutdown.timeout`, unless it is configured.
const SHUTDOWN_MAX: Duration = Duration::from_secs(20);

/// A part of the relay is stuck when it has not turned for a minute.
const STUCK_LIMIT: Duration = Duration::from_secs(90);

/// A failpoint in each part that runs by itself: the pipeline, the publisher, the source.
const PARTS: [Failpoint; 3] = [
    Failpoint::AfterRead,
    Failpoint::AckedNoProgress,
    Failpoint::AfterFeedback,
];

/// An initialised scenario, and writers that go on until they are stopped.
async fn under_load(name: &str) -> Result<(Scenario, Workload)> {
    let scenario = Scenario::new(name).await?;
    scenario.create_topic(AGGREGATE_TYPE, 3).await?;
    register_contract(&shared_stack().await?.registry).await?;
    scenario.init().await?;
    let options = WorkloadOptions {
        sessions: 4,
        rate: 10,
        events_max: 40,
        ..WorkloadOptions::default()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    Ok((scenario, workload))
}

async fn assert_proven(scenario: &Scenario, written: Written) -> Result<()> {
    let report = judge(shared_stack().await?, scenario, PATIENCE).await?;
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(())
}

async fn stop_again_and_again(name: &str, stops: usize) -> Result<()> {
    let (scenario, workload) = under_load(name).await?;
    let mut slowest = Duration::ZERO;
    for number in 0..stops {
        let mut relay = scenario.start_relay()?;
        wait_until("the relay answers", LIMIT, async || {
            match relay.probe("/livez").await {
                Ok(200) => Observed::Reached(()),
                seen => Observed::NotYet(seen),
            }
        })
        .await;
        // The moment is what is random here; nothing is waited for.
        let millis = rand::rng().random_range(0..1_500);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let told = std::time::Instant::now();
        relay.terminate()?;
        let exit = relay.wait_exit(SHUTDOWN_MAX).await;
        let exit = exit.with_context(|| format!("stop {number}, {millis} ms after the start"))?;
        assert_eq!(exit.code(), Some(0), "stop {number}, {millis} ms: {exit}");
        slowest = slowest.max(told.elapsed());
    }
    eprintln!("{name}: {stops} stops, the slowest took {slowest:.1?}");
    let _last = scenario.start_relay()?;
    assert_proven(&scenario, workload.stop().await?).await
}

#[tokio::test]
async fn a_relay_that_is_told_to_stop_at_any_moment_exits_with_0_and_loses_nothing() -> Result<()> {
    stop_again_and_again("endings_stop", 15).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_relay_that_is_told_to_stop_many_times_exits_with_0_and_loses_nothing() -> Result<()> {
    stop_again_and_again("endings_stop_often", 300).await
}

/// A relay in which something happens when it passes `part` for the fifth time.
fn start_faulty(scenario: &Scenario, part: Failpoint, deed: &str) -> Result<RelayProcess> {
    let failpoint = format!("{}=5:{deed}", part.name());
    scenario.start_relay_with(&[], &[("POSTRIDER_FAILPOINTS", &failpoint)])
}

#[tokio::test]
async fn a_panic_in_any_part_ends_the_process_and_nothing_is_lost() -> Result<()> {
    let (scenario, workload) = under_load("endings_panic").await?;
    for part in PARTS {
        let mut relay = start_faulty(&scenario, part, "panic")?;
        for line in ["panicked at", "a failpoint", "RUST_BACKTRACE"] {
            relay.expect_log(line);
        }
        let exit = relay.wait_exit(LIMIT).await?;
        assert_eq!(exit.code(), Some(EXIT_CODE_PANIC), "{}", part.name());
    }
    let _last = scenario.start_relay()?;
    assert_proven(&scenario, workload.stop().await?).await
}

#[tokio::test]
#[ignore = "takes minutes: make long"]
async fn a_part_that_is_stuck_ends_the_process_and_a_standby_goes_on() -> Result<()> {
    let (scenario, workload) = under_load("endings_stuck").await?;
    for part in PARTS {
        let mut relay = start_faulty(&scenario, part, "hang")?;
        relay.expect_log("the pipeline is stuck");
        // It may be told that it was shut out before it is found to be stuck.
        relay.expect_log("session ended");
        relay.wait_for_state("active", LIMIT).await?;
        let mut standby = scenario.start_relay()?;
        let exit = relay.wait_exit(STUCK_LIMIT).await;
        let exit = exit.with_context(|| format!("stuck at {}", part.name()))?;
        assert_eq!(exit.code(), Some(EXIT_CODE_PANIC), "{}", part.name());
        standby.wait_for_state("active", LIMIT).await?;
        standby.wait_for_more_events(LIMIT).await;
    }
    let _last = scenario.start_relay()?;
    assert_proven(&scenario, workload.stop().await?).await
}

/// Lets a running process open no more than `descriptors` files and sockets; gives what it was.
fn limit_descriptors(relay: &mut RelayProcess, descriptors: Option<u64>) -> Result<Option<u64>> {
    let pid = Pid::from_raw(relay.process().pid().cast_signed());
    let limits = fs::read_to_string(format!("/proc/{}/limits", relay.process().pid()))?;
    let hard = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let hard = hard.and_then(|line| line.split_whitespace().nth(4)?.parse().ok());
    let limit = Rlimit {
        current: descriptors,
        maximum: hard,
    };
    Ok(prlimit(pid, Resource::Nofile, limit)?.current)
}

#[tokio::test]
async fn a_relay_that_can_open_nothing_more_says_so_and_goes_on_when_it_can() -> Result<()> {
    let (scenario, workload) = under_load("endings_files").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended");
    relay.wait_for_state("active", LIMIT).await?;
    relay.wait_for_more_events(LIMIT).await;
    // All numbers below are taken.
    let before = limit_descriptors(&mut relay, Some(3))?;
    let end = "select pg_terminate_backend(active_pid) from pg_replication_slots
        where database = current_database()";
    scenario.client().await?.execute(end, &[]).await?;
    relay.wait_for_log("Too many open files", LIMIT).await;
    limit_descriptors(&mut relay, before)?;
    wait_until("the relay answers", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["state"] == "active" => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    relay.wait_for_more_events(LIMIT).await;
    assert_proven(&scenario, workload.stop().await?).await
}
