//! A temporary Apache Kafka: one KRaft node that is broker and controller.
//!
//! Contract: it listens on 127.0.0.1 only, creates no topic by itself, and keeps its ports and its
//! log over a kill. Everything goes when it is dropped.

mod admin;
mod listener;
mod reader;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use super::artifacts::Artifacts;
use super::error::Error;
use super::folder::Folder;
use super::port;
use super::process::{Output, Process, run, run_successfully};
use super::wait::until_ready;
pub use admin::{create_topic, delete_topic};
pub use listener::Listener;
pub(crate) use reader::{event_id, reader};

/// Formatting the log folder starts a virtual machine: a second, more under load.
const FORMAT_LIMIT: Duration = Duration::from_mins(1);

/// Options of the virtual machine for short runs: less compilation, one collector thread. The
/// broker starts in 1.6 s with them and in 2.2 s without.
const QUICK_START: [&str; 2] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// How to start a [`Kafka`].
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// The port for clients; a free one if `None`.
    pub port: Option<u16>,
    /// More listeners, beside the plain one of this module.
    pub listeners: Vec<Listener>,
    /// Users and passwords for SCRAM-SHA-256 and SCRAM-SHA-512.
    pub scram_users: Vec<(String, String)>,
    /// Settings for `server.properties`; they override those of this module.
    pub settings: Vec<(String, String)>,
    /// The largest heap of the virtual machine.
    pub heap_megabytes: u32,
    /// Start quickly instead of running at full speed: for tests, not for measurements.
    pub quick_start: bool,
}

impl Default for KafkaOptions {
    /// A free port, no further settings, a quick start, and 512 MB, which carried every load so far.
    fn default() -> Self {
        Self {
            port: None,
            listeners: Vec::new(),
            scram_users: Vec::new(),
            settings: Vec::new(),
            heap_megabytes: 512,
            quick_start: true,
        }
    }
}

/// A running or killed broker with a log of its own.
#[derive(Debug)]
pub struct Kafka {
    // Declared before the folder, hence ended before its log is removed.
    process: Process,
    artifacts: Artifacts,
    machine_options: Vec<String>,
    port: u16,
    folder: Folder,
}

impl Kafka {
    /// Starts a broker; returns when it serves requests.
    pub async fn start(options: KafkaOptions) -> Result<Self, Error> {
        let artifacts = Artifacts::kafka().await?;
        let (port, controller_port) = (port::free_or(options.port)?, port::free()?);
        let folder = Folder::create()?;
        settings::write(
            &folder,
            port,
            controller_port,
            &options.listeners,
            &options.settings,
        )?;

        let mut format = artifacts.class_command(&QUICK_START, folder.path());
        format.args(["kafka.tools.StorageTool", "format", "--standalone", "-t"]);
        format
            .arg(settings::new_cluster_id())
            .arg("-c")
            .arg(settings::path(&folder));
        for (user, password) in &options.scram_users {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                let credential = format!("{mechanism}=[name={user},password={password}]");
                format.arg("--add-scram").arg(credential);
            }
        }
        run_successfully(format, FORMAT_LIMIT).await?;

        let mut machine_options = vec![format!("-Xmx{}m", options.heap_megabytes)];
        if options.quick_start {
            machine_options.extend(QUICK_START.map(str::to_owned));
        }
        let process = launch(&artifacts, &machine_options, &folder)?;
        let mut kafka = Self {
            process,
            artifacts,
            machine_options,
            port,
            folder,
        };
        kafka.until_ready().await?;
        Ok(kafka)
    }

    /// Where clients connect: `127.0.0.1:<port>`.
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder with the partitions, as `kafka.tools.DumpLogSegments` reads them.
    pub fn log_dir(&self) -> PathBuf {
        settings::log_dir(&self.folder)
    }

    /// The broker's process: its id, its log, its usage.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The same, to pause and resume it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// [`create_topic`] on this broker.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), Error> {
        create_topic(&self.bootstrap_servers(), name, partitions, configs).await
    }

    /// [`delete_topic`] on this broker.
    pub async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        delete_topic(&self.bootstrap_servers(), name).await
    }

    /// Runs one of Kafka's own command-line classes, such as
    /// `org.apache.kafka.tools.consumer.ConsoleConsumer`, to its end and returns what it printed.
    pub async fn tool(
        &self,
        class: &str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Output, Error> {
        let mut command = self
            .artifacts
            .class_command(&QUICK_START, self.folder.path());
        command
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg(class)
            .args(arguments);
        run(command, limit).await
    }

    /// Kills the broker (SIGKILL); returns when it is gone. [`Kafka::restart`] brings it back.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill().map(drop)
    }

    /// Starts the broker again on its ports and log, after a kill if it runs; returns when it
    /// serves requests, that is after its earlier session has expired.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.kill()?;
        self.process = launch(&self.artifacts, &self.machine_options, &self.folder)?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<(), Error> {
        let servers = self.bootstrap_servers();
        until_ready(&mut self.process, || admin::is_serving(&servers)).await
    }
}

fn launch(
    artifacts: &Artifacts,
    machine_options: &[String],
    folder: &Folder,
) -> Result<Process, Error> {
    let options: Vec<&str> = machine_options.iter().map(String::as_str).collect();
    let mut command = artifacts.class_command(&options, folder.path());
    command.args(["-Dorg.slf4j.simpleLogger.showDateTime=true", "kafka.Kafka"]);
    command
        .arg(settings::path(folder))
        .current_dir(folder.path());
    Process::spawn("kafka", command, &folder.path().join("kafka.log"))
}
