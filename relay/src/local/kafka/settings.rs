//! The broker's `server.properties`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::listener::Listener;
use crate::local::error::{Error, file_error};
use crate::local::folder::Folder;

/// What differs from Kafka's defaults: replication for one node, few internal partitions (faster
/// start), and short sessions, because after a kill the node is let in again only when its earlier
/// session has expired (14 s by default, about 4 s so).
const SETTINGS: [(&str, &str); 14] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
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
    listeners: &[Listener],
    wanted: &[(String, String)],
) -> Result<(), Error> {
    let broker = format!("PLAINTEXT://127.0.0.1:{port}");
    let controller = format!("127.0.0.1:{controller_port}");
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
        ("controller.quorum.bootstrap.servers", controller),
        ("log.dirs", log_dir(folder).to_string_lossy().into_owned()),
    ];
    let fixed = SETTINGS.map(|(name, value)| (name, value.to_owned()));
    // A value of several lines, such as a certificate, is written as one.
    let lines: Vec<String> = fixed
        .into_iter()
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
