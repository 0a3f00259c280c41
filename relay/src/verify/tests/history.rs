//! Correct histories: rows as writers commit them, and the records that a flawless relay publishes.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use crate::verify::decode::Schemas;
use crate::verify::expected::{Expected, OutboxRow};
use crate::verify::judge::Judge;
use crate::verify::observed::Record;
use crate::verify::partition::partition_of;
use crate::verify::report::Report;
use crate::verify::rules::Rules;
use crate::verify::transactions::Transactions;

const PARTITIONS: u32 = 3;
const SCHEMA_ID: u32 = 7;
const SCHEMA: &str = r#"{
  "type": "record", "name": "Changed", "fields": [
    {"name": "version", "type": "long"},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "tags", "type": {"type": "array", "items": "string"}}
  ]}"#;

/// A database transaction: for each event whether it goes to the second topic, and its aggregate.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) events: Vec<(bool, u8)>,
    pub(super) begins_kafka_transaction: bool,
}

/// A few transactions over a few aggregates; the first has two events of one key.
pub(super) fn written() -> impl Strategy<Value = Vec<Written>> {
    let transaction = (vec((any::<bool>(), 0..4_u8), 1..6), any::<bool>());
    vec(transaction, 2..15).prop_map(|transactions| {
        let mut written: Vec<Written> = transactions
            .into_iter()
            .map(|(events, begins_kafka_transaction)| Written {
                events,
                begins_kafka_transaction,
            })
            .collect();
        written[0].events = vec![(false, 1), (true, 2), (false, 1)];
        written
    })
}

/// A record and the Kafka transaction it lies in.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) record: Record,
    pub(super) kafka_transaction: u32,
}

impl Published {
    pub(super) fn header(&mut self, name: &str) -> &mut Option<Vec<u8>> {
        let headers = &mut self.record.headers;
        &mut headers
            .iter_mut()
            .find(|(found, _)| found == name)
            .unwrap()
            .1
    }
}

/// Both sides. Row `n` is published as record `n`.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) rows: Vec<OutboxRow>,
    pub(super) records: Vec<Published>,
}

impl History {
    pub(super) fn rules() -> Rules {
        Rules {
            order_field: Some("version".to_owned()),
            topic: Some("{aggregate_type}".to_owned()),
            ..Rules::default()
        }
    }

    pub(super) fn of(written: &[Written]) -> Self {
        let mut history = Self {
            rows: Vec::new(),
            records: Vec::new(),
        };
        let mut kafka_transaction = 0;
        for (number, transaction) in written.iter().enumerate() {
            kafka_transaction += u32::from(number > 0 && transaction.begins_kafka_transaction);
            for (ordinal, &(payment, aggregate)) in transaction.events.iter().enumerate() {
                let row = history.write(number, payment, aggregate);
                let position = format!("shop/1/{:016X}/{ordinal}", (number + 1) * 0x100);
                let record = history.publish(&row, &position);
                history.rows.push(row);
                history.records.push(Published {
                    record,
                    kafka_transaction,
                });
            }
        }
        history
    }

