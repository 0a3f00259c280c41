//! `postrider run`

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::exit::fail_classified;
use super::load::{self, Loaded};
use crate::admin::{self, Shown};
use crate::error::{Chain, Classify as _};
use crate::guardian::{self, SlotWatch};
use crate::pipeline::{self, Policy, Settings};
use crate::runtime::{self, Hangups, Supervisor, Termination, Watchdog};
use crate::telemetry::Traces;

/// Publish events until SIGTERM: the daemon.
///
/// Writes to Kafka and confirms to PostgreSQL what is committed there. It never exits because a
/// dependency is down, and stays up while it is halted or a standby, unless told otherwise. SIGHUP
/// makes it read `log.level` again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider run --config orders.toml")]
pub(super) struct Options {
    /// Exit with code 3 instead of staying up halted.
    #[arg(long)]
    exit_on_halt: bool,
    /// Exit with code 4 instead of waiting for the slot.
    #[arg(long)]
    no_standby: bool,
}

impl Options {
    /// What the flags ask for.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            exit_on_halt: self.exit_on_halt,
            no_standby: self.no_standby,
        }
    }
}

/// Runs until a signal, or until an error that ends the process.
pub(super) async fn run_daemon(
    mut settings: Settings,
    policy: Policy,
    environment: &BTreeMap<String, String>,
    load: impl Fn() -> Result<Loaded, load::Error>,
) -> ExitCode {
    let (hangups, mut termination) = (Hangups::listen(), Termination::listen());
    let listener = match admin::bind(settings.http_listen).await {
        Ok(listener) => listener,
        Err(error) => return fail_classified(&error),
    };
    runtime::exit_on_panic();
    if let Some(unchecked) = settings.unchecked_brokers() {
        tracing::warn!("{unchecked}: whoever stands between can read and change every event");
    }
    match Traces::from_environment(environment, &settings.name) {
        Ok(traces) => settings.traces = traces,
        // What was meant for every pod of a cluster stops no relay.
        Err(error) => tracing::warn!(error = %Chain(&error), "there are no traces"),
    }
    let stop = CancellationToken::new();
    let supervisor = Arc::new(Supervisor::from_environment());
    let watchdog = Watchdog::start(Arc::clone(&supervisor));
    let slot = SlotWatch::new(&settings);
    let guardian = runtime::spawn("guardian", guardian::watch(slot.clone()));
    let shown = Shown {
        vitals: settings.vitals.clone(),
        watchdog: watchdog.clone(),
        slot,
    };
    let server = runtime::spawn("http server", admin::serve(listener, shown));
    supervisor.ready();
    let signalled = runtime::spawn("signals", {
        let (stop, vitals) = (stop.clone(), settings.vitals.clone());
        let limit = settings.shutdown_timeout;
        async move {
            termination.told().await;
            tracing::info!("stopping");
            vitals.stopping();
            supervisor.stopping();
            stop.cancel();
            tokio::select! {
                () = tokio::time::sleep(limit) => tracing::warn!(
                    "the shutdown took longer than shutdown.timeout; what is open is published after the next start"
                ),
                () = termination.told() => tracing::warn!(
                    "told to stop twice, so at once; what is open is published after the next start"
                ),
            }
            std::process::exit(0);
        }
    });
    let result = tokio::select! {
        result = pipeline::run(&settings, policy, &watchdog, &stop) => result,
        never = read_levels_again(hangups, load) => match never {},
    };
    let traces = settings.traces.clone();
    let closed = tokio::task::spawn_blocking(move || traces.close()).await;
    closed.expect("closing the traces does not panic");
    signalled.abort();
    guardian.abort();
    // It has answered until now; nobody waits for a slow client.
    server.abort();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_classified(&error),
    }
}

/// At every SIGHUP: `log.level` from the configuration as it is now. Everything else that changed
/// counts after a restart.
async fn read_levels_again(
    mut hangups: Hangups,
    load: impl Fn() -> Result<Loaded, load::Error>,
) -> Infallible {
    loop {
        hangups.next().await;
        match load() {
            Ok(_) => {
                tracing::info!(
                    "log.level was read again (RUST_LOG wins); what else changed counts after a restart"
                );
            }
            Err(error) => tracing::warn!(
                error = %Chain(&error),
                remedy = error.remedy(),
                "the configuration cannot be used; nothing changes"
            ),
        }
    }
}
