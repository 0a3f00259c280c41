//! `postrider contracts`: the Avro schemas of a service's events.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{self, fail, fail_classified};
use super::load::{Error, Loaded};
use crate::config::SubjectStrategy;
use crate::contracts::{self, Contract, Happened, Outcome};
use crate::encode::Registry;

/// The Avro schemas of a service's events, and the registry's versions of them.
///
/// Contracts lie in a folder, as <EVENT TYPE>/<VERSION>.avsc; a lone .avsc is the one version of
/// what its record is called.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  postrider contracts register contracts --dry-run\n  \
                  postrider contracts list contracts"
)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Register(Register),
    List(List),
}

/// Register the schemas that the registry does not have: at deploy, before the service starts.
///
/// Registers under the event type, in the order of the versions; nothing if one schema does not
/// fit the versions before it. What is there already stays as it is, so it may run again. Needs
/// registry.url alone of the configuration. Exit code 1 when a schema does not fit, 2 when a file
/// is wrong, 5 when the registry cannot be reached.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  postrider contracts register contracts --dry-run\n  \
                  postrider contracts register contracts --set registry.url=http://registry:8081"
)]
struct Register {
    /// The folder of the contracts.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Say what would be registered, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// List the contracts in a folder, without asking anybody.
///
/// Changes nothing. Exit code 2 when a file is wrong.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  postrider contracts list contracts")]
struct List {
    /// The folder of the contracts.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands.
pub(super) async fn run(
    load: impl FnOnce() -> Result<Loaded, Error>,
    options: &Options,
) -> ExitCode {
    match &options.command {
        Command::Register(options) => match load() {
            Ok(loaded) => register(&loaded, options).await,
            Err(error) => fail_classified(&error),
        },
        Command::List(options) => list(options),
    }
}

async fn register(loaded: &Loaded, options: &Register) -> ExitCode {
    let contracts = match read(&options.folder) {
        Ok(contracts) => contracts,
        Err(failed) => return failed,
    };
    if loaded.config.contracts.subject != SubjectStrategy::RecordNameStrategy {
        return fail(
            exit::USAGE,
            "contracts.subject names subjects after topics, and a folder of contracts knows none",
            "register these subjects by hand, or set contracts.subject to RecordNameStrategy",
        );
    }
    let registry: &Registry = loaded.settings.registry();
    match contracts::register(registry, &contracts, options.dry_run).await {
        Ok(outcomes) => report(&outcomes, options),
        Err(error) => fail_classified(&error),
    }
}

fn report(outcomes: &[Outcome], options: &Register) -> ExitCode {
    let misfits = || {
        let misfits = outcomes.iter();
        misfits.filter(|outcome| outcome.result == Happened::Incompatible)
    };
    let is_ok = misfits().next().is_none();
    if options.json {
        let dry_run = options.dry_run;
        let json = json!({ "ok": is_ok, "dry_run": dry_run, "contracts": outcomes });
        println!("{json}");
    } else {
        print!("{}", outcome_table(outcomes));
    }
    for outcome in outcomes {
        for note in &outcome.notes {
            eprintln!("note: {}: {note}", outcome.file);
        }
    }
    if is_ok {
        return ExitCode::SUCCESS;
    }
    let reasons = misfits().map(|outcome| {
        let reasons = outcome.reasons.join("\n    ");
        format!("\n  {}: {}\n    {reasons}", outcome.file, outcome.subject)
    });
    fail(
        exit::FOUND,
        &format!(
            "some schemas do not fit the versions before them:{}",
            reasons.collect::<String>()
        ),
        "change them so that they do (a default for a new field), or give a new event type to what is new",
    )
}

fn list(options: &List) -> ExitCode {
    let contracts = match read(&options.folder) {
        Ok(contracts) => contracts,
        Err(failed) => return failed,
    };
    let file_version = |contract: &Contract| contract.file_version.unwrap_or(1);
    if options.json {
        let contracts = contracts.iter().map(|contract| {
            json!({
                "subject": contract.subject,
                "version": file_version(contract),
                "fingerprint": contract.fingerprint().to_string(),
                "file": contract.file.display().to_string(),
            })
        });
        println!("{}", json!({ "contracts": contracts.collect::<Vec<_>>() }));
        return ExitCode::SUCCESS;
    }
    let rows = contracts.iter().map(|contract| {
        [
            contract.subject.clone(),
            file_version(contract).to_string(),
            contract.fingerprint().to_string(),
            contract.file.display().to_string(),
        ]
    });
    let head = ["SUBJECT", "VERSION", "FINGERPRINT", "FILE"].map(str::to_owned);
    print!("{}", table(std::iter::once(head).chain(rows).collect()));
    ExitCode::SUCCESS
}

fn read(folder: &Path) -> Result<Vec<Contract>, ExitCode> {
    contracts::read(folder).map_err(|error| fail_classified(&error))
}

fn outcome_table(outcomes: &[Outcome]) -> String {
    let number = |number: Option<u32>| number.map_or("-".to_owned(), |number| number.to_string());
    let rows = outcomes.iter().map(|outcome| {
        [
            outcome.subject.clone(),
            number(outcome.version),
            number(outcome.id),
            outcome.fingerprint.clone(),
            outcome.result.words().to_owned(),
        ]
    });
    let head = ["SUBJECT", "VERSION", "ID", "FINGERPRINT", "RESULT"].map(str::to_owned);
    table(std::iter::once(head).chain(rows).collect())
}

/// Columns as wide as their widest cell, two spaces apart.
fn table<const COLUMNS: usize>(rows: Vec<[String; COLUMNS]>) -> String {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let lines = rows.into_iter().map(|row| {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let line = cells.join("  ");
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_happened_to_each_contract() {
        let outcome = |version, id, result| Outcome {
            subject: "shop.OrderPlaced".to_owned(),
            version,
            id,
            fingerprint: "sha256:e9e5c1c9e4f62773".to_owned(),
            result,
            file: "contracts/shop.OrderPlaced/1.avsc".to_owned(),
            reasons: Vec::new(),
            notes: Vec::new(),
        };
        let outcomes = [
            outcome(Some(1), Some(7), Happened::AlreadyThere),
            outcome(Some(2), Some(12), Happened::Registered),
            outcome(None, None, Happened::WouldBeRegistered),
        ];
        insta::assert_snapshot!(outcome_table(&outcomes));
    }
}
