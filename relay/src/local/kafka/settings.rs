//! The broker's `server.properties`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::local::error::{Error, file_error};
use crate::local::folder::Folder;

/// What differs from Kafka's defaults: replication for one node, few internal partitions (faster
/// start), and short sessions, because after a kill the node is let in again only when its earlier
/// session has expired (14 s by default, about 4 s so).
const SETTINGS: [(&str, &str); 15] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    (
        "listener.security.protocol.map",
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    ),
    ("auto.create.topics.enable", "false"),
    ("default.replication.factor", "1"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "5"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "5"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("broker.session.timeout.ms", "2000"),
    ("broker.heartbeat.interval.ms", "300"),
];

/// Writes the settings of a broker; of several lines for one, the last counts.
pub(super) fn write(
    folder: &Folder,
    port: u16,
    controller_port: u16,
    wanted: &[(String, String)],
) -> Result<(), Error> {
    let broker = format!("PLAINTEXT://127.0.0.1:{port}");
    let controller = format!("127.0.0.1:{controller_port}");
    let own = [
        ("listeners", format!("{broker},CONTROLLER://{controller}")),
        ("advertised.listeners", broker),
        ("controller.quorum.bootstrap.servers", controller),
        ("log.dirs", log_dir(folder).to_string_lossy().into_owned()),
    ];
    let fixed = SETTINGS
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let wanted = wanted
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    let lines: Vec<String> = fixed
        .chain(own)
        .chain(wanted)
        .map(|(name, value)| format!("{name}={value}\n"))
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

/// A cluster id as `StorageTool random-uuid` makes it: 16 random bytes in URL-safe base64, none
/// with a leading dash, which the tool would take for an option.
pub(super) fn new_cluster_id() -> String {
    let mut bytes = Uuid::new_v4().into_bytes();
    bytes[0] &= 0x7F;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_never_looks_like_an_option() {
        for _ in 0..1000 {
            let id = new_cluster_id();
            assert!(id.len() == 22 && !id.starts_with('-'), "{id}");
        }
    }
}
