//! The command line, one file a command. Data goes to stdout, everything else to stderr.

mod bench;
mod check;
mod config;
mod contracts;
mod demo;
mod dev;
mod exit;
mod init;
mod load;
mod migrate;
mod reference;
mod run;
mod skip;
mod status;
mod verify;
mod version;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use load::{Given, Loaded, Sight};

/// Carries outbox events from PostgreSQL to Kafka: once, in order, as registry Avro.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    given: Given,
    #[command(subcommand)]
    command: Command,
}

/// Each command's own file has its help.
#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Options),
    Check(check::Options),
    Config(config::Options),
    Contracts(contracts::Options),
    Demo(demo::Options),
    Dev(dev::Options),
    Init(init::Options),
    Migrate(migrate::Options),
    Reference(reference::Options),
    Run(run::Options),
    Skip(skip::Options),
    Status(status::Options),
    Verify(verify::Options),
    Version(version::Options),
}

/// Runs the command that the process was called with.
pub async fn run(environment: BTreeMap<String, String>) -> ExitCode {
    let Arguments { given, command } = Arguments::parse();
    let sight = match command {
        Command::Run(_) => Sight::OwnVariables,
        Command::Contracts(_) => Sight::RegistryAlone,
        _ => Sight::WellKnownVariables,
    };
    let load = || load::load(&given, environment.clone(), sight);
    let done = dispatch(command, load, &environment).await;
    done.unwrap_or_else(|error| exit::fail_classified(&error))
}

async fn dispatch(
    command: Command,
    load: impl Fn() -> Result<Loaded, load::Error>,
    environment: &BTreeMap<String, String>,
) -> Result<ExitCode, load::Error> {
    Ok(match command {
        // It has servers of its own.
        Command::Bench(options) => bench::run(&options).await,
        Command::Config(options) => config::run(&load()?, &options),
        Command::Check(options) => check::run(&load()?.settings, &options).await,
        // So has it.
        Command::Demo(options) => demo::run(&options).await,
        Command::Dev(options) => dev::run(&options).await,
        Command::Contracts(options) => contracts::run(load, &options).await,
        Command::Init(options) => init::run(&load()?.settings, &options).await,
        // Printing the SQL needs no configuration.
        Command::Migrate(options) => migrate::run(load(), &options).await,
        Command::Reference(options) => reference::run(&options, Arguments::command()),
        Command::Run(options) => {
            let settings = load()?.settings;
            let daemon = run::run_daemon(settings, options.policy(), environment, load);
            Box::pin(daemon).await
        }
        Command::Skip(options) => {
            let user = ["USER", "LOGNAME"]
                .iter()
                .find_map(|it| environment.get(*it));
            skip::run(&load()?.settings, &options, user.map(String::as_str)).await
        }
        Command::Status(options) => status::run(&load()?.settings, &options).await,
        Command::Verify(options) => verify::run(&load()?, &options).await,
        Command::Version(options) => version::run(&options),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_every_command_says_what_it_changes_and_gives_an_example() {
        let arguments = Arguments::command();
        arguments.clone().debug_assert();
        for command in arguments.get_subcommands() {
            let name = command.get_name();
            let about = command.get_about().map(ToString::to_string);
            let long = command.get_long_about().map(ToString::to_string);
            assert!(about.is_some() && long.is_some() && about != long, "{name}");
            let example = command.get_after_help().map(ToString::to_string);
            let example = example.unwrap_or_default();
            assert!(example.contains(&format!("\n  postrider {name}")), "{name}");
        }
    }
}
