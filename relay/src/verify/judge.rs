//! The verdict on a history: rows on one side, records on the other. Pure.
//!
//! Content is judged as records arrive, so that no value is kept; order, doubles and transactions
//! are judged at the end, over what was noted of each record. A fault is counted under one name: an
//! event that is missing is lost and leaves no gap in the order, a record that comes twice is
//! doubled and its second sight is not out of order.
//!
//! Invariant: every fault put into a correct history is found, and a correct history passes
//! (`tests::a_mutated_history_is_always_rejected`, `tests::a_correct_history_passes`).

use std::sync::Arc;

use uuid::Uuid;

use super::content::{differences, misplacement};
use super::decode::Schemas;
use super::expected::{Expected, OutboxRow, Row};
use super::headers::{self, Position};
use super::observed::Record;
use super::report::{Finding, Place, Report, Tally, Torn};
use super::rules::Rules;
use super::transactions::Transactions;
use super::{order, torn};

/// Records of unknown events are kept whole up to this number, since their rows may have been
/// committed after the table was read; more are phantoms at once.
const UNKNOWN_MAX: usize = 100_000;

const NO_ROW: &str = "no such public event is in the table";

/// A record that was seen, without its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    /// The index of its row.
    pub(super) row: u32,
    pub(super) topic: u32,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// The relay's name by its index, and the position it claims.
    pub(super) position: Option<(u32, Position)>,
    pub(super) bytes: u32,
}

/// What the judge knows of a topic.
#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    dead_letters: bool,
    json: bool,
    partitions: Option<u32>,
}

/// Judges a history. Records of one partition must come in the order of their offsets.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) rules: Rules,
    pub(super) expected: Expected,
    pub(super) sightings: Vec<Sighting>,
    topics: Vec<Topic>,
    relay_names: Vec<String>,
    seen: Vec<bool>,
    missing: u64,
    unknown: Vec<Record>,
    dead_lettered: u64,
    on_kafka: u64,
    phantom: Tally,
    altered: Tally,
    misplaced: Tally,
}

impl Judge {
    /// A judge who has seen no record yet.
    pub(super) fn new(expected: Expected, rules: Rules) -> Self {
        let mut judge = Self {
            rules,
            expected,
            sightings: Vec::new(),
            topics: Vec::new(),
            relay_names: Vec::new(),
            seen: Vec::new(),
            missing: 0,
            unknown: Vec::new(),
            dead_lettered: 0,
            on_kafka: 0,
            phantom: Tally::default(),
            altered: Tally::default(),
            misplaced: Tally::default(),
        };
        judge.sightings.reserve(judge.expected.rows.len());
        judge.count_new_rows();
        judge
    }

    /// Says how many partitions a topic has.
    pub(super) fn topic(&mut self, name: &str, partitions: u32) {
        let mapped = self.rules.partition_counts.get(name);
        let partitions = mapped.copied().unwrap_or(partitions);
        let topic = self.topic_index(&name.into());
        self.topics[topic as usize].partitions = Some(partitions);
    }

    /// How many events that must be on Kafka were not seen yet.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Takes a record.
    pub(super) fn observe(&mut self, record: Record, schemas: &Schemas) {
        let Some(id) = headers::event_id(&record) else {
            self.add_phantom(&record, None, "it carries no event id");
            return;
        };
        match self.expected.find(&id) {
            Some(row) => self.compare(row, &record, schemas),
            None if self.unknown.len() < UNKNOWN_MAX => self.unknown.push(record),
            None => self.add_phantom(&record, Some(id), NO_ROW),
        }
    }

    /// The events that were seen and have no row so far.
    pub(super) fn unknown_ids(&self) -> Vec<Uuid> {
        self.unknown.iter().filter_map(headers::event_id).collect()
    }

    /// Takes rows that were committed after the table was read, and looks again at the records that
    /// had none.
    pub(super) fn admit(&mut self, rows: impl IntoIterator<Item = OutboxRow>, schemas: &Schemas) {
        for row in rows {
            self.expected.insert(row);
        }
        self.count_new_rows();
        for record in std::mem::take(&mut self.unknown) {
            self.observe(record, schemas);
        }
    }

    /// The verdict; with the broker's transactions where they are known.
    pub(super) fn finish(mut self, transactions: Option<&Transactions>) -> Report {
        for record in std::mem::take(&mut self.unknown) {
            if self
                .rules
                .since
                .is_none_or(|since| record_time(&record) >= since)
            {
                let id = headers::event_id(&record);
                self.add_phantom(&record, id, NO_ROW);
            }
        }
        self.sightings
            .sort_by_key(|sighting| (sighting.topic, sighting.partition, sighting.offset));
        let (firsts, doubled) = self.first_sightings();
        let order = order::judge(&self, &firsts);
        self.altered.merge(order.altered, self.rules.samples_max);
        let torn = transactions.map_or(Torn::NotExamined, |transactions| {
            Torn::Examined(torn::judge(&self, &firsts, transactions))
        });
        Report {
            committed: self.expected.rows.len() as u64,
            on_kafka: self.on_kafka,
            dead_lettered: self.dead_lettered,
            lost: self.lost(),
            doubled,
            phantom: self.phantom,
            altered: self.altered,
            out_of_order: order.out_of_order,
            misplaced: self.misplaced,
            gaps: order.gaps,
            torn,
            duplicates_allowed: self.rules.duplicates_allowed,
        }
    }

