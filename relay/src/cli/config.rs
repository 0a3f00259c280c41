//! `postrider config`

use std::process::ExitCode;

use clap::Subcommand;

use super::load::Loaded;
use crate::config::Shown;

/// Look at the configuration.
///
/// Changes nothing, and needs none of the systems that it names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider config show --config orders.toml")]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every value that works, and where it comes from; secrets are hidden.
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// As JSON: the value and the origin of each key.
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub(super) fn run(loaded: &Loaded, options: &Options) -> ExitCode {
    let What::Show(show) = &options.what;
    let shown = Shown::new(&loaded.config);
    if show.json {
        let json = serde_json::to_string_pretty(&shown).expect("every key is a text");
        println!("{json}");
    } else {
        print!("{shown}");
    }
    ExitCode::SUCCESS
}
