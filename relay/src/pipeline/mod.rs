//! The wiring of the stages, and what follows from their errors.
//!
//! A session ends with an error or because it was told to. Here, and only here, an error becomes an
//! action: try again with growing pauses, wait as a standby, halt and look again, or exit.

mod error;
mod flow;
mod session;
mod settings;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Action, Chain, Classify};
use crate::runtime::Watchdog;

pub use error::Error;
use flow::Flow;
pub use settings::Settings;

/// The first and the longest pause between two sessions.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What `run` does when it cannot be active.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// End with the error instead of staying up halted.
    pub exit_on_halt: bool,
    /// End with the error instead of waiting for the slot.
    pub no_standby: bool,
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
    let mut pause = PAUSE_MIN;
    loop {
        let began = std::time::Instant::now();
        let result = session::run(settings, &mut resolver, watchdog, stop).await;
        if stop.is_cancelled() {
            return Ok(());
        }
        if let Err(error) = result {
            match error.action() {
                Action::Refuse => return Err(error),
                Action::Halt | Action::Poison if policy.exit_on_halt => return Err(error),
                Action::StandBy if policy.no_standby => return Err(error),
                Action::Halt | Action::Poison => {
                    tracing::error!(
                        reason = error.reason(),
                        remedy = error.remedy(),
                        "halted: {}",
                        Chain(&error)
                    );
                }
                Action::StandBy => {
                    tracing::info!(remedy = error.remedy(), "standby: {}", Chain(&error));
                }
                Action::Retry => {
                    tracing::warn!(remedy = error.remedy(), "session ended: {}", Chain(&error));
                }
            }
        }
        if began.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
