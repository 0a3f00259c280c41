//! PostgreSQL and Apache Kafka as local, unprivileged, temporary processes, and a schema registry
//! inside this one: what `dev`, `demo`, `bench` and the end-to-end tests stand on.
//!
//! Contract: PostgreSQL and Kafka are real servers, with durability on, and can be killed and
//! restarted on their data; all listen on 127.0.0.1 only. Nothing outlives its owner: a server and
//! its folder go when they are dropped, and also when this process is killed ([`process`], and the
//! folder's janitor). Linux only, as the kernel's help is needed for that.

mod apicurio;
mod artifacts;
pub mod cache;
mod error;
mod folder;
mod http;
mod kafka;
pub mod port;
mod postgres;
pub mod process;
mod registry;
mod relay;
mod tls;
mod wait;

pub use apicurio::{Apicurio, ApicurioOptions};
pub(crate) use artifacts::has_kafka;
pub use error::Error;
pub(crate) use folder::Folder;
pub use http::{Registered, http_client};
pub use kafka::{Kafka, KafkaOptions, Listener, Node, create_topic, delete_topic};
pub(crate) use kafka::{event_id, reader};
pub use postgres::{Postgres, PostgresOptions, Release, SUPERUSER, StopMode, quote_identifier};
pub use registry::{Registry, RegistryOptions};
pub use relay::{Addresses, IMPATIENT, Relay};
pub use tls::ServerTls;

/// How to start a [`Stack`]; the default takes free ports and each server's defaults.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// The database server.
    pub postgres: PostgresOptions,
    /// The broker.
    pub kafka: KafkaOptions,
    /// The schema registry.
    pub registry: RegistryOptions,
}

/// All three servers.
#[derive(Debug)]
pub struct Stack {
    /// The database server.
    pub postgres: Postgres,
    /// The broker.
    pub kafka: Kafka,
    /// The schema registry.
    pub registry: Registry,
}

impl Stack {
    /// Starts the three servers at the same time; those that started are ended if one cannot.
    pub async fn start(options: StackOptions) -> Result<Self, Error> {
        let (postgres, kafka, registry) = tokio::try_join!(
            Box::pin(Postgres::start(options.postgres)),
            Box::pin(Kafka::start(options.kafka)),
            Box::pin(Registry::start(options.registry)),
        )?;
        Ok(Self {
            postgres,
            kafka,
            registry,
        })
    }

    /// Where a relay of `database` finds them, as superuser.
    pub fn addresses(&self, database: &str) -> Addresses {
        Addresses {
            database_url: self.postgres.superuser_url(database),
            bootstrap_servers: self.kafka.bootstrap_servers(),
            registry_url: self.registry.url(),
        }
    }
}
