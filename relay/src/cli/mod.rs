//! The command line. Data goes to stdout, everything else to stderr.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Sources};
use crate::error::{Action, Chain, Classify};
use crate::pipeline::{self, Policy, Settings};
use crate::runtime::{self, Watchdog};
use crate::{init, migrate, postgres};

/// Carries outbox events from PostgreSQL to Kafka: once, in order, as registry Avro.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, propagate_version = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, default_value = "postrider.toml")]
    config: PathBuf,
    /// Sets one key, over the file and the environment: --set `kafka.bootstrap_servers=host:9092`
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make everything that `run` needs: schema, publication, progress topic, slot. Idempotent.
    Init {
        /// Leave the rows that are already in the outbox unpublished.
        #[arg(long)]
        from_now: bool,
    },
    /// Only the SQL part of `init`.
    Migrate,
    /// The version.
    Version {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The daemon: publish until SIGTERM.
    Run {
        /// Exit with code 3 instead of staying up halted.
        #[arg(long)]
        exit_on_halt: bool,
        /// Exit with code 4 instead of waiting for the slot.
        #[arg(long)]
        no_standby: bool,
    },
}

/// What an exit code means to scripts.
mod exit {
    pub(super) const USAGE: u8 = 2;
    pub(super) const HALTED: u8 = 3;
    pub(super) const STANDBY: u8 = 4;
    pub(super) const UNREACHABLE: u8 = 5;
}

/// Runs the command that the process was called with.
pub async fn run(environment: BTreeMap<String, String>) -> ExitCode {
    let arguments = Arguments::parse();
    // The only command that needs no configuration.
    if let Command::Version { json } = arguments.command {
        print_version(json);
        return ExitCode::SUCCESS;
    }
    let settings = match load(&arguments, environment) {
        Ok(settings) => settings,
        Err(message) => return fail(exit::USAGE, &message, "correct the configuration"),
    };
    match arguments.command {
        Command::Init { from_now } => match init::init(&settings, from_now).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(exit::HALTED, &Chain(&error).to_string(), &error.remedy()),
        },
        Command::Version { .. } => unreachable!("answered before the configuration was read"),
        Command::Migrate => run_migrate(&settings).await,
        Command::Run {
            exit_on_halt,
            no_standby,
        } => {
            run_daemon(
                &settings,
                Policy {
                    exit_on_halt,
                    no_standby,
                },
            )
            .await
        }
    }
}

fn print_version(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        println!(
            "{}",
            serde_json::json!({ "name": "postrider", "version": version })
        );
    } else {
        println!("postrider {version}");
    }
}

fn load(arguments: &Arguments, environment: BTreeMap<String, String>) -> Result<Settings, String> {
    let mut flags = BTreeMap::new();
    for flag in &arguments.set {
        let (key, value) = flag
            .split_once('=')
            .ok_or_else(|| format!("--set {flag:?} is not KEY=VALUE"))?;
        flags.insert(key.to_owned(), value.to_owned());
    }
    let file = Some(arguments.config.clone());
    let sources = Sources {
        well_known: BTreeMap::new(),
        file,
        environment,
        flags,
    };
    let check = |config: &config::Config| Settings::new(config).err().unwrap_or_default();
    let config = config::load(&sources, check).map_err(|error| Chain(&error).to_string())?;
    crate::telemetry::start(&config.log);
    Settings::new(&config).map_err(|_| "the configuration changed while it was read".to_owned())
}

async fn run_migrate(settings: &Settings) -> ExitCode {
    let mut session = match postgres::connect(&settings.target).await {
        Ok(session) => session,
        Err(error) => return fail_classified(&error),
    };
    let migrated = migrate::migrate(session.client_mut(), &settings.publication).await;
    session.close().await;
    match migrated {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail_classified(&error),
    }
}

async fn run_daemon(settings: &Settings, policy: Policy) -> ExitCode {
    runtime::exit_on_panic();
    let stop = CancellationToken::new();
    let watchdog = Watchdog::start();
    let signalled = runtime::spawn("signals", {
        let (stop, limit) = (stop.clone(), settings.shutdown_timeout);
        async move {
            terminated().await;
            tracing::info!("stopping");
            stop.cancel();
            tokio::time::sleep(limit).await;
            tracing::warn!(
                "the shutdown took longer than shutdown.timeout; what is open is published after the next start"
            );
            std::process::exit(0);
        }
    });
    let result = pipeline::run(settings, policy, &watchdog, &stop).await;
    signalled.abort();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_classified(&error),
    }
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = "the process may listen to signals";
    let mut terminate = signal(SignalKind::terminate()).expect(listen);
    let mut interrupt = signal(SignalKind::interrupt()).expect(listen);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn fail_classified<E: Classify + 'static>(error: &E) -> ExitCode {
    let code = match error.action() {
        Action::Refuse => exit::USAGE,
        Action::Halt | Action::Poison => exit::HALTED,
        Action::StandBy => exit::STANDBY,
        Action::Retry => exit::UNREACHABLE,
    };
    fail(code, &Chain(error).to_string(), &error.remedy())
}

fn fail(code: u8, what: &str, remedy: &str) -> ExitCode {
    eprintln!("error: {what}\n  remedy: {remedy}");
    ExitCode::from(code)
}
