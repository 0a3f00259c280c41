//! What a `read_committed` consumer sees, from the beginning of each topic to its end.
//!
//! The end is the high watermark at the start, transactions that are still open included: what they
//! wrote must have been decided before a verdict. A `read_committed` consumer stops at the last
//! stable offset, so the reader first waits until that has passed the high watermark, then reads to
//! the end of the partition. Waiting is bounded: a hanging transaction and a broker that gives
//! nothing are errors that name the partition.
//!
//! One consumer per topic, since librdkafka's end-of-partition event, as rdkafka hands it on, names
//! no topic. The consumers join no group and commit nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::error::Error;

/// How many records are taken from one topic before the next has its turn.
const TURN_RECORDS_MAX: usize = 1_000;

/// How long a turn waits for its first record when no topic had any.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// Pause between two looks at a last stable offset that is held up.
const STABLE_OFFSET_INTERVAL: Duration = Duration::from_millis(50);

/// Limit of one question to the broker.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Logs what librdkafka reports, except the ends of partitions, which are what is waited for.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "the consumer met an error, and goes on");
        }
    }
}

impl ConsumerContext for Quiet {}

/// A record as it was consumed.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The topic it was read from.
    pub(super) topic: Arc<str>,
    /// The partition.
    pub(super) partition: i32,
    /// The offset.
    pub(super) offset: i64,
    /// The timestamp in milliseconds since the epoch.
    pub(super) timestamp: Option<i64>,
    /// The key.
    pub(super) key: Option<Vec<u8>>,
    /// The headers in their order.
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    /// The value; none for a tombstone.
    pub(super) value: Option<Vec<u8>>,
}

impl Record {
    /// Bytes of key, value and headers.
    pub(super) fn bytes(&self) -> u32 {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + length(value));
        let bytes = length(&self.key) + length(&self.value) + headers.sum::<usize>();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// What the reading thread reports.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A topic exists and has so many partitions.
    Topic(String, i32),
    /// Records of one topic, in the order of each partition.
    Records(Vec<Record>),
    /// Every partition was read to the end that it had at the start. Later records follow.
    End,
}

/// Reads `topics` and reports until nobody listens any more. Blocks: it needs its own thread.
pub(super) fn read(
    settings: &[(String, String)],
    topics: &BTreeSet<String>,
    dead_letter_topics: &[String],
    stalled_after: Duration,
    arrivals: &mpsc::Sender<Arrival>,
) -> Result<(), Error> {
    let mut readers = Vec::new();
    let uncommitted = consumer(settings, "read_uncommitted")?;
    for topic in topics {
        let partitions = match partition_count(&uncommitted, topic) {
            // Nobody needed it yet.
            Err(Error::MissingTopic { .. }) if dead_letter_topics.contains(topic) => continue,
            count => count?,
        };
        let reader = TopicReader::start(settings, topic, partitions, &uncommitted, stalled_after)?;
        if arrivals
            .blocking_send(Arrival::Topic(topic.clone(), partitions))
            .is_err()
        {
            return Ok(());
        }
        readers.push(reader);
    }
    drop(uncommitted);

    let mut ended = false;
    let mut idle = false;
    let mut last_progress = Instant::now();
    while !arrivals.is_closed() {
        let was_idle = std::mem::replace(&mut idle, true);
        for reader in &mut readers {
            let records = reader.turn(if was_idle { IDLE_WAIT } else { Duration::ZERO });
            if records.is_empty() {
                continue;
            }
            idle = false;
            if arrivals.blocking_send(Arrival::Records(records)).is_err() {
                return Ok(());
            }
            last_progress = Instant::now();
        }
        if ended {
            continue;
        }
        if readers.iter().all(|reader| reader.unread.is_empty()) {
            ended = true;
            if arrivals.blocking_send(Arrival::End).is_err() {
                return Ok(());
            }
        } else if last_progress.elapsed() > stalled_after {
            return Err(stalled(readers, stalled_after));
        }
    }
    Ok(())
}

