//! `postrider migrate`

use std::process::ExitCode;

use super::exit::{self, fail_classified};
use super::load::{Error, Loaded};
use crate::migrate::{self, Administrator};
use crate::pipeline::Settings;
use crate::postgres::{self, Target};

/// Bring the schema `outbox` and its publication up to this release: the SQL part of `init`.
///
/// Applies the migrations that are pending, each in a transaction of its own, and makes the
/// publication if there is none. With --print or --check it changes nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  postrider migrate --check\n  postrider migrate --print > outbox.sql\n  \
                  postrider migrate --admin-url postgres://postgres@db.internal/orders"
)]
pub(super) struct Options {
    /// Print the SQL for somebody else to run; needs neither a database nor a configuration.
    #[arg(long, conflicts_with = "check")]
    print: bool,
    /// List how the database differs from this release; exit code 1 if it does.
    #[arg(long)]
    check: bool,
    /// Work as this role, and grant `outbox_relay` to the role of `postgres.url`.
    #[arg(long, value_name = "URL", conflicts_with = "print")]
    admin_url: Option<Target>,
}

/// Migrates, prints or checks.
pub(super) async fn run(loaded: Result<Loaded, Error>, options: &Options) -> ExitCode {
    let settings = match loaded {
        Ok(loaded) => loaded.settings,
        Err(Error::NoFile(_)) if options.print => {
            print!("{}", migrate::print(crate::config::DEFAULT_PUBLICATION));
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail_classified(&error),
    };
    if options.print {
        print!("{}", migrate::print(&settings.publication));
        return ExitCode::SUCCESS;
    }
    let done = if options.check {
        check(&settings, options.admin_url.as_ref()).await
    } else {
        apply(&settings, options.admin_url.as_ref()).await
    };
    done.unwrap_or_else(|error| fail_classified(&error))
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
