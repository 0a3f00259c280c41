//! What serde writes for a type is what the derived schema describes: another Avro library reads
//! the same values back.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use outbox_sdk::Event;
use outbox_sdk::contract::transcode::transcode;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;

use crate::everything::{Everything, Line, State, everything};

fn nullable(value: Option<Value>) -> Value {
    match value {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(value) => Value::Union(1, Box::new(value)),
    }
}

fn of_state(state: State) -> Value {
    match state {
        State::NewOne => Value::Enum(0, "NEW_ONE".to_owned()),
        State::Paid => Value::Enum(1, "gone".to_owned()),
        State::_Never => unreachable!("is never made"),
    }
}

fn of_line(line: &Line) -> Value {
    Value::Record(vec![
        ("article".to_owned(), Value::String(line.article.clone())),
        ("count".to_owned(), nullable(line.count.map(Value::Int))),
    ])
}

/// An integer of the fewest bytes, with six digits after the point.
fn of_decimal(decimal: Decimal) -> Value {
    let unscaled = decimal.mantissa() * 10_i128.pow(6 - decimal.scale());
    let bytes = unscaled.to_be_bytes();
    let is_short = |from: usize| i128::from_be_bytes(extended(&bytes[from..])) == unscaled;
    let from = (0..16).rfind(|from| is_short(*from)).expect("16 bytes do");
    Value::Decimal(bytes[from..].to_vec().into())
}

fn extended(bytes: &[u8]) -> [u8; 16] {
    let mut all = if bytes[0] < 0x80 { [0; 16] } else { [0xFF; 16] };
    all[16 - bytes.len()..].copy_from_slice(bytes);
    all
}

/// A record as the reader gives it.
fn expected(all: &Everything<'_>) -> Value {
    let fields = [scalars(all), times(all), composites(all)].concat();
    let named = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Record(named.collect())
}

type Fields = Vec<(&'static str, Value)>;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn scalars(all: &Everything<'_>) -> Fields {
    vec![
        ("id", Value::Uuid(all.id)),
        ("isSo", Value::Boolean(all.is_so)),
        ("i8", Value::Int(all.i8.into())),
        ("u16", Value::Int(all.u16.into())),
        ("i32", Value::Int(all.i32)),
        ("u32", Value::Long(all.u32.into())),
        ("i64", Value::Long(all.i64)),
        ("f32", Value::Float(all.f32)),
        ("f64", Value::Double(all.f64)),
        ("text", text(&all.text)),
        ("lent", text(&all.lent)),
        ("letter", text(&all.letter.to_string())),
        ("bytes", Value::Bytes(all.bytes.clone())),
        (
            "hash",
            nullable(all.hash.map(|hash| Value::Bytes(hash.to_vec()))),
        ),
        ("total", of_decimal(all.total)),
        (
            "discounts",
            Value::Array(
                all.discounts
                    .iter()
                    .map(|one| nullable(one.map(of_decimal)))
                    .collect(),
            ),
        ),
    ]
}

fn times(all: &Everything<'_>) -> Fields {
    let days = all
        .date
        .signed_duration_since(NaiveDate::default())
        .num_days();
    let since_midnight = all.time.signed_duration_since(NaiveTime::MIN);
    let of_time = |at: OffsetDateTime| {
        let micros = at.unix_timestamp_nanos() / 1000;
        Value::TimestampMicros(micros.try_into().expect("within 64 bits"))
    };
    vec![
        ("at", Value::TimestampMicros(all.at.timestamp_micros())),
        (
            "atOffset",
            Value::TimestampMicros(all.at_offset.timestamp_micros()),
        ),
        (
            "local",
            Value::LocalTimestampMicros(all.local.and_utc().timestamp_micros()),
        ),
        (
            "date",
            Value::Date(days.try_into().expect("within 32 bits")),
        ),
        (
            "time",
            Value::TimeMicros(since_midnight.num_microseconds().expect("a day")),
        ),
        ("moment", of_time(all.moment)),
        ("maybeMoment", nullable(all.maybe_moment.map(of_time))),
        (
            "millis",
            Value::TimestampMillis(all.millis.timestamp_millis()),
        ),
    ]
}

fn composites(all: &Everything<'_>) -> Fields {
    let by_name = all.by_name.iter();
    let counts = all.counts.iter();
    vec![
        ("state", of_state(all.state)),
        ("maybeState", nullable(all.maybe_state.map(of_state))),
        ("line", of_line(&all.line)),
        (
            "lines",
            Value::Array(all.lines.iter().map(of_line).collect()),
        ),
        ("pair", Value::Array(all.pair.map(Value::Int).to_vec())),
        (
            "byName",
            Value::Map(
                by_name
                    .map(|(name, line)| (name.clone(), of_line(line)))
                    .collect(),
            ),
        ),
        (
            "counts",
            Value::Map(
                counts
                    .map(|(name, n)| (name.clone(), Value::Long(*n)))
                    .collect(),
            ),
        ),
        ("email", text(&all.email.address)),
        ("code", text(&String::from(all.code.clone()))),
        ("kind", text(&all.r#type)),
        (
            "tags",
            Value::Array(all.tags.iter().map(|tag| text(tag)).collect()),
        ),
        ("next", nullable(all.next.as_deref().map(expected))),
    ]
}

fn avro<E: Event>(event: &E) -> Result<Vec<u8>, String> {
    let json = serde_json::to_string(event).expect("it is JSON");
    let schema = E::schema().compiled().expect("a schema");
    let mut avro = Vec::new();
    transcode(&json, schema, &mut avro).map_err(|error| error.to_string())?;
    Ok(avro)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_library_reads_the_values_that_were_written(
        one in everything(), next in prop::option::of(everything()),
    ) {
        let all = Everything { next: next.map(Box::new), ..one };
        let avro = avro(&all).map_err(TestCaseError::fail)?;
        let schema = Schema::parse_str(Everything::schema().json()).expect("a schema");
        let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
        let mut rest = avro.as_slice();
        prop_assert_eq!(reader.read_value(&mut rest).expect("a record"), expected(&all));
        prop_assert!(rest.is_empty());
        let json = serde_json::to_string(&all).expect("it is JSON");
        let read: Everything<'_> = serde_json::from_str(&json).expect("what was written");
        prop_assert_eq!((read.bytes, read.hash), (all.bytes, all.hash));
    }
}

#[test]
fn what_a_clock_says_can_be_emitted() {
    #[derive(Event, Serialize)]
    #[event(type = "test.Ticked", aggregate = "clock", key = clock)]
    struct Ticked {
        clock: i32,
        at: DateTime<Utc>,
    }

    let at = |nanos| {
        let at = DateTime::from_timestamp_nanos(nanos);
        avro(&Ticked { clock: 1, at })
    };
    assert_eq!(at(1_999), at(1_000));
    assert_ne!(at(1_999), at(2_000));
}
