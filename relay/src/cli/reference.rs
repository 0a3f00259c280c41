//! `postrider reference`

use std::process::ExitCode;

use crate::reference::{Page, page};

/// Print a page of the reference: commands, configuration or metrics.
///
/// As Markdown, made from this very program; the pages in `relay/docs/reference` are what it prints.
/// Needs no configuration and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  postrider reference configuration")]
pub(super) struct Options {
    /// The page.
    page: Page,
}

/// Prints the page.
pub(super) fn run(options: &Options, program: clap::Command) -> ExitCode {
    print!("{}", page(options.page, program));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn no_page_is_stale() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
        for each in Page::value_variants() {
            let name = each.to_possible_value().unwrap().get_name().to_owned();
            let path = folder.join(format!("{name}.md"));
            let kept = std::fs::read_to_string(path).unwrap_or_default();
            let made = page(*each, Arguments::command());
            assert!(
                kept == made,
                "cargo run -- reference {name} > relay/docs/reference/{name}.md"
            );
        }
    }
}
