//! One KRaft node, broker and controller at once: a process, its ports and its log.

use std::path::PathBuf;

use super::admin;
use super::listener::Listener;
use super::settings::{self, Cluster};
use super::{FORMAT_LIMIT, KafkaOptions, QUICK_START};
use crate::local::artifacts::Artifacts;
use crate::local::error::Error;
use crate::local::folder::Folder;
use crate::local::process::{Process, run_successfully};
use crate::local::wait::until_ready;

/// A node that runs or was killed; its ports and its log stay.
#[derive(Debug)]
pub struct Node {
    // Declared before the folder, hence ended before its log is removed.
    process: Process,
    launch: Launch,
    id: i32,
    port: u16,
    pub(super) folder: Folder,
}

/// How its process is started.
#[derive(Debug, Clone)]
struct Launch {
    artifacts: Artifacts,
    machine_options: Vec<String>,
}

impl Node {
    /// Formats the log of the node `id` of `cluster` and starts it. It may serve nothing yet: a node
    /// waits until most of them run.
    pub(super) async fn launch(
        artifacts: &Artifacts,
        cluster: &Cluster,
        id: i32,
        options: &KafkaOptions,
    ) -> Result<Self, Error> {
        let folder = Folder::create()?;
        let port = cluster.node(id).port;
        // Their ports are fixed, so one node alone has them.
        let listeners: &[Listener] = if id == 1 { &options.listeners } else { &[] };
        settings::write(&folder, cluster, id, listeners, &options.settings)?;

        let mut format = artifacts.class_command(&QUICK_START, folder.path());
        format
            .args(["kafka.tools.StorageTool", "format", "-t"])
            .arg(&cluster.id)
            .arg("--initial-controllers")
            .arg(cluster.initial_controllers())
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
        let launch = Launch {
            artifacts: artifacts.clone(),
            machine_options,
        };
        Ok(Self {
            process: launch.start(&folder)?,
            launch,
            id,
            port,
            folder,
        })
    }

    /// Its `node.id`, from 1.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Where clients connect: `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder with the partitions, as `kafka.tools.DumpLogSegments` reads them.
    pub fn log_dir(&self) -> PathBuf {
        settings::log_dir(&self.folder)
    }

    /// Its process: its id, its log, its usage.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The same, to pause and resume it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it (SIGKILL); returns when it is gone. [`Node::restart`] brings it back.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill().map(drop)
    }

    /// Starts it again on its ports and log, after a kill if it runs; returns when it serves
    /// requests, that is after its earlier session has expired.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.relaunch()?;
        self.until_ready().await
    }

    /// Starts it again, and does not wait.
    pub(super) fn relaunch(&mut self) -> Result<(), Error> {
        self.kill()?;
        self.process = self.launch.start(&self.folder)?;
        Ok(())
    }

    /// Waits until it serves requests.
    pub async fn until_ready(&mut self) -> Result<(), Error> {
        let (address, id) = (self.address(), self.id);
        until_ready(&mut self.process, || admin::is_serving(&address, id)).await
    }
}

impl Launch {
    fn start(&self, folder: &Folder) -> Result<Process, Error> {
        let options: Vec<&str> = self.machine_options.iter().map(String::as_str).collect();
        let mut command = self.artifacts.class_command(&options, folder.path());
        command.args(["-Dorg.slf4j.simpleLogger.showDateTime=true", "kafka.Kafka"]);
        command
            .arg(settings::path(folder))
            .current_dir(folder.path());
        Process::spawn("kafka", command, &folder.path().join("kafka.log"))
    }
}
