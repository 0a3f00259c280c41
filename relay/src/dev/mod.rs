//! The whole path on this machine, for `postrider dev`: servers on their usual ports where those
//! are free, an outbox, and a relay that makes topics as they are needed.
//!
//! Contract: as [`crate::local`], nothing outlives its owner. A database that was given is used and
//! left as it is, with the outbox in it and without the slot.

mod door;
mod error;
mod ports;
mod slot;

use std::path::Path;

use crate::config::FILE_VARIABLE as CONFIG_VARIABLE;
use crate::local::{self, process::Process};
use crate::local::{
    Addresses, Folder, Kafka, KafkaOptions, Postgres, PostgresOptions, Registry, RegistryOptions,
    Relay,
};
use ports::UsualPorts;

pub use door::{Door, ask};
pub use error::Error;
pub use slot::drop_slot;

/// The relay's name.
pub const NAME: &str = "dev";

const DATABASE: &str = "dev";

/// Known to everybody who reads the documentation; the server listens on 127.0.0.1 only.
const PASSWORD: &str = "postgres";

const POSTGRES_PORT: u16 = 5432;
const KAFKA_PORT: u16 = 9092;
const REGISTRY_PORT: u16 = 8081;

/// Servers and a relay for somebody who writes a service.
pub struct Workbench {
    // In this order they end: the relay first, its folder last.
    process: Process,
    relay: Relay,
    addresses: Addresses,
    _postgres: Option<Postgres>,
    _kafka: Kafka,
    _registry: Registry,
    _folder: Folder,
    _ports: UsualPorts,
}

impl Workbench {
    /// Starts it, with the database at `postgres_url` where that is given.
    pub async fn start(postgres_url: Option<&str>) -> Result<Self, Error> {
        let (folder, ports) = (Folder::create()?, UsualPorts::claim());
        let own_postgres = async {
            match postgres_url {
                Some(_) => Ok(None),
                None => postgres(&ports).await.map(Some),
            }
        };
        let (postgres, kafka, registry) = tokio::try_join!(
            Box::pin(own_postgres),
            Box::pin(Kafka::start(KafkaOptions {
                port: ports.pick(KAFKA_PORT),
                ..KafkaOptions::default()
            })),
            Box::pin(Registry::start(RegistryOptions {
                port: ports.pick(REGISTRY_PORT),
            })),
        )?;
        let database_url = match (postgres_url, &postgres) {
            (Some(url), _) => url.to_owned(),
            (None, postgres) => postgres
                .as_ref()
                .map(|postgres| postgres.superuser_url(DATABASE))
                .expect("a server was started, since none was given"),
        };
        let addresses = Addresses {
            database_url,
            bootstrap_servers: kafka.bootstrap_servers(),
            registry_url: registry.url(),
        };
        let more = [("topics.create", true.into())];
        let relay = Relay::configure(NAME, &addresses, &more, folder.path())?;
        if let Some(url) = postgres_url {
            // One that was killed has left its slot; the Kafka that knew it is gone.
            drop_slot(url).await?;
        }
        relay.init(&["--from-now"]).await?;
        Ok(Self {
            process: relay.start(&[], &[])?,
            relay,
            addresses,
            _postgres: postgres,
            _kafka: kafka,
            _registry: registry,
            _folder: folder,
            _ports: ports,
        })
    }

    /// Where the servers are.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The relay: its configuration, for other commands, and its status.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The relay's process: its log, and whether it has ended.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

async fn postgres(ports: &UsualPorts) -> Result<Postgres, crate::local::Error> {
    let postgres = Postgres::start(PostgresOptions {
        port: ports.pick(POSTGRES_PORT),
        password: Some(PASSWORD.to_owned()),
        ..PostgresOptions::default()
    })
    .await?;
    postgres.create_database(DATABASE).await?;
    Ok(postgres)
}

/// Whether nothing has to be fetched first.
pub fn has_everything() -> bool {
    local::has_kafka()
}

/// What a shell reads to find the servers.
pub fn exports(addresses: &Addresses, config: &Path) -> String {
    let Addresses {
        database_url,
        bootstrap_servers,
        registry_url,
    } = addresses;
    [
        ("DATABASE_URL", &**database_url),
        ("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers),
        ("SCHEMA_REGISTRY_URL", registry_url),
        // So that `status` and `verify` find this relay.
        (CONFIG_VARIABLE, &config.to_string_lossy()),
    ]
    .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
    .concat()
}

/// As a word of a shell, quoted only where that is needed.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@,%+=".contains(&byte);
    if value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let addresses = Addresses {
            database_url: "postgres://me:it's&?x=1@127.0.0.1/dev".to_owned(),
            bootstrap_servers: "127.0.0.1:9092".to_owned(),
            registry_url: "http://127.0.0.1:8081".to_owned(),
        };
        let config = Path::new("/tmp/dev.toml");
        let script = exports(&addresses, config) + "printf %s \"$DATABASE_URL\"";
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.stdout, addresses.database_url.as_bytes());
        let exports = exports(&addresses, config);
        assert!(exports.contains("export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092\n"));
        assert!(exports.contains("export POSTRIDER_CONFIG=/tmp/dev.toml\n"));
    }
}
