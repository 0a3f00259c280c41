//! The requests that start-up and tests send to the broker.
//!
//! Each builds a client of its own, which is cheap here and never carries a broken connection over
//! a kill.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use crate::local::error::Error;

/// The longest that one metadata request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// How long a topic may take from the request to a leader for each partition.
const TOPIC_LIMIT: Duration = Duration::from_secs(30);

/// Pause between two looks at the metadata.
const PAUSE: Duration = Duration::from_millis(10);

/// ([KIP-464](https://cwiki.apache.org/confluence/x/PZ3JBg)).
const BROKER_DEFAULT: i32 = -1;

type Admin = AdminClient<DefaultClientContext>;

/// Creates a topic with as many copies as the brokers give by default; returns when every partition
/// has a leader.
pub async fn create_topic(
    servers: &str,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<(), Error> {
    let admin = connect(servers).map_err(Error::KafkaRequest)?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(BROKER_DEFAULT));
    let topic = configs
        .iter()
        .fold(topic, |topic, (key, value)| topic.set(key, value));
    let results = admin.create_topics([&topic], &options()).await;
    check(name, results.map_err(Error::KafkaRequest)?)?;
    blocking({
        let name = name.to_owned();
        move || until_led(&admin, &name, partitions)
    })
    .await
}

/// Deletes a topic.
pub async fn delete_topic(servers: &str, name: &str) -> Result<(), Error> {
    let admin = connect(servers).map_err(Error::KafkaRequest)?;
    let results = admin.delete_topics(&[name], &options()).await;
    check(name, results.map_err(Error::KafkaRequest)?)
}

/// Succeeds when the node `id` at `address` shows itself in the metadata: until then it listens but
/// is fenced.
pub(super) async fn is_serving(address: &str, id: i32) -> Result<(), KafkaError> {
    let address = address.to_owned();
    blocking(move || {
        let client = connect(&address)?;
        let metadata = client.inner().fetch_metadata(None, REQUEST_LIMIT)?;
        if metadata.brokers().iter().any(|broker| broker.id() == id) {
            return Ok(());
        }
        let fenced = RDKafkaErrorCode::BrokerNotAvailable;
        Err(KafkaError::MetadataFetch(fenced))
    })
    .await
}

/// Metadata reaches the broker a moment after the controller has answered the creation.
fn until_led(admin: &Admin, name: &str, partitions: i32) -> Result<(), Error> {
    let deadline = Instant::now() + TOPIC_LIMIT;
    loop {
        let metadata = admin.inner().fetch_metadata(Some(name), REQUEST_LIMIT);
        let metadata = metadata.map_err(Error::KafkaRequest)?;
        let led = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let led = led.filter(|partition| partition.leader() >= 0).count();
        if i32::try_from(led) == Ok(partitions) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let source = RDKafkaErrorCode::LeaderNotAvailable;
            return Err(Error::Topic {
                topic: name.to_owned(),
                source,
            });
        }
        std::thread::sleep(PAUSE);
    }
}

fn check(name: &str, results: Vec<TopicResult>) -> Result<(), Error> {
    let refused = results.into_iter().find_map(Result::err);
    refused.map_or(Ok(()), |(_, source)| {
        Err(Error::Topic {
            topic: name.to_owned(),
            source,
        })
    })
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(TOPIC_LIMIT))
        .operation_timeout(Some(TOPIC_LIMIT))
}

#[expect(
    clippy::disallowed_methods,
    reason = "what prepares and checks the relay must not share the relay's client settings"
)]
fn connect(servers: &str) -> Result<Admin, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "200")
        .create()
}

/// Runs librdkafka's blocking calls where they hold up no other task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let worker = tokio::task::spawn_blocking(work);
    worker
        .await
        .unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}
