//! What a history has to keep to, where that is not the same for every outbox.

use std::collections::{BTreeMap, HashSet};

/// What a history has to keep to, where it is not the same for every outbox.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A top-level integer of the payload that the writer increments by one for each public event
    /// of a key, under a lock: it tells the commit order, which the table alone does not.
    pub order_field: Option<String>,
    /// Topics of dead letters: an event found there is not lost, and is not compared.
    pub dead_letter_topics: Vec<String>,
    /// Topics whose values are JSON.
    pub json_topics: Vec<String>,
    /// The topic of an event, with `{aggregate_type}`, `{event_type}` and `{aggregate_id}`; none
    /// where routes are not that simple, and then any topic will do.
    pub topic: Option<String>,
    /// Over how many partitions of a topic its keys are mapped, as Java clients do it, where these
    /// are not all that it has: keys stay where they are when a topic gets more.
    pub partition_counts: BTreeMap<String, u32>,
    /// Whether doubled records are harmless, and database transactions need no Kafka transaction
    /// (`at_least_once`).
    pub duplicates_allowed: bool,
    /// Database transactions whose records have at least so many bytes may lie in several Kafka
    /// transactions, one after the other: `batch.bytes_max` of the relay.
    pub split_bytes_min: Option<u64>,
    /// Database transactions that may be split whatever their size.
    pub split_xids: HashSet<i64>,
    /// Rows and records before this instant (microseconds since the epoch) may be on one side only:
    /// the other has passed its retention.
    pub since: Option<i64>,
    /// How many findings of a kind are kept.
    pub samples_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            order_field: None,
            dead_letter_topics: Vec::new(),
            json_topics: Vec::new(),
            topic: None,
            partition_counts: BTreeMap::new(),
            duplicates_allowed: false,
            split_bytes_min: None,
            split_xids: HashSet::new(),
            since: None,
            samples_max: 10,
        }
    }
}
