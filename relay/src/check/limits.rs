//! What Kafka's settings let through and keep, against what the relay sends and relies on.

use outbox_contract::limits::PAYLOAD_BYTES_MAX;
use rdkafka::admin::ResourceSpecifier;

use super::described::{Described, describe};
use super::needs::Needs;
use super::{Finding, System};
use crate::pipeline::Settings;
use crate::publish::client_config::TRANSACTION_TIMEOUT_MILLIS;
use crate::publish::{Cluster, Topic};

/// Kafka's default of `max.message.bytes`: the largest payload and a little more.
const MESSAGE_BYTES: u64 = 1_048_588;

/// librdkafka's default of `batch.size`: what it sends to a partition at once.
const BATCH_BYTES: u64 = 1_000_000;

/// Looks at the topics of the events, at the progress topic and at a broker.
pub(super) async fn examine(settings: &Settings, needs: &Needs, cluster: &Cluster) -> Vec<Finding> {
    let progress_topic = settings.kafka.progress_topic.as_str();
    let events = needs.topics.iter();
    let events = events.map(|(name, is_ahead)| (&**name, *is_ahead));
    let topics: Vec<(&str, bool, Topic)> = events
        .chain([(progress_topic, true)])
        .filter_map(|(name, is_ahead)| Some((name, is_ahead, *cluster.topics.get(name)?)))
        .collect();
    let names = topics.iter().map(|(name, ..)| *name);
    // One stands for all: what is looked at should be the same on each.
    let broker = cluster.brokers.first().copied();
    let asked = names.map(ResourceSpecifier::Topic);
    let asked: Vec<_> = asked.chain(broker.map(ResourceSpecifier::Broker)).collect();
    let described = match describe(settings, &asked).await {
        Ok(described) => described,
        Err(error) => return vec![hidden(&format!("its settings: {error}"))],
    };
    let batch_bytes = settings.kafka.transactional.get("batch.size");
    let batch_bytes = batch_bytes.and_then(|bytes| bytes.parse().ok());
    let batch_bytes = batch_bytes.unwrap_or(BATCH_BYTES);
    let mut findings = Vec::new();
    let mut unseen = Vec::new();
    for (index, described) in described.iter().enumerate() {
        match topics.get(index) {
            Some((name, ..)) if described.is_hidden() => unseen.push(format!("topic {name:?}")),
            None if described.is_hidden() => unseen.push("the brokers".to_owned()),
            Some((name, is_ahead, topic)) => {
                let copies = copies(name, *topic, cluster.brokers.len(), described);
                findings.extend(copies.map(|finding| finding.if_ahead(*is_ahead)));
                findings.extend(if *name == progress_topic {
                    compaction(name, described)
                } else {
                    size(name, batch_bytes, described).map(|finding| finding.if_ahead(*is_ahead))
                });
            }
            None => findings.extend(transactions(described)),
        }
    }
    if !unseen.is_empty() {
        findings.push(hidden(&format!("the settings of {}", unseen.join(", "))));
    }
    findings
}

fn hidden(what: &str) -> Finding {
    Finding::hint(
        System::Kafka,
        format!("Kafka does not show the relay {what}"),
        "grant the relay's Kafka user DescribeConfigs on the cluster and on the topics, or see \
         yourself to transaction.max.timeout.ms, max.message.bytes and min.insync.replicas",
    )
}

fn transactions(described: &Described) -> Option<Finding> {
    let longest = described.number("transaction.max.timeout.ms")?;
    (longest < TRANSACTION_TIMEOUT_MILLIS.into()).then(|| {
        Finding::problem(
            System::Kafka,
            format!(
                "Kafka lets a transaction last {longest} ms (transaction.max.timeout.ms), the \
                 relay asks for {TRANSACTION_TIMEOUT_MILLIS} ms"
            ),
            format!(
                "set transaction.max.timeout.ms of the brokers to {TRANSACTION_TIMEOUT_MILLIS} or \
                 more"
            ),
        )
    })
}

