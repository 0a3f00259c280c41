//! What the cluster says about itself and its topics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataBroker};

use super::Error;
use super::context::Reading;
use super::patience::Patience;

/// One question to the cluster; then the patience is asked whether to go on.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Turns of waiting for an answer, between which the client's errors are looked at.
const TURN: Duration = Duration::from_millis(200);

/// Waits until the cluster answers and gives its id. Only reads. `consumer` is a consumer's options;
/// it joins no group.
pub fn reach(consumer: &ClientConfig, patience: &Patience<'_>) -> Result<String, Error> {
    let consumer: BaseConsumer<Reading> = consumer
        .create_with_context(Reading::default())
        .map_err(Error::Configure)?;
    loop {
        if let Some(id) = consumer.client().fetch_cluster_id(TURN) {
            return Ok(id);
        }
        // Without an assignment no record comes; polling is what reports the client's errors.
        drop(consumer.poll(TURN));
        patience.go_on("asking for the cluster id", consumer.context().last_error())?;
    }
}

/// What the brokers say of themselves and of the topics that the relay may see.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// The brokers' ids.
    pub brokers: Vec<i32>,
    /// The topics that can be used, by name.
    pub topics: BTreeMap<String, Topic>,
    /// The topics that were asked for by name and that the relay may not see.
    pub hidden: BTreeSet<String>,
}

/// A topic that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// How many partitions it has; at least one.
    pub partitions: u32,
    /// How many copies the partition with the fewest has.
    pub copies: usize,
}

impl Cluster {
    /// An error when `topic` is hidden from the relay.
    pub fn require_visible(&self, topic: &str) -> Result<(), Error> {
        if !self.hidden.contains(topic) {
            return Ok(());
        }
        Err(Error::NotAuthorized {
            what: format!("describing topic {topic:?}"),
            source: KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed),
        })
    }
}

/// Looks at the cluster, and tells which of `topics` it hides. Only reads. `consumer` is a
/// consumer's options; it joins no group.
///
/// A broker leaves a topic that we may not see out of the list of all, and says so only of one that
/// is asked for by name.
///
/// Invariant: no topic is created so, whatever `kafka.options` and the broker say
/// (`suites::doctor::what_kafka_hides_is_told_from_what_it_lacks`).
pub fn look<'a>(
    consumer: &ClientConfig,
    topics: impl IntoIterator<Item = &'a str>,
    patience: &Patience<'_>,
) -> Result<Cluster, Error> {
    let mut consumer = consumer.clone();
    consumer.set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer<Reading> = consumer
        .create_with_context(Reading::default())
        .map_err(Error::Configure)?;
    let mut cluster = describe(consumer.client(), None, patience)?;
    for topic in topics {
        if !cluster.topics.contains_key(topic) {
            let alone = describe(consumer.client(), Some(topic), patience)?;
            cluster.hidden.extend(alone.hidden);
        }
    }
    Ok(cluster)
}

/// How many partitions a topic has; `None` when there is no such topic.
///
/// Asks for all topics: naming one would make a broker with `auto.create.topics.enable` create
/// it, with whatever partition count.
pub fn partition_count<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    patience: &Patience<'_>,
) -> Result<Option<u32>, Error> {
    let cluster = describe(client, None, patience)?;
    Ok(cluster.topics.get(topic).map(|found| found.partitions))
}

/// An error when `topic`, which nobody sees among all, is hidden from the relay: it is no topic that is
/// missing. `consumer` as for [`look`].
pub fn require_visible(
    consumer: &ClientConfig,
    topic: &str,
    patience: &Patience<'_>,
) -> Result<(), Error> {
    look(consumer, [topic], patience)?.require_visible(topic)
}

/// By how many partitions the keys of `topic` are mapped: as `recorded`, or as `found` where
/// nothing is recorded yet.
pub fn mapped_partitions(
    topic: &str,
    recorded: Option<u32>,
    found: Option<u32>,
) -> Result<u32, Error> {
    let topic = topic.to_owned();
    let Some(found) = found else {
        return Err(Error::TopicMissing { topic });
    };
    match recorded {
        Some(recorded) if recorded > found => Err(Error::PartitionsMissing {
            topic,
            recorded,
            found,
        }),
        recorded => Ok(recorded.unwrap_or(found)),
    }
}

/// Asks for one topic, or for all.
fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: Option<&str>,
    patience: &Patience<'_>,
) -> Result<Cluster, Error> {
    loop {
        match client.fetch_metadata(topic, QUESTION_TIMEOUT) {
            Ok(metadata) => return Ok(cluster(&metadata)),
            Err(error) => {
                let code = error
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Unknown);
                patience.go_on("asking for the topics", Some((code, error.to_string())))?;
            }
        }
    }
}

fn cluster(metadata: &Metadata) -> Cluster {
    let mut cluster = Cluster {
        brokers: metadata.brokers().iter().map(MetadataBroker::id).collect(),
        ..Cluster::default()
    };
    for found in metadata.topics() {
        let name = found.name().to_owned();
        let partitions = found.partitions();
        match found.error().map(RDKafkaErrorCode::from) {
            None if partitions.is_empty() => {}
            None => {
                let copies = partitions.iter().map(|found| found.replicas().len()).min();
                let topic = Topic {
                    partitions: u32::try_from(partitions.len())
                        .expect("Kafka counts partitions in i32"),
                    copies: copies.unwrap_or(0),
                };
                cluster.topics.insert(name, topic);
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                cluster.hidden.insert(name);
            }
            Some(_) => {}
        }
    }
    cluster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_with_the_partitions_to_which_they_were_mapped() {
        let mapped = |recorded, found| mapped_partitions("order", recorded, found);
        assert_eq!(mapped(None, Some(3)).unwrap(), 3);
        assert_eq!(mapped(Some(2), Some(3)).unwrap(), 2);
        let fewer = mapped(Some(4), Some(3)).unwrap_err();
        assert!(matches!(fewer, Error::PartitionsMissing { .. }), "{fewer}");
        for recorded in [None, Some(1)] {
            let gone = mapped(recorded, None).unwrap_err();
            assert!(matches!(gone, Error::TopicMissing { .. }), "{gone}");
        }
    }
}
