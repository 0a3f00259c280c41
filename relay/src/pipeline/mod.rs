//! The wiring of the stages, and what follows from their errors.
//!
//! A session ends with an error or because it was told to. Here, and only here, an error becomes an
//! action: try again with growing pauses, wait as a standby, halt and look again, or exit.

mod canary;
mod care;
mod error;
mod flow;
mod idle;
mod origin;
mod report;
mod session;
mod settings;
mod transaction;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Action, Classify};
use crate::runtime::Watchdog;
use crate::telemetry::State;

use care::Care;
pub use error::Error;
use flow::Flow;
pub use origin::Origin;
pub(crate) use origin::compare_with_database;
use report::Report;
pub use settings::Settings;

/// The first and the longest pause between two sessions.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Between two looks of a standby. It does not grow: the longer a standby has waited, the more is it
/// relied on. A look is a connection and a question; the other relay is not disturbed.
const STANDBY_PAUSE: Duration = Duration::from_secs(1);

/// What `run` does when it cannot be active.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// End with the error instead of staying up halted.
    pub exit_on_halt: bool,
    /// End with the error instead of waiting for the slot.
    pub no_standby: bool,
}

/// What one session leaves to the next.
#[derive(Debug, Default)]
struct Memory {
    care: Care,
    /// One was active, stood by or halted: what was right when the process started may be right again.
    has_worked: bool,
    /// The last one found that this is not where the progress record was written.
    is_elsewhere: bool,
}

/// Runs sessions until `stop`. An error is one that ends the process: a wrong configuration, or
/// what the policy says.
pub async fn run(
    settings: &Settings,
    policy: Policy,
    watchdog: &Watchdog,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut resolver = settings.resolver();
    let mut memory = Memory::default();
    let mut report = Report::new(&settings.vitals);
    let mut pause = PAUSE_MIN;
    loop {
        let began = std::time::Instant::now();
        let was_careful = memory.care.is_careful();
        let session = session::run(settings, &mut resolver, &mut memory, watchdog, stop);
        let result = session.await;
        if stop.is_cancelled() {
            return Ok(());
        }
        if began.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        let mut next = pause;
        memory.is_elsewhere = result.as_ref().is_err_and(Error::is_elsewhere);
        if let Err(error) = result {
            if memory.care.learns(&error, was_careful) {
                continue;
            }
            match error.action() {
                Action::Refuse if memory.has_worked => {
                    report.failed(State::Retrying, &error);
                }
                Action::Refuse => return Err(error),
                Action::Halt | Action::Poison if policy.exit_on_halt => return Err(error),
                Action::StandBy if policy.no_standby => return Err(error),
                Action::Halt | Action::Poison => {
                    memory.has_worked = true;
                    report.failed(State::Halted, &error);
                }
                Action::StandBy => {
                    memory.has_worked = true;
                    report.failed(State::Standby, &error);
                    pause = PAUSE_MIN;
                    next = STANDBY_PAUSE;
                }
                Action::Retry => report.failed(State::Retrying, &error),
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(next) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
