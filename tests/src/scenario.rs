//! What one test has to itself: a database, a relay name, topics, a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use postrider::local::{self, Kafka, Postgres, Registry, Stack};
use postrider::names::RelayName;
use serde_json::Value;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::one_shot::OneShot;
use crate::relay_binary::relay_binary;
use crate::relay_process::{Call, RelayProcess};
use crate::stack::shared_stack;

/// Enough writers for every test, and far below the server's limit for all tests together.
const POOL_SIZE: u32 = 8;

/// A database, a relay's name and its configuration, which no other test uses.
///
/// It holds no part of the stack, so a test with a stack of its own may kill the servers meanwhile.
#[derive(Debug)]
pub struct Scenario {
    name: RelayName,
    database_url: String,
    bootstrap_servers: String,
    registry_url: String,
    settings: BTreeMap<String, Value>,
    more: String,
    relays: AtomicUsize,
    folder: TempDir,
}

impl Scenario {
    /// A scenario on the stack that the test binary shares. `name` says in logs, topics and
    /// databases which test it is: at most 24 of `a-z`, `0-9` and `_`.
    ///
    /// # Errors
    ///
    /// The stack does not start, or the name is not one.
    pub async fn new(name: &str) -> Result<Self> {
        Self::on(shared_stack().await?, name).await
    }

    /// A scenario on a stack of the test's own.
    ///
    /// # Errors
    ///
    /// As [`Scenario::new`].
    pub async fn on(stack: &Stack, name: &str) -> Result<Self> {
        Self::build(&stack.postgres, &stack.kafka, &stack.registry, name).await
    }

    /// A scenario on a database server of the test's own, and the broker and the registry that the
    /// test binary shares.
    ///
    /// # Errors
    ///
    /// As [`Scenario::new`].
    pub async fn on_postgres(postgres: &Postgres, name: &str) -> Result<Self> {
        let shared = shared_stack().await?;
        Self::build(postgres, &shared.kafka, &shared.registry, name).await
    }

    async fn build(
        postgres: &Postgres,
        kafka: &Kafka,
        registry: &Registry,
        name: &str,
    ) -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name: RelayName = format!("{name}_{number}").parse()?;
        postgres.create_database(name.as_str()).await?;
        let database_url = postgres.superuser_url(name.as_str());
        let (bootstrap_servers, registry_url) = (kafka.bootstrap_servers(), registry.url());
        let settings = [
            ("name", name.as_str()),
            ("postgres.url", &database_url),
            ("kafka.bootstrap_servers", &bootstrap_servers),
            ("registry.url", &registry_url),
            ("route.topic", &format!("{name}.{{aggregate_type}}")),
            ("log.format", "json"),
        ];
        let settings = settings
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .into();
        Ok(Self {
            name,
            database_url,
            bootstrap_servers,
            registry_url,
            settings,
            more: String::new(),
            relays: AtomicUsize::new(0),
            folder: tempfile::tempdir()?,
        })
    }

    /// Sets a key of the configuration for what is started from now on.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.settings.insert(key.to_owned(), value.into());
    }

    /// Lets the test itself use the database of the same name on another server. Where the relay
    /// looks for it is the configuration's.
    pub fn move_to(&mut self, postgres: &Postgres) {
        self.database_url = postgres.superuser_url(self.name.as_str());
    }

    /// Leaves a key of the configuration, or a whole section, to its default again.
    pub fn unset(&mut self, key: &str) {
        let section = format!("{key}.");
        self.settings
            .retain(|name, _| name != key && !name.starts_with(&section));
    }

    /// Writes a file beside the configuration and gives its path.
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Adds TOML to the configuration's end, for tables that a key cannot name (`[[route.rules]]`).
    pub fn append(&mut self, toml: &str) {
        self.more.push_str(toml);
        self.more.push('\n');
    }

    /// The relay's name, which is the database's name too.
    pub fn name(&self) -> &RelayName {
        &self.name
    }

    /// The database, as superuser.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The broker.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The schema registry's base URL.
    pub fn registry_url(&self) -> &str {
        &self.registry_url
    }

    /// The topic to which this scenario's relay routes `aggregate_type`.
    pub fn topic(&self, aggregate_type: &str) -> String {
        format!("{}.{aggregate_type}", self.name)
    }

    /// Creates the topic for `aggregate_type` and returns its name.
    ///
    /// # Errors
    ///
    /// The broker refused.
    pub async fn create_topic(&self, aggregate_type: &str, partitions: i32) -> Result<String> {
        let topic = self.topic(aggregate_type);
        local::create_topic(&self.bootstrap_servers, &topic, partitions, &[]).await?;
        Ok(topic)
    }

    /// A pool of connections for writers.
    ///
    /// # Errors
    ///
    /// The database cannot be reached.
    pub async fn pool(&self) -> Result<PgPool> {
        let options = PgPoolOptions::new().max_connections(POOL_SIZE);
        Ok(options.connect(&self.database_url).await?)
    }

    /// One connection through tokio-postgres; it closes when the client is dropped.
    ///
    /// # Errors
    ///
    /// The database cannot be reached.
    #[expect(
        clippy::disallowed_methods,
        reason = "the relay's runtime is under test; this task ends with its client or its test"
    )]
    pub async fn client(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await?;
        // A broken connection shows in the client's next query.
        drop(tokio::spawn(connection));
        Ok(client)
    }

    /// Runs a `postrider` command with this scenario's configuration; see [`OneShot`].
    ///
    /// # Errors
    ///
    /// The configuration cannot be written.
    pub fn command(&self, arguments: &[&str]) -> Result<OneShot> {
        Ok(OneShot::new(arguments).config(&self.write_config("postrider.toml", &[])?))
    }

    /// Runs `postrider init`: schema, publication, progress topic, slot, first record.
    ///
    /// # Errors
    ///
    /// It failed; the error shows what it printed.
    pub async fn init(&self) -> Result<()> {
        self.command(&["init"])?.succeed().await.map(drop)
    }

    /// Starts a relay; a second one becomes its standby.
    ///
    /// # Errors
    ///
    /// The binary cannot be built or started.
    pub fn start_relay(&self) -> Result<RelayProcess> {
        self.start_relay_with(&[], &[])
    }

    /// Starts a relay with more arguments of `run`, and with environment variables such as
    /// `POSTRIDER_FAILPOINTS` and `POSTRIDER_SABOTAGE`.
    ///
    /// # Errors
    ///
    /// The binary cannot be built or started.
    pub fn start_relay_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<RelayProcess> {
        let number = self.relays.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", local::port::free()?);
        let listen = ("http.listen", address.as_str());
        let config = self.write_config(&format!("relay-{number}.toml"), &[listen])?;
        let call = Call {
            binary: relay_binary()?,
            config: &config,
            arguments,
            variables,
        };
        RelayProcess::spawn(
            &call,
            &self.folder.path().join(format!("{number}.log")),
            address,
        )
    }

    /// Writes the configuration with dotted keys, one a line; JSON's scalars and arrays are TOML's.
    fn write_config(&self, file: &str, own: &[(&str, &str)]) -> Result<PathBuf> {
        let own = own
            .iter()
            .map(|(key, value)| format!("{key} = {}\n", Value::from(*value)));
        let settings = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        let text = settings.chain(own).collect::<Vec<_>>().concat() + &self.more;
        let path = self.folder.path().join(file);
        fs::write(&path, text)?;
        Ok(path)
    }
}
