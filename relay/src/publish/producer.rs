//! The producer: a batch, its acknowledgements, and then the progress record; in `exactly_once` all
//! in one Kafka transaction.

mod connect;

use std::cell::Cell;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::client_config::retry_backoff;
use super::context::Deliveries;
use super::patience::Patience;
use super::progress::{CommittedProgress, Progress};
use super::progress_topic::PARTITION;
use super::{Batch, Error, Settings};
use crate::config::DeliveryMode;
use crate::encode::{Arena, Headers, Record};
use crate::failpoints::{self, Failpoint, Sabotage, sabotaged};
use crate::runtime::Heart;

/// Longest time from the first record of a transaction to the acknowledgement of its last. Together
/// with the commit's it lies below the transaction timeout of 20 s, so it is us who end a slow one.
const TRANSACTION_STEP_TIMEOUT: Duration = Duration::from_secs(8);

/// The same without a transaction. Whoever gives up sends everything again, so a broker has the time
/// of a restart.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_mins(1);

/// The same for records that go one by one, of which a slice of a transaction may hold 80,000; below
/// the transaction timeout that they are given.
const ONE_BY_ONE_TIMEOUT: Duration = Duration::from_secs(100);

/// Longest `commit_transaction`: a slower one has an unknown outcome and ends the session.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// What librdkafka said during a commit is read for so long. The queue is empty then: it was read
/// until the commit began.
const EVENTS_TURN: Duration = Duration::from_millis(10);

/// Acknowledgements are looked after once in so many records, so that the queue stays short.
const POLL_EVERY_RECORDS: usize = 1_024;

/// How long one call may wait while others have to be made between.
const ABORT_TURN: Duration = Duration::from_millis(100);

/// A batch goes through librdkafka in parts: it copies each record and keeps more beside the copy, so
/// with whole batches in it the relay took 76 MiB at its peak instead of 55 MiB.
const IN_FLIGHT_RECORDS_MAX: usize = 10_000;

/// The key of every progress record, so that compaction keeps the last.
const PROGRESS_KEY: &[u8] = b"progress";

/// In the place of a record's index: the progress record.
const PROGRESS_INDEX: usize = usize::MAX;

/// Headers that most records have.
const HEADERS_USUAL: usize = 6;

/// What a batch goes to Kafka with, past the fence: every earlier producer of the same
/// `transactional_id` is shut out, and what it left unfinished is aborted.
///
/// Invariant: so it is in both modes, that a change to `at_least_once` leaves nothing behind which
/// readers would wait for, or which would come late (`suites::delivery_modes`). A producer of
/// `at_least_once` itself has no id, and nothing shuts it out.
///
/// Invariant: after any error it is dropped, never used again, because the outcome of what it was
/// doing is unknown (`suites::chaos`); and also after a commit that may have been sent twice
/// (`suites::links::late::a_commit_that_was_repeated_and_then_arrives_tears_nothing`).
pub struct Producer {
    producer: BaseProducer<Deliveries>,
    mode: DeliveryMode,
    transactional_id: String,
    progress_topic: String,
    kafka_cluster_id: String,
    acknowledgement_timeout: Duration,
    /// No commit that took less was sent twice.
    repetition_min: Duration,
    has_repeated_commit: Cell<bool>,
    heart: Heart,
}

impl Producer {
    /// Connects, and fences every earlier producer of this id.
    pub fn open(settings: &Settings, heart: Heart, patience: &Patience<'_>) -> Result<Self, Error> {
        let (transactional, kafka_cluster_id) =
            connect::connect(&settings.transactional, patience)?;
        connect::fence(&transactional, &settings.transactional_id, patience)?;
        let producer = match settings.mode {
            DeliveryMode::ExactlyOnce => transactional,
            DeliveryMode::AtLeastOnce => connect::connect(&settings.idempotent, patience)?.0,
        };
        Ok(Self {
            producer,
            mode: settings.mode,
            transactional_id: settings.transactional_id.clone(),
            progress_topic: settings.progress_topic.clone(),
            kafka_cluster_id,
            acknowledgement_timeout: match settings.mode {
                _ if settings.is_one_by_one => ONE_BY_ONE_TIMEOUT,
                DeliveryMode::ExactlyOnce => TRANSACTION_STEP_TIMEOUT,
                DeliveryMode::AtLeastOnce => ACKNOWLEDGEMENT_TIMEOUT,
            },
            repetition_min: retry_backoff(&settings.transactional) / 2,
            has_repeated_commit: Cell::new(false),
            heart,
        })
    }

