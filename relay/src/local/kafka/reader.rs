//! An ordinary consumer of one topic, a stranger to the relay: `read_committed`, from the beginning,
//! with settings of its own.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

/// The header with the event's id.
const ID_HEADER: &str = "id";

/// A consumer of all partitions of `topic`. It forms no group, which would take longer than the
/// first events do, and commits nothing. `more` are settings of librdkafka.
#[expect(
    clippy::disallowed_methods,
    reason = "what checks the relay must not share its client settings"
)]
pub(crate) fn reader(
    servers: &str,
    topic: &str,
    partitions: i32,
    more: &[(&str, &str)],
) -> Result<BaseConsumer, KafkaError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("group.id", "postrider-reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed");
    for (name, value) in more {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create()?;
    assign(&consumer, topic, partitions)?;
    Ok(consumer)
}

/// A function of its own: a list that outlives its consumer can make the consumer's end hang.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)
}

/// The event's id in the record's headers.
pub(crate) fn event_id(record: &BorrowedMessage<'_>) -> Option<Uuid> {
    let headers = record.headers()?;
    let id = headers.iter().find(|header| header.key == ID_HEADER)?;
    Uuid::try_parse_ascii(id.value?).ok()
}
