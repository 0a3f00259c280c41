//! `postrider dev`

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::exit::{INTERRUPTED, fail_classified};
use crate::dev::{self, Door, Error, Workbench};
use crate::runtime;
use crate::telemetry::{State, Status};

/// Between two looks at the relay.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Run the whole path on this machine, for whoever writes a service.
///
/// Starts PostgreSQL, Apache Kafka and a schema registry, local, unprivileged and temporary, on
/// ports 5432, 9092 and 8081 where those are free; makes the outbox and runs a relay, which creates
/// topics as they are needed. Keeps running until Ctrl-C; then everything is gone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  postrider dev\n  eval \"$(postrider dev --env)\"   # in a second terminal\n  \
                  postrider dev --postgres-url postgres://me@localhost/orders"
)]
pub(super) struct Options {
    /// Print `export DATABASE_URL=…` and the like: of the `postrider dev` that runs, and return; or
    /// else of the one that this starts.
    #[arg(long)]
    env: bool,
    /// Use this database instead of starting one: with `wal_level = logical`, and a role that may
    /// make a schema, a publication and a replication slot.
    #[arg(long, value_name = "URL")]
    postgres_url: Option<String>,
}

/// Runs until Ctrl-C.
pub(super) async fn run(options: &Options) -> ExitCode {
    if options.env {
        match dev::ask() {
            Ok(Some(exports)) => {
                print!("{exports}");
                return ExitCode::SUCCESS;
            }
            Ok(None) => {}
            Err(error) => return fail_classified(&error),
        }
    }
    tokio::select! {
        biased;
        // What was started ends with it, here.
        () = runtime::terminated() => {
            eprintln!("ended; nothing is left behind");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) = Box::pin(work(options)) => fail_classified(&error),
    }
}

async fn work(options: &Options) -> Result<std::convert::Infallible, Error> {
    let door = Door::claim()?;
    if !dev::has_everything() {
        eprintln!("fetching Apache Kafka through Maven, this once: 100 MB");
    }
    eprintln!("starting Apache Kafka, a schema registry, a database and a relay");
    let mut workbench = Workbench::start(options.postgres_url.as_deref()).await?;
    let exports = dev::exports(workbench.addresses());
    eprint!("{}", greeting(&mut workbench));
    if options.env {
        print!("{exports}");
        // Whoever reads it through a pipe must not wait for more.
        let _ = std::io::stdout().flush();
    }
    door.answer(exports);
    let mut told = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let process = workbench.process();
        if process.exit_status()?.is_some() {
            return Err(Error::RelayEnded {
                log: process.log_tail(),
            });
        }
        let status = workbench.relay().status().await;
        tell(status, &mut told);
    }
}

/// Says that the relay has halted, once for each reason, and that it goes on.
fn tell(status: Option<Status>, told: &mut Option<String>) {
    let Some(status) = status else { return };
    let halted = status.last_error.filter(|_| status.state == State::Halted);
    match halted {
        Some(failure) if told.as_ref() != Some(&failure.error) => {
            eprintln!(
                "\nthe relay has halted: {}\n  remedy: {}",
                failure.error, failure.remedy
            );
            *told = Some(failure.error);
        }
        // Between two looks of its own a halted relay is active for a moment.
        None if status.state == State::Active && status.events_waiting == 0 && told.is_some() => {
            eprintln!("\nthe relay goes on");
            *told = None;
        }
        Some(_) | None => {}
    }
}

fn greeting(workbench: &mut Workbench) -> String {
    let log = workbench.process().log().display().to_string();
    let config = workbench.relay().config().display();
    let addresses = workbench.addresses();
    format!(
        "\n  database   {}\n  Kafka      {}\n  registry   {}\n  relay log  {log}\n\n\
         In another terminal:\n  eval \"$(postrider dev --env)\"\n  \
         postrider contracts register DIR   # before the first event of a type\n  \
         postrider status --config {config}\n  \
         postrider verify --config {config}\n\nCtrl-C ends all of it.\n",
        addresses.database_url, addresses.bootstrap_servers, addresses.registry_url,
    )
}
