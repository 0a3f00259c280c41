//! Creating topics: that of the progress record, and those of the events where that is allowed.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::Error;

/// How long the brokers may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The broker's own default, for partitions and for copies
/// ([KIP-464](https://cwiki.apache.org/confluence/x/PZ3JBg)).
const BROKER_DEFAULT: i32 = -1;

/// A topic that shall exist. What is not given is the broker's default.
#[derive(Debug, Clone, Default)]
pub struct TopicPlan {
    /// How many partitions.
    pub partitions: Option<i32>,
    /// How many copies of each.
    pub replication_factor: Option<i32>,
    /// Further settings.
    pub config: Vec<(String, String)>,
}

/// Creates `topic` unless it exists; an existing one is left as it is.
pub async fn create_topic(
    client: &ClientConfig,
    topic: &str,
    plan: &TopicPlan,
) -> Result<(), Error> {
    let failed = |why: String| Error::CreateTopic {
        topic: topic.to_owned(),
        why,
    };
    let admin: AdminClient<_> = client.create().map_err(Error::Configure)?;
    let copies = TopicReplication::Fixed(plan.replication_factor.unwrap_or(BROKER_DEFAULT));
    let new = NewTopic::new(topic, plan.partitions.unwrap_or(BROKER_DEFAULT), copies);
    let new = plan
        .config
        .iter()
        .fold(new, |new, (key, value)| new.set(key, value));
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    let results = admin.create_topics([&new], &options).await;
    for result in results.map_err(|error| failed(error.to_string()))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(code.to_string())),
        }
    }
    Ok(())
}
