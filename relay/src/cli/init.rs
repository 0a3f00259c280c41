//! `postrider init`

use std::process::ExitCode;

use super::exit::fail_classified;
use crate::init;
use crate::pipeline::Settings;
use crate::postgres::Target;

/// Make everything that `run` needs: schema, publication, progress topic, slot, first record.
///
/// Creates what is missing in PostgreSQL and Kafka and changes nothing that exists; it can be
/// repeated. It refuses an outbox that already holds events, since those would never be published.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  postrider init --config orders.toml\n  \
                  postrider init --admin-url postgres://postgres@db.internal/orders")]
pub(super) struct Options {
    /// Leave the rows that are already in the outbox unpublished.
    #[arg(long)]
    from_now: bool,
    /// Make schema, publication and slot as this role, and grant `outbox_relay` to the role of
    /// `postgres.url`.
    #[arg(long, value_name = "URL")]
    admin_url: Option<Target>,
}

/// Initialises the outbox.
pub(super) async fn run(settings: &Settings, options: &Options) -> ExitCode {
    match init::init(settings, options.admin_url.as_ref(), options.from_now).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_classified(&error),
    }
}
