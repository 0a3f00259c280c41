//! The doctor: whether `run` would work here. Reads everything, changes nothing.
//!
//! Each system is looked at by itself, so that one answer names every problem.
//! What the systems say of each other is compared last, by the very rule that a session begins with.

mod database;
mod described;
mod events;
mod finding;
mod kafka;
mod limits;
mod needs;
mod registry;
mod stable;
mod topics;

pub use finding::{Finding, Report, Severity, System};

use crate::error::{Chain, Classify as _};
use crate::pipeline::{self, Origin, Settings};
use needs::Needs;

/// Looks at the database, and then at what its events need of Kafka and the registry.
pub async fn check(settings: &Settings) -> Report {
    let mut report = Report::default();
    // The slot before the record: a relay that publishes meanwhile moves the record first.
    let database = database::examine(settings).await;
    let needs = Needs::of(settings, database.events);
    let (kafka, registry) = tokio::join!(
        kafka::examine(settings, &needs),
        registry::examine(settings, &needs),
    );
    report.extend(database.findings);
    report.extend(kafka.findings);
    report.extend(registry);
    report.extend(needs.findings);
    if let (Some(origin), Some(progress)) = (&database.origin, &kafka.progress)
        && let Err(error) = compare(settings, origin, progress).await
    {
        let finding = Finding::problem(System::Progress, Chain(&error).to_string(), error.remedy());
        report.extend([finding]);
    }
    report
}

async fn compare(
    settings: &Settings,
    origin: &Origin,
    progress: &kafka::Recorded,
) -> Result<(), pipeline::Error> {
    let record = progress.record.get();
    origin.compare(record, &progress.cluster)?;
    pipeline::compare_with_database(&settings.target, record).await
}
