//! Transactions that stay open: a reader of committed records sees nothing behind one, whoever wrote
//! it, and also where the relay goes on to publish.
//!
//! The last stable offset is where the first open transaction of a partition begins
//! (<https://kafka.apache.org/documentation/#consumerconfigs_isolation.level>). One that stands still
//! before the end is a hint, no more: whose it is, and how long it may last, Kafka tells other tools.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use super::needs::Needs;
use super::{Finding, System};
use crate::pipeline::Settings;
use crate::publish::{self, Cluster};

/// A transaction of the relay lasts milliseconds, and hardly ever so long.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Longest answer of a broker.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest look at all partitions; what was not looked at by then is not told of.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A partition whose last stable offset lies before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    topic: String,
    partition: i32,
    last_stable_offset: i64,
}

/// Looks at the topics of the events and at the progress topic.
pub(super) async fn examine(settings: &Settings, needs: &Needs, cluster: &Cluster) -> Vec<Finding> {
    let topics = needs.topics.keys().map(|topic| &**topic);
    let partitions = topics
        .chain([settings.kafka.progress_topic.as_str()])
        .filter_map(|topic| Some((topic, cluster.topics.get(topic)?.partitions)))
        .flat_map(|(topic, count)| {
            let partitions = 0..i32::try_from(count).unwrap_or(i32::MAX);
            partitions.map(|partition| (topic.to_owned(), partition))
        })
        .collect();
    let before = look(&settings.kafka, partitions).await;
    if before.is_empty() {
        return Vec::new();
    }
    tokio::time::sleep(STANDSTILL).await;
    let again = before
        .iter()
        .map(|open| (open.topic.clone(), open.partition));
    let now = look(&settings.kafka, again.collect()).await;
    now.iter()
        .filter(|open| before.contains(open))
        .map(finding)
        .collect()
}

fn finding(open: &Open) -> Finding {
    let Open {
        topic,
        partition,
        last_stable_offset: offset,
    } = open;
    Finding::hint(
        System::Kafka,
        format!(
            "topic {topic:?} hides what lies behind offset {offset} of partition {partition} from \
             readers of committed records: a transaction is open there"
        ),
        format!(
            "if it stays, see whose it is: kafka-transactions.sh --bootstrap-server … \
             describe-producers --topic {topic} --partition {partition}; where that producer is gone, \
             end it: … abort --topic {topic} --partition {partition} --start-offset {offset}"
        ),
    )
}

/// Which of the partitions have an open transaction; those that cannot be asked have none.
async fn look(kafka: &publish::Settings, partitions: Vec<(String, i32)>) -> Vec<Open> {
    let kafka = kafka.clone();
    let asked = tokio::task::spawn_blocking(move || {
        ask(&kafka, &partitions, Instant::now() + LOOK_TIMEOUT).unwrap_or_default()
    });
    asked.await.expect("the questions to Kafka do not panic")
}

fn ask(
    kafka: &publish::Settings,
    partitions: &[(String, i32)],
    deadline: Instant,
) -> Result<Vec<Open>, KafkaError> {
    let uncommitted: BaseConsumer = kafka.uncommitted.create()?;
    let committed: BaseConsumer = kafka.committed.create()?;
    let in_time = |_: &&(String, i32)| Instant::now() < deadline;
    let open = partitions.iter().take_while(in_time);
    let open = open.filter_map(|(topic, partition)| {
        let end = |consumer: &BaseConsumer| {
            let marks = consumer.fetch_watermarks(topic, *partition, QUESTION_TIMEOUT);
            Some(marks.ok()?.1)
        };
        let last_stable_offset = end(&committed)?;
        (last_stable_offset < end(&uncommitted)?).then(|| Open {
            topic: topic.clone(),
            partition: *partition,
            last_stable_offset,
        })
    });
    Ok(open.collect())
}
