//! The topic that holds the progress record: creating it, and what its last record must be.

use rdkafka::ClientConfig;

use super::progress::CommittedProgress;
use super::topic_creation::{TopicPlan, create_topic};
use super::{Error, ProgressState};

/// The progress topic has one partition, so that its last record is one record.
pub(super) const PARTITION: i32 = 0;

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
