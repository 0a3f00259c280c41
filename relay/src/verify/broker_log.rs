//! The broker's own log, printed by the tool that ships with every broker:
//! `kafka.tools.DumpLogSegments`. What it says is read in `transactions`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;

use super::error::Error;
use super::transactions::{Transactions, assign, parse_batches, parse_decisions};
use crate::local::{Kafka, Node};

/// The tool that prints log segments.
const DUMP_CLASS: &str = "kafka.tools.DumpLogSegments";
/// A virtual machine that prints a line for each batch of a million records needs seconds.
const DUMP_LIMIT: Duration = Duration::from_mins(5);

const COORDINATOR_TOPIC: &str = "__transaction_state";

/// Runs [`DUMP_CLASS`] with arguments and gives what it printed.
type Dump<'k> = Box<dyn Fn(Vec<String>) -> BoxFuture<'k, io::Result<String>> + Send + Sync + 'k>;

/// The log folders of the brokers, and how to print what is in them.
pub struct BrokerLog<'k> {
    log_dirs: Vec<PathBuf>,
    dump: Dump<'k>,
}

impl<'k> BrokerLog<'k> {
    /// The `log.dirs` of every broker of the cluster, and a function that runs
    /// `kafka.tools.DumpLogSegments` with the given arguments and gives its standard output.
    pub fn new(
        log_dirs: Vec<PathBuf>,
        dump: impl Fn(Vec<String>) -> BoxFuture<'k, io::Result<String>> + Send + Sync + 'k,
    ) -> Self {
        Self {
            log_dirs,
            dump: Box::new(dump),
        }
    }

    /// The log of every node of a local cluster.
    pub fn of(kafka: &'k Kafka) -> Self {
        let log_dirs = kafka.nodes().iter().map(Node::log_dir);
        Self::new(log_dirs.collect(), move |arguments| {
            Box::pin(async move {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let output = kafka.tool(DUMP_CLASS, &arguments, DUMP_LIMIT).await;
                let output = output.map_err(io::Error::other)?;
                if output.status.success() {
                    Ok(output.stdout)
                } else {
                    Err(io::Error::other(output.stderr))
                }
            })
        })
    }

    /// Reads which transaction wrote each record of the given topics.
    pub(super) async fn transactions(
        &self,
        topics: &BTreeSet<String>,
    ) -> Result<Transactions, Error> {
        let coordinator = self.segments(|topic| topic == COORDINATOR_TOPIC)?;
        let decoded = vec!["--transaction-log-decoder".to_owned()];
        let decisions = parse_decisions(&self.dump(coordinator, decoded).await?)?;
        let data = self.segments(|topic| topics.contains(topic))?;
        assign(
            &parse_batches(&self.dump(data, Vec::new()).await?)?,
            &decisions,
        )
    }

    async fn dump(&self, files: Vec<PathBuf>, mut arguments: Vec<String>) -> Result<String, Error> {
        let files: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        if files.is_empty() {
            return Ok(String::new());
        }
        arguments.extend(["--files".to_owned(), files.join(",")]);
        (self.dump)(arguments).await.map_err(Error::DumpSegments)
    }

    /// The segments of every partition of the wanted topics, from the fullest replica of each.
    fn segments(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
        let mut replicas: BTreeMap<String, (u64, Vec<PathBuf>)> = BTreeMap::new();
        for log_dir in &self.log_dirs {
            for (partition, _) in entries(log_dir)? {
                let topic = partition.rsplit_once('-').map_or("", |(topic, _)| topic);
                if !wanted(topic) {
                    continue;
                }
                let mut files = entries(&log_dir.join(&partition))?;
                files.retain(|(name, _)| Path::new(name).extension().is_some_and(|e| e == "log"));
                files.sort();
                let bytes = files.iter().map(|(_, bytes)| bytes).sum();
                let paths = files
                    .iter()
                    .map(|(name, _)| log_dir.join(&partition).join(name));
                let replica = replicas.entry(partition.clone()).or_default();
                if replica.1.is_empty() || bytes > replica.0 {
                    *replica = (bytes, paths.collect());
                }
            }
        }
        Ok(replicas
            .into_values()
            .flat_map(|(_, files)| files)
            .collect())
    }
}

fn entries(folder: &Path) -> Result<Vec<(String, u64)>, Error> {
    let read = || {
        std::fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                Ok((
                    entry.file_name().to_string_lossy().into_owned(),
                    entry.metadata()?.len(),
                ))
            })
            .collect::<io::Result<Vec<_>>>()
    };
    read().map_err(|source| Error::ListSegments {
        folder: folder.display().to_string(),
        source,
    })
}
