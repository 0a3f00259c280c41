//! Whether one record says what its row says, in the place where it belongs.

use super::decode::{self, Schemas};
use super::expected::Row;
use super::headers;
use super::json::Json;
use super::observed::Record;
use super::partition::partition_of;
use super::rules::Rules;

/// Everything in which a record differs from its row.
pub(super) fn differences(
    record: &Record,
    row: &Row,
    json: bool,
    schemas: &Schemas,
) -> Vec<String> {
    let mut reasons = headers::compare(record, row);
    if record.key.as_deref() != Some(row.key().as_bytes()) {
        reasons.push("the key differs from the row".to_owned());
    }
    match (row.payload(), &record.value) {
        (None, None) => {}
        (Some(_), None) => reasons.push("the value is null, the payload is not".to_owned()),
        (None, Some(_)) => reasons.push("the value is not null, the payload is".to_owned()),
        (Some(payload), Some(value)) => {
            let compared = Json::parse(payload).and_then(|payload| {
                if json {
                    decode::compare_json(value, &payload)
                } else {
                    schemas.compare(value, &payload)
                }
            });
            reasons.extend(compared.err());
        }
    }
    reasons
}

/// Why a record is not where its row's key belongs.
pub(super) fn misplacement(
    record: &Record,
    row: &Row,
    partitions: Option<u32>,
    rules: &Rules,
) -> Option<String> {
    if let Some(template) = &rules.topic {
        let topic = template
            .replace("{aggregate_type}", &row.aggregate_type)
            .replace("{event_type}", &row.event_type)
            .replace("{aggregate_id}", row.aggregate_id());
        if *topic != *record.topic {
            return Some(format!("belongs to topic {topic}"));
        }
    }
    let partition = partition_of(row.key().as_bytes(), partitions?);
    (i64::from(partition) != i64::from(record.partition))
        .then(|| format!("its key belongs to partition {partition}"))
}
