//! The proof that a drain did its work: what a `read_committed` consumer finds in the topic.
//!
//! It counts records and different event ids. That finds loss and doubles; order and content are
//! for the oracle (`verify`), which reads the table too and takes longer.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use super::Error;

/// The header with the event's id.
const ID_HEADER: &str = "id";

/// How long the broker may give nothing before the end of every partition was reached.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// What a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Committed records.
    pub records: u64,
    /// Different event ids among them.
    pub events: u64,
}

/// Reads `topic` from its beginning to its end.
pub(super) async fn count(
    servers: String,
    topic: String,
    partitions: i32,
) -> Result<Counted, Error> {
    let counted = tokio::task::spawn_blocking(move || read(&servers, &topic, partitions));
    counted
        .await
        .unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}

fn read(servers: &str, topic: &str, partitions: i32) -> Result<Counted, Error> {
    let consumer = consumer(servers).map_err(Error::Count)?;
    assign(&consumer, topic, partitions).map_err(Error::Count)?;
    let mut unread: BTreeSet<i32> = (0..partitions).collect();
    let mut ids = HashSet::new();
    let mut records = 0;
    let mut heard = Instant::now();
    while !unread.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                records += 1;
                ids.extend(event_id(&record));
                heard = Instant::now();
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            // librdkafka reconnects by itself; the last word is the limit below.
            Some(Err(_)) | None => {}
        }
        if heard.elapsed() > STALL_LIMIT {
            return Err(Error::CountStalled {
                topic: topic.to_owned(),
                records,
            });
        }
    }
    Ok(Counted {
        records,
        events: ids.len() as u64,
    })
}

/// The id in the record's headers; a record without one counts as a record only.
fn event_id(record: &BorrowedMessage<'_>) -> Option<Uuid> {
    let headers = record.headers()?;
    let id = headers.iter().find(|header| header.key == ID_HEADER)?;
    Uuid::try_parse_ascii(id.value?).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what checks the relay must not share its client settings"
)]
fn consumer(servers: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "postrider-bench")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
}

/// A function of its own: a list that outlives its consumer can make the consumer's end hang.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)
}
