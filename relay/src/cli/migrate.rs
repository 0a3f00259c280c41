//! `postrider migrate`

use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum as _;

use super::exit::{self, fail_classified};
use super::load::{Error, Loaded};
use crate::migrate::{self, Administrator, Format};
use crate::pipeline::Settings;
use crate::postgres::{self, Target};

/// Bring the schema `outbox` and its publication up to this release: the SQL part of `init`.
///
/// Applies the migrations that are pending, each in a transaction of its own, and makes the
/// publication if there is none. With --print, --export or --check it changes nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  postrider migrate --check\n  postrider migrate --print > outbox.sql\n  \
                  postrider migrate --export sqlx migrations\n  \
                  postrider migrate --admin-url postgres://postgres@db.internal/orders"
)]
pub(super) struct Options {
    /// Print the SQL for somebody else to run; needs neither a database nor a configuration.
    #[arg(long, conflicts_with = "check")]
    print: bool,
    /// Write files for another migration tool: plain (psql), sqlx or flyway. Needs neither a
    /// database nor a configuration. Once the tool ran them, --check passes; repeat it after an
    /// upgrade to get the new ones.
    #[arg(long, num_args = 2, value_names = ["FORMAT", "DIR"], conflicts_with_all = ["print", "check"])]
    export: Vec<String>,
    /// List how the database differs from this release; exit code 1 if it does.
    #[arg(long)]
    check: bool,
    /// Work as this role, and grant `outbox_relay` to the role of `postgres.url`.
    #[arg(long, value_name = "URL", conflicts_with_all = ["print", "export"])]
    admin_url: Option<Target>,
}

/// Migrates, prints or checks.
pub(super) async fn run(loaded: Result<Loaded, Error>, options: &Options) -> ExitCode {
    let without_database = options.print || !options.export.is_empty();
    let settings = match loaded {
        Ok(loaded) => loaded.settings,
        Err(Error::NoFile(_)) if without_database => {
            return write(crate::config::DEFAULT_PUBLICATION, options);
        }
        Err(error) => return fail_classified(&error),
    };
    if without_database {
        return write(&settings.publication, options);
    }
    let done = if options.check {
        check(&settings, options.admin_url.as_ref()).await
    } else {
        apply(&settings, options.admin_url.as_ref()).await
    };
    done.unwrap_or_else(|error| fail_classified(&error))
}

/// --print and --export.
fn write(publication: &str, options: &Options) -> ExitCode {
    let [format, directory] = options.export.as_slice() else {
        print!("{}", migrate::print(publication));
        return ExitCode::SUCCESS;
    };
    let Ok(format) = Format::from_str(format, true) else {
        let what = format!("{format:?} is no format of --export");
        return exit::fail(exit::USAGE, &what, "use plain, sqlx or flyway");
    };
    match migrate::export(format, Path::new(directory), publication) {
        Ok(files) => {
            for file in files {
                println!("{}", Path::new(directory).join(file).display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail_classified(&error),
    }
}

async fn check(settings: &Settings, admin: Option<&Target>) -> Result<ExitCode, migrate::Error> {
    let target = admin.unwrap_or(&settings.target);
    let mut session = postgres::connect(target)
        .await
        .map_err(migrate::Error::Connect)?;
    let findings = migrate::check(session.client_mut(), &settings.publication).await;
    session.close().await;
    let findings = findings?;
    for finding in &findings {
        println!("{finding}; remedy: {}", finding.remedy());
    }
    Ok(match findings.len() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::FOUND),
    })
}

async fn apply(settings: &Settings, admin: Option<&Target>) -> Result<ExitCode, migrate::Error> {
    let administrator = Administrator::new(&settings.target, admin)?;
    let report = administrator.migrate(&settings.publication).await?;
    for migration in report.applied {
        tracing::info!(file = migration.file_name(), "applied");
    }
    Ok(ExitCode::SUCCESS)
}
