//! What the operator can say: one struct per section, each field's comment is its reference.
//!
//! Sources, weakest first: the file, the environment (`POSTRIDER__KAFKA__BOOTSTRAP_SERVERS`), the
//! flags (`--set kafka.bootstrap_servers=...`). For one-shot commands the variables of `psql` and of
//! the Kafka tools count too, weaker than the file ([`Sources::well_known`]). Unknown keys are errors, and
//! every problem is reported at once (see [`load`]).

mod batch;
mod contracts;
mod delivery;
mod http;
mod kafka;
mod load;
mod log;
mod poison;
mod postgres;
mod registry;
mod route;
mod secret;
mod shown;
mod shutdown;
mod topics;
mod units;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::RelayName;

pub use batch::BatchConfig;
pub use contracts::{ContractsConfig, SubjectStrategy};
pub use delivery::{DeliveryConfig, DeliveryMode};
pub use http::HttpConfig;
pub use kafka::{KafkaConfig, RecordTimestamp, SaslConfig, TlsConfig};
pub use load::{Error, Problem, Sources, load};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use poison::OnPoison;
pub use postgres::{DEFAULT_PUBLICATION, PostgresConfig};
pub use registry::{RegistryConfig, RegistryTlsConfig};
pub use route::{RouteConfig, RouteRule};
pub use secret::Secret;
pub use shown::{Origins, Shown};
pub use shutdown::ShutdownConfig;
pub use topics::TopicsConfig;
pub use units::{ByteSize, Span};

/// The variable of the environment that names the file where no flag does.
pub const FILE_VARIABLE: &str = "POSTRIDER_CONFIG";

/// The whole configuration of a relay.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// One per outbox, `[a-z][a-z0-9_]{0,39}`; replicas of a relay share it. It gives
    /// `transactional.id = postrider-<name>` and the progress topic `postrider.progress.<name>`.
    pub name: RelayName,
    /// Where the outbox is.
    pub postgres: PostgresConfig,
    /// Where the events go.
    pub kafka: KafkaConfig,
    /// Where the schemas are.
    pub registry: RegistryConfig,
    /// What is promised to those who read the topics.
    #[serde(default)]
    pub delivery: DeliveryConfig,
    /// What becomes of an event that can never be published as it is: it does not fit its schema,
    /// has no route, or Kafka refuses it.
    #[serde(default)]
    pub on_poison: OnPoison,
    /// How much one Kafka transaction may carry.
    #[serde(default)]
    pub batch: BatchConfig,
    /// Which topic an event goes to.
    #[serde(default)]
    pub route: RouteConfig,
    /// Which subject an event's schema has, and which versions are pinned.
    #[serde(default)]
    pub contracts: ContractsConfig,
    /// How topics are created.
    #[serde(default)]
    pub topics: TopicsConfig,
    /// Probes, status and metrics.
    #[serde(default)]
    pub http: HttpConfig,
    /// How the relay stops.
    #[serde(default)]
    pub shutdown: ShutdownConfig,
    /// What is logged, and how.
    #[serde(default)]
    pub log: LogConfig,
    /// Where each value that was given comes from.
    #[serde(skip)]
    pub origins: Origins,
}

impl Config {
    /// The replication slot: the configured one, or `postrider_<name>`.
    pub fn replication_slot(&self) -> String {
        self.postgres
            .slot
            .clone()
            .unwrap_or_else(|| self.name.default_replication_slot())
    }
}
