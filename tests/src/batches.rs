//! Which producer wrote the batches of a topic: the broker's own log, in which also stands what was
//! aborted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postrider::local::Kafka;

/// The tool that prints log segments; it ships with every broker.
const DUMP_CLASS: &str = "kafka.tools.DumpLogSegments";

const DUMP_LIMIT: Duration = Duration::from_mins(1);

/// A batch of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenBatch {
    /// The offset of its first record.
    pub offset: i64,
    /// Who wrote it; a `transactional.id` keeps its number.
    pub producer_id: i64,
    /// Raised with each `init_transactions`.
    pub epoch: i16,
    /// Whether it is the mark that ends a transaction.
    pub is_marker: bool,
    /// Its newest time, in milliseconds since the Unix epoch; the broker's where it is a marker.
    pub at_millis: i64,
}

/// The batches of each partition of `topic`, in the order of their offsets.
///
/// # Errors
///
/// The log cannot be read, or holds something else than transactions of a producer with an id.
pub async fn batches(kafka: &Kafka, topic: &str) -> Result<BTreeMap<i32, Vec<WrittenBatch>>> {
    let mut partitions = BTreeMap::new();
    for partition in 0.. {
        let folder = kafka.log_dir().join(format!("{topic}-{partition}"));
        if !folder.is_dir() {
            break;
        }
        partitions.insert(partition, dump(kafka, segments(folder)?).await?);
    }
    ensure!(!partitions.is_empty(), "{topic:?} has no partition");
    Ok(partitions)
}

/// The segments of a partition, oldest first.
fn segments(folder: PathBuf) -> Result<Vec<String>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(path.display().to_string());
        }
    }
    segments.sort();
    Ok(segments)
}

async fn dump(kafka: &Kafka, segments: Vec<String>) -> Result<Vec<WrittenBatch>> {
    let arguments = ["--files", &segments.join(",")];
    let output = kafka.tool(DUMP_CLASS, &arguments, DUMP_LIMIT).await?;
    ensure!(output.status.success(), "{DUMP_CLASS}: {}", output.stderr);
    let lines = output.stdout.lines();
    lines
        .filter(|line| line.starts_with("baseOffset: "))
        .map(|line| parse(line).with_context(|| line.to_owned()))
        .collect()
}

fn parse(line: &str) -> Result<WrittenBatch> {
    Ok(WrittenBatch {
        offset: field(line, "baseOffset: ")?,
        producer_id: field(line, "producerId: ")?,
        epoch: field(line, "producerEpoch: ")?,
        is_marker: field(line, "isControl: ")?,
        at_millis: field(line, "CreateTime: ")?,
    })
}

fn field<T: FromStr>(line: &str, label: &str) -> Result<T> {
    let value = line.split_once(label).map(|(_, rest)| rest);
    let value = value.and_then(|rest| rest.split_whitespace().next());
    let value = value.and_then(|word| word.parse().ok());
    value.with_context(|| format!("no {label:?}"))
}
