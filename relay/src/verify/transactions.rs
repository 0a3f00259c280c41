//! Which records lie in one Kafka transaction, told by the broker's own log.
//!
//! A consumer cannot see it: `read_committed` shows what was committed, not together with what. The
//! relay's word (its position header) is no evidence. The broker writes both halves down:
//!
//! - a partition's log holds a control record behind the records of each transaction of a producer
//!   (<https://kafka.apache.org/41/documentation.html#controlbatch>), so the records of a producer
//!   between two of its markers belong to one transaction;
//! - the coordinator's log (`__transaction_state`) holds, for each transaction, the moment when its
//!   outcome was decided, with the producer's epoch and all partitions that take part.
//!
//! A marker is written after the decision it carries out and before the coordinator lets the same
//! producer begin again. So a marker belongs to the last decision of its producer that is not later
//! than itself; epoch and partition must agree, or the log is not believed. Counting markers would
//! not do: a coordinator that restarts writes the markers of an undecided transaction twice.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::error::Error;

/// `PrepareCommit` of `org.apache.kafka.coordinator.transaction.TransactionState`.
const PREPARE_COMMIT: i8 = 2;
/// `PrepareAbort` of the same.
const PREPARE_ABORT: i8 = 3;

/// A decision of the coordinator: commit or abort one transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Milliseconds since the epoch, by the coordinator's clock.
    at: i64,
    epoch: i16,
    committed: bool,
    partitions: Vec<(String, i32)>,
}

/// The decisions of each producer id, in their order.
pub(super) type Decisions = HashMap<i64, Vec<Decision>>;

#[derive(Deserialize)]
struct CoordinatorRecord {
    data: CoordinatorState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CoordinatorState {
    producer_id: i64,
    producer_epoch: i16,
    transaction_status: i8,
    transaction_partitions: Option<Vec<TopicPartitions>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopicPartitions {
    topic: String,
    partition_ids: Vec<i32>,
}

/// Reads what `--transaction-log-decoder` prints.
///
/// The topic is compacted: an offset that is missing means that decisions are missing too, and then
/// nothing can be proved.
pub(super) fn parse_decisions(dump: &str) -> Result<Decisions, Error> {
    let mut decisions = Decisions::new();
    let mut file = "";
    let mut next_offset = 0;
    for line in dump.lines() {
        if let Some(dumped) = dumped_file(line) {
            next_offset = if partition_name(dumped) == partition_name(file) {
                next_offset
            } else {
                0
            };
            file = dumped;
            continue;
        }
        let Some(record) = line.strip_prefix("| ") else {
            continue;
        };
        let offset: i64 = number(record, "offset: ")?;
        if offset != next_offset {
            return Err(unexplained("the coordinator's log was compacted"));
        }
        next_offset += 1;
        let Some((_, payload)) = record.split_once(" payload: ") else {
            continue;
        };
        let Ok(CoordinatorRecord { data }) = serde_json::from_str(payload) else {
            continue;
        };
        if data.transaction_status != PREPARE_COMMIT && data.transaction_status != PREPARE_ABORT {
            continue;
        }
        let partitions = data.transaction_partitions.unwrap_or_default().into_iter();
        decisions
            .entry(data.producer_id)
            .or_default()
            .push(Decision {
                at: number(record, "CreateTime: ")?,
                epoch: data.producer_epoch,
                committed: data.transaction_status == PREPARE_COMMIT,
                partitions: partitions
                    .flat_map(
                        |TopicPartitions {
                             topic,
                             partition_ids,
                         }| {
                            partition_ids
                                .into_iter()
                                .map(move |partition| (topic.clone(), partition))
                        },
                    )
                    .collect(),
            });
    }
    Ok(decisions)
}

/// A batch of a data partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    first: i64,
    last: i64,
    producer_id: i64,
    epoch: i16,
    transactional: bool,
    control: bool,
    at: i64,
}

/// Reads what the tool prints of data partitions without any decoder: a line for each batch.
pub(super) fn parse_batches(dump: &str) -> Result<BTreeMap<(String, i32), Vec<Batch>>, Error> {
    let mut partitions: BTreeMap<(String, i32), Vec<Batch>> = BTreeMap::new();
    let mut current = None;
    for line in dump.lines() {
        if let Some(file) = dumped_file(line) {
            let name = partition_name(file).and_then(|name| name.rsplit_once('-'));
            let name = name.and_then(|(topic, id)| Some((topic.to_owned(), id.parse().ok()?)));
            current = Some(name.ok_or_else(|| unexplained("a segment outside a partition"))?);
        }
        if !line.starts_with("baseOffset: ") {
            continue;
        }
        let partition = current
            .clone()
            .ok_or_else(|| unexplained("a batch outside a segment"))?;
        partitions.entry(partition).or_default().push(Batch {
            first: number(line, "baseOffset: ")?,
            last: number(line, "lastOffset: ")?,
            producer_id: number(line, "producerId: ")?,
            epoch: number(line, "producerEpoch: ")?,
            transactional: word(line, "isTransactional: ")? == "true",
            control: word(line, "isControl: ")? == "true",
            at: number(line, "CreateTime: ")?,
        });
    }
    Ok(partitions)
}

/// The file that a section of the output is about.
fn dumped_file(line: &str) -> Option<&str> {
    line.strip_prefix("Dumping ")
}

/// The folder of a segment: `<topic>-<partition>`.
fn partition_name(file: &str) -> Option<&str> {
    Path::new(file).parent()?.file_name()?.to_str()
}

fn word<'l>(line: &'l str, label: &str) -> Result<&'l str, Error> {
    let rest = line.split_once(label).map(|(_, rest)| rest);
    let rest = rest.ok_or_else(|| unexplained(format!("a line without {}", label.trim_end())))?;
    Ok(rest.split_whitespace().next().unwrap_or_default())
}

