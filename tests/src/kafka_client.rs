//! Plain Kafka clients, whose settings owe nothing to the relay's.

use std::time::Duration;

use anyhow::{Result, anyhow};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// How long a record may take to be acknowledged.
const FLUSH_LIMIT: Duration = Duration::from_secs(30);

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
