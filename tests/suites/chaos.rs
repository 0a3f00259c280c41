//! Writers never pause while relays, servers and links die again and again: relays half of the times
//! in a window where a crash is most likely to do harm, half at any moment. Then the oracle must find
//! nothing.

mod fleet;
mod plan;
mod results;
mod round;

use std::env;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use e2e::{WorkloadOptions, stack_behind_proxy};
use postrider::config::DeliveryMode;
use postrider::failpoints::Failpoint;
use postrider::verify::{Report, Torn};
use rand::Rng as _;

use plan::Counts;
use results::Outcome;
use round::{Done, Ground, Plan};

/// How long `make chaos` begins new rounds, in minutes.
const MINUTES_VARIABLE: &str = "CHAOS_MINUTES";
const MINUTES: u64 = 15;

/// The seed of the first round; the next ones count on from it.
const SEED_VARIABLE: &str = "CHAOS_SEED";

/// A standby publishes within this after the death of the active relay, nothing else being wrong.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// One short round for every day.
#[tokio::test]
async fn whatever_dies_nothing_is_lost_doubled_or_reordered() -> Result<()> {
    let plan = short(Counts::SHORT, DeliveryMode::ExactlyOnce)?;
    let (done, report) = play("chaos_short", &plan).await?;
    assert!(report.passed(), "seed {}: {report}", plan.seed);
    assert!(matches!(report.torn, Torn::Examined(_)), "{report}");
    let slowest = done.takeovers.iter().max();
    assert!(slowest.is_some_and(|time| *time < TAKEOVER_MAX), "{done:?}");
    Ok(())
}

/// A relay alone, so that each death is followed by a cold start.
#[tokio::test]
async fn a_relay_killed_at_every_window_loses_and_doubles_nothing() -> Result<()> {
    let mut plan = short(relays_only(), DeliveryMode::ExactlyOnce)?;
    plan.fleet = 1;
    plan.windows_only = true;
    let (done, report) = play("chaos_windows", &plan).await?;
    assert!(report.passed(), "seed {}: {report}", plan.seed);
    for window in Failpoint::RUN {
        let hits = done.windows.get(window.name());
        assert!(hits.is_some_and(|hits| *hits > 0), "{window:?}: {done:?}");
    }
    Ok(())
}

/// What dies between the events and their progress comes again.
#[tokio::test]
async fn at_least_once_loses_and_reorders_nothing_and_doubles_what_a_kill_left_open() -> Result<()>
{
    let mut plan = short(relays_only(), DeliveryMode::AtLeastOnce)?;
    plan.windows_only = true;
    let (_, report) = play("chaos_at_least_once", &plan).await?;
    assert!(report.passed(), "seed {}: {report}", plan.seed);
    assert!(report.doubled.count > 0, "seed {}: {report}", plan.seed);
    Ok(())
}

fn relays_only() -> Counts {
    Counts {
        relays: 2 * Failpoint::RUN.len(),
        ..Counts::default()
    }
}

fn short(counts: Counts, mode: DeliveryMode) -> Result<Plan> {
    Ok(Plan {
        seed: seed()?,
        counts,
        mode,
        fleet: 2,
        windows_only: false,
        workload: WorkloadOptions {
            rate: 3,
            ..WorkloadOptions::default()
        },
    })
}

/// `make chaos`: rounds until the time is over, each recorded.
#[tokio::test]
#[ignore = "takes minutes: make chaos"]
async fn chaos() -> Result<()> {
    let minutes = number(MINUTES_VARIABLE)?.unwrap_or(MINUTES);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let first = seed()?;
    let mut ground = ground().await?;
    for seed in first.. {
        let plan = Plan {
            seed,
            counts: Counts::LONG,
            mode: DeliveryMode::ExactlyOnce,
            fleet: 2,
            windows_only: false,
            workload: WorkloadOptions {
                rate: 4,
                ..WorkloadOptions::default()
            },
        };
        let outcome = observe(&mut ground, &plan).await?;
        let path = results::record(&outcome)?;
        eprintln!("chaos: {}, in {}", results::line(&outcome), path.display());
        results::show()?;
        ensure!(outcome.findings.is_empty(), "{:#?}", outcome.findings);
        if Instant::now() > end {
            break;
        }
    }
    Ok(())
}

/// A round that could not be carried out is a finding, too.
async fn observe(ground: &mut Ground, plan: &Plan) -> Result<Outcome> {
    let epoch = SystemTime::UNIX_EPOCH;
    let began = Instant::now();
    let mut outcome = Outcome {
        at: epoch.elapsed()?.as_secs(),
        seed: plan.seed,
        build: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        }
        .to_owned(),
        ..Outcome::default()
    };
    eprintln!("chaos: a round of seed {}", plan.seed);
    match round::run(ground, "chaos", plan).await {
        Ok((done, report)) => outcome.add(&done, &report),
        Err(error) => outcome.findings.push(format!("{error:#}")),
    }
    outcome.seconds = began.elapsed().as_secs();
    Ok(outcome)
}

async fn play(name: &str, plan: &Plan) -> Result<(Done, Report)> {
    eprintln!("{name}: {SEED_VARIABLE}={}", plan.seed);
    let (done, report) = round::run(&mut ground().await?, name, plan).await?;
    eprintln!("{name}: {done:?}\n{name}: {report}");
    Ok((done, report))
}

async fn ground() -> Result<Ground> {
    let (stack, to_kafka) = stack_behind_proxy().await?;
    Ok(Ground { stack, to_kafka })
}

/// What was asked for, or chance; small enough to be typed.
fn seed() -> Result<u64> {
    let chance = u64::from(rand::rng().random::<u16>()) << 16;
    Ok(number(SEED_VARIABLE)?.unwrap_or(chance))
}

#[expect(
    clippy::disallowed_methods,
    reason = "these are the test's own settings, not the relay's"
)]
fn number(variable: &str) -> Result<Option<u64>> {
    match env::var(variable) {
        Ok(text) => Ok(Some(
            text.parse().with_context(|| format!("{variable}={text}"))?,
        )),
        Err(_) => Ok(None),
    }
}