fn number<T: std::str::FromStr>(line: &str, label: &str) -> Result<T, Error> {
    word(line, label)?
        .parse()
        .map_err(|_| unexplained(format!("{} is no number", label.trim_end())))
}

fn unexplained(why: impl Into<String>) -> Error {
    Error::UnexplainedLog { why: why.into() }
}

/// One Kafka transaction: a producer's n-th decision. Ordered within a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TransactionId {
    pub(super) producer_id: i64,
    pub(super) number: u32,
}

/// Which transaction wrote each record.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    partitions: HashMap<String, HashMap<i32, Vec<Span>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
    transaction: TransactionId,
}

impl Transactions {
    /// The transaction of the record at `offset`; none for one written outside any.
    pub(super) fn of(&self, topic: &str, partition: i32, offset: i64) -> Option<TransactionId> {
        let spans = self.partitions.get(topic)?.get(&partition)?;
        let at = spans.partition_point(|span| span.last < offset);
        let span = spans.get(at).filter(|span| span.first <= offset)?;
        Some(span.transaction)
    }

    #[cfg(test)]
    pub(super) fn insert(&mut self, topic: &str, partition: i32, offset: i64, number: u32) {
        let transaction = TransactionId {
            producer_id: 1,
            number,
        };
        let spans = self
            .partitions
            .entry(topic.to_owned())
            .or_default()
            .entry(partition)
            .or_default();
        let at = spans.partition_point(|span| span.last < offset);
        spans.insert(
            at,
            Span {
                first: offset,
                last: offset,
                transaction,
            },
        );
    }
}

/// Gives every batch the transaction of the marker that follows it.
pub(super) fn assign(
    partitions: &BTreeMap<(String, i32), Vec<Batch>>,
    decisions: &Decisions,
) -> Result<Transactions, Error> {
    let mut transactions = Transactions::default();
    for ((topic, partition), batches) in partitions {
        let mut open: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
        let mut spans = Vec::new();
        for batch in batches.iter().filter(|batch| batch.transactional) {
            if !batch.control {
                open.entry(batch.producer_id)
                    .or_default()
                    .push((batch.first, batch.last));
                continue;
            }
            let Some(written) = open.remove(&batch.producer_id) else {
                continue;
            };
            let (number, decision) = decision_of(batch, decisions)?;
            let takes_part = |(t, p): &(String, i32)| t == topic && p == partition;
            if !decision.partitions.iter().any(takes_part) {
                return Err(unexplained(format!(
                    "{topic}[{partition}] has a marker of no decision"
                )));
            }
            if decision.committed {
                let transaction = TransactionId {
                    producer_id: batch.producer_id,
                    number,
                };
                spans.extend(written.iter().map(|&(first, last)| Span {
                    first,
                    last,
                    transaction,
                }));
            }
        }
        spans.sort_unstable_by_key(|span| span.first);
        transactions
            .partitions
            .entry(topic.clone())
            .or_default()
            .insert(*partition, spans);
    }
    Ok(transactions)
}

/// The decision that a marker carries out, and its number among those of the producer.
fn decision_of<'d>(marker: &Batch, decisions: &'d Decisions) -> Result<(u32, &'d Decision), Error> {
    let of_producer = decisions
        .get(&marker.producer_id)
        .map_or(&[][..], Vec::as_slice);
    let number = of_producer.partition_point(|decision| decision.at <= marker.at);
    let last = number
        .checked_sub(1)
        .filter(|last| of_producer[*last].epoch == marker.epoch);
    let last = last.ok_or_else(|| {
        unexplained(format!(
            "producer {} has a marker of no decision",
            marker.producer_id
        ))
    })?;
    Ok((u32::try_from(last).unwrap_or(u32::MAX), &of_producer[last]))
}
