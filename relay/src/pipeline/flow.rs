//! The stages, one after the other: gulps are decoded, routed and encoded into a batch; a batch
//! leaves when the publisher is free.
//!
//! The size of a batch follows the backlog. When the input is drained and the publisher is free,
//! what is there leaves at once; while the publisher is busy the next batch fills, up to its limit,
//! and then nothing more is read.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::session::Ended;
use super::{Error, Settings};
use crate::decode::{Change, Decoder, Event};
use crate::encode::{self, Encoder, Position, RegisteredSchema, Resolver};
use crate::error::{Action, Classify};
use crate::failpoints::{self, Failpoint, Sabotage, sabotaged};
use crate::lsn::Lsn;
use crate::publish::{self, Batch, OpenTransaction, Progress, Publisher};
use crate::route::{self, Router};
use crate::runtime::{Heart, clock};
use crate::source::{Gulp, WalMessage};

/// How often idle write-ahead log is confirmed when nobody asks.
const IDLE_PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Between two questions to a registry that does not answer.
const REGISTRY_RETRY: Duration = Duration::from_secs(1);

/// The database transaction at hand.
struct Transaction {
    commit_lsn: Lsn,
    xid: u32,
    /// Inserts seen so far.
    ordinal: u64,
    /// Inserts that an earlier session has published; all of them for a transaction before the
    /// resume position.
    published: u64,
}