    /// The id of the cluster that it is connected to, which no other cluster has.
    pub fn kafka_cluster_id(&self) -> &str {
        &self.kafka_cluster_id
    }

    /// The client, for questions about the cluster.
    pub fn client(&self) -> &rdkafka::client::Client<impl rdkafka::ClientContext> {
        self.producer.client()
    }

    /// Publishes `batch` and then `progress`. On success both are visible to `read_committed`
    /// readers. On an error the outcome may be unknown: the caller drops this producer.
    pub fn publish(
        &self,
        batch: &Batch,
        mut progress: Progress,
    ) -> Result<CommittedProgress, Error> {
        if self.has_repeated_commit.get() {
            return Err(Error::CommitRepeated);
        }
        progress.mode = self.mode;
        self.producer.context().begin_batch();
        match self.mode {
            DeliveryMode::ExactlyOnce => self.publish_transaction(batch, &progress)?,
            DeliveryMode::AtLeastOnce => self.produce_all(batch, &progress)?,
        }
        Ok(CommittedProgress::new(progress))
    }

    fn publish_transaction(&self, batch: &Batch, progress: &Progress) -> Result<(), Error> {
        if sabotaged(Sabotage::ProgressBeforeEvents) {
            self.begin()?;
            self.produce_progress(progress)?;
            self.drain(batch, 1, self.deadline())?;
            self.commit()?;
            self.producer.context().begin_batch();
        }
        self.begin()?;
        let published = self.produce_all(batch, progress);
        if published.is_err() {
            self.abort();
        }
        published?;
        self.commit()
    }

    /// Readers of the topics would wait for the transaction's timeout otherwise. Whether it works does
    /// not matter: the next `init_transactions` aborts as well. Who was fenced has nothing to abort.
    fn abort(&self) {
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        // It waits until every acknowledgement was looked after, which only `poll` does.
        while self.producer.client().fatal_error().is_none()
            && self.producer.abort_transaction(ABORT_TURN).is_err()
            && Instant::now() < deadline
        {
            self.producer.poll(Duration::ZERO);
            self.heart.beat();
        }
    }

    fn begin(&self) -> Result<(), Error> {
        self.producer
            .begin_transaction()
            .map_err(|error| self.failed("begin_transaction", error))
    }

    fn produce_all(&self, batch: &Batch, progress: &Progress) -> Result<(), Error> {
        let (records, arena) = batch.records();
        let deadline = self.deadline();
        for index in 0..records.len() {
            if index % POLL_EVERY_RECORDS == 0 {
                self.producer.poll(Duration::ZERO);
                self.make_room(records, index, deadline)?;
            }
            self.produce(index, records, arena, deadline)?;
        }
        self.drain(batch, records.len(), deadline)?;
        failpoints::hit(Failpoint::AckedNoProgress);
        self.produce_progress(progress)?;
        self.drain(batch, records.len() + 1, deadline)?;
        failpoints::hit(Failpoint::ProgressNoEndTxn);
        Ok(())
    }

    fn commit(&self) -> Result<(), Error> {
        self.heart.beat();
        let begun = Instant::now();
        let committed = self.producer.commit_transaction(COMMIT_TIMEOUT);
        self.heart.beat();
        committed.map_err(|error| self.failed("commit_transaction", error))?;
        if begun.elapsed() >= self.repetition_min {
            self.look_for_repetition();
        }
        Ok(())
    }

    /// librdkafka repeats a commit when the connection breaks under it. Both carry the same epoch, so
    /// the first, should it arrive late, would commit what the next transaction has written by then
    /// (KAFKA-17754). This producer begins none: the next one has an epoch of its own.
    fn look_for_repetition(&self) {
        self.producer.poll(EVENTS_TURN);
        let context = self.producer.context();
        self.has_repeated_commit.set(context.has_lost_coordinator());
    }

    /// Waits while too many of the `produced` records are not acknowledged; then goes on only when
    /// half of them are, so that waiting is rare.
    fn make_room(
        &self,
        records: &[Record],
        produced: usize,
        deadline: Instant,
    ) -> Result<(), Error> {
        let in_flight = || produced - self.producer.context().acknowledged();
        if in_flight() < IN_FLIGHT_RECORDS_MAX {
            return Ok(());
        }
        while in_flight() > IN_FLIGHT_RECORDS_MAX / 2 {
            self.producer.poll(Duration::from_millis(1));
            self.look_for_failure(records, deadline)?;
        }
        Ok(())
    }

