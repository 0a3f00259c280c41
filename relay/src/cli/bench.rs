//! `postrider bench`: measurements on this machine.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::exit::{FOUND, fail, fail_classified};
use crate::bench::{DrainOptions, drain};
use crate::error::{Chain, Classify};

/// Measure on this machine, with servers of its own.
///
/// Needs no configuration and touches no other server; everything goes with the command.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  postrider bench drain --events 100000")]
pub(super) struct Options {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// How fast a backlog goes to Kafka, beside `pg_recvlogical` on the same backlog.
    ///
    /// Writes events into an outbox that nobody reads, then lets both read all of them:
    /// `pg_recvlogical`, which throws them away, and the relay, which publishes them exactly once.
    /// Then counts what a `read_committed` consumer finds; another number than was written ends
    /// the command with exit code 1. Compare within one run, and
    /// repeat it: a machine with other work moves the ratio, too.
    Drain(Drain),
}

#[derive(Debug, Args)]
struct Drain {
    /// Events in the backlog. A million need about 2 GB in the temporary folder, and 1 GB more for
    /// each repetition.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    events: u32,
    /// Events in each database transaction.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    per_transaction: u32,
    /// Drain the same backlog so often, each time in the other order, and add the medians.
    #[arg(long, default_value_t = 1, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=20))]
    repeat: u32,
    /// Let the relay begin instead of `pg_recvlogical`.
    #[arg(long)]
    relay_first: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one measurement.
pub(super) async fn run(options: &Options) -> ExitCode {
    match &options.bench {
        Bench::Drain(arguments) => Box::pin(run_drain(arguments)).await,
    }
}

async fn run_drain(arguments: &Drain) -> ExitCode {
    let options = DrainOptions {
        events: arguments.events,
        per_transaction: arguments.per_transaction,
        repeat: arguments.repeat,
        relay_first: arguments.relay_first,
    };
    match drain(options, |note| eprintln!("{note}")).await {
        Ok(report) if arguments.json => println!("{:#}", report.to_json()),
        Ok(report) => println!("{report}"),
        Err(error) if error.is_failed_proof() => {
            return fail(FOUND, &Chain(&error).to_string(), &error.remedy());
        }
        Err(error) => return fail_classified(&error),
    }
    ExitCode::SUCCESS
}
