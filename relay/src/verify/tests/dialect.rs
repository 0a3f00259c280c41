//! Every kind of value: what means the same, and what does not.

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use apache_avro::types::Value;

use crate::verify::decode::compare_json;
use crate::verify::dialect::Comparison;
use crate::verify::json::Json;

/// Whether `json` says what `value` says under `schema`.
fn same(schema: &str, json: &str, value: &Value) -> bool {
    let schema = Schema::parse_str(schema).unwrap();
    let names = ResolvedSchema::new(&schema).unwrap();
    let json = Json::parse(json).unwrap();
    Comparison::new(names.get_names())
        .compare(&json, &schema, value)
        .is_ok()
}

fn check(schema: &str, value: &Value, equal: &[&str], different: &[&str]) {
    for json in equal {
        assert!(same(schema, json, value), "{json} is {value:?}");
    }
    for json in different {
        assert!(!same(schema, json, value), "{json} is not {value:?}");
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn plain_values_are_compared_exactly() {
    check(
        r#""null""#,
        &Value::Null,
        &["null"],
        &["false", "0", "\"\"", "{}"],
    );
    check(
        r#""boolean""#,
        &Value::Boolean(true),
        &["true"],
        &["false", "1", "\"true\""],
    );
    check(
        r#""int""#,
        &Value::Int(-7),
        &["-7"],
        &["7", "-7.5", "\"-7\"", "null"],
    );
    let large = Value::Long(9_007_199_254_740_993);
    check(
        r#""long""#,
        &large,
        &["9007199254740993"],
        &["9007199254740992"],
    );
    check(
        r#""double""#,
        &Value::Double(0.1),
        &["0.1", "1e-1"],
        &["0.10000000000000002", "0"],
    );
    check(
        r#""float""#,
        &Value::Float(0.1),
        &["0.1"],
        &["0.1000001", "\"0.1\""],
    );
    check(
        r#""string""#,
        &text("é\n"),
        &["\"é\\n\"", "\"\\u00e9\\n\""],
        &["\"e\\n\"", "null"],
    );
    check(
        r#""bytes""#,
        &Value::Bytes(vec![0, 255]),
        &["\"AP8=\""],
        &["\"AP4=\"", "\"\"", "[0, 255]"],
    );
    let symbols = r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#;
    check(
        symbols,
        &Value::Enum(1, "B".to_owned()),
        &["\"B\""],
        &["\"A\"", "1"],
    );
    let fixed = r#"{"type": "fixed", "name": "F", "size": 2}"#;
    check(
        fixed,
        &Value::Fixed(2, vec![0, 255]),
        &["\"AP8=\""],
        &["\"AP8A\""],
    );
}

#[test]
fn decimals_are_compared_by_value_and_to_the_last_digit() {
    let schema = r#"{"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 3}"#;
    let unscaled: i128 = -123_456_789_012_345_678_901_230;
    let value = Value::Decimal(apache_avro::Decimal::from(unscaled.to_be_bytes()));
    check(
        schema,
        &value,
        &[
            "-123456789012345678901.23",
            "\"-123456789012345678901.230\"",
            "-12345678901234567890123e-2",
        ],
        &[
            "123456789012345678901.23",
            "-123456789012345678901.231",
            "\"\"",
            "1e99999",
            "null",
        ],
    );
}

#[test]
fn dates_and_times_are_text_or_the_unit() {
    let logical =
        |base: &str, name: &str| format!(r#"{{"type": "{base}", "logicalType": "{name}"}}"#);
    check(
        &logical("int", "date"),
        &Value::Date(19_844),
        &["19844", "\"2024-05-01\""],
        &["\"2024-05-02\""],
    );
    check(
        &logical("int", "time-millis"),
        &Value::TimeMillis(3_600_250),
        &["3600250", "\"01:00:00.25\""],
        &["\"01:00:00.251\"", "\"01:00:00.2500001\""],
    );
    check(
        &logical("long", "timestamp-millis"),
        &Value::TimestampMillis(1_709_251_199_000),
        &[
            "1709251199000",
            "\"2024-02-29T23:59:59Z\"",
            "\"2024-03-01T00:59:59.000+01:00\"",
        ],
        &[
            "1709251199",
            "\"2024-02-29T23:59:58Z\"",
            "\"2024-02-29T23:59:59\"",
        ],
    );
    check(
        &logical("long", "local-timestamp-micros"),
        &Value::LocalTimestampMicros(1_709_251_199_000_001),
        &["\"2024-02-29T23:59:59.000001\""],
        &[
            "\"2024-02-29T23:59:59.000002\"",
            "\"2024-02-29T23:59:59.000001Z\"",
        ],
    );
}

#[test]
fn a_uuid_is_compared_as_such() {
    let id = "0190f0a0-0000-7000-8000-0000000000af";
    let value = Value::Uuid(id.parse().unwrap());
    let schema = r#"{"type": "string", "logicalType": "uuid"}"#;
    let upper = format!("\"{}\"", id.to_uppercase());
    check(
        schema,
        &value,
        &[&format!("\"{id}\""), &upper],
        &["\"0190f0a0\"", "null"],
    );
}

#[test]
fn collections_are_compared_in_every_element() {
    let array = r#"{"type": "array", "items": "int"}"#;
    let items = Value::Array(vec![Value::Int(1), Value::Int(2)]);
    check(
        array,
        &items,
        &["[1, 2]"],
        &["[2, 1]", "[1]", "[1, 2, 3]", "{}"],
    );
    let map = r#"{"type": "map", "values": "int"}"#;
    let entries = Value::Map([("a".to_owned(), Value::Int(1))].into());
    check(
        map,
        &entries,
        &[r#"{"a": 1}"#],
        &["{}", r#"{"b": 1}"#, r#"{"a": 2}"#, r#"{"a": 1, "a": 1}"#],
    );
}

#[test]
fn a_record_has_the_fields_of_the_row_or_their_defaults() {
    let schema = r#"{"type": "record", "name": "n.R", "fields": [
      {"name": "id", "type": "int"},
      {"name": "raw", "type": "bytes", "default": "\u0000\u00ff"},
      {"name": "next", "type": ["null", "R"], "default": null}]}"#;
    let record = |id, raw: &[u8], next: Option<Value>| {
        let next = next.map_or((0, Value::Null), |next| (1, next));
        Value::Record(vec![
            ("id".to_owned(), Value::Int(id)),
            ("raw".to_owned(), Value::Bytes(raw.to_vec())),
            ("next".to_owned(), Value::Union(next.0, Box::new(next.1))),
        ])
    };
    let value = record(1, &[0, 255], Some(record(2, &[], None)));
    check(
        schema,
        &value,
        &[
            r#"{"next": {"raw": "", "id": 2}, "id": 1}"#,
            r#"{"id": 1, "raw": "AP8=", "next": {"id": 2, "raw": "", "next": null}}"#,
        ],
        &[
            r#"{"id": 1}"#,
            r#"{"id": 1, "next": {"id": 2}}"#,
            r#"{"id": 1, "next": {"id": 3, "raw": ""}}"#,
            r#"{"next": {"raw": "", "id": 2}}"#,
            r#"{"id": 1, "other": 2, "next": {"raw": "", "id": 2}}"#,
            r#"{"id": 1, "id": 1, "next": {"raw": "", "id": 2}}"#,
        ],
    );
}

#[test]
fn the_difference_names_the_path_and_no_data() {
    let schema = r#"{"type": "record", "name": "R", "fields": [
      {"name": "items", "type": {"type": "array", "items": "string"}}]}"#;
    let schema = Schema::parse_str(schema).unwrap();
    let names = ResolvedSchema::new(&schema).unwrap();
    let value = Value::Record(vec![(
        "items".to_owned(),
        Value::Array(vec![text("a"), text("b")]),
    )]);
    let json = Json::parse(r#"{"items": ["a", "secret"]}"#).unwrap();
    let difference = Comparison::new(names.get_names()).compare(&json, &schema, &value);
    insta::assert_snapshot!(
        difference.unwrap_err(),
        @"payload.items[1]: the row has a string, the record a string that is not the same"
    );
}

#[test]
fn json_values_are_compared_by_meaning() {
    let row = Json::parse(r#"{"a": 1.0, "b": [true, "x"]}"#).unwrap();
    assert!(compare_json(br#"{"b":[true,"x"],"a":1}"#, &row).is_ok());
    for other in [
        r#"{"a":1.1,"b":[true,"x"]}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"b":[true,"y"]}"#,
        "1",
        "",
    ] {
        assert!(compare_json(other.as_bytes(), &row).is_err(), "{other}");
    }
}
