//! The topic that holds the progress record: creating it, and reading its last record.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Reading;
use super::patience::Patience;
use super::progress::{CommittedProgress, Progress};
use super::topic_creation::{TopicPlan, create_topic};
use super::{Error, ProgressState, partition_count};

/// The progress topic has one partition, so that its last record is one record.
pub(super) const PARTITION: i32 = 0;

/// Records read at a time, scanning backwards from the end. The last record is usually the second
/// last offset (the transaction's marker is the last), unless aborted transactions follow it.
const SCAN_OFFSETS: i64 = 64;

const POLL_TIMEOUT: Duration = Duration::from_millis(200);

/// Creates the progress topic unless it exists. `replication_factor` is the broker's default when
/// not given.
pub async fn create(
    client: &ClientConfig,
    topic: &str,
    replication_factor: Option<i32>,
) -> Result<(), Error> {
    // Small segments: compaction never touches the active one, and each start reads the topic from
    // near its end.
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "16777216"),
        ("segment.ms", "86400000"),
    ];
    let plan = TopicPlan {
        partitions: Some(1),
        replication_factor,
        config: config
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
    };
    create_topic(client, topic, &plan).await
}

/// Reads the last committed progress record; `None` when the topic is there and empty.
///
/// Call it after `init_transactions`: only then is every earlier transaction of this
/// `transactional_id` finished. The end is asked for `read_uncommitted`, and records are read
/// `read_committed` up to it, so a record that is committed but still hidden behind an open
/// transaction is waited for rather than missed.
pub fn read(
    uncommitted: &ClientConfig,
    committed: &ClientConfig,
    topic: &str,
    patience: &Patience<'_>,
) -> Result<Option<CommittedProgress>, Error> {
    let (low, end) = watermarks(uncommitted, topic, patience)?;
    let consumer: BaseConsumer<Reading> = committed
        .create_with_context(Reading::default())
        .map_err(Error::Configure)?;
    let mut from = end;
    while from > low {
        let to = from;
        from = (to - SCAN_OFFSETS).max(low);
        if let Some(json) = last_value(&consumer, topic, from..to, patience)? {
            let progress = Progress::from_json(topic, &json)?;
            return Ok(Some(CommittedProgress::new(progress)));
        }
    }
    Ok(None)
}

/// The record, if `init` has finished. `topic` names it in errors.
pub fn require_running(
    topic: &str,
    progress: Option<CommittedProgress>,
) -> Result<CommittedProgress, Error> {
    let topic = topic.to_owned();
    match progress {
        None => Err(Error::ProgressMissing { topic }),
        Some(progress) => match progress.get().state {
            ProgressState::Initialising => Err(Error::ProgressInitialising { topic }),
            ProgressState::Running => Ok(progress),
        },
    }
}

/// The first offset and the end of the progress topic.
fn watermarks(
    uncommitted: &ClientConfig,
    topic: &str,
    patience: &Patience<'_>,
) -> Result<(i64, i64), Error> {
    let consumer: BaseConsumer<Reading> = uncommitted
        .create_with_context(Reading::default())
        .map_err(Error::Configure)?;
    match partition_count(consumer.client(), topic, patience)? {
        None => {
            return Err(Error::ProgressMissing {
                topic: topic.to_owned(),
            });
        }
        Some(1) => {}
        Some(partitions) => {
            return Err(Error::ProgressPartitions {
                topic: topic.to_owned(),
                partitions,
            });
        }
    }
    loop {
        match consumer.fetch_watermarks(topic, PARTITION, Duration::from_secs(2)) {
            Ok(watermarks) => return Ok(watermarks),
            Err(error) => {
                patience.go_on(
                    "reading the progress topic's end",
                    last_error(&consumer, &error),
                )?;
            }
        }
    }
}

/// The last record's value among `offsets`, when there is one.
fn last_value(
    consumer: &BaseConsumer<Reading>,
    topic: &str,
    offsets: std::ops::Range<i64>,
    patience: &Patience<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let unreadable = |position| Error::ProgressUnreadable {
        topic: topic.to_owned(),
        position,
        end: offsets.end,
    };
    let assigned = {
        let mut start = TopicPartitionList::new();
        start
            .add_partition_offset(topic, PARTITION, Offset::Offset(offsets.start))
            .and_then(|()| consumer.assign(&start))
    };
    assigned.map_err(|_| unreadable(offsets.start))?;
    let mut value = None;
    let mut position = offsets.start;
    while position < offsets.end {
        match consumer.poll(POLL_TIMEOUT) {
            Some(Ok(record)) => {
                position = record.offset() + 1;
                if record.offset() < offsets.end {
                    value = record.payload().map(<[u8]>::to_vec).or(value);
                }
            }
            // The end that a read_committed reader sees: aborted records and markers lie before
            // it, so the position jumps over them.
            Some(Err(KafkaError::PartitionEOF(_))) => {
                position = position.max(reached(consumer, topic).unwrap_or(position));
                let stuck = patience.go_on("reading progress", consumer.context().last_error());
                stuck.map_err(|_| unreadable(position))?;
            }
            Some(Err(error)) => patience.go_on("reading progress", last_error(consumer, &error))?,
            None => patience.go_on("reading progress", consumer.context().last_error())?,
        }
    }
    Ok(value)
}

/// The offset after the last one that the consumer has passed.
fn reached(consumer: &BaseConsumer<Reading>, topic: &str) -> Option<i64> {
    let positions = consumer.position().ok()?;
    match positions.find_partition(topic, PARTITION)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

fn last_error(
    consumer: &BaseConsumer<Reading>,
    error: &KafkaError,
) -> Option<(RDKafkaErrorCode, String)> {
    let said = consumer.context().last_error();
    said.or_else(|| {
        error
            .rdkafka_error_code()
            .map(|code| (code, error.to_string()))
    })
}
