//! One session: one hold of the slot and one producer epoch, born and dying together.
//!
//! The order is the guarantee. The slot first: a standby that cannot have it touches no producer
//! and so disturbs nobody. Then `init_transactions`: every earlier producer is fenced, and what it
//! left open is settled. Only then the progress record is read; it cannot change any more. Until
//! it is known PostgreSQL is told no position at all.

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Error, Flow, Settings};
use crate::encode::Resolver;
use crate::lsn::Lsn;
use crate::publish::{self, Opened, Progress};
use crate::runtime::{self, Watchdog};
use crate::source::{self, ReplicationConnection, SystemIdentity};

/// Gulps that may wait for the pipeline. With some 256 KiB each this bounds what is read ahead.
const GULPS_WAITING_MAX: usize = 4;

/// Runs one session until `stop` or an error.
pub(super) async fn run(
    settings: &Settings,
    resolver: &mut Resolver,
    watchdog: &Watchdog,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut connection = ReplicationConnection::connect(&settings.target).await?;
    let system = connection.identify_system().await?;
    let slot = confirmed_flush_lsn(&mut connection, &settings.slot).await?;
    let wal = connection
        .start_replication(&settings.slot, &settings.publication, Lsn::INVALID)
        .await?;

    let (gulp_sender, gulps) = mpsc::channel(GULPS_WAITING_MAX);
    let (confirmed, confirmed_reader) = watch::channel(Lsn::INVALID);
    // Ends the source after the pipeline, so that the last position is confirmed.
    let close = CancellationToken::new();
    let reader = runtime::spawn(
        "source",
        source::stream(wal, gulp_sender, confirmed_reader, close.clone()),
    );
    let result = publish_from(
        settings, resolver, watchdog, stop, system, slot, gulps, confirmed,
    )
    .await;
    close.cancel();
    let read = reader
        .await
        .expect("the source does not panic, and a panic ends the process");
    match (result, read) {
        // The pipeline saw only that the source had ended; the source knows why.
        (Ok(Ended::SourceGone), Err(error)) => Err(error.into()),
        (Ok(_), _) => Ok(()),
        (Err(error), _) => Err(error),
    }
}

/// Why the pipeline ended without an error of its own.
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// No more gulps come.
    SourceGone,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one session, each used once"
)]
async fn publish_from(
    settings: &Settings,
    resolver: &mut Resolver,
    watchdog: &Watchdog,
    stop: &CancellationToken,
    system: SystemIdentity,
    slot: Option<Lsn>,
    gulps: mpsc::Receiver<source::Gulp>,
    confirmed: watch::Sender<Lsn>,
) -> Result<Ended, Error> {
    let heart = watchdog.heart("publisher");
    let (
        publisher,
        Opened {
            progress,
            kafka_cluster_id,
        },
    ) = publish::open(
        settings.kafka.clone(),
        confirmed.clone(),
        heart,
        stop.clone(),
    )
    .await?;
    let progress = progress.get().clone();
    let compared = compare(&progress, &system, &kafka_cluster_id, slot);
    if let Err(error) = compared {
        publisher.close().await;
        return Err(error);
    }
    confirmed.send_replace(progress.resume_lsn);
    tracing::info!(resume_lsn = %progress.resume_lsn, slot = settings.slot, "active");
    let flow = Flow::new(
        settings,
        resolver,
        publisher,
        progress,
        watchdog.heart("pipeline"),
    );
    flow.run(gulps, stop).await
}

/// Invariant: a session begins only where the last one of this outbox ended; everything else would
/// lose or double events (`suites::crash`).
fn compare(
    progress: &Progress,
    system: &SystemIdentity,
    kafka_cluster_id: &str,
    slot: Option<Lsn>,
) -> Result<(), Error> {
    let timeline = system.timeline.to_string();
    let recorded_timeline = progress.source.timeline.to_string();
    let database = system.database.clone().unwrap_or_default();
    for (what, found, recorded) in [
        (
            "database cluster",
            &system.system_identifier,
            &progress.source.system_identifier,
        ),
        ("timeline", &timeline, &recorded_timeline),
        ("database", &database, &progress.source.database),
        (
            "Kafka cluster",
            &kafka_cluster_id.to_owned(),
            &progress.kafka_cluster_id,
        ),
    ] {
        if found != recorded {
            let (found, recorded) = (found.clone(), recorded.clone());
            return Err(Error::Identity {
                what,
                found,
                recorded,
            });
        }
    }
    let moved = |what, found: Lsn| Error::Moved {
        what,
        found: found.to_string(),
        recorded: progress.resume_lsn.to_string(),
    };
    match slot {
        Some(slot) if slot > progress.resume_lsn => Err(moved("the replication slot", slot)),
        _ if progress.resume_lsn > system.wal_flush => {
            Err(moved("the end of the write-ahead log", system.wal_flush))
        }
        _ => Ok(()),
    }
}

async fn confirmed_flush_lsn(
    connection: &mut ReplicationConnection,
    slot: &str,
) -> Result<Option<Lsn>, Error> {
    let query = format!(
        "select confirmed_flush_lsn from pg_replication_slots where slot_name = '{}'",
        slot.replace('\'', "''")
    );
    let rows = connection.query(&query).await?;
    let text = rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next().flatten());
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{ProgressState, SourceIdentity};

    fn progress() -> Progress {
        let source = SourceIdentity {
            system_identifier: "7".to_owned(),
            timeline: 1,
            database: "orders".to_owned(),
            slot: "postrider_orders".to_owned(),
        };
        Progress::first(
            ProgressState::Running,
            Lsn::new(100),
            source,
            "cluster".to_owned(),
        )
    }

    fn system() -> SystemIdentity {
        SystemIdentity {
            system_identifier: "7".to_owned(),
            timeline: 1,
            wal_flush: Lsn::new(200),
            database: Some("orders".to_owned()),
        }
    }

    #[test]
    fn a_slot_at_or_behind_the_progress_is_accepted() {
        for slot in [1, 99, 100] {
            assert!(compare(&progress(), &system(), "cluster", Some(Lsn::new(slot))).is_ok());
        }
    }

    #[test]
    fn a_slot_beyond_the_progress_halts() {
        let error = compare(&progress(), &system(), "cluster", Some(Lsn::new(101))).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
    }

    #[test]
    fn a_position_in_the_future_halts() {
        let system = SystemIdentity {
            wal_flush: Lsn::new(99),
            ..system()
        };
        let error = compare(&progress(), &system, "cluster", None).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
    }

    #[test]
    fn another_database_timeline_or_cluster_halts() {
        let other = SystemIdentity {
            system_identifier: "8".to_owned(),
            ..system()
        };
        let restored = SystemIdentity {
            timeline: 2,
            ..system()
        };
        let elsewhere = SystemIdentity {
            database: Some("billing".to_owned()),
            ..system()
        };
        for system in [other, restored, elsewhere] {
            let error = compare(&progress(), &system, "cluster", None).unwrap_err();
            assert!(matches!(error, Error::Identity { .. }), "{error}");
        }
        assert!(compare(&progress(), &system(), "other", None).is_err());
    }
}
