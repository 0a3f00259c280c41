//! One session: one hold of the slot and one producer epoch, born and dying together.
//!
//! The order is the guarantee. The slot first: a standby that cannot have it touches no producer
//! and so disturbs nobody. Then `init_transactions`: every earlier producer is fenced, and what it
//! left open is settled. Only then the progress record is read; it cannot change any more. Until
//! it is known PostgreSQL is told no position at all.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::origin::{self, Origin};
use super::{Error, Flow, Memory, Settings};
use crate::encode::Resolver;
use crate::failpoints::{Sabotage, sabotaged};
use crate::lsn::Lsn;
use crate::publish::{self, Opened, Publisher};
use crate::runtime::{self, Watchdog};
use crate::source::{self, Gulp, ReplicationConnection};

/// Gulps that may wait for the pipeline. With some 256 KiB each this bounds what is read ahead.
const GULPS_WAITING_MAX: usize = 4;

/// Longest time from a connection to its stream: a server whose machine vanished never answers, and
/// only a stream notices silence by itself.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs one session until `stop` or an error.
pub(super) async fn run(
    settings: &Settings,
    resolver: &mut Resolver,
    memory: &mut Memory,
    watchdog: &Watchdog,
    stop: &CancellationToken,
) -> Result<(), Error> {
    if sabotaged(Sabotage::TakeProducerFirst) {
        let (confirmed, _) = watch::channel(Lsn::INVALID);
        let (kafka, heart) = (settings.kafka.clone(), watchdog.heart("publisher"));
        let (publisher, _) = publish::open(kafka, confirmed, heart, stop.clone()).await?;
        publisher.close().await;
    }
    let mut connection = ReplicationConnection::connect(&settings.target).await?;
    let begin = async {
        connection.require_free(&settings.slot).await?;
        let origin = Origin::read(&mut connection, &settings.slot).await?;
        let wal = connection
            .start_replication(&settings.slot, &settings.publication, Lsn::INVALID)
            .await?;
        Ok::<_, source::Error>((origin, wal))
    };
    let answers = timeout(BEGIN_TIMEOUT, begin).await;
    let (origin, wal) = answers.map_err(|_| source::Error::Silent {
        after: BEGIN_TIMEOUT,
    })??;
    tracing::debug!(slot = settings.slot, "holds the slot");

    let (gulp_sender, gulps) = mpsc::channel(GULPS_WAITING_MAX);
    let (confirmed, confirmed_reader) = watch::channel(Lsn::INVALID);
    // Ends the source after the pipeline, so that the last position is confirmed.
    let close = CancellationToken::new();
    let reader = runtime::spawn(
        "source",
        source::stream(
            wal,
            gulp_sender,
            confirmed_reader,
            close.clone(),
            watchdog.heart("source"),
        ),
    );
    let mut session = Session {
        settings,
        resolver,
        memory,
        watchdog,
        stop,
    };
    let result = session.publish(&origin, gulps, confirmed).await;
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
    /// Records need not go one by one any more.
    CareOver,
    /// No more gulps come.
    SourceGone,
}

/// What a session has from the process.
struct Session<'a> {
    settings: &'a Settings,
    resolver: &'a mut Resolver,
    memory: &'a mut Memory,
    watchdog: &'a Watchdog,
    stop: &'a CancellationToken,
}

impl Session<'_> {
    /// Takes the producer over, and runs the pipeline if everything is as the progress record says.
    async fn publish(
        &mut self,
        origin: &Origin,
        gulps: mpsc::Receiver<Gulp>,
        confirmed: watch::Sender<Lsn>,
    ) -> Result<Ended, Error> {
        let mut kafka = self.settings.kafka.clone();
        if self.memory.is_elsewhere {
            // A clone of the database must not shut its original out at each look
            // (`suites::guardian::servers::a_clone_that_halts_leaves_its_original_alone`).
            let found = publish::look_at_progress(&kafka).await?;
            self.compare(origin, &found).await?;
        }
        if self.memory.care.is_careful() {
            kafka = kafka.one_by_one();
        }
        let (publisher, opened) = publish::open(
            kafka,
            confirmed.clone(),
            self.watchdog.heart("publisher"),
            self.stop.clone(),
        )
        .await?;
        tracing::debug!("holds the producer, and knows the progress");
        if let Err(error) = self.compare(origin, &opened).await {
            publisher.close().await;
            return Err(error);
        }
        self.run_flow(origin, publisher, opened, gulps, &confirmed)
            .await
    }

    async fn compare(&self, origin: &Origin, opened: &Opened) -> Result<(), Error> {
        let progress = opened.progress.get();
        if sabotaged(Sabotage::SkipComparison) {
            return Ok(());
        }
        origin.compare(progress, &opened.kafka_cluster_id)?;
        origin::compare_with_database(&self.settings.target, progress).await
    }

    async fn run_flow(
        &mut self,
        origin: &Origin,
        publisher: Publisher,
        opened: Opened,
        gulps: mpsc::Receiver<Gulp>,
        confirmed: &watch::Sender<Lsn>,
    ) -> Result<Ended, Error> {
        let mut progress = opened.progress.get().clone();
        if sabotaged(Sabotage::IgnoreProgress) {
            progress.resume_lsn = origin.confirmed_flush_lsn.unwrap_or(progress.resume_lsn);
        }
        confirmed.send_replace(progress.resume_lsn);
        tracing::info!(resume_lsn = %progress.resume_lsn, slot = self.settings.slot, "active");
        self.memory.has_worked = true;
        self.settings.vitals.active(&progress);
        progress.source.timeline = origin.system.timeline;
        let heart = self.watchdog.heart("pipeline");
        let flow = Flow::new(
            self.settings,
            self.resolver,
            &mut self.memory.care,
            publisher,
            progress,
            heart,
        );
        flow.run(gulps, self.stop).await
    }
}
