//! A type with a field of every kind, and values of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use outbox_sdk::{AvroType, Event};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(type = "test.Everything", aggregate = "test", key = id)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Everything<'e> {
    pub(crate) id: Uuid,
    pub(crate) is_so: bool,
    pub(crate) i8: i8,
    pub(crate) u16: u16,
    pub(crate) i32: i32,
    pub(crate) u32: u32,
    pub(crate) i64: i64,
    pub(crate) f32: f32,
    pub(crate) f64: f64,
    pub(crate) text: String,
    pub(crate) lent: Cow<'e, str>,
    pub(crate) letter: char,
    #[serde(with = "outbox_sdk::base64")]
    pub(crate) bytes: Vec<u8>,
    #[serde(with = "outbox_sdk::base64::option", default)]
    pub(crate) hash: Option<[u8; 4]>,
    #[event(decimal(precision = 29, scale = 6))]
    pub(crate) total: Decimal,
    #[event(decimal(precision = 29, scale = 6))]
    pub(crate) discounts: Vec<Option<Decimal>>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) at_offset: DateTime<FixedOffset>,
    pub(crate) local: NaiveDateTime,
    pub(crate) date: NaiveDate,
    pub(crate) time: NaiveTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) moment: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub(crate) maybe_moment: Option<OffsetDateTime>,
    #[event(avro = "timestamp-millis")]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub(crate) millis: DateTime<Utc>,
    pub(crate) state: State,
    pub(crate) maybe_state: Option<State>,
    pub(crate) line: Line,
    pub(crate) lines: Vec<Line>,
    pub(crate) pair: [i32; 2],
    pub(crate) by_name: HashMap<String, Line>,
    pub(crate) counts: BTreeMap<String, i64>,
    pub(crate) email: Email,
    pub(crate) code: Code,
    #[serde(rename = "kind")]
    pub(crate) r#type: String,
    #[serde(skip)]
    pub(crate) secret: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[event(default = [])]
    pub(crate) tags: Vec<String>,
    pub(crate) next: Option<Box<Everything<'e>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, AvroType, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    NewOne,
    #[serde(rename = "gone")]
    Paid,
    #[serde(skip)]
    _Never,
}

#[derive(Debug, Clone, PartialEq, AvroType, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) article: String,
    pub(crate) count: Option<i32>,
}

#[derive(Debug, PartialEq, AvroType, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Email {
    pub(crate) address: String,
}

#[derive(Debug, Clone, PartialEq, AvroType, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub(crate) struct Code {
    pub(crate) number: u32,
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        format!("C{}", code.number)
    }
}

impl From<String> for Code {
    fn from(text: String) -> Self {
        let number = text[1..].parse().expect("the text of a code");
        Self { number }
    }
}

/// Of the whole seconds and microseconds that every type can hold.
fn micros() -> impl Strategy<Value = i64> {
    -60_000_000_000_000_000_i64..200_000_000_000_000_000
}

fn lines() -> impl Strategy<Value = Line> {
    (any::<String>(), any::<Option<i32>>()).prop_map(|(article, count)| Line { article, count })
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0_u32..=6).prop_map(|(number, scale)| Decimal::new(number, scale))
}

prop_compose! {
    pub(crate) fn everything()(
        (id, is_so, i8, u16, i32, u32, i64) in any::<(u128, bool, i8, u16, i32, u32, i64)>(),
        (f32, f64) in (prop::num::f32::NORMAL | prop::num::f32::ZERO, prop::num::f64::NORMAL),
        (text, lent, letter, bytes, hash)
            in any::<(String, String, char, Vec<u8>, Option<[u8; 4]>)>(),
        (total, discounts)
            in (decimals(), prop::collection::vec(prop::option::of(decimals()), 0..3)),
        (at, moment, maybe_moment) in (micros(), micros(), prop::option::of(micros())),
        minutes in -1_439_i32..1_440,
        (is_paid, maybe_paid) in any::<(bool, Option<bool>)>(),
        (line, lines) in (lines(), prop::collection::vec(lines(), 0..3)),
        by_name in prop::collection::hash_map(any::<String>(), lines(), 0..3),
        (counts, number, r#type, tags, pair)
            in any::<(BTreeMap<String, i64>, u32, String, Vec<String>, [i32; 2])>(),
    ) -> Everything<'static> {
        let utc = DateTime::from_timestamp_micros(at).expect("within the years of chrono");
        let offset = FixedOffset::east_opt(minutes * 60).expect("less than a day");
        let state = |is_paid| if is_paid { State::Paid } else { State::NewOne };
        let of_time = |micros: i64| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
                .expect("within the years of time")
        };
        Everything {
            id: Uuid::from_u128(id),
            is_so, i8, u16, i32, u32, i64, f32, f64, text,
            lent: lent.into(),
            letter, bytes, hash, total, discounts,
            at: utc,
            at_offset: utc.with_timezone(&offset),
            local: utc.naive_utc(),
            date: utc.date_naive(),
            time: utc.time(),
            moment: of_time(moment),
            maybe_moment: maybe_moment.map(of_time),
            millis: DateTime::from_timestamp_millis(at / 1000).expect("within the years"),
            state: state(is_paid),
            maybe_state: maybe_paid.map(state),
            line, lines, pair, by_name, counts,
            email: Email { address: "a@example.org".to_owned() },
            code: Code { number },
            r#type,
            secret: String::new(),
            tags,
            next: None,
        }
    }
}
