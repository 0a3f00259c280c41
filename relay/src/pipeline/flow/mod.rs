//! The stages, one after the other: gulps are decoded, routed and encoded into a batch; a batch
//! leaves when the publisher is free.
//!
//! The size of a batch follows the backlog. When the input is drained and the publisher is free,
//! what is there leaves at once; while the publisher is busy the next batch fills, up to its limit,
//! and then nothing more is read.

mod dead_letters;
mod lookup;
mod missing_topics;
mod skips;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use dead_letters::DeadLetters;
use missing_topics::MissingTopics;

use super::canary::Canary;
use super::care::Care;
use super::idle::Idle;
use super::session::Ended;
use super::transaction::Transaction;
use super::{Error, Settings};
use crate::decode::{Change, Decoder, Event, Unpublished};
use crate::encode::{self, Encoder, Position, Resolver};
use crate::error::{Action, Classify};
use crate::failpoints::{self, Failpoint, Sabotage, sabotaged};
use crate::lsn::Lsn;
use crate::publish::{self, Batch, Progress, Publisher};
use crate::route::{self, Router};
use crate::runtime::{Heart, clock};
use crate::source::{Gulp, WalMessage};
use crate::telemetry::{EventSpans, Vitals};

/// What the publisher does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Publishing {
    /// It waits for a batch.
    Free,
    /// It has one.
    UnderWay,
    /// It failed; what it was doing is settled by the next session.
    Gone,
}