/// Whether `topic` takes what the producer sends at once, and then the largest event.
///
/// librdkafka does not divide a batch that the broker refuses, so a session would send small events
/// that came together once more, one by one.
fn size(topic: &str, batch_bytes: u64, described: &Described) -> Option<Finding> {
    let largest = described.number("max.message.bytes")?;
    let takes = format!("topic {topic:?} takes {largest} bytes at once (max.message.bytes)");
    let raise = format!("set max.message.bytes of topic {topic:?} to {MESSAGE_BYTES}");
    if largest < batch_bytes {
        return Some(Finding::hint(
            System::Kafka,
            format!(
                "{takes}, and the relay sends up to {batch_bytes}: what is refused together goes one \
                 by one, which is slow"
            ),
            format!("{raise}, or batch.size in kafka.options to {largest} or less"),
        ));
    }
    (largest < PAYLOAD_BYTES_MAX as u64).then(|| {
        Finding::hint(
            System::Kafka,
            format!("{takes}, and a payload may have {PAYLOAD_BYTES_MAX}"),
            format!(
                "{raise}, or keep payloads small: one that the topic does not take is poison (on_poison)"
            ),
        )
    })
}

fn compaction(progress_topic: &str, described: &Described) -> Option<Finding> {
    let policy = described.text("cleanup.policy")?;
    (policy != "compact").then(|| {
        Finding::hint(
            System::Kafka,
            format!(
                "topic {progress_topic:?} has cleanup.policy={policy}, so the progress record of \
                 an idle outbox is deleted in time"
            ),
            format!("set cleanup.policy=compact for topic {progress_topic:?}"),
        )
    })
}

/// How many brokers have a record before it is acknowledged, and how many ever.
fn copies(
    name: &str,
    Topic { copies, .. }: Topic,
    brokers: usize,
    described: &Described,
) -> Option<Finding> {
    let acknowledging = described.number("min.insync.replicas")?;
    if acknowledging > copies as u64 {
        return Some(Finding::problem(
            System::Kafka,
            format!(
                "topic {name:?} takes records only with {acknowledging} copies in step \
                 (min.insync.replicas), and a partition has {copies}"
            ),
            format!(
                "add copies to topic {name:?} (kafka-reassign-partitions.sh), or set its \
                 min.insync.replicas to {copies} or less"
            ),
        ));
    }
    (brokers > 1 && acknowledging == 1).then(|| {
        Finding::hint(
            System::Kafka,
            format!(
                "topic {name:?} takes a record that is on one of {brokers} brokers only, so the \
                 loss of that broker may lose it"
            ),
            format!(
                "give topic {name:?} three copies of each partition and min.insync.replicas=2 (it \
                 has {copies} and {acknowledging})"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::described::described;
    use super::*;

    fn severity(finding: Option<Finding>) -> Option<Severity> {
        finding.map(|finding| finding.severity)
    }

    #[test]
    fn a_transaction_may_last_as_long_as_the_relay_asks() {
        let judge = |millis| transactions(&described(&[("transaction.max.timeout.ms", millis)]));
        assert_eq!(judge("20000"), None);
        assert_eq!(severity(judge("19999")), Some(Severity::Problem));
    }

    #[test]
    fn a_topic_should_take_a_batch_and_the_largest_payload() {
        let judge = |bytes| {
            let described = described(&[("max.message.bytes", bytes)]);
            let finding = size("order", BATCH_BYTES, &described)?;
            assert_eq!(finding.severity, Severity::Hint);
            Some(finding.what.contains("one by one"))
        };
        assert_eq!(judge("1048576"), None);
        assert_eq!(judge("1048575"), Some(false));
        assert_eq!(judge("1000000"), Some(false));
        assert_eq!(judge("999999"), Some(true));
    }

    #[test]
    fn the_progress_topic_should_only_be_compacted() {
        let judge = |policy| compaction("progress", &described(&[("cleanup.policy", policy)]));
        assert_eq!(judge("compact"), None);
        for policy in ["delete", "compact,delete"] {
            assert_eq!(severity(judge(policy)), Some(Severity::Hint), "{policy}");
        }
    }

    #[test]
    fn a_record_should_be_on_two_brokers_where_there_are_two() {
        let judge = |found, brokers, acknowledging| {
            let topic = Topic {
                partitions: 1,
                copies: found,
            };
            let described = described(&[("min.insync.replicas", acknowledging)]);
            severity(copies("order", topic, brokers, &described))
        };
        assert_eq!(judge(1, 1, "1"), None);
        assert_eq!(judge(3, 3, "2"), None);
        assert_eq!(judge(1, 3, "1"), Some(Severity::Hint));
        assert_eq!(judge(3, 3, "1"), Some(Severity::Hint));
        assert_eq!(judge(1, 3, "2"), Some(Severity::Problem));
    }
}
