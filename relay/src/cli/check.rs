//! `postrider check`

use std::process::ExitCode;

use super::exit;
use crate::check::{self, Severity};
use crate::pipeline::Settings;

/// Tell whether `run` would work here: the doctor.
///
/// Reads the configuration, PostgreSQL, Kafka and the registry, and changes nothing. Prints a line
/// for each finding, with its remedy; hints do not count. Exit code 0 only when `run` would work, 1
/// when it would not, 2 when a login is refused, 5 when something cannot be reached.
///
/// Of the events in the outbox, the newest 10,000 in each partition of the ring are looked at: where
/// they lead, whether the topic is there and takes what the relay sends, whether the registry has
/// their schema. What is missing is a problem for events that `run` may still meet, and a hint for
/// those that the replication slot has passed. Their payloads are not read, and what may be written
/// to Kafka cannot be known without writing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider check --config orders.toml")]
pub(super) struct Options {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Looks, prints and judges.
pub(super) async fn run(settings: &Settings, options: &Options) -> ExitCode {
    let report = check::check(settings).await;
    if options.json {
        println!(
            "{}",
            serde_json::json!({ "ok": report.passed(), "findings": report.findings })
        );
    } else {
        for finding in &report.findings {
            println!("{finding}");
        }
        if report.passed() {
            println!("ok: `postrider run` would work");
        }
    }
    match report.worst() {
        None | Some(Severity::Hint) => ExitCode::SUCCESS,
        Some(Severity::Problem) => ExitCode::from(exit::FOUND),
        Some(Severity::Refused) => ExitCode::from(exit::USAGE),
        Some(Severity::Unreachable) => ExitCode::from(exit::UNREACHABLE),
    }
}
