//! What is a schema and what is not, through its effects on payloads.

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::schema::{CompiledSchema, Error};
use outbox_contract::transcode::transcode;

fn avro(schema: &CompiledSchema, json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    transcode(json, schema, &mut out).unwrap_or_else(|error| panic!("{json}: {error}"));
    out
}

fn compile(schema: &str) -> CompiledSchema {
    CompiledSchema::compile(schema, &[]).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

fn record_of(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"n.R","fields":[{fields}]}}"#)
}

#[test]
fn names_resolve_in_the_enclosing_namespace() {
    let schema = compile(
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[
            {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW"]}},
            {"name":"same","type":"State"},
            {"name":"full","type":"shop.State"},
            {"name":"other","type":{"type":"record","name":"bank.Account","fields":[
                {"name":"owner","type":{"type":"fixed","name":"Owner","size":1}}]}},
            {"name":"owner","type":"bank.Owner"},
            {"name":"wrapped","type":{"type":"State"}}]}"#,
    );
    assert_eq!(schema.name(), Some("shop.Order"));
    let json = r#"{"state":"NEW","same":"NEW","full":"NEW","other":{"owner":"AA=="},"owner":"AQ==",
        "wrapped":"NEW"}"#;
    assert_eq!(avro(&schema, json), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn references_are_compiled_before_the_schema_that_uses_them() {
    let line = r#"{"type":"record","name":"shop.Line","fields":[{"name":"money","type":"Money"}]}"#;
    let money = r#"{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"int"}]}"#;
    let order = r#"{"type":"record","name":"shop.Order","fields":[
        {"name":"lines","type":{"type":"array","items":"Line"}}]}"#;
    let schema = CompiledSchema::compile(order, &[money, line]).unwrap();
    assert_eq!(
        avro(&schema, r#"{"lines":[{"money":{"cents":5}}]}"#),
        [2, 10, 0]
    );
    assert_eq!(schema.fingerprint(), Fingerprint::of_schema(order).unwrap());
    let error = CompiledSchema::compile(order, &[]).unwrap_err();
    assert!(matches!(error, Error::UnknownType { name } if name == "shop.Line"));
}

#[test]
fn a_recursive_type_in_a_union_is_told_from_null() {
    let schema = compile(
        r#"{"type":"record","name":"L","fields":[
            {"name":"v","type":"int"},{"name":"next","type":["null","L"],"default":null}]}"#,
    );
    assert_eq!(
        avro(&schema, r#"{"v":1,"next":{"next":null,"v":2}}"#),
        [2, 2, 4, 0]
    );
}