    fn write(&self, transaction: usize, payment: bool, aggregate: u8) -> OutboxRow {
        let aggregate_type = if payment { "payment" } else { "order" };
        let aggregate_id = format!("aggregate-{aggregate}");
        let same = |row: &&OutboxRow| {
            row.aggregate_type == aggregate_type && row.aggregate_id == aggregate_id
        };
        let version = self.rows.iter().filter(same).count() + 1;
        let number = self.rows.len();
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number as u128);
        let note = if number.is_multiple_of(3) {
            r#""note": "n", "#
        } else {
            ""
        };
        let at = "2024-05-01T12:00:00.000001+02:00";
        OutboxRow {
            id,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            event_type: format!("shop.{aggregate_type}"),
            key: aggregate
                .is_multiple_of(2)
                .then(|| format!("key-{aggregate}")),
            correlation_id: if number.is_multiple_of(2) {
                id.to_string()
            } else {
                "c".to_owned()
            },
            causation_id: number.is_multiple_of(2).then(|| "cause".to_owned()),
            payload: Some(format!(
                r#"{{"version": {version}, {note}"total": "{number}.50", "at": "{at}", "tags": ["a"]}}"#
            )),
            headers: r#"{"tenant": "t"}"#.to_owned(),
            occurred_at: 1_714_557_600_000_123 + 1_000 * i64::try_from(number).unwrap(),
            seq: i64::try_from(number).unwrap(),
            xid: 700 + i64::try_from(transaction).unwrap(),
        }
    }

    pub(super) fn publish(&self, row: &OutboxRow, position: &str) -> Record {
        let key = row.key.as_ref().unwrap_or(&row.aggregate_id);
        let partition = partition_of(key.as_bytes(), PARTITIONS).cast_signed();
        let mut headers = vec![
            ("id", row.id.to_string()),
            ("type", row.event_type.clone()),
            ("correlation-id", row.correlation_id.clone()),
            ("postrider-position", position.to_owned()),
            ("tenant", "t".to_owned()),
        ];
        headers.extend(row.causation_id.clone().map(|id| ("causation-id", id)));
        headers.extend(
            row.key
                .as_ref()
                .map(|_| ("aggregate-id", row.aggregate_id.clone())),
        );
        let payload: serde_json::Value =
            serde_json::from_str(row.payload.as_deref().unwrap()).unwrap();
        let number = row.seq;
        Record {
            topic: row.aggregate_type.as_str().into(),
            partition,
            offset: self.end(&row.aggregate_type, partition),
            timestamp: Some(row.occurred_at / 1_000),
            key: Some(key.as_bytes().to_vec()),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())))
                .collect(),
            value: Some(value(&[
                ("version", Value::Long(payload["version"].as_i64().unwrap())),
                ("total", total(number * 100 + 50)),
                ("note", note(payload["note"].as_str())),
                ("at", Value::TimestampMicros(1_714_557_600_000_001)),
                ("tags", Value::Array(vec![Value::String("a".to_owned())])),
            ])),
        }
    }

    /// The next free offset of a partition; every fourth is a gap, as control records leave it.
    pub(super) fn end(&self, topic: &str, partition: i32) -> i64 {
        let there = |published: &&Published| {
            *published.record.topic == *topic && published.record.partition == partition
        };
        let last = self
            .records
            .iter()
            .filter(there)
            .map(|published| published.record.offset)
            .max();
        last.map_or(0, |last| last + 1 + i64::from(last % 4 == 2))
    }

    pub(super) fn judge(&self, rules: Rules) -> Report {
        self.report(Vec::new(), rules, true)
    }

    pub(super) fn judge_without_transactions(&self, rules: Rules) -> Report {
        self.report(Vec::new(), rules, false)
    }

    pub(super) fn judge_with_late_rows(&self, late: Vec<OutboxRow>, rules: Rules) -> Report {
        self.report(late, rules, true)
    }

    fn report(&self, late: Vec<OutboxRow>, rules: Rules, with_transactions: bool) -> Report {
        let mut schemas = Schemas::default();
        schemas.insert(SCHEMA_ID, SCHEMA, &[]);
        let mut expected = Expected::new(rules.order_field.clone());
        for row in &self.rows {
            expected.insert(row.clone());
        }
        let mut judge = Judge::new(expected, rules);
        for topic in ["order", "payment"] {
            judge.topic(topic, PARTITIONS);
        }
        let mut transactions = Transactions::default();
        let mut records: Vec<&Published> = self.records.iter().collect();
        records.sort_by_key(|published| published.record.offset);
        for Published {
            record,
            kafka_transaction,
        } in records
        {
            transactions.insert(
                &record.topic,
                record.partition,
                record.offset,
                *kafka_transaction,
            );
            judge.observe(record.clone(), &schemas);
        }
        judge.admit(late, &schemas);
        judge.finish(with_transactions.then_some(&transactions))
    }
}

/// An amount of so many cents.
pub(super) fn total(cents: i64) -> Value {
    Value::Decimal(Decimal::from(cents.to_be_bytes()))
}

pub(super) fn note(note: Option<&str>) -> Value {
    match note {
        Some(note) => Value::Union(1, Box::new(Value::String(note.to_owned()))),
        None => Value::Union(0, Box::new(Value::Null)),
    }
}

/// A record value in the wire format.
fn value(fields: &[(&str, Value)]) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    encode(&schema, Value::Record(fields))
}

fn encode(schema: &Schema, value: Value) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    let mut bytes = vec![0];
    bytes.extend(SCHEMA_ID.to_be_bytes());
    bytes.extend(writer.write_value_to_vec(value).unwrap());
    bytes
}

/// The same record value with one field set to something else.
pub(super) fn with_field(
    bytes: &[u8],
    name: &str,
    changed: impl FnOnce(&Value) -> Value,
) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema)
        .build()
        .unwrap();
    let Value::Record(mut fields) = reader.read_value(&mut &bytes[5..]).unwrap() else {
        panic!("the schema is a record")
    };
    let field = fields.iter_mut().find(|(found, _)| found == name).unwrap();
    field.1 = changed(&field.1);
    encode(&schema, Value::Record(fields))
}
