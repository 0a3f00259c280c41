//! The references for users, made from the code that they describe: pages of Markdown in
//! `relay/docs/reference`. A test fails when a page is stale.

mod commands;
mod configuration;
mod metrics;

/// A page of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Page {
    /// Every command with its options.
    Commands,
    /// Every key of the configuration.
    Configuration,
    /// Every metric.
    Metrics,
}

/// The page as Markdown. `program` is the command line that it describes.
pub fn page(page: Page, program: clap::Command) -> String {
    match page {
        Page::Commands => commands::page(program),
        Page::Configuration => configuration::page(),
        Page::Metrics => metrics::page(),
    }
}

/// A row of a table: line ends and bars would end it.
fn row<const N: usize>(cells: [&str; N]) -> String {
    let cells = cells.map(|cell| {
        cell.replace("\n\n", " ")
            .replace('\n', " ")
            .replace('|', "\\|")
    });
    format!("| {} |\n", cells.join(" | "))
}