fn stalled(readers: Vec<TopicReader>, waited: Duration) -> Error {
    let mut partitions = Vec::new();
    let mut source = None;
    for reader in readers {
        partitions.extend(
            reader
                .unread
                .iter()
                .map(|id| format!("{}[{id}]", reader.topic)),
        );
        source = source.or(reader.last_error);
    }
    Error::Stalled {
        partitions: partitions.join(", "),
        waited,
        source,
    }
}

struct TopicReader {
    topic: Arc<str>,
    consumer: BaseConsumer<Quiet>,
    /// The partitions whose end was not reached yet.
    unread: BTreeSet<i32>,
    last_error: Option<KafkaError>,
}

impl TopicReader {
    fn start(
        settings: &[(String, String)],
        topic: &str,
        partitions: i32,
        uncommitted: &BaseConsumer<Quiet>,
        stalled_after: Duration,
    ) -> Result<Self, Error> {
        let consumer = consumer(settings, "read_committed")?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            let high_watermark = end_offset(uncommitted, topic, partition)?;
            wait_until_stable(&consumer, topic, partition, high_watermark, stalled_after)?;
            assignment
                .add_partition_offset(topic, partition, Offset::Beginning)
                .map_err(Error::CreateConsumer)?;
        }
        consumer
            .assign(&assignment)
            .map_err(Error::CreateConsumer)?;
        let unread = (0..partitions).collect();
        Ok(Self {
            topic: topic.into(),
            consumer,
            unread,
            last_error: None,
        })
    }

    /// Takes what is there, waiting for the first record at most `wait`.
    fn turn(&mut self, wait: Duration) -> Vec<Record> {
        let mut records = Vec::new();
        let mut wait = wait;
        while records.len() < TURN_RECORDS_MAX {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => records.push(record(&self.topic, &message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.unread.remove(&partition);
                }
                // librdkafka mends what it can; the caller's time limit ends the rest.
                Some(Err(error)) => self.last_error = Some(error),
                None => break,
            }
            wait = Duration::ZERO;
        }
        records
    }
}

fn record(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect()
    });
    Record {
        topic: Arc::clone(topic),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        headers,
        value: message.payload().map(<[u8]>::to_vec),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the oracle shares no settings with the relay"
)]
fn consumer(
    settings: &[(String, String)],
    isolation_level: &str,
) -> Result<BaseConsumer<Quiet>, Error> {
    let mut config = ClientConfig::new();
    for (name, value) in settings {
        config.set(name, value);
    }
    config
        .set("group.id", "postrider-verify")
        .set("isolation.level", isolation_level)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "20")
        .set("queued.max.messages.kbytes", "16384")
        .create_with_context(Quiet)
        .map_err(Error::CreateConsumer)
}

fn partition_count(consumer: &BaseConsumer<Quiet>, topic: &str) -> Result<i32, Error> {
    let described = consumer.fetch_metadata(Some(topic), QUERY_TIMEOUT);
    let metadata = described.map_err(|source| Error::DescribeTopic {
        topic: topic.to_owned(),
        source,
    })?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    if count == 0 {
        return Err(Error::MissingTopic {
            topic: topic.to_owned(),
        });
    }
    Ok(i32::try_from(count).expect("Kafka counts partitions in 32 bits"))
}

/// The offset behind the last record that this consumer's isolation level shows.
fn end_offset(consumer: &BaseConsumer<Quiet>, topic: &str, partition: i32) -> Result<i64, Error> {
    let fetched = consumer.fetch_watermarks(topic, partition, QUERY_TIMEOUT);
    fetched
        .map(|(_, end)| end)
        .map_err(|source| Error::FetchEnd {
            topic: topic.to_owned(),
            partition,
            source,
        })
}

fn wait_until_stable(
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    partition: i32,
    high_watermark: i64,
    stalled_after: Duration,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let last_stable_offset = end_offset(consumer, topic, partition)?;
        if last_stable_offset >= high_watermark {
            return Ok(());
        }
        let waited = start.elapsed();
        if waited > stalled_after {
            let topic = topic.to_owned();
            return Err(Error::HangingTransaction {
                topic,
                partition,
                last_stable_offset,
                high_watermark,
                waited,
            });
        }
        std::thread::sleep(STABLE_OFFSET_INTERVAL);
    }
}