    fn produce(
        &self,
        index: usize,
        records: &[Record],
        arena: &Arena,
        deadline: Instant,
    ) -> Result<(), Error> {
        let record = &records[index];
        let headers = Headers(arena.get(record.headers)).fold(
            OwnedHeaders::new_with_capacity(HEADERS_USUAL),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        let mut enqueue: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&record.route.topic, index)
                .partition(record.partition)
                .key(arena.get(record.key))
                .timestamp(record.timestamp_millis)
                .headers(headers);
        if let Some(value) = record.value {
            enqueue = enqueue.payload(arena.get(value));
        }
        loop {
            match self.producer.send(enqueue) {
                Ok(()) => return Ok(()),
                // One thread enqueues, so waiting here keeps the order
                // (`suites::backpressure::a_producer_whose_queue_is_full_is_waited_for_and_nothing_overtakes`).
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    enqueue = again;
                    self.producer.poll(Duration::from_millis(1));
                    self.look_for_failure(records, deadline)?;
                }
                Err((error, _)) => {
                    return Err(self.refused(Some(record), error));
                }
            }
        }
    }

    fn produce_progress(&self, progress: &Progress) -> Result<(), Error> {
        let json = progress.to_json();
        let record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&self.progress_topic, PROGRESS_INDEX)
                .partition(PARTITION)
                .key(PROGRESS_KEY)
                .payload(&json);
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| self.refused(None, error))
    }

    /// Waits until `count` records are acknowledged.
    ///
    /// `flush` with no patience only tells librdkafka not to linger; its own waiting sleeps in
    /// slices of 100 ms, which would be the latency of every small transaction. `poll` never
    /// returns early either, so it is called without waiting and the thread sleeps in between.
    /// Each `flush` wakes every thread of librdkafka, so the pauses grow with what was waited
    /// already: a small batch is seen within 100 us, a large one costs no thousands of wake-ups.
    fn drain(&self, batch: &Batch, count: usize, deadline: Instant) -> Result<(), Error> {
        const PAUSE_MIN: Duration = Duration::from_micros(100);
        const PAUSE_MAX: Duration = Duration::from_millis(2);
        let begun = Instant::now();
        let (records, _) = batch.records();
        loop {
            let flushed = self.producer.flush(Duration::ZERO);
            self.producer.poll(Duration::ZERO);
            if self.producer.context().acknowledged() >= count {
                return Ok(());
            }
            self.look_for_failure(records, deadline)?;
            if flushed.is_err() {
                std::thread::park_timeout((begun.elapsed() / 8).clamp(PAUSE_MIN, PAUSE_MAX));
            }
        }
    }

    /// An error when a record failed or the time is over.
    fn look_for_failure(&self, records: &[Record], deadline: Instant) -> Result<(), Error> {
        self.heart.beat();
        if let Some((index, error)) = self.producer.context().first_failure() {
            return Err(self.refused(records.get(index), error));
        }
        if Instant::now() >= deadline {
            return Err(Error::TooSlow {
                seconds: self.acknowledgement_timeout.as_secs(),
            });
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.acknowledgement_timeout
    }

    /// What a failed record means; none is the progress record, which no event is to blame for. A
    /// fenced producer's records fail for many reasons; the client knows the true one.
    fn refused(&self, record: Option<&Record>, source: KafkaError) -> Error {
        if let Some((code, _)) = self.producer.client().fatal_error() {
            return self.failed("produce", KafkaError::Global(code));
        }
        let source = self.cause(source);
        match record {
            Some(record) => Error::from_delivery(record, source),
            None => Error::from_progress(&self.progress_topic, source),
        }
    }

    /// When a transaction fails, librdkafka only tells its records that they are not sent. Why, it
    /// tells whoever wants to begin another.
    fn cause(&self, source: KafkaError) -> KafkaError {
        let is_purged = matches!(
            source.rdkafka_error_code(),
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
        );
        if self.mode != DeliveryMode::ExactlyOnce || !is_purged {
            return source;
        }
        match self.producer.begin_transaction() {
            Err(cause) if cause.rdkafka_error_code() != Some(RDKafkaErrorCode::State) => cause,
            _ => source,
        }
    }

    fn failed(&self, step: &'static str, error: KafkaError) -> Error {
        let error = match self.producer.client().fatal_error() {
            Some((code, _)) => KafkaError::Global(code),
            None => error,
        };
        Error::from_transaction(&self.transactional_id, step, error)
    }
}
