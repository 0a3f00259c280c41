//! `postrider dev`

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::exit::{INTERRUPTED, fail_classified};
use crate::dev::{self, Door, Error, Workbench};
use crate::runtime::Termination;
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
    /// make a schema, a publication and a replication slot. The slot is dropped at the end; events
    /// that are there already are not published, since this Kafka has not seen them either.
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
    let mut termination = Termination::listen();
    tokio::select! {
        biased;
        // What was started ends with it, here.
        () = termination.told() => {
            eprintln!("ended");
        }
        Err(error) = Box::pin(work(options)) => return fail_classified(&error),
    }
    if let Some(url) = &options.postgres_url {
        return leave(url).await;
    }
    eprintln!("nothing is left behind");
    ExitCode::from(INTERRUPTED)
}

/// A slot that nobody reads would keep the log of somebody's database for ever.
async fn leave(url: &str) -> ExitCode {
    match dev::drop_slot(url).await {
        Ok(()) => {
            eprintln!("the schema `outbox` stays in the database; the replication slot is dropped");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => fail_classified(&error),
    }
}

async fn work(options: &Options) -> Result<std::convert::Infallible, Error> {
    let door = Door::claim()?;
    if !dev::has_everything() {
        eprintln!("fetching Apache Kafka through Maven, this once: 150 MB");
    }
    eprintln!("starting Apache Kafka, a schema registry, a database and a relay");
    let mut workbench = Workbench::start(options.postgres_url.as_deref()).await?;
    let exports = dev::exports(workbench.addresses(), workbench.relay().config());
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
        if let Some(status) = workbench.relay().status().await {
            tell(status, &mut told);
        }
    }
}

/// A halt that people were told of.
struct Halt {
    error: String,
    /// Events that the relay had published then. Between two looks of its own a halted relay is
    /// active for a moment; that it goes on shows in what it publishes.
    published: u64,
}

/// Says that the relay has halted, once for each reason, and that it goes on.
fn tell(status: Status, told: &mut Option<Halt>) {
    let published = status.events_published;
    let is_halted = status.state == State::Halted;
    if let Some(failure) = status.last_error.filter(|_| is_halted) {
        if told.as_ref().is_none_or(|halt| halt.error != failure.error) {
            let (error, remedy) = (failure.error, failure.remedy);
            eprintln!("\nthe relay has halted: {error}\n  remedy: {remedy}");
            *told = Some(Halt { error, published });
        }
    } else if told.as_ref().is_some_and(|halt| published > halt.published) {
        eprintln!("\nthe relay goes on");
        *told = None;
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
         postrider status                   # and verify: of this relay, {config}\n\n\
         Ctrl-C ends all of it.\n",
        addresses.database_url, addresses.bootstrap_servers, addresses.registry_url,
    )
}
