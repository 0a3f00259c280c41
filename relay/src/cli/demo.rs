//! `postrider demo`

mod screen;

use std::process::ExitCode;

use super::exit::{FOUND, INTERRUPTED, fail_classified};
use crate::demo::{DemoOptions, Scenario, run as run_demo};
use crate::runtime::Termination;
use screen::Screen;

/// See the promise kept: writers, a relay that is killed, and the proof.
///
/// Starts PostgreSQL, Apache Kafka and a schema registry, local, unprivileged and temporary; places
/// orders from several writers and rolls some back; runs the relay, kills it in the middle
/// (SIGKILL), and starts it again; reads with an ordinary Kafka consumer; and compares the outbox
/// with the topics, record by record. Exit code 1 when anything is lost, doubled, altered or out of
/// order. Needs no configuration and leaves nothing behind, also after Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  postrider demo\n  postrider demo --events 50000 --rate 5000\n  \
                  postrider demo --scenario awkward"
)]
pub(super) struct Options {
    /// Events to commit; one more in twenty is rolled back.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    events: u32,
    /// Events to write in a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// What is written.
    #[arg(long, value_enum, default_value_t = Scenario::Orders)]
    scenario: Scenario,
}

/// Runs the demo and prints the proof.
pub(super) async fn run(options: &Options) -> ExitCode {
    let options = DemoOptions {
        scenario: options.scenario,
        events: options.events,
        rate: options.rate,
    };
    let screen = Screen::new();
    let mut termination = Termination::listen();
    let ended = tokio::select! {
        biased;
        // What the demo has started ends with it, here.
        () = termination.told() => None,
        ended = Box::pin(run_demo(options, &screen)) => Some(ended),
    };
    screen.close();
    match ended {
        Some(Ok(proof)) => {
            println!("{proof}");
            if proof.passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FOUND)
            }
        }
        Some(Err(error)) => fail_classified(&error),
        None => {
            eprintln!("interrupted; nothing is left behind");
            ExitCode::from(INTERRUPTED)
        }
    }
}
