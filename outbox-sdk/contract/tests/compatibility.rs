//! Compatibility of schemas: the verdicts of Avro's own library, and what a developer is told.

use outbox_contract::compatibility::{
    DEPTH_MAX, Incompatibility, Level, Reason, incompatibilities,
};
use outbox_contract::schema::CompiledSchema;

/// Made by `compatibility/Verdicts.java`.
const VERDICTS: &str = include_str!("compatibility/verdicts.txt");

/// `(name, schema)` in the order of the lines and columns of [`VERDICTS`].
fn schemas() -> Vec<(String, CompiledSchema)> {
    let lines = include_str!("compatibility/schemas.json").lines();
    let lines = lines.filter_map(|line| line.trim().trim_end_matches(',').split_once("\": "));
    lines
        .map(|(name, json)| (name[1..].to_owned(), compile(json)))
        .collect()
}

fn compile(json: &str) -> CompiledSchema {
    CompiledSchema::compile(json, &[]).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn record(fields: &str) -> CompiledSchema {
    compile(&format!(
        r#"{{"type": "record", "name": "shop.OrderPlaced", "fields": [{fields}]}}"#
    ))
}

/// What the reader is told, a sentence a line.
fn told(reader: &CompiledSchema, writer: &CompiledSchema) -> String {
    let found = incompatibilities(reader, writer);
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn every_verdict_is_the_one_of_avros_own_library() {
    let schemas = schemas();
    assert_eq!(VERDICTS.lines().count(), schemas.len());
    let mut different = Vec::new();
    for ((reader, reads), verdicts) in schemas.iter().zip(VERDICTS.lines()) {
        assert_eq!(verdicts.len(), schemas.len(), "{reader}");
        for ((writer, writes), verdict) in schemas.iter().zip(verdicts.chars()) {
            let found = incompatibilities(reads, writes);
            let is_compatible = !found.iter().any(Incompatibility::breaks_resolution);
            if is_compatible != (verdict == '+') {
                different.push(format!("{reader} reads {writer}: {verdict}, {found:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn each_sentence_says_where_and_why() {
    let cases = [
        (
            r#"{"name": "total", "type": "long"}"#,
            r#"{"name": "total", "type": "string"}"#,
            "total: string was written, and it cannot be read as long",
        ),
        (
            r#"{"name": "note", "type": "string"}"#,
            "",
            "note: the field was not written, and has no default to be read instead",
        ),
        (
            r#"{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [{"name": "price", "type": "int"}]}}}"#,
            r#"{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [{"name": "price", "type": "long"}]}}}"#,
            "lines[].price: long was written, and it cannot be read as int",
        ),
        (
            r#"{"name": "rates", "type": {"type": "map", "values": "boolean"}}"#,
            r#"{"name": "rates", "type": {"type": "map", "values": "int"}}"#,
            "rates{}: int was written, and it cannot be read as boolean",
        ),
        (
            r#"{"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW"]}}"#,
            r#"{"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID", "SENT"]}}"#,
            "state: enum shop.State lacks PAID, SENT, and has no default",
        ),
        (
            r#"{"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}}"#,
            r#"{"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 20}}"#,
            "hash: a fixed of 20 bytes was written, and it cannot be read as one of 16",
        ),
        (
            r#"{"name": "by", "type": {"type": "record", "name": "Card", "fields": []}}"#,
            r#"{"name": "by", "type": {"type": "record", "name": "Cash", "fields": []}}"#,
            "by: record shop.Cash was written, and record shop.Card has neither this name nor this alias",
        ),
        (
            r#"{"name": "note", "type": "string"}"#,
            r#"{"name": "note", "type": ["null", "string"]}"#,
            "note: null was written, and it cannot be read as string",
        ),
        (
            r#"{"name": "note", "type": ["null", "string"]}"#,
            r#"{"name": "note", "type": "int"}"#,
            "note: int may have been written, and [null, string] does not have it",
        ),
        (
            r#"{"name": "by", "type": ["null", {"type": "record", "name": "Card", "fields": [{"name": "expiry", "type": "int"}]}]}"#,
            r#"{"name": "by", "type": ["null", {"type": "record", "name": "Card", "fields": []}]}"#,
            "by<shop.Card>.expiry: the field was not written, and has no default to be read instead",
        ),
        (
            r#"{"name": "c", "type": "int", "aliases": ["a", "b"]}"#,
            r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#,
            "c: a and b were written, and the field's name and aliases mean all of them",
        ),
    ];
    for (reader, writer, sentence) in cases {
        assert_eq!(told(&record(reader), &record(writer)), sentence);
    }
    assert_eq!(
        told(&compile("\"int\""), &compile("\"string\"")),
        "the schema itself: string was written, and it cannot be read as int"
    );
}

#[test]
fn values_that_would_be_read_as_others_are_found_though_registries_let_them_pass() {
    let field = |logical: &str| record(&format!(r#"{{"name": "v", "type": {{{logical}}}}}"#));
    let decimal = |precision: u32, scale: u32| {
        field(&format!(
            r#""type": "bytes", "logicalType": "decimal", "precision": {precision}, "scale": {scale}"#
        ))
    };
    let long = |logical: &str| field(&format!(r#""type": "long", "logicalType": "{logical}""#));
    for (reader, writer, sentence) in [
        (
            decimal(12, 4),
            decimal(12, 2),
            "v: decimal(12, 2) was written, and read as decimal(12, 4) it is another value",
        ),
        (
            decimal(10, 2),
            decimal(12, 2),
            "v: decimal(12, 2) was written, and read as decimal(10, 2) it is another value",
        ),
        (
            field(r#""type": "bytes""#),
            decimal(12, 2),
            "v: decimal(12, 2) was written, and read as bytes it is another value",
        ),
        (
            long("timestamp-micros"),
            long("timestamp-millis"),
            "v: timestamp-millis was written, and read as timestamp-micros it is another value",
        ),
    ] {
        assert_eq!(told(&reader, &writer), sentence);
        let found = incompatibilities(&reader, &writer);
        assert!(!found.iter().any(Incompatibility::breaks_resolution));
    }
    assert_eq!(told(&decimal(14, 2), &decimal(12, 2)), "");
    assert_eq!(told(&long("timestamp-micros"), &long("none")), "");
}

#[test]
fn a_level_says_which_versions_are_compared_and_who_reads_whom() {
    let one = record("");
    let two = record(r#"{"name": "a", "type": "int", "default": 0}"#);
    let three = record(r#"{"name": "a", "type": "int"}"#);
    let broken = |level: &str, new: &CompiledSchema, earlier: &[&CompiledSchema]| -> Vec<u32> {
        let level: Level = level.parse().unwrap();
        let earlier = (1..).zip(earlier.iter().copied());
        let earlier: Vec<_> = earlier.collect();
        let violations = level.check(new, earlier.into_iter());
        violations.iter().map(|one| one.version).collect()
    };
    // The third version needs a field that the first does not write, and the second does.
    for (level, versions) in [
        ("NONE", &[][..]),
        ("BACKWARD", &[]),
        ("BACKWARD_TRANSITIVE", &[1]),
        ("FORWARD", &[]),
        ("FORWARD_TRANSITIVE", &[]),
        ("FULL", &[]),
        ("full_transitive", &[1]),
    ] {
        assert_eq!(broken(level, &three, &[&one, &two]), versions, "{level}");
    }
    for (level, versions) in [("FORWARD", &[1][..]), ("BACKWARD", &[]), ("FULL", &[1])] {
        assert_eq!(broken(level, &one, &[&three]), versions, "{level}");
    }
    let violations = Level::Full.check(&one, [(7, &three)].into_iter());
    assert_eq!(
        violations[0].to_string(),
        "version 7 cannot read events of the new version: \
         a: the field was not written, and has no default to be read instead"
    );
    assert!("BACKWARDS".parse::<Level>().is_err());
    assert_eq!(Level::default().to_string(), "BACKWARD");
}

#[test]
fn schemas_that_refer_to_themselves_without_end_are_compared_to_an_end() {
    // Records in a circle, each under the names of all: two circles meet in every pair.
    let aliases: Vec<String> = (0..40).map(|number| format!("\"R{number}\"")).collect();
    let aliases = aliases.join(",");
    let circle = |length: usize| {
        let inmost = r#""R0""#.to_owned();
        let json = (0..length).rev().fold(inmost, |inner, number| {
            format!(
                r#"{{"type":"record","name":"R{number}","aliases":[{aliases}],"fields":[{{"name":"next","type":{inner}}}]}}"#
            )
        });
        compile(&json)
    };
    assert_eq!(told(&circle(5), &circle(5)), "");
    assert_eq!(told(&circle(15), &circle(14)), "");
    const { assert!(15 * 14 < DEPTH_MAX && 31 * 30 > DEPTH_MAX) };
    let found = incompatibilities(&circle(31), &circle(30));
    assert_eq!(found.last().map(|one| &one.reason), Some(&Reason::TooDeep));
}