    pub(super) fn is_dead_letter(&self, sighting: &Sighting) -> bool {
        self.topics[sighting.topic as usize].dead_letters
    }

    pub(super) fn topic_name(&self, sighting: &Sighting) -> &str {
        &self.topics[sighting.topic as usize].name
    }

    pub(super) fn finding(&self, sighting: &Sighting, why: impl Into<String>) -> Finding {
        Finding {
            event_id: Some(self.expected.row(sighting.row).id),
            place: Some(Place {
                topic: self.topic_name(sighting).to_owned(),
                partition: sighting.partition,
                offset: sighting.offset,
            }),
            why: why.into(),
        }
    }

    /// Compares a record with its row, and notes that it was seen.
    fn compare(&mut self, at: u32, record: &Record, schemas: &Schemas) {
        let topic_index = self.topic_index(&record.topic);
        let topic = &self.topics[topic_index as usize];
        let row = self.expected.row(at);
        let samples_max = self.rules.samples_max;
        let finding = |why: String| record_finding(record, Some(row.id), why);

        if topic.dead_letters {
            self.dead_lettered += 1;
        } else {
            self.on_kafka += 1;
            let reasons = differences(record, row, topic.json, schemas);
            if !reasons.is_empty() {
                self.altered
                    .add(samples_max, || finding(reasons.join("; ")));
            }
            if let Some(why) = misplacement(record, row, topic.partitions, &self.rules) {
                self.misplaced.add(samples_max, || finding(why));
            }
        }

        let seen = &mut self.seen[at as usize];
        if !*seen && is_required(row, &self.rules) {
            self.missing -= 1;
        }
        *seen = true;
        let position = headers::position(record);
        let position = position.map(|(name, position)| (self.relay_index(name), position));
        self.sightings.push(Sighting {
            row: at,
            topic: topic_index,
            partition: record.partition,
            offset: record.offset,
            position,
            bytes: record.bytes(),
        });
    }

    /// The first sighting of each event, in the order of the log, and all others as doubles.
    fn first_sightings(&self) -> (Vec<Sighting>, Tally) {
        let mut doubled = Tally::default();
        let mut first_of: Vec<Option<&Sighting>> = vec![None; self.expected.rows.len()];
        let mut firsts = Vec::with_capacity(self.sightings.len());
        for sighting in &self.sightings {
            match first_of[sighting.row as usize] {
                None => {
                    first_of[sighting.row as usize] = Some(sighting);
                    firsts.push(*sighting);
                }
                Some(Sighting {
                    partition, offset, ..
                }) => doubled.add(self.rules.samples_max, || {
                    self.finding(sighting, format!("seen first at [{partition}]@{offset}"))
                }),
            }
        }
        (firsts, doubled)
    }

    fn lost(&self) -> Tally {
        let mut lost = Tally::default();
        for (row, seen) in self.expected.rows.iter().zip(&self.seen) {
            if !seen && is_required(row, &self.rules) {
                lost.add(self.rules.samples_max, || Finding {
                    event_id: Some(row.id),
                    place: None,
                    why: format!(
                        "no record; {} written by transaction {}",
                        row.event_type, row.xid
                    ),
                });
            }
        }
        lost
    }

    fn count_new_rows(&mut self) {
        for row in &self.expected.rows[self.seen.len()..] {
            self.missing += u64::from(is_required(row, &self.rules));
        }
        self.seen.resize(self.expected.rows.len(), false);
    }

    fn add_phantom(&mut self, record: &Record, id: Option<Uuid>, why: &str) {
        self.on_kafka += 1;
        self.phantom.add(self.rules.samples_max, || {
            record_finding(record, id, why.to_owned())
        });
    }

    fn topic_index(&mut self, name: &Arc<str>) -> u32 {
        let found = self.topics.iter().position(|topic| topic.name == *name);
        let index = found.unwrap_or_else(|| {
            let among = |topics: &[String]| topics.iter().any(|topic| **topic == **name);
            self.topics.push(Topic {
                name: Arc::clone(name),
                dead_letters: among(&self.rules.dead_letter_topics),
                json: among(&self.rules.json_topics),
                partitions: None,
            });
            self.topics.len() - 1
        });
        u32::try_from(index).expect("a cluster has fewer than 2^32 topics")
    }

    fn relay_index(&mut self, name: &str) -> u32 {
        let found = self.relay_names.iter().position(|known| known == name);
        let index = found.unwrap_or_else(|| {
            self.relay_names.push(name.to_owned());
            self.relay_names.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

fn is_required(row: &Row, rules: &Rules) -> bool {
    rules.since.is_none_or(|since| row.occurred_at >= since)
}

/// The record's timestamp in microseconds since the epoch; the end of time where there is none.
fn record_time(record: &Record) -> i64 {
    record
        .timestamp
        .map_or(i64::MAX, |milliseconds| milliseconds.saturating_mul(1_000))
}

fn record_finding(record: &Record, event_id: Option<Uuid>, why: String) -> Finding {
    let place = Place {
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.offset,
    };
    Finding {
        event_id,
        place: Some(place),
        why,
    }
}
