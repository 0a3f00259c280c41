//! Whether a record's headers and timestamp say what the row says (`outbox-sdk/contract/RECORD.md`), and
//! the commit position that they claim.

use std::collections::BTreeMap;

use super::expected::Row;
use super::json::Json;
use super::observed::Record;
use super::time::{self, Offset};

const EVENT_ID: &str = "id";
const EVENT_TYPE: &str = "type";
const CORRELATION_ID: &str = "correlation-id";
const CAUSATION_ID: &str = "causation-id";
const AGGREGATE_ID: &str = "aggregate-id";
const OCCURRED_AT: &str = "occurred-at";
const POSITION: &str = "postrider-position";

const MICROSECONDS_PER_MILLISECOND: i64 = 1_000;

/// Where an event was committed, as the relay read it from the write-ahead log. Ordered within one
/// relay name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) source_epoch: u64,
    pub(super) commit_lsn: u64,
    pub(super) ordinal: u64,
}

/// Reads `<name>/<source epoch>/<commit LSN in 16 hexadecimal digits>/<ordinal>`.
fn parse_position(text: &str) -> Option<(&str, Position)> {
    let mut parts = text.split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let source_epoch = parts.next()?.parse().ok()?;
    let commit_lsn = parts.next().filter(|digits| digits.len() == 16)?;
    let commit_lsn = u64::from_str_radix(commit_lsn, 16).ok()?;
    let ordinal = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((
        name,
        Position {
            source_epoch,
            commit_lsn,
            ordinal,
        },
    ))
}

/// The event id that a record carries.
pub(super) fn event_id(record: &Record) -> Option<uuid::Uuid> {
    let (_, value) = record.headers.iter().find(|(name, _)| name == EVENT_ID)?;
    let value = std::str::from_utf8(value.as_ref()?).ok()?;
    uuid::Uuid::try_parse(value).ok()
}

/// The relay's name and the position that a record carries.
pub(super) fn position(record: &Record) -> Option<(&str, Position)> {
    let (_, value) = record.headers.iter().find(|(name, _)| name == POSITION)?;
    std::str::from_utf8(value.as_ref()?)
        .ok()
        .and_then(parse_position)
}

/// Compares all headers and the timestamp with the row; each difference is a reason.
pub(super) fn compare(record: &Record, row: &Row) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut found: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for (name, value) in &record.headers {
        if found
            .insert(name, value.as_deref().unwrap_or_default())
            .is_some()
        {
            reasons.push(format!("header {name} appears twice"));
        }
    }
    let occurred_at = found.remove(OCCURRED_AT);
    if !tells_time(record.timestamp, occurred_at, row.occurred_at) {
        reasons
            .push("neither the timestamp nor header occurred-at gives the row's time".to_owned());
    }
    match found.remove(POSITION) {
        Some(_) if position(record).is_some() => {}
        Some(_) => reasons.push(format!("header {POSITION} is malformed")),
        None => reasons.push(format!("header {POSITION} is missing")),
    }

    let own = Json::parse(row.headers());
    let id = row.id.to_string();
    for (name, value) in wanted(row, &id, own.as_ref().ok()) {
        match found.remove(name) {
            Some(found) if found == value.as_bytes() => {}
            Some(_) => reasons.push(format!("header {name} differs from the row")),
            None => reasons.push(format!("header {name} is missing")),
        }
    }
    reasons.extend(
        found
            .keys()
            .map(|name| format!("header {name} is not in the row")),
    );
    reasons
}

/// Every header that follows from the row; of its own ones the table takes only strings.
fn wanted<'r>(row: &'r Row, id: &'r str, own: Option<&'r Json<'r>>) -> Vec<(&'r str, &'r str)> {
    let mut wanted = vec![
        (EVENT_ID, id),
        (EVENT_TYPE, &*row.event_type),
        (CORRELATION_ID, row.correlation_id()),
    ];
    wanted.extend(
        row.causation_id()
            .map(|causation_id| (CAUSATION_ID, causation_id)),
    );
    if row.key() != row.aggregate_id() {
        wanted.push((AGGREGATE_ID, row.aggregate_id()));
    }
    if let Some(Json::Object(members)) = own {
        wanted.extend(members.iter().filter_map(|(name, value)| match value {
            Json::Text(text) => Some((name.as_ref(), text.as_ref())),
            _ => None,
        }));
    }
    wanted
}

/// Whether the record's timestamp is the row's time, or the header is where it is not.
fn tells_time(timestamp: Option<i64>, header: Option<&[u8]>, occurred_at: i64) -> bool {
    let milliseconds = occurred_at.div_euclid(MICROSECONDS_PER_MILLISECOND);
    match header.map(std::str::from_utf8) {
        None => timestamp == Some(milliseconds),
        Some(Ok(text)) => time::nanoseconds_since_epoch(text, Offset::Given)
            .is_some_and(|nanoseconds| nanoseconds == i128::from(occurred_at) * 1_000),
        Some(Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_in_its_order() {
        let (name, early) = parse_position("orders/1/00000000016B3748/9").unwrap();
        assert_eq!(name, "orders");
        let (_, late) = parse_position("orders/1/00000000016B3749/0").unwrap();
        let (_, next_epoch) = parse_position("orders/2/0000000000000001/0").unwrap();
        assert!(early < late && late < next_epoch);
        for text in [
            "",
            "orders/1/16B3748/9",
            "orders/1/00000000016B3748",
            "/1/00000000016B3748/9",
        ] {
            assert!(parse_position(text).is_none(), "{text:?} was accepted");
        }
    }
}