/// The pipeline of one session.
pub(super) struct Flow<'a> {
    resolver: &'a mut Resolver,
    publisher: Publisher,
    heart: Heart,
    router: Router,
    encoder: Encoder,
    decoder: Decoder,
    /// As committed, and continued with what is under way.
    progress: Progress,
    batch: Batch,
    batch_began: Option<Instant>,
    spare: Option<Batch>,
    under_way: bool,
    transaction: Option<Transaction>,
    /// Everything up to here was received and concerns no open transaction.
    idle_lsn: Lsn,
    idle_confirmed: Instant,
    asked: bool,
    bytes_max: usize,
    time_max: Duration,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        settings: &Settings,
        resolver: &'a mut Resolver,
        publisher: Publisher,
        progress: Progress,
        heart: Heart,
    ) -> Self {
        Self {
            resolver,
            publisher,
            heart,
            router: settings.router(),
            encoder: Encoder::new(&settings.name, progress.source_epoch, settings.timestamp),
            decoder: Decoder::new(),
            idle_lsn: progress.resume_lsn,
            progress,
            batch: Batch::default(),
            batch_began: None,
            spare: None,
            under_way: false,
            transaction: None,
            idle_confirmed: Instant::now(),
            asked: false,
            bytes_max: settings.batch_bytes_max,
            time_max: settings.batch_time_max,
        }
    }

    pub(super) async fn run(
        mut self,
        mut gulps: mpsc::Receiver<Gulp>,
        stop: &CancellationToken,
    ) -> Result<Ended, Error> {
        let result = self.turn(&mut gulps, stop).await;
        if let Err(error) = &result
            && matches!(error.action(), Action::Poison | Action::Halt)
            && !matches!(error, Error::Publish(_))
        {
            // What is whole and before the fault leaves first.
            self.batch.discard_open();
            self.finish().await?;
        }
        self.heart.rest();
        self.publisher.close().await;
        result
    }

    async fn turn(
        &mut self,
        gulps: &mut mpsc::Receiver<Gulp>,
        stop: &CancellationToken,
    ) -> Result<Ended, Error> {
        loop {
            self.heart.beat();
            let room = self.batch.bytes() < self.bytes_max || !self.under_way;
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.batch.discard_open();
                    self.finish().await?;
                    return Ok(Ended::Stopped);
                }
                // A committed batch makes room for the next.
                outcome = self.publisher.outcome(), if self.under_way => self.committed(outcome)?,
                gulp = gulps.recv(), if room => match gulp {
                    Some(gulp) => {
                        failpoints::hit(Failpoint::AfterRead);
                        self.take(&gulp, stop).await?;
                    }
                    None => return Ok(Ended::SourceGone),
                },
                // Idle log is confirmed by time.
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
            let drained = gulps.is_empty();
            let old = self
                .batch_began
                .is_some_and(|began| began.elapsed() >= self.time_max);
            if !self.under_way && (drained || old || self.batch.bytes() >= self.bytes_max) {
                self.note_idle(drained);
                if self.batch.has_whole() {
                    self.send();
                }
            }
        }
    }

    /// Decodes, routes and encodes everything of one gulp.
    async fn take(&mut self, gulp: &Gulp, stop: &CancellationToken) -> Result<(), Error> {
        let now_micros = clock::now_micros();
        for message in gulp.messages() {
            let payload = match message? {
                WalMessage::Data { payload, .. } => payload,
                WalMessage::Keepalive {
                    wal_end,
                    reply_requested,
                } => {
                    if self.transaction.is_none() {
                        self.idle_lsn = self.idle_lsn.max(wal_end);
                        self.asked |= reply_requested;
                    }
                    continue;
                }
            };
            match self.decoder.decode(payload)? {
                Change::Begin {
                    commit_lsn, xid, ..
                } => self.begin(commit_lsn, xid),
                Change::Event(event) => self.event(&event, now_micros, stop).await?,
                Change::Canary(_) => self.count_insert(),
                Change::Commit {
                    commit_lsn,
                    end_lsn,
                    commit_time,
                } => {
                    self.commit(commit_lsn, end_lsn, commit_time);
                }
                Change::Unpublished(kind) => {
                    tracing::warn!(
                        ?kind,
                        "the publication carries a change that is no insert; it is not published"
                    );
                }
                Change::Description => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self, commit_lsn: Lsn, xid: u32) {
        let published = if commit_lsn < self.progress.resume_lsn {
            u64::MAX
        } else {
            let open = self.progress.open.as_ref();
            let open = open.filter(|open| open.commit_lsn == commit_lsn && open.xid == xid);
            open.map_or(0, |open| open.ordinal)
        };
        self.transaction = Some(Transaction {
            commit_lsn,
            xid,
            ordinal: 0,
            published,
        });
    }

    fn count_insert(&mut self) {
        let transaction = self
            .transaction
            .as_mut()
            .expect("pgoutput sends Begin before a row");
        transaction.ordinal += 1;
    }

    async fn event(
        &mut self,
        event: &Event<'_>,
        now_micros: i64,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        self.count_insert();
        let transaction = self.transaction.as_ref().expect("count_insert found it");
        if transaction.ordinal <= transaction.published {
            return Ok(());
        }
        let position = Position {
            commit_lsn: transaction.commit_lsn,
            ordinal: transaction.ordinal,
        };
        let route = self.router.route(event)?;
        let count = match self.progress.partition_counts.get(&*route.topic) {
            Some(count) => *count,
            None => self.learn_partitions(&route.topic).await?,
        };
        let schema = match self.resolver.known(&route.subject, event.schema_ref) {
            Some(schema) => schema,
            None => self.fetch_schema(event, &route, stop).await?,
        };
        let partition = route::partition(encode::key(event), count);
        let encoder = &mut self.encoder;
        self.batch.push(|arena| {
            encoder.encode(
                event, position, &route, partition, &schema, now_micros, arena,
            )
        })?;
        self.batch_began.get_or_insert_with(Instant::now);
        self.progress.last_event_id = Some(event.id);
        if self.batch.bytes() >= self.bytes_max {
            self.split().await?;
        }
        Ok(())
    }

    async fn learn_partitions(&mut self, topic: &str) -> Result<u32, Error> {
        let count = self.publisher.partition_count(topic).await?;
        let missing = || publish::Error::TopicMissing {
            topic: topic.to_owned(),
        };
        let count = count.ok_or_else(missing)?;
        self.progress
            .partition_counts
            .insert(topic.to_owned(), count);
        Ok(count)
    }

    /// Asks the registry until it answers; the stream waits, and keepalives go on.
    async fn fetch_schema(
        &mut self,
        event: &Event<'_>,
        route: &route::Route,
        stop: &CancellationToken,
    ) -> Result<std::sync::Arc<RegisteredSchema>, Error> {
        let schema_ref = event.schema_ref.map(str::parse).transpose();
        let schema_ref = schema_ref.map_err(|source| encode::Error::SchemaRef {
            event_id: event.id,
            source,
        })?;
        loop {
            self.heart.beat();
            let fetched = self
                .resolver
                .fetch(&route.subject, event.schema_ref, schema_ref)
                .await;
            let error = match fetched {
                Ok(schema) => return Ok(schema),
                Err(error) => error,
            };
            if error.action() != Action::Retry || stop.is_cancelled() {
                let event_type = event.event_type.to_owned();
                let failed = encode::Error::Schema {
                    event_id: event.id,
                    event_type,
                    source: error,
                };
                return Err(failed.into());
            }
            tracing::warn!(error = %crate::error::Chain(&error), "waiting for the schema registry");
            tokio::time::sleep(REGISTRY_RETRY).await;
        }
    }

    /// The batch is full in the middle of a transaction: what is whole leaves, or, when the
    /// transaction alone fills it, a slice of the transaction.
    async fn split(&mut self) -> Result<(), Error> {
        if self.under_way {
            let outcome = self.publisher.outcome().await;
            self.committed(outcome)?;
        }
        if self.batch.has_whole_records() && !sabotaged(Sabotage::TearTransaction) {
            let rest = self.batch.split_off_open();
            self.send();
            self.batch = rest;
        } else if !self.batch.has_whole_records() {
            let transaction = self
                .transaction
                .as_ref()
                .expect("records wait for its commit");
            let open = OpenTransaction {
                commit_lsn: transaction.commit_lsn,
                xid: transaction.xid,
                ordinal: transaction.ordinal,
            };
            self.batch.close_as_slice(open);
            self.send();
        }
        Ok(())
    }

    fn commit(&mut self, commit_lsn: Lsn, end_lsn: Lsn, commit_time: i64) {
        let transaction = self
            .transaction
            .take()
            .expect("pgoutput sends Begin before Commit");
        assert_eq!(
            transaction.commit_lsn, commit_lsn,
            "Begin and Commit name the same record"
        );
        self.idle_lsn = self.idle_lsn.max(end_lsn);
        // A transaction before the resume position is on Kafka; the position stays where it is.
        if transaction.published != u64::MAX {
            let resume = if sabotaged(Sabotage::AcknowledgeCommitLsn) {
                commit_lsn
            } else {
                end_lsn
            };
            if self.batch.has_open_records() || transaction.published > 0 || transaction.ordinal > 0
            {
                self.batch.end_transaction(resume, commit_time);
            }
        }
    }

    /// Lets the next progress record carry an idle position, when it is time to.
    fn note_idle(&mut self, drained: bool) {
        let moved = self.idle_lsn > self.progress.resume_lsn;
        let due = self.asked || self.idle_confirmed.elapsed() >= IDLE_PROGRESS_EVERY;
        if drained && moved && due && self.transaction.is_none() && !self.batch.has_open_records() {
            self.batch.advance_idle(self.idle_lsn);
            self.idle_confirmed = Instant::now();
            self.asked = false;
        }
    }

    /// Hands the batch to the publisher.
    fn send(&mut self) {
        failpoints::hit(Failpoint::BeforeProduce);
        let next = self.spare.take().unwrap_or_default();
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.sabotage();
        self.batch_began = None;
        if let Some(resume_lsn) = batch.resume_lsn() {
            self.progress.resume_lsn = self.progress.resume_lsn.max(resume_lsn);
            self.progress.open = None;
        }
        if let Some(open) = batch.open() {
            self.progress.open = Some(open.clone());
        }
        self.publisher.publish(batch, self.progress.clone());
        self.under_way = true;
    }

    fn committed(&mut self, outcome: Option<publish::Outcome>) -> Result<(), Error> {
        self.under_way = false;
        let gone = publish::Error::Stopped {
            doing: "publishing",
        };
        let mut outcome = outcome.ok_or(gone)?;
        let committed = outcome.result?;
        let events = outcome.batch.records().0.len();
        tracing::debug!(events, resume_lsn = %committed.get().resume_lsn, took = ?outcome.duration, "committed");
        outcome.batch.clear();
        self.spare = Some(outcome.batch);
        Ok(())
    }

    /// Commits what is whole.
    async fn finish(&mut self) -> Result<(), Error> {
        if self.under_way {
            let outcome = self.publisher.outcome().await;
            self.committed(outcome)?;
        }
        if self.batch.has_whole() {
            self.send();
            let outcome = self.publisher.outcome().await;
            self.committed(outcome)?;
        }
        Ok(())
    }
}
