//! The relay itself as a local process: this very program, with a configuration of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::error::{Error, file_error};
use super::http::http_client;
use super::port;
use super::process::{Process, run_successfully};
use crate::telemetry::Status;

/// `init` takes about a second.
const INIT_LIMIT: Duration = Duration::from_mins(2);

/// Arguments of `run` for a relay that shall end rather than wait for anybody.
pub const IMPATIENT: [&str; 2] = ["--exit-on-halt", "--no-standby"];

/// Where the servers of a relay are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The database with the outbox; the role must be a superuser, or at least own the database and
    /// have the replication attribute.
    pub database_url: String,
    /// Kafka.
    pub bootstrap_servers: String,
    /// The schema registry.
    pub registry_url: String,
}

/// A relay that can be set up, started, killed and started again.
#[derive(Debug)]
pub struct Relay {
    name: String,
    program: PathBuf,
    config: PathBuf,
    listen: String,
}

impl Relay {
    /// Writes the configuration of relay `name` into `folder`; `more` are keys of it with their
    /// values, such as `("topics.create", true.into())`.
    pub fn configure(
        name: &str,
        addresses: &Addresses,
        more: &[(&str, Value)],
        folder: &Path,
    ) -> Result<Self, Error> {
        let listen = format!("127.0.0.1:{}", port::free()?);
        let own = [
            ("name", name),
            ("postgres.url", &addresses.database_url),
            ("kafka.bootstrap_servers", &addresses.bootstrap_servers),
            ("registry.url", &addresses.registry_url),
            ("http.listen", &listen),
            ("log.format", "human"),
        ];
        // Strings, numbers and booleans of JSON are those of TOML.
        let lines = own
            .iter()
            .map(|(key, value)| (*key, Value::from(*value)))
            .chain(more.iter().cloned())
            .map(|(key, value)| format!("{key} = {value}\n"));
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, lines.collect::<String>()).map_err(file_error(&config))?;
        let program = std::env::current_exe().map_err(|source| Error::Spawn {
            program: "postrider".to_owned(),
            source,
        })?;
        Ok(Self {
            name: name.to_owned(),
            program,
            config,
            listen,
        })
    }

    /// The relay's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The slot that `init` makes.
    pub fn slot(&self) -> String {
        format!("postrider_{}", self.name)
    }

    /// Runs `postrider init` with more arguments.
    pub async fn init(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = self.command("init");
        command.args(arguments);
        run_successfully(command, INIT_LIMIT).await.map(drop)
    }

    /// The configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What a running relay says of itself; none when it does not answer.
    pub async fn status(&self) -> Option<Status> {
        let client = http_client().ok()?;
        let url = format!("http://{}/status", self.listen);
        client.get(url).send().await.ok()?.json().await.ok()
    }

    /// Starts `postrider run` with more arguments and these variables of the environment. All
    /// starts append to one log.
    pub fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Process, Error> {
        let mut command = self.command("run");
        command.args(arguments).envs(variables.iter().copied());
        Process::spawn("the relay", command, &self.config.with_extension("log"))
    }

    /// This program, with nothing of the environment that would configure it.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .arg(name)
            .arg("--config")
            .arg(&self.config);
        command
    }
}
