//! Plain Kafka clients, whose settings owe nothing to the relay's.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// How long a record may take to be acknowledged.
const FLUSH_LIMIT: Duration = Duration::from_secs(30);

/// How long a broker may be silent while a topic is read.
const POLL_LIMIT: Duration = Duration::from_secs(30);

/// A producer as an application without any relation to Postrider would have it.
///
/// # Errors
///
/// librdkafka could not be set up.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' clients must not share the relay's settings, which they check"
)]
pub fn producer(bootstrap_servers: &str) -> Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("enable.idempotence", "true")
        .create()?)
}

/// Sends records of key and value, and returns when the broker has acknowledged them.
///
/// # Errors
///
/// The queue was full, or the broker did not acknowledge in 30 s.
pub fn produce(bootstrap_servers: &str, topic: &str, records: &[(&str, &str)]) -> Result<()> {
    let producer = producer(bootstrap_servers)?;
    for (key, value) in records {
        let record = BaseRecord::to(topic).key(*key).payload(*value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer
        .flush(FLUSH_LIMIT)
        .map_err(|error| anyhow!(error).context("records not acknowledged"))
}

/// Sends a record of key and value in a transaction, and aborts it when the broker has the record.
///
/// # Errors
///
/// The broker refused, or was silent for 30 s.
pub fn abort(bootstrap_servers: &str, topic: &str, record: (&str, &str)) -> Result<()> {
    let id = format!("abort-{topic}");
    let producer = open_transaction(bootstrap_servers, &id, topic, record)?;
    Ok(producer.abort_transaction(FLUSH_LIMIT)?)
}

/// Sends a record of key and value in a transaction, and leaves it open when the broker has the
/// record, for as long as a broker allows (15 minutes).
///
/// # Errors
///
/// The broker refused, or was silent for 30 s.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' clients must not share the relay's settings, which they check"
)]
pub fn open_transaction(
    bootstrap_servers: &str,
    transactional_id: &str,
    topic: &str,
    (key, value): (&str, &str),
) -> Result<BaseProducer> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("transactional.id", transactional_id)
        .set("transaction.timeout.ms", "900000")
        .create()?;
    producer.init_transactions(FLUSH_LIMIT)?;
    producer.begin_transaction()?;
    let record = BaseRecord::to(topic).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error)?;
    producer.flush(FLUSH_LIMIT)?;
    Ok(producer)
}

/// Gives a topic more partitions, `count` in all.
///
/// # Errors
///
/// The broker refused.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' clients must not share the relay's settings, which they check"
)]
pub async fn add_partitions(bootstrap_servers: &str, topic: &str, count: usize) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()?;
    let partitions = NewPartitions::new(topic, count);
    let results = admin.create_partitions([&partitions], &AdminOptions::new());
    for result in results.await? {
        result.map_err(|(topic, code)| anyhow!("{topic} did not grow: {code}"))?;
    }
    Ok(())
}

/// Begins a producer of `transactional_id` and drops it: every earlier one is shut out.
///
/// # Errors
///
/// The broker refused, or was silent for 30 s.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' clients must not share the relay's settings, which they check"
)]
pub fn fence(bootstrap_servers: &str, transactional_id: &str) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("transactional.id", transactional_id)
        .create()?;
    Ok(producer.init_transactions(FLUSH_LIMIT)?)
}

/// Every committed record of a topic.
///
/// # Errors
///
/// The broker refused, or was silent for 30 s.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' clients must not share the relay's settings, which they check"
)]
pub fn read_to_the_end(bootstrap_servers: &str, topic: &str) -> Result<Vec<OwnedMessage>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", "nobody")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), POLL_LIMIT)?;
    let topics = metadata.topics().iter();
    let partitions = topics.flat_map(MetadataTopic::partitions);
    let mut unread: BTreeSet<i32> = partitions.map(MetadataPartition::id).collect();
    let mut from = TopicPartitionList::new();
    for partition in &unread {
        from.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&from)?;
    let mut messages = Vec::new();
    while !unread.is_empty() {
        match consumer.poll(POLL_LIMIT) {
            Some(Ok(message)) => messages.push(message.detach()),
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
            Some(Err(error)) => return Err(error.into()),
            None => bail!("{topic}: no record in {POLL_LIMIT:?}"),
        }
    }
    Ok(messages)
}

/// The node that leads a partition.
///
/// # Errors
///
/// The brokers do not answer, or there is no leader.
pub fn leader(bootstrap_servers: &str, topic: &str, partition: i32) -> Result<i32> {
    let producer = producer(bootstrap_servers)?;
    let metadata = producer.client().fetch_metadata(Some(topic), POLL_LIMIT)?;
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let found = partitions.find(|found| found.id() == partition);
    let leader = found.map_or(-1, MetadataPartition::leader);
    if leader < 0 {
        bail!("{topic}[{partition}] has no leader");
    }
    Ok(leader)
}

/// The node that decides over the transactions of `transactional_id`: it leads the partition of
/// `__transaction_state` that the id's hash picks, as Java hashes a string
/// (`TransactionStateManager.partitionFor`).
///
/// # Errors
///
/// As [`leader`].
pub fn coordinator(bootstrap_servers: &str, transactional_id: &str) -> Result<i32> {
    const TOPIC: &str = "__transaction_state";
    let units = transactional_id.encode_utf16();
    let hash = units.fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    let producer = producer(bootstrap_servers)?;
    let metadata = producer.client().fetch_metadata(Some(TOPIC), POLL_LIMIT)?;
    let partitions = metadata
        .topics()
        .iter()
        .map(|topic| topic.partitions().len());
    let partitions = i32::try_from(partitions.sum::<usize>())?;
    if partitions == 0 {
        bail!("there is no {TOPIC}");
    }
    leader(bootstrap_servers, TOPIC, (hash & i32::MAX) % partitions)
}
