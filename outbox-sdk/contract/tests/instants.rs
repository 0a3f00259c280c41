//! Texts of dates and times, as another library writes them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeZone, Utc};
use outbox_contract::schema::CompiledSchema;
use outbox_contract::transcode::transcode;
use proptest::prelude::*;

fn long(logical_type: &str, underlying: &str, json: &str) -> i64 {
    let schema = format!(r#"{{"type":"{underlying}","logicalType":"{logical_type}"}}"#);
    let compiled = CompiledSchema::compile(&schema, &[]).expect("the schema is valid");
    let mut avro = Vec::new();
    transcode(json, &compiled, &mut avro).unwrap_or_else(|error| panic!("{json}: {error}"));
    let bits = avro
        .iter()
        .rev()
        .fold(0_u64, |bits, byte| bits << 7 | u64::from(byte & 0x7F));
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

/// Any moment of the years 0 to 9999.
fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_167_219_200_i64..253_402_300_800, 0_u32..1_000_000_000)
        .prop_map(|(seconds, nanos)| Utc.timestamp_opt(seconds, nanos).unwrap())
}

proptest! {
    #[test]
    fn a_moment_in_any_offset_is_its_count(moment in moments(), offset in -1439_i32..1440) {
        let offset = FixedOffset::east_opt(offset * 60).unwrap();
        let micros = moment.timestamp_micros();
        let local = Utc.timestamp_micros(micros).unwrap().with_timezone(&offset);
        prop_assume!((0..10_000).contains(&local.year()));
        let json = format!("\"{}\"", local.to_rfc3339());
        prop_assert_eq!(long("timestamp-micros", "long", &json), micros);
        let json = format!("\"{}\"", local.naive_local().format("%Y-%m-%dT%H:%M:%S%.6f"));
        let expected = local.naive_local().and_utc().timestamp_micros();
        prop_assert_eq!(long("local-timestamp-micros", "long", &json), expected);
    }

    #[test]
    fn a_time_of_day_is_its_count(moment in moments()) {
        let json = format!("\"{}\"", moment.format("%H:%M:%S%.3f"));
        let expected = moment.timestamp_millis().rem_euclid(86_400_000);
        prop_assert_eq!(long("time-millis", "int", &json), expected);
    }

    #[test]
    fn a_date_is_its_count(days in -719_528_i32..2_932_897) {
        let date = NaiveDate::from_epoch_days(days).unwrap();
        prop_assert_eq!(long("date", "int", &format!("\"{date}\"")), i64::from(days));
    }
}
