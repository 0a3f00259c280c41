//! The cluster as it is planned, and the `server.properties` of each node.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::listener::Listener;
use crate::local::error::{Error, file_error};
use crate::local::folder::Folder;
use crate::local::port;

/// What differs from Kafka's defaults: few internal partitions (faster start), and short sessions,
/// because after a kill a node is let in again only when its earlier session has expired (14 s by
/// default, about 4 s so).
const SETTINGS: [(&str, &str); 8] = [
    ("process.roles", "broker,controller"),
    ("controller.listener.names", "CONTROLLER"),
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.num.partitions", "5"),
    ("transaction.state.log.num.partitions", "5"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("broker.session.timeout.ms", "2000"),
    ("broker.heartbeat.interval.ms", "300"),
];

/// Copies of each partition, as far as there are nodes.
const COPIES: usize = 3;

/// The nodes of a cluster before they run.
pub(super) struct Cluster {
    pub(super) id: String,
    nodes: Vec<Planned>,
}

/// Where a node will listen, and the id of its log folder, which the others know it by.
pub(super) struct Planned {
    pub(super) port: u16,
    controller_port: u16,
    directory_id: String,
}

impl Cluster {
    /// Ports and ids for so many nodes; `port` is that of the first.
    pub(super) fn plan(nodes: u8, port: Option<u16>) -> Result<Self, Error> {
        let plan = |number| {
            Ok(Planned {
                port: port::free_or(port.filter(|_| number == 0))?,
                controller_port: port::free()?,
                directory_id: new_id(),
            })
        };
        Ok(Self {
            id: new_id(),
            nodes: (0..nodes).map(plan).collect::<Result<_, Error>>()?,
        })
    }

    pub(super) fn node(&self, id: i32) -> &Planned {
        let (_, node) = self
            .numbered()
            .find(|(number, _)| *number == id)
            .expect("a node is planned before it is launched");
        node
    }

    /// For `StorageTool format`: they form the first quorum.
    pub(super) fn initial_controllers(&self) -> String {
        let all = self.numbered().map(|(id, node)| {
            let (port, directory) = (node.controller_port, &node.directory_id);
            format!("{id}@127.0.0.1:{port}:{directory}")
        });
        all.collect::<Vec<_>>().join(",")
    }

    fn numbered(&self) -> impl Iterator<Item = (i32, &Planned)> {
        (1..).zip(&self.nodes)
    }

    fn controllers(&self) -> String {
        let all = self.nodes.iter().map(|node| node.controller_port);
        let all = all.map(|port| format!("127.0.0.1:{port}"));
        all.collect::<Vec<_>>().join(",")
    }

    /// A record is acknowledged when one other broker has it, where there is one.
    fn replication(&self) -> [(&'static str, usize); 5] {
        let copies = self.nodes.len().min(COPIES);
        let in_sync = copies.min(2);
        [
            ("default.replication.factor", copies),
            ("min.insync.replicas", in_sync),
            ("offsets.topic.replication.factor", copies),
            ("transaction.state.log.replication.factor", copies),
            ("transaction.state.log.min.isr", in_sync),
        ]
    }
}

/// Writes the settings of the node `id`; of several lines for one, the last counts.
pub(super) fn write(
    folder: &Folder,
    cluster: &Cluster,
    id: i32,
    listeners: &[Listener],
    wanted: &[(String, String)],
) -> Result<(), Error> {
    let node = cluster.node(id);
    let broker = format!("PLAINTEXT://127.0.0.1:{}", node.port);
    let controller = format!("127.0.0.1:{}", node.controller_port);
    let with = |first: String, of: fn(&Listener) -> String| {
        let all = std::iter::once(first).chain(listeners.iter().map(of));
        all.collect::<Vec<_>>().join(",")
    };
    let own = [
        (
            "listeners",
            with(
                format!("{broker},CONTROLLER://{controller}"),
                Listener::endpoint,
            ),
        ),
        ("advertised.listeners", with(broker, Listener::advertised)),
        (
            "listener.security.protocol.map",
            with(
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
                Listener::protocol,
            ),
        ),
        ("node.id", id.to_string()),
        ("controller.quorum.bootstrap.servers", cluster.controllers()),
        ("log.dirs", log_dir(folder).to_string_lossy().into_owned()),
    ];
    let fixed = SETTINGS.map(|(name, value)| (name, value.to_owned()));
    let replication = cluster.replication();
    let replication = replication.map(|(name, value)| (name, value.to_string()));
    // A value of several lines, such as a certificate, is written as one.
    let lines: Vec<String> = fixed
        .into_iter()
        .chain(replication)
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value))
        .chain(listeners.iter().flat_map(Listener::settings))
        .chain(wanted.iter().cloned())
        .map(|(name, value)| format!("{name}={}\n", value.replace('\n', "\\n")))
        .collect();
    let path = path(folder);
    std::fs::write(&path, lines.concat()).map_err(file_error(path))
}

pub(super) fn path(folder: &Folder) -> PathBuf {
    folder.path().join("server.properties")
}

pub(super) fn log_dir(folder: &Folder) -> PathBuf {
    folder.path().join("kafka")
}

/// An id as `StorageTool random-uuid` makes it: 16 random bytes in URL-safe base64, none
/// with a leading dash, which the tool would take for an option.
fn new_id() -> String {
    let mut bytes = Uuid::new_v4().into_bytes();
    bytes[0] &= 0x7F;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_looks_like_an_option() {
        for _ in 0..1000 {
            let id = new_id();
            assert!(id.len() == 22 && !id.starts_with('-'), "{id}");
        }
    }
}
