//! Kafka's own settings, as far as it shows them to the relay.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;

use crate::pipeline::Settings;

/// Longest wait for the description.
const PATIENCE: Duration = Duration::from_secs(10);

/// The settings of one broker or topic.
pub(super) struct Described(ConfigResource);

/// Describes brokers and topics, in the order in which they are `asked` for.
pub(super) async fn describe(
    settings: &Settings,
    asked: &[ResourceSpecifier<'_>],
) -> Result<Vec<Described>, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = settings.kafka_client().create()?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answers = admin.describe_configs(asked, &options).await?;
    let answers = answers.into_iter().map(|answer| Ok(Described(answer?)));
    answers
        .collect::<Result<_, _>>()
        .map_err(KafkaError::AdminOp)
}

impl Described {
    /// Whether the relay may not see them: the client passes a refusal on as an empty list.
    pub(super) fn is_hidden(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The value of a setting.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.value.as_deref()
    }

    /// The value of a setting that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

#[cfg(test)]
pub(super) fn described(values: &[(&str, &str)]) -> Described {
    use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};

    let entries = values.iter().map(|(name, value)| ConfigEntry {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        source: ConfigSource::Default,
        is_read_only: false,
        is_default: true,
        is_sensitive: false,
    });
    Described(ConfigResource {
        specifier: OwnedResourceSpecifier::Broker(1),
        entries: entries.collect(),
    })
}
