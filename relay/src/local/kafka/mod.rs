//! A temporary Apache Kafka: KRaft nodes that are each broker and controller, usually one.
//!
//! Contract: it listens on 127.0.0.1 only, creates no topic by itself, and keeps its ports and its
//! log over a kill. Everything goes when it is dropped.

mod admin;
mod listener;
mod node;
mod reader;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use super::artifacts::Artifacts;
use super::error::Error;
use super::process::{Output, Process, run};
pub use admin::{create_topic, delete_topic};
use futures::future::try_join_all;
pub use listener::Listener;
pub use node::Node;
pub(crate) use reader::{event_id, reader};
use settings::Cluster;

/// Formatting the log folder starts a virtual machine: a second, more under load.
const FORMAT_LIMIT: Duration = Duration::from_mins(1);

/// Options of the virtual machine for short runs: less compilation, one collector thread. The
/// broker starts in 1.6 s with them and in 2.2 s without.
const QUICK_START: [&str; 2] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// How to start a [`Kafka`].
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// How many nodes. With three, each partition has three copies, two of which must have a record.
    pub nodes: u8,
    /// The port of the first node for clients; a free one if `None`.
    pub port: Option<u16>,
    /// More listeners of the first node, beside the plain one of this module.
    pub listeners: Vec<Listener>,
    /// Users and passwords for SCRAM-SHA-256 and SCRAM-SHA-512.
    pub scram_users: Vec<(String, String)>,
    /// Settings for `server.properties`; they override those of this module.
    pub settings: Vec<(String, String)>,
    /// The largest heap of each virtual machine.
    pub heap_megabytes: u32,
    /// Start quickly instead of running at full speed: for tests, not for measurements.
    pub quick_start: bool,
}

impl Default for KafkaOptions {
    /// One node, a free port, no further settings, a quick start, and 512 MB, which carried every
    /// load so far.
    fn default() -> Self {
        Self {
            nodes: 1,
            port: None,
            listeners: Vec::new(),
            scram_users: Vec::new(),
            settings: Vec::new(),
            heap_megabytes: 512,
            quick_start: true,
        }
    }
}

/// A cluster whose nodes run or were killed, each with a log of its own.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    artifacts: Artifacts,
}

impl Kafka {
    /// Starts the nodes; returns when each serves requests.
    pub async fn start(options: KafkaOptions) -> Result<Self, Error> {
        let artifacts = Artifacts::kafka().await?;
        let cluster = Cluster::plan(options.nodes, options.port)?;
        let ids = 1..=i32::from(options.nodes);
        let nodes = ids.map(|id| Node::launch(&artifacts, &cluster, id, &options));
        let nodes = try_join_all(nodes).await?;
        let mut kafka = Self { nodes, artifacts };
        kafka.until_ready().await?;
        Ok(kafka)
    }

    /// Where clients connect, every node: `127.0.0.1:<port>,…`.
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// The nodes, that of id 1 first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The same, to kill and to pause some of them.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// [`Node::log_dir`] of the first node.
    pub fn log_dir(&self) -> PathBuf {
        self.nodes[0].log_dir()
    }

    /// [`Node::process`] of the first node.
    pub fn process(&self) -> &Process {
        self.nodes[0].process()
    }

    /// [`create_topic`] on this cluster.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), Error> {
        create_topic(&self.bootstrap_servers(), name, partitions, configs).await
    }

    /// [`delete_topic`] on this cluster.
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
        let folder = self.nodes[0].folder.path();
        let mut command = self.artifacts.class_command(&QUICK_START, folder);
        command
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg(class)
            .args(arguments);
        run(command, limit).await
    }

    /// Kills every node (SIGKILL); returns when they are gone. [`Kafka::restart`] brings them back.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.nodes.iter_mut().try_for_each(Node::kill)
    }

    /// Starts every node again, as [`Node::restart`] does.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.nodes.iter_mut().try_for_each(Node::relaunch)?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<(), Error> {
        try_join_all(self.nodes.iter_mut().map(Node::until_ready)).await?;
        Ok(())
    }
}
