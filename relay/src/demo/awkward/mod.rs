//! Events that are hard to carry, written by plain SQL as a service in any language would.
//!
//! What is awkward about each stands with it. Readers in other languages are tested on the same
//! events, so a change here is a change of those tests.

mod contracts;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use super::Error;
use super::live::Live;

pub use contracts::CONTRACTS;

/// The aggregate type, and so the topic.
pub(super) const AGGREGATE_TYPE: &str = "awkward";

/// Counted by the events that belong together under a key.
pub(super) const ORDER_FIELD: &str = "number";

/// What people are told that they are about to see.
pub(super) const CONTENT: &str = "writing: 1 MB in one event, text and keys of every kind, records \
    40 deep, decimals beyond a double, nothing in each of its forms, each branch of a union, a \
    tombstone; then 10,000 events in one transaction, two schema versions in turns, savepoints";

/// Events of the one large transaction.
const MANY: u64 = 10_000;
/// Keys that they share.
const MANY_KEYS: i32 = 100;
/// Versions of a schema that take turns.
const TURNS: i32 = 200;
/// Transactions of which a part is rolled back.
const SAVEPOINTS: i32 = 50;

/// A tombstone, and every single event.
const SINGLE: u64 =
    (TEXTS.len() + KEYS.len() + EXACT.len() + EMPTY.len() + CHOICES.len()) as u64 + 3;

/// Public events that [`write`] commits.
pub(super) const EVENTS: u64 = SINGLE + MANY + TURNS as u64 + 2 * SAVEPOINTS as u64;

const EMIT: &str = "select outbox.emit(event_type => $1, aggregate_type => 'awkward', \
    aggregate_id => $2, payload => $3::text, schema_version => $4, headers => $5::text)";

/// The JSON text of a payload, below the limit of 1 MiB and larger than any buffer on the way.
const LARGE_BYTES: usize = 1_000_000;

/// Levels of records in records.
const DEPTH: usize = 40;

/// Text that is more than letters: escapes of every form, characters of two, three and four bytes,
/// characters that combine, run backwards, or have no width.
const TEXTS: [&str; 6] = [
    r#"{"text": "quote \" backslash \\ slash \/ controls \b\f\n\r\t \u001f", "by_language": {}}"#,
    r#"{"text": "\u00e9\u0301 \ud83d\ude80 \u2028", "by_language": {"key \u00fc": "value \u00fc"}}"#,
    r#"{"text": "Grüße, 世界! 🚀👩‍👩‍👧 café", "by_language": {"עברית": "שלום", "العربية": "مرحبا", "日本語": "こんにちは"}}"#,
    r#"{"by_language": {"": "an empty key", " ": " "}, "text": "the other order of fields"}"#,
    "{\"text\": \"\u{200b}zero\u{feff}width\u{202e}backwards\", \"by_language\": {\"e\u{301}\": \"e + accent\", \"é\": \"one character\"}}",
    "  \n\t{ \"text\" : \"white space\" , \"by_language\" : { \"a\" : \"b\" , \"b\" : \"a\" } }\r\n ",
];

/// Keys as foreign as texts; the partition must be that of the Java client.
const KEYS: [&str; 6] = [
    "ключ",
    "🔑",
    "a b/c?d=e",
    "\u{7f}\u{80}",
    "0",
    "'; drop table outbox.event; --",
];

/// Values at the edges of their types, decimals that no double can hold.
const EXACT: [&str; 3] = [
    r#"{"decimal": "1234567890123456789012345678.0123456789", "fixed_decimal": 123456789012345678901234567890123456.78,
        "long": 9223372036854775807, "int": 2147483647, "double": 1.7976931348623157e308, "float": 3.4028234663852886e38,
        "bytes": "AAECA/79/v8=", "id": "00000000-0000-0000-0000-000000000000", "day": "0001-01-01",
        "time": "23:59:59.999999", "at": "9999-12-31T23:59:59.999999Z", "at_millis": "9999-12-31T23:59:59.999Z"}"#,
    r#"{"decimal": -0.0000000001, "fixed_decimal": "-0.01",
        "long": -9223372036854775808, "int": -2147483648, "double": 5e-324, "float": -1e-45,
        "bytes": "", "id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "day": "9999-12-31",
        "time": "00:00:00", "at": "0001-01-01T00:00:00Z", "at_millis": "1969-12-31T23:59:59.999Z"}"#,
    r#"{"decimal": 9007199254740993.1, "fixed_decimal": 0.1,
        "long": 9007199254740993, "int": 0, "double": 0.1, "float": 0.1,
        "bytes": "/w==", "id": "0189f7ea-5c3b-7c7e-9d4b-3f1a2b3c4d5e", "day": -1,
        "time": 1, "at": "2024-02-29T12:00:00.5+05:45", "at_millis": 0}"#,
];

/// Nothing, in each of its forms.
const EMPTY: [&str; 2] = [
    r#"{"text": "", "bytes": "", "list": [], "lists": [], "map": {}, "record": {}}"#,
    r#"{"text": "", "bytes": "", "list": [""], "lists": [[], [0], []], "map": {"": ""}, "nothing": null, "record": {}}"#,
];

/// Each branch of a union, each symbol.
const CHOICES: [&str; 6] = [
    r#"{"choice": null, "color": "RED"}"#,
    r#"{"choice": false, "color": "GREEN"}"#,
    r#"{"choice": -1, "color": "BLUE"}"#,
    r#"{"choice": 1.5, "color": "RED"}"#,
    r#"{"choice": "text", "color": "GREEN"}"#,
    r#"{"choice": ["one", "two"], "color": "BLUE"}"#,
];

