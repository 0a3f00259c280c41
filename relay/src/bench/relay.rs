//! The relay under measurement: this very program, as a process, with a configuration of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Client;

use super::Error;
use super::backlog::AGGREGATE_TYPE;
use super::drain::Bench;
use super::meter::Meter;
use super::report::Drain;
use crate::local::process::{Process, run};
use crate::local::{self, Stack};
use crate::lsn::Lsn;

/// `init` takes about a second.
const INIT_LIMIT: Duration = Duration::from_mins(2);

/// How long the relay may take to stop after a drain.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A relay that is set up and not running.
pub(super) struct Relay {
    name: String,
    program: PathBuf,
    config: PathBuf,
}

impl Relay {
    /// Writes a configuration for relay `name` into `folder`.
    pub(super) fn configure(
        stack: &Stack,
        url: &str,
        name: String,
        folder: &Path,
    ) -> Result<Self, Error> {
        let listen = format!("127.0.0.1:{}", local::port::free()?);
        let lines = [
            ("name", name.as_str()),
            ("postgres.url", url),
            ("kafka.bootstrap_servers", &stack.kafka.bootstrap_servers()),
            ("registry.url", &stack.registry.url()),
            ("route.topic", &format!("{name}.{{aggregate_type}}")),
            ("http.listen", &listen),
            ("log.format", "human"),
        ];
        // A string of JSON is one of TOML.
        let lines = lines.map(|(key, value)| format!("{key} = {}\n", Value::from(value)));
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, lines.concat()).map_err(|source| local::Error::File {
            path: config.clone(),
            source,
        })?;
        let program = std::env::current_exe().map_err(Error::Program)?;
        Ok(Self {
            name,
            program,
            config,
        })
    }

    /// The topic that its events go to.
    pub(super) fn topic(&self) -> String {
        format!("{}.{AGGREGATE_TYPE}", self.name)
    }

    /// The slot that `init` makes.
    pub(super) fn slot(&self) -> String {
        format!("postrider_{}", self.name)
    }

    /// Runs `postrider init`.
    pub(super) async fn init(&self) -> Result<(), Error> {
        let output = run(self.command("init"), INIT_LIMIT).await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Init {
            output: output.stderr,
        })
    }

    /// Runs `postrider run` until its slot has confirmed the backlog's end, then stops it.
    pub(super) async fn drain(&self, bench: &Bench<'_>) -> Result<Drain, Error> {
        let Bench {
            stack,
            client,
            end,
            limit,
            ..
        } = *bench;
        let mut command = self.command("run");
        command.args(["--exit-on-halt", "--no-standby"]);
        let log = self.config.with_extension("log");
        let broker = stack.kafka.process().usage()?.cpu;
        let slot = self.slot();
        let mut process = Process::spawn("the relay", command, &log)?;
        let meter = Meter::new(&mut process, client, &slot, limit);
        let done =
            async |client: &Client| Ok(confirmed(client, &slot).await? >= end.before_last_commit);
        let mut drained = meter.observe(done).await?;
        drained.broker_cpu = Some(stack.kafka.process().usage()?.cpu.saturating_sub(broker));
        if confirmed(client, &slot).await? < end.before_last_commit {
            return Err(Error::Ended {
                what: process.name().to_owned(),
                log: process.log_tail(),
            });
        }
        process.terminate()?;
        process.wait(STOP_LIMIT).await?;
        Ok(drained)
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

/// How far the slot's reader has confirmed.
async fn confirmed(client: &Client, slot: &str) -> Result<Lsn, Error> {
    let query = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1";
    let position: String = client.query_one(query, &[&slot]).await?.get(0);
    position.parse().map_err(|_| Error::Position)
}
