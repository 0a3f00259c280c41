//! PostgreSQL, Apache Kafka and a schema registry as local, unprivileged, temporary processes:
//! what `dev`, `demo`, `bench` and the end-to-end tests stand on.
//!
//! Contract: real servers, with durability on, that listen on 127.0.0.1 only and can be killed and
//! restarted on their data. Nothing outlives its owner: a server and its folder go when they are
//! dropped, and also when this process is killed ([`process`], and the folder's janitor). Linux
//! only, as the kernel's help is needed for that.

mod artifacts;
mod error;
mod folder;
mod kafka;
pub mod port;
mod postgres;
pub mod process;
mod registry;
mod relay;
mod tls;
mod wait;

pub use error::Error;
pub(crate) use folder::Folder;
pub use kafka::{Kafka, KafkaOptions, Listener, create_topic, delete_topic};
pub use postgres::{Postgres, PostgresOptions, SUPERUSER, StopMode, quote_identifier};
pub use registry::{Registered, Registry, RegistryOptions, http_client};
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