#[test]
fn every_default_becomes_the_bytes_of_its_type() {
    let cases: &[(&str, &str, &[u8])] = &[
        (r#""boolean""#, "true", b"\x01"),
        (r#""int""#, "-1", b"\x01"),
        (r#""long""#, "64", b"\x80\x01"),
        (r#""float""#, "1", b"\x00\x00\x80\x3F"),
        (r#""double""#, "0.5", b"\0\0\0\0\0\0\xE0\x3F"),
        (r#""string""#, r#""ä""#, b"\x04\xC3\xA4"),
        (r#""bytes""#, r#""\u0000ÿ""#, b"\x04\x00\xFF"),
        (r#"{"type":"fixed","name":"F","size":1}"#, r#""ÿ""#, b"\xFF"),
        (
            r#"{"type":"enum","name":"E","symbols":["A","B"]}"#,
            r#""B""#,
            b"\x02",
        ),
        (r#"{"type":"array","items":"int"}"#, "[]", b"\x00"),
        (
            r#"{"type":"array","items":"int"}"#,
            "[1,2]",
            b"\x04\x02\x04\x00",
        ),
        (
            r#"{"type":"map","values":"int"}"#,
            r#"{"a":1}"#,
            b"\x02\x02a\x02\x00",
        ),
        (r#"["null","int"]"#, "null", b"\x00"),
        (r#"["null","int"]"#, "1", b"\x02\x02"),
        (r#"{"type":"int","logicalType":"date"}"#, "1", b"\x02"),
        (
            r#"{"type":"string","logicalType":"uuid"}"#,
            r#""""#,
            b"\x00",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":4}"#,
            r#""\u0001""#,
            b"\x02\x01",
        ),
        (
            r#"{"type":"record","name":"I","fields":[
                {"name":"x","type":"int"},{"name":"y","type":"int","default":2}]}"#,
            r#"{"x":1}"#,
            b"\x02\x04",
        ),
    ];
    for (field_type, default, expected) in cases {
        let field = format!(r#"{{"name":"f","type":{field_type},"default":{default}}}"#);
        assert_eq!(
            avro(&compile(&record_of(&field)), "{}"),
            *expected,
            "{field}"
        );
    }
}

#[test]
fn a_default_that_does_not_fit_is_refused() {
    for (field_type, default) in [
        (r#""int""#, "2147483648"),
        (r#""int""#, "1.5"),
        (r#""int""#, "null"),
        (r#""float""#, "1e39"),
        (r#""bytes""#, r#""Ā""#),
        (r#"{"type":"fixed","name":"F","size":1}"#, r#""""#),
        (r#"{"type":"enum","name":"E","symbols":["A"]}"#, r#""B""#),
        (r#"["null","int"]"#, r#""x""#),
        (
            r#"{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}"#,
            "{}",
        ),
    ] {
        let field = format!(r#"{{"name":"f","type":{field_type},"default":{default}}}"#);
        let error = CompiledSchema::compile(&record_of(&field), &[]).unwrap_err();
        let is_right = matches!(&error, Error::Default { record, field, .. }
            if record == "n.R" && field == "f");
        assert!(is_right, "{field}: {error}");
    }
}

#[test]
fn a_default_that_contains_itself_is_refused() {
    let field = r#"{"name":"f","type":"R","default":{}}"#;
    let error = CompiledSchema::compile(&record_of(field), &[]).unwrap_err();
    assert!(matches!(error, Error::DefaultTooLarge { .. }), "{error}");
}

#[test]
fn an_unsuitable_logical_type_is_ignored() {
    for schema in [
        r#"{"type":"string","logicalType":"date"}"#,
        r#"{"type":"string","logicalType":"unknown"}"#,
        r#"{"type":"string","logicalType":5}"#,
    ] {
        assert_eq!(avro(&compile(schema), r#""x""#), b"\x02x", "{schema}");
    }
    for schema in [
        r#"{"type":"bytes","logicalType":"decimal"}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":0}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":-1}"#,
        r#"{"type":"bytes","logicalType":"big-decimal"}"#,
    ] {
        assert_eq!(avro(&compile(schema), r#""AA==""#), b"\x02\x00", "{schema}");
    }
    for schema in [
        r#"{"type":"fixed","name":"F","size":1,"logicalType":"uuid"}"#,
        r#"{"type":"fixed","name":"F","size":1,"logicalType":"decimal","precision":3}"#,
    ] {
        assert_eq!(avro(&compile(schema), r#""AA==""#), b"\x00", "{schema}");
    }
    let fits = r#"{"type":"fixed","name":"F","size":1,"logicalType":"decimal","precision":2}"#;
    assert_eq!(avro(&compile(fits), "99"), b"\x63");
    let duration = r#"{"type":"fixed","name":"F","size":12,"logicalType":"duration"}"#;
    assert_eq!(avro(&compile(duration), r#""AAAAAAAAAAAAAAAA""#), [0; 12]);
}

#[test]
fn what_is_no_schema_is_refused_with_its_reason() {
    let field = |field: &str| record_of(field);
    let cases = [
        ("", "the schema is not JSON"),
        (
            "5",
            "a type is a name, a list of types or an object with a type, not 5",
        ),
        ("{}", "not an object without a type"),
        (
            r#""Order""#,
            "the type Order is not defined before it is used",
        ),
        (
            r#"{"type":"array"}"#,
            "array needs the attribute items, a type",
        ),
        (
            r#"{"type":"map"}"#,
            "map needs the attribute values, a type",
        ),
        (
            r#"{"type":"record","name":"R"}"#,
            "R needs the attribute fields, a list",
        ),
        (
            r#"{"type":"record","fields":[]}"#,
            "record needs the attribute name, a text",
        ),
        (
            r#"{"type":"record","name":"a-b","fields":[]}"#,
            "\"a-b\" is not an Avro name",
        ),
        (
            r#"{"type":"record","name":"int","fields":[]}"#,
            "\"int\" is not an Avro name",
        ),
        (
            r#"{"type":"fixed","name":"F"}"#,
            "F needs the attribute size, a number of bytes",
        ),
        (
            r#"{"type":"fixed","name":"F","size":-1}"#,
            "F needs the attribute size",
        ),
        (
            r#"{"type":"enum","name":"E"}"#,
            "E needs the attribute symbols, a list of texts",
        ),
        (
            r#"{"type":"enum","name":"E","symbols":["a","a"]}"#,
            "E has a twice",
        ),
        (
            r#"{"type":"enum","name":"E","symbols":["a b"]}"#,
            "\"a b\" is not an Avro name",
        ),
        (r#"["int","int"]"#, "a union cannot hold two of int"),
        (
            r#"["int",{"type":"int","logicalType":"date"}]"#,
            "a union cannot hold two of int",
        ),
        (r#"["null",["int"]]"#, "a union cannot hold another union"),
        ("[]", "a union cannot hold no types at all"),
        (
            &field(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#),
            "n.R has a twice",
        ),
        (
            &field(r#"{"name":"a"}"#),
            "field 1 of n.R needs the attribute type, a type",
        ),
        (
            &field(r#"{"type":"int"}"#),
            "field 1 of n.R needs the attribute name, a text",
        ),
        (
            &field(r#"{"name":"a\"","type":"int"}"#),
            "is not an Avro name",
        ),
        (&field("5"), "not field 1 of n.R, which is not an object"),
        (
            r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]"#,
            "the type F is defined twice",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":1001}"#,
            "a decimal of precision 1001 is beyond the limit of 1000",
        ),
    ];
    for (schema, expected) in cases {
        let error = CompiledSchema::compile(schema, &[])
            .expect_err(schema)
            .to_string();
        assert!(error.contains(expected), "{schema}: {error}");
    }
}

#[test]
fn the_size_of_a_schema_is_bounded() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(65),
        "}".repeat(65)
    );
    assert!(matches!(
        CompiledSchema::compile(&deep, &[]),
        Err(Error::TooDeep)
    ));
    let fields: Vec<_> = (0..6000)
        .map(|index| format!(r#"{{"name":"f{index}","type":"int"}}"#))
        .collect();
    let wide = record_of(&fields.join(","));
    assert!(matches!(
        CompiledSchema::compile(&wide, &[]),
        Err(Error::TooLarge)
    ));
}

#[test]
fn a_compiled_schema_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<CompiledSchema>();
}
