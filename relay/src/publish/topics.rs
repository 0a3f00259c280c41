//! What the cluster says about itself and its topics.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

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

/// How many partitions a topic has; `None` when there is no such topic.
///
/// Asks for all topics: naming one would make a broker with `auto.create.topics.enable` create
/// it, with whatever partition count.
pub fn partition_count<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    patience: &Patience<'_>,
) -> Result<Option<u32>, Error> {
    loop {
        match client.fetch_metadata(None, QUESTION_TIMEOUT) {
            Ok(metadata) => {
                let found = metadata.topics().iter().find(|found| found.name() == topic);
                let count = found.filter(|found| found.error().is_none()).map(|found| {
                    u32::try_from(found.partitions().len()).expect("Kafka counts partitions in i32")
                });
                return Ok(count.filter(|count| *count > 0));
            }
            Err(error) => {
                let code = error
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Unknown);
                patience.go_on("asking for the topics", Some((code, error.to_string())))?;
            }
        }
    }
}
