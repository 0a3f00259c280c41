//! An ordinary Kafka consumer: `read_committed`, as every reader of the relay's topics must be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use super::live::Live;
use crate::runtime;

/// The header with the event's id.
const ID_HEADER: &str = "id";

/// How soon the reader notices that it shall end.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// A consumer that counts what it sees, until it is dropped.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Reads `topic` from its beginning.
    pub(super) fn start(
        servers: &str,
        topic: &str,
        partitions: i32,
        live: Arc<Live>,
    ) -> Result<Self, KafkaError> {
        let consumer = consumer(servers)?;
        assign(&consumer, topic, partitions)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = runtime::spawn_thread("demo-reader", move || {
            while !stopped.load(Ordering::Relaxed) {
                // librdkafka mends its connections by itself, and the oracle has the last word.
                if let Some(Ok(record)) = consumer.poll(POLL_TIMEOUT) {
                    live.arrived(event_id(&record));
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A reader that panicked has said so; there is nothing else to tell from here.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn event_id(record: &BorrowedMessage<'_>) -> Option<Uuid> {
    let headers = record.headers()?;
    let id = headers.iter().find(|header| header.key == ID_HEADER)?;
    Uuid::try_parse_ascii(id.value?).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a reader is a stranger to the relay, with settings of its own"
)]
fn consumer(servers: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "demo-reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        // What is measured is the relay, not how long a broker waits for more to send.
        .set("fetch.wait.max.ms", "10")
        .create()
}

/// All of it for one reader: a group would first have to find its members. A function of its own,
/// since a list that outlives its consumer can make the consumer's end hang.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)
}
