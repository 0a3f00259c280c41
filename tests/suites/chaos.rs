//! Writers never pause while the relay is killed again and again: half of the times in a window
//! where a crash is most likely to do harm, half at any moment. Then the oracle must find nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Observed, RelayProcess, Scenario, Workload, WorkloadOptions, judge_with,
    own_stack, register_contract, wait_until,
};
use postrider::config::DeliveryMode;
use postrider::failpoints::Failpoint;
use postrider::verify::{Report, Torn};
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// A relay that starts after a crash publishes again within this.
const LIMIT: Duration = Duration::from_mins(1);

/// From the last record on; the last relay has to catch up first.
const PATIENCE: Duration = Duration::from_secs(20);

/// A kill, and where.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// When the relay passes a window for the n-th time.
    At(Failpoint, u32),
    /// So many milliseconds after its start.
    AfterStart(u64),
    /// So many milliseconds after it has become active.
    AfterActive(u64),
}

struct Plan {
    kills: usize,
    hits_min: usize,
    mode: DeliveryMode,
    workload: WorkloadOptions,
}

/// An eighth of the real thing, for every day.
#[tokio::test]
async fn a_relay_killed_at_every_window_loses_and_doubles_nothing() -> Result<()> {
    let report = run("chaos_short", &daily(DeliveryMode::ExactlyOnce)).await?;
    assert!(matches!(report.torn, Torn::Examined(_)), "{report}");
    Ok(())
}

/// What dies between the events and their progress comes again.
#[tokio::test]
async fn at_least_once_loses_and_reorders_nothing_and_doubles_what_a_kill_left_open() -> Result<()>
{
    let report = run("chaos_at_least_once", &daily(DeliveryMode::AtLeastOnce)).await?;
    assert!(report.doubled.count > 0, "{report}");
    Ok(())
}

fn daily(mode: DeliveryMode) -> Plan {
    Plan {
        kills: 2 * Failpoint::RUN.len(),
        hits_min: 1,
        mode,
        workload: WorkloadOptions {
            rate: 3,
            ..WorkloadOptions::default()
        },
    }
}

/// `make chaos`.
#[tokio::test]
#[ignore = "takes minutes: make chaos"]
async fn chaos() -> Result<()> {
    let plan = Plan {
        kills: 100,
        hits_min: 5,
        mode: DeliveryMode::ExactlyOnce,
        workload: WorkloadOptions::default(),
    };
    let report = run("chaos", &plan).await?;
    assert!(matches!(report.torn, Torn::Examined(_)), "{report}");
    Ok(())
}

async fn run(name: &str, plan: &Plan) -> Result<Report> {
    let stack = own_stack().await?;
    let mut scenario = Scenario::on(&stack, name).await?;
    // Small enough that the largest transactions are alone, and large enough to hold them.
    scenario.set("batch.bytes_max", "256KiB");
    scenario.set("delivery.mode", serde_json::to_value(plan.mode)?);
    scenario.create_topic(AGGREGATE_TYPE, 6).await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;

    let folder = tempfile::tempdir()?;
    let hits = folder.path().join("hits");
    let seed = plan.workload.seed;
    eprintln!("chaos: {} kills, seed {seed}", plan.kills);
    let pool = scenario.pool().await?;
    let workload = Workload::start(&pool, plan.workload.clone()).await?;
    for (number, kill) in kills(plan.kills, &mut StdRng::seed_from_u64(seed)).enumerate() {
        carry_out(&scenario, kill, &hits)
            .await
            .with_context(|| format!("kill {number}, {kill:?}, seed {seed}"))?;
        if number % 10 == 9 {
            let events = workload.written().committed;
            eprintln!("chaos: {} kills, {events} events committed", number + 1);
        }
    }
    let _last = scenario.start_relay()?;
    let written = workload.stop().await?;

    let hits = count(&hits)?;
    for window in Failpoint::RUN {
        let count = hits.get(window.name()).copied().unwrap_or_default();
        let least = plan.hits_min;
        ensure!(
            count >= least,
            "{} was hit {count} times, not {least}: {hits:?}",
            window.name()
        );
    }
    let report = judge_with(&stack, &scenario, PATIENCE, |options| {
        options.rules.duplicates_allowed = plan.mode == DeliveryMode::AtLeastOnce;
    })
    .await?;
    eprintln!("chaos: {written:?}\nchaos: hits {hits:?}\nchaos: {report}");
    assert!(report.passed(), "seed {seed}: {report}");
    assert_eq!(report.committed, written.committed, "{report}");
    Ok(report)
}

/// Half of them at the windows in turn, half at random moments, in random order.
fn kills(count: usize, rng: &mut StdRng) -> impl Iterator<Item = Kill> {
    let windows = Failpoint::RUN.into_iter().cycle();
    let mut kills: Vec<Kill> = windows
        .take(count / 2)
        .map(|window| Kill::At(window, rng.random_range(1..=12)))
        .collect();
    for number in 0..count - kills.len() {
        kills.push(match number % 3 {
            0 => Kill::AfterStart(rng.random_range(0..1_500)),
            _ => Kill::AfterActive(rng.random_range(0..1_000)),
        });
    }
    kills.shuffle(rng);
    kills.into_iter()
}

async fn carry_out(scenario: &Scenario, kill: Kill, hits: &Path) -> Result<()> {
    match kill {
        Kill::At(window, passes) => {
            let failpoint = format!("{}={passes}", window.name());
            let hits = hits
                .to_str()
                .context("a temporary folder has a plain name")?;
            let variables = [
                ("POSTRIDER_FAILPOINTS", failpoint.as_str()),
                ("POSTRIDER_FAILPOINT_LOG", hits),
            ];
            let mut relay = scenario.start_relay_with(&[], &variables)?;
            relay.wait_exit(LIMIT).await?;
        }
        // The moment is what is random here; nothing is waited for.
        Kill::AfterStart(millis) => {
            let mut relay = scenario.start_relay()?;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            relay.kill()?;
        }
        Kill::AfterActive(millis) => {
            let mut relay = scenario.start_relay()?;
            until_active(&relay).await;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            relay.kill()?;
        }
    }
    Ok(())
}

async fn until_active(relay: &RelayProcess) {
    wait_until("the relay is active", LIMIT, async || {
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
}

/// How often the relay says that each window killed it.
fn count(hits: &Path) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(hits)?.lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    Ok(counts)
}
