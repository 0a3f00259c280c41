//! One fault at a time, each with the name under which it must be found.

use apache_avro::types::Value;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::history::{History, note, total, with_field};

/// A fault.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mutation {
    Drop,
    Double,
    SwapTwoOfAKey,
    AlterField(&'static str),
    AlterHeader(&'static str),
    DropHeader(&'static str),
    RepeatHeader,
    AddHeader,
    AlterKey,
    AlterTimestamp,
    AlterSchemaId,
    AppendByte,
    Truncate,
    NullValue,
    MoveToAnotherPartition,
    MoveToAnotherTopic,
    Tear,
    PublishARolledBackEvent,
    PublishWithoutId,
}

pub(super) fn any() -> impl Strategy<Value = Mutation> {
    use Mutation::*;
    let mut mutations = vec![
        Drop,
        Double,
        SwapTwoOfAKey,
        RepeatHeader,
        AddHeader,
        AlterKey,
        AlterTimestamp,
        AlterSchemaId,
        AppendByte,
        Truncate,
        NullValue,
        MoveToAnotherPartition,
        MoveToAnotherTopic,
        Tear,
        PublishARolledBackEvent,
        PublishWithoutId,
    ];
    mutations.extend(["version", "total", "note", "at", "tags"].map(AlterField));
    let always = ["type", "correlation-id", "tenant"];
    mutations.extend(always.map(AlterHeader));
    mutations.extend(always.map(DropHeader));
    mutations.push(DropHeader("postrider-position"));
    select(mutations)
}

impl Mutation {
    /// Puts the fault into the history, at the record that `pick` falls on; gives what must be found.
    pub(super) fn apply(self, history: &mut History, pick: usize) -> Vec<&'static str> {
        let at = pick % history.records.len();
        let end = |history: &History, at: usize| {
            let record = &history.records[at].record;
            history.end(&record.topic, record.partition)
        };
        let record = &mut history.records[at].record;
        match self {
            Self::Drop => {
                history.records.remove(at);
                vec!["lost"]
            }
            Self::Double => {
                let mut again = history.records[at].clone();
                again.record.offset = end(history, at);
                again.kafka_transaction = 1_000;
                history.records.push(again);
                vec!["doubled"]
            }
            Self::SwapTwoOfAKey => {
                // The history's first transaction has two of one key.
                let offset = history.records[0].record.offset;
                history.records[0].record.offset = history.records[2].record.offset;
                history.records[2].record.offset = offset;
                vec!["out of order"]
            }
            Self::AlterField(name) => {
                let value = record.value.as_deref().unwrap();
                record.value = Some(with_field(value, name, altered));
                vec!["altered"]
            }
            Self::AlterHeader(name) => {
                *history.records[at].header(name) = Some(b"x".to_vec());
                vec!["altered"]
            }
            Self::DropHeader(name) => {
                record.headers.retain(|(found, _)| found != name);
                vec!["altered"]
            }
            Self::RepeatHeader => {
                let header = record.headers[1].clone();
                record.headers.push(header);
                vec!["altered"]
            }
            Self::AddHeader => {
                record.headers.push(("extra".to_owned(), Some(Vec::new())));
                vec!["altered"]
            }
            Self::AlterKey => {
                record.key = Some(b"another".to_vec());
                vec!["altered"]
            }
            Self::AlterTimestamp => {
                record.timestamp = record.timestamp.map(|timestamp| timestamp + 1);
                vec!["altered"]
            }
            Self::AlterSchemaId => {
                record.value.as_mut().unwrap()[4] += 1;
                vec!["altered"]
            }
            Self::AppendByte => {
                record.value.as_mut().unwrap().push(0);
                vec!["altered"]
            }
            Self::Truncate => {
                record.value.as_mut().unwrap().pop();
                vec!["altered"]
            }
            Self::NullValue => {
                record.value = None;
                vec!["altered"]
            }
            Self::MoveToAnotherPartition => {
                record.partition += 3;
                vec!["misplaced"]
            }
            Self::MoveToAnotherTopic => {
                record.topic = "elsewhere".into();
                vec!["misplaced"]
            }
            Self::Tear => {
                // The first transaction has three events; one of them moves.
                history.records[pick % 3].kafka_transaction = 1_000;
                vec!["torn"]
            }
            Self::PublishARolledBackEvent => {
                let mut phantom = history.records[at].clone();
                phantom.record.offset = end(history, at);
                let id = Uuid::from_u128(1).to_string().into_bytes();
                *phantom.header("id") = Some(id);
                history.records.push(phantom);
                vec!["phantom"]
            }
            Self::PublishWithoutId => {
                let mut phantom = history.records[at].clone();
                phantom.record.offset = end(history, at);
                phantom.record.headers.retain(|(name, _)| name != "id");
                history.records.push(phantom);
                vec!["phantom"]
            }
        }
    }
}

/// A value of the same type that says something else, by as little as possible.
fn altered(value: &Value) -> Value {
    match value {
        Value::Long(value) => Value::Long(value + 1),
        Value::TimestampMicros(value) => Value::TimestampMicros(value + 1),
        Value::Decimal(_) => total(1),
        Value::Union(0, _) => note(Some("")),
        Value::Union(..) => note(None),
        Value::Array(items) => Value::Array([items.as_slice(), items].concat()),
        other => panic!("no field has {other:?}"),
    }
}