/// The pipeline of one session.
pub(super) struct Flow<'a> {
    resolver: &'a mut Resolver,
    care: &'a mut Care,
    publisher: Publisher,
    heart: Heart,
    vitals: Vitals,
    spans: EventSpans,
    router: Router,
    missing_topics: Option<MissingTopics>,
    dead_letters: DeadLetters,
    encoder: Encoder,
    decoder: Decoder,
    /// As committed, and continued with what is under way.
    progress: Progress,
    batch: Batch,
    batch_began: Option<Instant>,
    spare: Option<Batch>,
    publishing: Publishing,
    /// Partition counts that were compared with the cluster in this session.
    partition_counts: HashMap<String, u32>,
    transaction: Option<Transaction>,
    canary: Canary,
    /// The last gulp emptied the socket.
    is_drained: bool,
    idle: Idle,
    bytes_max: usize,
    time_max: Duration,
    has_sabotaged_reconnect: bool,
    /// The last change that was no insert.
    unpublished: Option<Unpublished>,
    is_care_over: bool,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        settings: &Settings,
        resolver: &'a mut Resolver,
        care: &'a mut Care,
        publisher: Publisher,
        progress: Progress,
        heart: Heart,
    ) -> Self {
        Self {
            resolver,
            care,
            publisher,
            heart,
            vitals: settings.vitals.clone(),
            spans: EventSpans::new(&settings.traces),
            router: settings.router(),
            missing_topics: MissingTopics::new(settings),
            dead_letters: DeadLetters::new(settings),
            encoder: Encoder::new(&settings.name, progress.source_epoch, settings.timestamp),
            decoder: Decoder::new(),
            idle: Idle::new(progress.resume_lsn),
            progress,
            batch: Batch::default(),
            batch_began: None,
            spare: None,
            publishing: Publishing::Free,
            partition_counts: HashMap::new(),
            transaction: None,
            canary: Canary::new(settings.target.clone(), settings.publication.clone()),
            is_drained: true,
            bytes_max: settings.batch_bytes_max,
            time_max: settings.batch_time_max,
            has_sabotaged_reconnect: false,
            unpublished: None,
            is_care_over: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut gulps: mpsc::Receiver<Gulp>,
        stop: &CancellationToken,
    ) -> Result<Ended, Error> {
        let result = self.turn(&mut gulps, stop).await;
        // What is whole and before the end leaves first.
        let leaves_first = match &result {
            Ok(ended) => matches!(ended, Ended::SourceGone),
            Err(error) => matches!(error.action(), Action::Poison | Action::Halt),
        };
        let finished = match self.publishing {
            Publishing::Gone => Ok(()),
            _ if leaves_first => self.finish().await,
            _ => Ok(()),
        };
        self.heart.rest();
        self.publisher.close().await;
        match (result, finished) {
            (Ok(_), Err(error)) => Err(error),
            (result, _) => result,
        }
    }

    async fn turn(
        &mut self,
        gulps: &mut mpsc::Receiver<Gulp>,
        stop: &CancellationToken,
    ) -> Result<Ended, Error> {
        loop {
            self.heart.beat();
            let is_under_way = self.publishing == Publishing::UnderWay;
            // What goes one by one goes in small batches: little of it waits for one that is refused.
            let is_careful = self.care.is_careful();
            let fills = self.batch.bytes() < self.bytes_max && !is_careful;
            let room = fills || !is_under_way;
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.finish().await?;
                    return Ok(Ended::Stopped);
                }
                // A committed batch makes room for the next.
                outcome = self.publisher.outcome(), if is_under_way => self.committed(outcome)?,
                gulp = gulps.recv(), if room => match gulp {
                    Some(gulp) => {
                        failpoints::hit(Failpoint::AfterRead);
                        self.take(&gulp, stop).await?;
                        self.is_drained = gulp.drained();
                    }
                    None => return Ok(Ended::SourceGone),
                },
                // Idle log is confirmed by time.
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
            if self.is_care_over {
                self.outcome().await?;
                return Ok(Ended::CareOver);
            }
            self.canary.turn(self.idle.lsn)?;
            let drained = self.is_drained && gulps.is_empty();
            let old = self
                .batch_began
                .is_some_and(|began| began.elapsed() >= self.time_max);
            let is_free = self.publishing == Publishing::Free;
            if is_free && (drained || old || is_careful || self.batch.bytes() >= self.bytes_max) {
                if drained {
                    self.note_idle();
                }
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
                        self.idle.reach(wal_end, reply_requested);
                    }
                    continue;
                }
            };
            match self.decoder.decode(payload)? {
                Change::Begin {
                    commit_lsn,
                    commit_time,
                    xid,
                } => self.begin(commit_lsn, commit_time, xid),
                Change::Event(event) => self.event(&event, now_micros, stop).await?,
                Change::Canary(id) => {
                    self.transaction().count_insert();
                    self.canary.seen(id);
                }
                Change::Commit {
                    end_lsn,
                    commit_time,
                    ..
                } => self.commit(end_lsn, commit_time),
                Change::Unpublished(kind) => self.note_unpublished(kind),
                Change::Description => {}
            }
        }
        Ok(())
    }

    /// Once in a session: such changes come in their thousands, or not at all.
    fn note_unpublished(&mut self, kind: Unpublished) {
        if self.unpublished.replace(kind).is_none() {
            tracing::warn!(
                ?kind,
                remedy = "let the publication publish inserts only: `postrider check` shows how",
                "the publication carries changes that are no insert; they are not published"
            );
        }
    }

    fn begin(&mut self, commit_lsn: Lsn, commit_time: i64, xid: u32) {
        let mut transaction = Transaction::begin(commit_lsn, xid, commit_time, &self.progress);
        if !transaction.is_published() {
            self.vitals.transaction_read(commit_time);
        }
        if !self.has_sabotaged_reconnect {
            self.has_sabotaged_reconnect =
                transaction.sabotage_reconnect(self.progress.last_event_id.is_none());
        }
        self.transaction = Some(transaction);
    }

    fn transaction(&mut self) -> &mut Transaction {
        self.transaction
            .as_mut()
            .expect("the decoder refuses a row outside of a transaction")
    }

    async fn event(
        &mut self,
        event: &Event<'_>,
        now_micros: i64,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let transaction = self.transaction();
        transaction.count_insert();
        if transaction.is_published() {
            return Ok(());
        }
        let (position, commit_micros) = (transaction.position(), transaction.commit_micros());
        self.vitals.event_read();
        let mut letter = self.care.condemned(event.id).cloned();
        if let Some(condemned) = &mut letter
            && !self.puts_aside(event.id, condemned).await
        {
            // Kafka may refuse it again, so what is whole before it leaves first.
            self.finish().await?;
            letter = None;
        }
        if letter.is_none()
            && let Err(error) = self.encode(event, position, now_micros, stop).await
        {
            if error.action() != Action::Poison {
                return Err(error);
            }
            let poison = letter.insert(self.letter(event, &error));
            if !self.puts_aside(event.id, poison).await {
                return Err(error);
            }
        }
        if let Some(letter) = letter {
            self.dead_letter(event, position, &letter, stop).await?;
        }
        if let ([.., record], arena) = self.batch.records() {
            self.spans.encoded(record, arena, commit_micros, now_micros);
        }
        self.batch_began.get_or_insert_with(Instant::now);
        if self.batch.bytes() >= self.bytes_max {
            self.split().await?;
        } else if sabotaged(Sabotage::TearTransaction) && position.ordinal == 1 {
            self.outcome().await?;
            let resume_lsn = self.progress.resume_lsn;
            self.batch.end_transaction(resume_lsn, now_micros);
            self.send();
        }
        Ok(())
    }

    /// Routes an event and encodes it into the batch.
    async fn encode(
        &mut self,
        event: &Event<'_>,
        position: Position,
        now_micros: i64,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let route = self.router.route(event).map_err(|source| Error::Route {
            event_id: event.id,
            source,
        })?;
        let count = self.partition_count(&route.topic, stop).await?;
        let schema = match event.payload {
            None => None,
            Some(_) => Some(self.schema(event, &route, stop).await?),
        };
        let partition = route::partition(encode::key(event), count);
        let encoder = &mut self.encoder;
        self.batch.push(|arena| {
            encoder.encode(
                event,
                position,
                &route,
                partition,
                schema.as_deref(),
                now_micros,
                arena,
            )
        })?;
        Ok(())
    }

    /// The batch is full in the middle of a transaction: what is whole leaves, or, when the
    /// transaction alone fills it, a slice of the transaction.
    async fn split(&mut self) -> Result<(), Error> {
        self.outcome().await?;
        if !self.batch.has_whole_records() {
            let open = self.transaction().as_open();
            self.batch.close_as_slice(open);
        }
        self.send();
        Ok(())
    }

    fn commit(&mut self, end_lsn: Lsn, commit_time: i64) {
        let transaction = self
            .transaction
            .take()
            .expect("the decoder refuses a commit without its begin");
        self.idle.reach(end_lsn, false);
        if transaction.moves_position() {
            let resume_lsn = if sabotaged(Sabotage::AcknowledgeCommitLsn) {
                transaction.commit_lsn()
            } else {
                end_lsn
            };
            self.batch.end_transaction(resume_lsn, commit_time);
        }
    }

    /// Lets the next progress record carry an idle position, when it is time to.
    fn note_idle(&mut self) {
        let may_move = self.transaction.is_none() && self.canary.is_proven();
        if may_move && self.idle.is_due(self.progress.resume_lsn) {
            self.batch.advance_idle(self.idle.lsn);
            self.idle.confirmed();
        }
    }

    /// Hands what may leave to the publisher, which must be free.
    fn send(&mut self) {
        failpoints::hit(Failpoint::BeforeProduce);
        let next = self.spare.take().unwrap_or_default();
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.move_open_to(&mut self.batch);
        self.batch_began = self.batch.has_open_records().then(Instant::now);
        if let Some(resume_lsn) = batch.resume_lsn() {
            self.progress.resume_lsn = self.progress.resume_lsn.max(resume_lsn);
            self.progress.open = None;
        }
        if let Some(open) = batch.open() {
            self.progress.open = Some(open.clone());
        }
        if let Some(event_id) = batch.last_event_id() {
            self.progress.last_event_id = Some(event_id);
        }
        batch.sabotage();
        self.publisher.publish(batch, self.progress.clone());
        self.publishing = Publishing::UnderWay;
    }

    /// Waits until the publisher is free, however long that takes it: it has a heart of its own.
    async fn outcome(&mut self) -> Result<(), Error> {
        while self.publishing == Publishing::UnderWay {
            self.heart.beat();
            tokio::select! {
                biased;
                outcome = self.publisher.outcome() => self.committed(outcome)?,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        self.heart.beat();
        Ok(())
    }

    fn committed(&mut self, outcome: Option<publish::Outcome>) -> Result<(), Error> {
        self.publishing = Publishing::Gone;
        let gone = publish::Error::Stopped {
            doing: "publishing",
        };
        let mut outcome = outcome.ok_or(gone)?;
        if let Err(publish::Error::RecordRefused { .. }) = &outcome.result {
            self.care.refused(&outcome.batch);
        }
        let committed = outcome.result?;
        self.is_care_over |= self.care.is_over(committed.get().resume_lsn);
        self.publishing = Publishing::Free;
        let events = outcome.batch.records().0.len();
        tracing::debug!(events, resume_lsn = %committed.get().resume_lsn, took = ?outcome.duration, "committed");
        self.vitals
            .committed(&outcome.batch, committed.get(), &self.batch);
        self.spans.committed(events);
        outcome.batch.clear();
        self.spare = Some(outcome.batch);
        Ok(())
    }

    /// Commits what is whole.
    async fn finish(&mut self) -> Result<(), Error> {
        self.outcome().await?;
        if self.batch.has_whole() {
            self.send();
            self.outcome().await?;
        }
        Ok(())
    }
}
