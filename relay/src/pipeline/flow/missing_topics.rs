//! Topics that the relay creates at their first event, where `topics.create` allows it.

use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::time::{Instant, sleep};

use crate::pipeline::Settings;
use crate::publish::{Error, Publisher, TopicPlan, create_topic};

/// How long the brokers may take to tell each other of a new topic.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How they are created.
pub(super) struct MissingTopics {
    client: ClientConfig,
    plan: TopicPlan,
}

impl MissingTopics {
    /// None where the relay may not.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let plan = settings.missing_topics.clone()?;
        let client = settings.kafka_client();
        Some(Self { client, plan })
    }

    /// Creates `topic` and gives its partition count once the producer knows it; none if that took
    /// too long.
    pub(super) async fn create(
        &self,
        topic: &str,
        publisher: &Publisher,
    ) -> Result<Option<u32>, Error> {
        create_topic(&self.client, topic, &self.plan).await?;
        tracing::info!(topic, "created the topic");
        let deadline = Instant::now() + KNOWN_WITHIN;
        loop {
            let found = publisher.partition_count(topic).await?;
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
            sleep(PAUSE).await;
        }
    }
}