/// An event that `outbox.emit` gets.
struct Raw<'a> {
    event_type: &'a str,
    key: &'a str,
    payload: Option<&'a str>,
    schema_version: i32,
    headers: &'a str,
}

impl<'a> Raw<'a> {
    fn new(event_type: &'a str, key: &'a str, payload: &'a str) -> Self {
        Self {
            event_type,
            key,
            payload: Some(payload),
            schema_version: 1,
            headers: "{}",
        }
    }

    async fn emit(&self, client: &impl GenericClient) -> Result<Uuid, Error> {
        let parameters: [&(dyn ToSql + Sync); 5] = [
            &self.event_type,
            &self.key,
            &self.payload,
            &self.schema_version,
            &self.headers,
        ];
        Ok(client.query_one(EMIT, &parameters).await?.get(0))
    }
}

/// Writes all of it.
pub(super) async fn write(client: &mut Client, live: &Live) -> Result<(), Error> {
    single(client, live).await?;
    many(client, live).await?;
    turns(client, live).await?;
    savepoints(client, live).await
}

/// One event a transaction.
async fn single(client: &mut Client, live: &Live) -> Result<(), Error> {
    let large = format!(
        r#"{{"body": "{}"}}"#,
        "x".repeat(LARGE_BYTES - r#"{"body": ""}"#.len())
    );
    let deep = deep();
    let foreign = r#"{"tenant": "Ünïcødé 🚀", "empty": "", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
    let texts = TEXTS.map(|text| Raw::new("awkward.Text", "texts", text));
    let keys = KEYS.map(|key| Raw::new("awkward.Text", key, TEXTS[2]));
    let exact = EXACT.map(|exact| Raw::new("awkward.Exact", "exact", exact));
    let empty = EMPTY.map(|empty| Raw::new("awkward.Empty", "empty", empty));
    let choices = CHOICES.map(|choice| Raw::new("awkward.Choice", "choices", choice));
    let others = [
        Raw::new("awkward.Large", "large", &large),
        Raw {
            headers: foreign,
            ..Raw::new("awkward.Deep", "deep", &deep)
        },
        Raw {
            payload: None,
            ..Raw::new("awkward.Text", "texts", "")
        },
    ];
    let all = texts
        .iter()
        .chain(&keys)
        .chain(&exact)
        .chain(&empty)
        .chain(&choices)
        .chain(&others);
    for event in all {
        let tx = client.transaction().await?;
        let id = event.emit(&tx).await?;
        live.committing(&[id]);
        tx.commit().await?;
        live.committed(1);
    }
    Ok(())
}

/// Records in records, lists in lists.
fn deep() -> String {
    let lists = r#""lists": [[], [{}, {"a": [1, 2, 3], "b": []}], [{"c": [-1]}]]"#;
    let begin = format!(r#"{{"name": "level", {lists}, "inner": "#);
    format!(
        r#"{}{{"name": "last", "lists": []}}{}"#,
        begin.repeat(DEPTH),
        "}".repeat(DEPTH)
    )
}

/// Many events in one transaction.
async fn many(client: &mut Client, live: &Live) -> Result<(), Error> {
    let emit = "select outbox.emit(event_type => 'awkward.Many', aggregate_type => 'awkward', \
        aggregate_id => 'many-' || n % $2::integer, schema_version => 1, payload => json_build_object( \
        'number', 1 + n / $2::integer, 'text', repeat(md5(n::text), 1 + n % 4))) \
        from generate_series(0, $1::integer - 1) as n order by n";
    let tx = client.transaction().await?;
    let count = i32::try_from(MANY).expect("it is a small constant");
    let rows = tx.query(emit, &[&count, &MANY_KEYS]).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    live.committing(&ids);
    tx.commit().await?;
    live.committed(MANY);
    Ok(())
}

/// Two versions of one schema in turns, under one key.
async fn turns(client: &mut Client, live: &Live) -> Result<(), Error> {
    for number in 1..=TURNS {
        let (schema_version, payload) = if number % 2 == 0 {
            (2, format!(r#"{{"number": {number}, "note": "turn"}}"#))
        } else {
            (1, format!(r#"{{"number": {number}}}"#))
        };
        let event = Raw {
            schema_version,
            ..Raw::new("awkward.Changing", "changing", &payload)
        };
        let tx = client.transaction().await?;
        live.committing(&[event.emit(&tx).await?]);
        tx.commit().await?;
        live.committed(1);
    }
    Ok(())
}

/// Transactions with two events that stay and two that do not: one behind a savepoint, one behind
/// a savepoint within that one.
async fn savepoints(client: &mut Client, live: &Live) -> Result<(), Error> {
    for turn in 0..SAVEPOINTS {
        let kept = [2 * turn + 1, 2 * turn + 2].map(|number| format!(r#"{{"number": {number}}}"#));
        let event = |payload| Raw::new("awkward.Kept", "kept", payload);
        let lost = event(r#"{"number": -1}"#);
        let mut tx = client.transaction().await?;
        let first = event(&kept[0]).emit(&tx).await?;
        let mut outer = tx.transaction().await?;
        lost.emit(&outer).await?;
        let inner = outer.transaction().await?;
        lost.emit(&inner).await?;
        inner.commit().await?;
        outer.rollback().await?;
        let second = event(&kept[1]).emit(&tx).await?;
        live.committing(&[first, second]);
        tx.commit().await?;
        live.committed(2);
        live.rolled_back(2);
    }
    Ok(())
}
