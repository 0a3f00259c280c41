//! `postrider version`

use std::process::ExitCode;

/// Print the version.
///
/// Reads no configuration and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider version --json")]
pub(super) struct Options {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the version.
pub(super) fn run(options: &Options) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    if options.json {
        println!(
            "{}",
            serde_json::json!({ "name": "postrider", "version": version })
        );
    } else {
        println!("postrider {version}");
    }
    ExitCode::SUCCESS
}
