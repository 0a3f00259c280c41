//! `[kafka]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::secret::HIDDEN;

/// The Kafka cluster the events go to.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some brokers, separated by commas.
    pub bootstrap_servers: String,
    /// TLS to the brokers; any key of it turns TLS on.
    pub tls: Option<TlsConfig>,
    /// SASL authentication.
    pub sasl: Option<SaslConfig>,
    /// Raw librdkafka options
    /// (<https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md>). One that
    /// contradicts a typed key, or that exactly-once delivery stands on, is an error.
    #[serde(
        default,
        deserialize_with = "dotted_keys",
        serialize_with = "hide_secrets"
    )]
    pub options: BTreeMap<String, String>,
    /// The record's timestamp.
    #[serde(default)]
    pub timestamp: RecordTimestamp,
}

/// TLS to the brokers. The names follow librdkafka's `ssl.*.location`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the authorities to trust; without it those of the system.
    pub ca: Option<PathBuf>,
    /// PEM file of the relay's own certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
}

/// SASL authentication to the brokers.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The user.
    pub user: String,
    /// The password; a file is better.
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// Where a record's timestamp comes from. Brokers from 4.0 refuse one that lies more than an hour
/// ahead, and the timestamp decides retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordTimestamp {
    /// `occurred_at` when it lies within an hour of the relay's clock, else the publish time.
    #[default]
    OccurredAt,
    /// Always the publish time.
    Published,
}

/// Shows options whose name says that they are a secret as [`HIDDEN`].
fn hide_secrets<S: Serializer>(
    options: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    const SECRET: [&str; 6] = [
        "password",
        "secret",
        "token",
        "key",
        "jaas",
        "oauthbearer.config",
    ];
    let shown = options.iter().map(|(name, value)| {
        let is_secret = SECRET.iter().any(|part| name.contains(part));
        (name, if is_secret { HIDDEN } else { value.as_str() })
    });
    serializer.collect_map(shown)
}

/// TOML reads `linger.ms = 5` as a table in a table; librdkafka's names have dots.
fn dotted_keys<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    fn flatten(
        prefix: &str,
        value: &serde_json::Value,
        options: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        match value {
            serde_json::Value::Object(table) => {
                for (key, value) in table {
                    let name = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    flatten(&name, value, options)?;
                }
            }
            serde_json::Value::String(text) => {
                options.insert(prefix.to_owned(), text.clone());
            }
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                options.insert(prefix.to_owned(), value.to_string());
            }
            serde_json::Value::Null | serde_json::Value::Array(_) => {
                return Err(format!("{prefix} must be a text, a number or a boolean"));
            }
        }
        Ok(())
    }
    let value = serde_json::Value::deserialize(deserializer)?;
    let mut options = BTreeMap::new();
    flatten("", &value, &mut options).map_err(D::Error::custom)?;
    Ok(options)
}
