//! The dead letter that shows that the relay has put the event aside.

use std::thread::sleep;
use std::time::{Duration, Instant};

use outbox_contract::headers as names;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Error;
use crate::publish::{self, Patience, Reading};

/// Longest answer of Kafka to one question.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks for a topic that is not there yet.
const TOPIC_AGAIN: Duration = Duration::from_millis(500);

const POLL_TIMEOUT: Duration = Duration::from_millis(200);

/// How far the relay's clock, which dates dead letters, may be behind the database's.
const CLOCK_DISTANCE: Duration = Duration::from_mins(10);

/// Where the dead letter lies.
#[derive(Debug, Serialize)]
pub struct Letter {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// A search for the dead letter of an event.
pub(super) struct Search {
    pub(super) kafka: publish::Settings,
    pub(super) topic: String,
    pub(super) event_id: Uuid,
    /// When it was asked for.
    pub(super) since_micros: i64,
    pub(super) limit: Duration,
}

impl Search {
    /// Blocks until it is found, or the limit is over. It reads what is committed only.
    pub(super) fn run(&self) -> Result<Letter, Error> {
        let deadline = Instant::now() + self.limit;
        let over = || Error::NotTaken {
            event_id: self.event_id,
            limit: self.limit,
        };
        let partitions = loop {
            match self.partitions()? {
                Some(partitions) => break partitions,
                None if Instant::now() >= deadline => return Err(over()),
                None => sleep(TOPIC_AGAIN),
            }
        };
        let consumer = self.kafka.committed.create_with_context(Reading::default());
        let consumer: BaseConsumer<Reading> = consumer.map_err(publish::Error::Configure)?;
        self.assign(&consumer, partitions)
            .map_err(|source| self.unreadable(source))?;
        while Instant::now() < deadline {
            let Some(record) = consumer.poll(POLL_TIMEOUT) else {
                continue;
            };
            let record = match record {
                Ok(record) => record,
                // Said at each end of a partition, and whenever a broker is away.
                Err(error) => {
                    tracing::debug!(%error, topic = self.topic, "looking for the dead letter");
                    continue;
                }
            };
            if event_id(&record) == Some(self.event_id) {
                return Ok(Letter {
                    topic: self.topic.clone(),
                    partition: record.partition(),
                    offset: record.offset(),
                });
            }
        }
        Err(over())
    }

    /// How many partitions the topic has; `None` when it is not there.
    fn partitions(&self) -> Result<Option<u32>, Error> {
        let stop = CancellationToken::new();
        let patience = Patience::new(&self.kafka.bootstrap_servers, &stop, QUESTION_TIMEOUT);
        let cluster = publish::look(&self.kafka.committed, [&*self.topic], &patience)?;
        cluster.require_visible(&self.topic)?;
        Ok(cluster.topics.get(&self.topic).map(|it| it.partitions))
    }

    /// A function of its own: a list that outlives its consumer can make the consumer's end hang.
    fn assign(&self, consumer: &BaseConsumer<Reading>, partitions: u32) -> Result<(), KafkaError> {
        let since = Duration::from_micros(u64::try_from(self.since_micros).unwrap_or(0));
        let since = since.saturating_sub(CLOCK_DISTANCE).as_millis();
        let since = Offset::Offset(i64::try_from(since).unwrap_or(0));
        let mut times = TopicPartitionList::new();
        let mut ends = Vec::new();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            // Asked for first, so that nothing lies between the end and what comes after it.
            let (_, end) = consumer.fetch_watermarks(&self.topic, partition, QUESTION_TIMEOUT)?;
            ends.push((partition, end));
            times.add_partition_offset(&self.topic, partition, since)?;
        }
        let found = consumer.offsets_for_times(times, QUESTION_TIMEOUT)?;
        let mut list = TopicPartitionList::new();
        for (partition, end) in ends {
            let begin = found.find_partition(&self.topic, partition);
            let begin = match begin.map(|it| it.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => end,
            };
            list.add_partition_offset(&self.topic, partition, Offset::Offset(begin))?;
        }
        consumer.assign(&list)
    }

    fn unreadable(&self, source: KafkaError) -> Error {
        Error::Unreadable {
            topic: self.topic.clone(),
            source,
        }
    }
}

fn event_id(record: &BorrowedMessage<'_>) -> Option<Uuid> {
    let headers = record.headers()?;
    let id = headers.iter().find(|header| header.key == names::ID)?;
    Uuid::try_parse_ascii(id.value?).ok()
}
