//! The doctor: whether `run` would work here. Reads everything, changes nothing.
//!
//! Each system is looked at by itself, so that one answer names every problem.
//! What the systems say of each other is compared last, by the very rule that a session begins with.

mod database;
mod finding;
mod kafka;

pub use finding::{Finding, Report, Severity, System};

use crate::error::{Chain, Classify as _};
use crate::pipeline::{self, Origin, Settings};

/// Looks at the database, Kafka and the registry.
pub async fn check(settings: &Settings) -> Report {
    let mut report = Report::default();
    // The slot before the record: a relay that publishes meanwhile moves the record first.
    let systems = async {
        (
            database::examine(settings).await,
            kafka::examine(settings).await,
        )
    };
    let ((database, kafka), registry) = tokio::join!(systems, settings.registry().ping());
    report.extend(database.findings);
    report.extend(kafka.findings);
    if let Err(error) = registry {
        report.extend([Finding::failure(System::Registry, &error)]);
    }
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
