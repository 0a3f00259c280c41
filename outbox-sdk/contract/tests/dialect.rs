//! The payload dialect, case by case: what fits and its bytes, what does not and how it is told.

use outbox_contract::schema::CompiledSchema;
use outbox_contract::transcode::{Problem, Transcoder, transcode};

fn avro(schema: &str, json: &str) -> Result<Vec<u8>, String> {
    let schema = CompiledSchema::compile(schema, &[]).unwrap_or_else(|e| panic!("{schema}: {e}"));
    let mut out = b"before".to_vec();
    let result = transcode(json, &schema, &mut out);
    let written = out.split_off(6);
    assert_eq!(out, b"before");
    match result {
        Ok(()) => Ok(written),
        Err(error) => {
            assert!(written.is_empty(), "{json} left {written:?} behind");
            Err(error.to_string())
        }
    }
}

/// Each case: a schema, a payload and the bytes it becomes.
fn assert_fits(cases: &[(&str, &str, &[u8])]) {
    for (schema, json, expected) in cases {
        assert_eq!(
            avro(schema, json).as_deref(),
            Ok(*expected),
            "{json} under {schema}"
        );
    }
}

/// Each case: a schema, a payload and how the error ends.
fn assert_misfits(cases: &[(&str, &str, &str)]) {
    for (schema, json, ending) in cases {
        let error = avro(schema, json).expect_err(json);
        assert!(error.ends_with(ending), "{json} under {schema}: {error}");
    }
}

const DECIMAL: &str = r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#;
const DECIMAL_FIXED: &str =
    r#"{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":4,"scale":2}"#;
const DATE: &str = r#"{"type":"int","logicalType":"date"}"#;
const TIME: &str = r#"{"type":"int","logicalType":"time-millis"}"#;
const MICROS: &str = r#"{"type":"long","logicalType":"timestamp-micros"}"#;
const LOCAL: &str = r#"{"type":"long","logicalType":"local-timestamp-millis"}"#;
const UUID: &str = r#"{"type":"string","logicalType":"uuid"}"#;
const UUID_FIXED: &str = r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#;
const FIXED: &str = r#"{"type":"fixed","name":"F","size":2}"#;
const ENUM: &str = r#"{"type":"enum","name":"E","symbols":["Z","A"]}"#;
const ARRAY: &str = r#"{"type":"array","items":"int"}"#;
const MAP: &str = r#"{"type":"map","values":"int"}"#;
const RECORD: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"a","type":"int"},{"name":"b","type":"string"},
    {"name":"c","type":["null","int"],"default":null},{"name":"d","type":"int","default":-1}]}"#;

#[test]
fn scalars_that_fit_are_written() {
    assert_fits(&[
        (r#""null""#, "null", b""),
        (r#""boolean""#, " true ", b"\x01"),
        (r#""boolean""#, "\t\r\nfalse\n", b"\x00"),
        (r#""int""#, "-2147483648", b"\xFF\xFF\xFF\xFF\x0F"),
        (r#""int""#, "-0", b"\x00"),
        (
            r#""long""#,
            "9223372036854775807",
            b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
        ),
        (r#""float""#, "1.5", &1.5_f32.to_le_bytes()),
        (r#""float""#, "3", &3_f32.to_le_bytes()),
        (r#""double""#, "-1E-2", &(-0.01_f64).to_le_bytes()),
        (r#""double""#, "-0", &(-0.0_f64).to_le_bytes()),
        (r#""string""#, r#""""#, b"\x00"),
        (
            r#""string""#,
            r#""a\u00e4\n\ud83d\ude00""#,
            "\x10a\u{e4}\n\u{1F600}".as_bytes(),
        ),
        (
            r#""string""#,
            "\"longer than eight bytes \u{1F600}\"",
            "\x38longer than eight bytes \u{1F600}".as_bytes(),
        ),
        (r#""bytes""#, r#""""#, b"\x00"),
        (r#""bytes""#, r#""AP8=""#, b"\x04\x00\xFF"),
        (r#""bytes""#, r#""\/\u002b8A""#, b"\x06\xFF\xEF\x00"),
        (FIXED, r#""AP8=""#, b"\x00\xFF"),
        (ENUM, r#""A""#, b"\x02"),
        (ENUM, r#""\u005A""#, b"\x00"),
    ]);
}

#[test]
fn scalars_that_do_not_fit_are_refused() {
    assert_misfits(&[
        (r#""null""#, "0", "schema: expected null, found a number"),
        (r#""boolean""#, "1", "expected boolean, found a number"),
        (
            r#""int""#,
            "2147483648",
            "expected int, but the value is out of range",
        ),
        (
            r#""int""#,
            "1.0",
            "expected int, but the value has a fraction or an exponent",
        ),
        (
            r#""int""#,
            "1e0",
            "expected int, but the value has a fraction or an exponent",
        ),
        (r#""int""#, r#""1""#, "expected int, found a string"),
        (
            r#""long""#,
            "9223372036854775808",
            "expected long, but the value is out of range",
        ),
        (
            r#""float""#,
            "1e39",
            "expected float, but the value is out of range",
        ),
        (
            r#""double""#,
            "-1e309",
            "expected double, but the value is out of range",
        ),
        (r#""double""#, r#""NaN""#, "expected double, found a string"),
        (r#""string""#, "null", "expected string, found null"),
        (
            r#""bytes""#,
            r#""AP8""#,
            "but the value is not base64 with padding",
        ),
        (
            r#""bytes""#,
            r#""AP-_""#,
            "but the value is not base64 with padding",
        ),
        (
            r#""bytes""#,
            r#""AP9=""#,
            "but the value is not base64 with padding",
        ),
        (
            r#""bytes""#,
            "[0,255]",
            "expected bytes (base64), found an array",
        ),
        (
            FIXED,
            r#""AP8A""#,
            "expected fixed F (2 bytes as base64), but the value has another number of bytes",
        ),
        (
            ENUM,
            r#""B""#,
            "expected enum E, but the value is not one of its symbols",
        ),
        (ENUM, "0", "expected enum E, found a number"),
    ]);
}

#[test]
fn decimals_are_exact() {
    assert_fits(&[
        (DECIMAL, "0", b"\x02\x00"),
        (DECIMAL, "-0.0", b"\x02\x00"),
        (DECIMAL, "0e999999999999999999999", b"\x02\x00"),
        (DECIMAL, "1.27", b"\x02\x7F"),
        (DECIMAL, "1.28", b"\x04\x00\x80"),
        (DECIMAL, "-1.28", b"\x02\x80"),
        (DECIMAL, "-1.29", b"\x04\xFF\x7F"),
        (DECIMAL, r#""99.99""#, b"\x04\x27\x0F"),
        (DECIMAL, "12.3400", b"\x04\x04\xD2"),
        (DECIMAL, "12", b"\x04\x04\xB0"),
        (DECIMAL, "0.1234e2", b"\x04\x04\xD2"),
        (DECIMAL, "1234E-2", b"\x04\x04\xD2"),
        (DECIMAL, "123400e-4", b"\x04\x04\xD2"),
        (DECIMAL_FIXED, "-12.34", b"\xFF\xFF\xFB\x2E"),
        (DECIMAL_FIXED, "0", b"\x00\x00\x00\x00"),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":40}"#,
            "-1234567890123456789012345678901234567890",
            b"\x22\xFC\x5F\x36\xDF\x8A\x3F\x24\x0C\x47\x53\x43\xA0\x69\x31\xC0\xF5\x2E",
        ),
    ]);
    assert_misfits(&[
        (
            DECIMAL,
            "100",
            "expected decimal(4, 2), but the value has more digits than the precision",
        ),
        (
            DECIMAL,
            "1e5",
            "but the value has more digits than the precision",
        ),
        (
            DECIMAL,
            "1e999999999",
            "but the value has more digits than the precision",
        ),
        (
            DECIMAL,
            "1e99999999999999999999",
            "but the value has too large an exponent",
        ),
        (
            DECIMAL,
            "12.345",
            "but the value has more digits than the scale",
        ),
        (
            DECIMAL,
            "1e-999999999",
            "but the value has more digits than the scale",
        ),
        (
            DECIMAL,
            r#""""#,
            "but the value is not a number such as -12.30",
        ),
        (
            DECIMAL,
            r#""1,5""#,
            "but the value is not a number such as -12.30",
        ),
        (
            DECIMAL,
            r#"" 1""#,
            "but the value is not a number such as -12.30",
        ),
        (DECIMAL, "true", "expected decimal(4, 2), found a boolean"),
    ]);
}

#[test]
fn dates_times_and_uuids_are_texts_or_counts() {
    assert_fits(&[
        (DATE, r#""1970-01-02""#, b"\x02"),
        (DATE, "-1", b"\x01"),
        (TIME, r#""00:00:00.001""#, b"\x02"),
        (TIME, "1", b"\x02"),
        (MICROS, r#""1970-01-01T01:00:00.000002+01:00""#, b"\x04"),
        (MICROS, "2", b"\x04"),
        (LOCAL, r#""1970-01-01T00:00:00.003""#, b"\x06"),
        (
            UUID,
            r#""00112233-4455-6677-8899-aabbccddeeff""#,
            b"\x4800112233-4455-6677-8899-aabbccddeeff",
        ),
        (
            UUID_FIXED,
            r#""00112233-4455-6677-8899-aabbccddeeff""#,
            b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF",
        ),
    ]);
    assert_misfits(&[
        (
            DATE,
            r#""1970-02-30""#,
            "expected date, but the value is not a date of the calendar",
        ),
        (
            DATE,
            "2147483648",
            "expected date, but the value is out of range",
        ),
        (
            DATE,
            "1.5",
            "expected date, but the value has a fraction or an exponent",
        ),
        (
            TIME,
            "86400000",
            "expected time-millis, but the value is out of range",
        ),
        (
            TIME,
            "-1",
            "expected time-millis, but the value is out of range",
        ),
        (
            MICROS,
            r#""1970-01-01T00:00:00.0000000001Z""#,
            "expected timestamp-micros, but the value has a finer fraction of a second than the unit",
        ),
        (MICROS, "null", "expected timestamp-micros, found null"),
        (
            LOCAL,
            r#""1970-01-01T00:00:00Z""#,
            "such as 2026-01-31T23:59:59",
        ),
        (
            UUID,
            r#""00112233445566778899aabbccddeeff""#,
            "but the value is not 32 hexadecimal digits in five groups",
        ),
        (
            UUID,
            r#""00112233-4455-6677-8899-aabbccddeefg""#,
            "but the value is not 32 hexadecimal digits in five groups",
        ),
    ]);
}

#[test]
fn fields_come_in_any_order_and_defaults_fill_the_gaps() {
    let all = b"\x02\x02x\x02\x06\x08";
    assert_fits(&[
        (RECORD, r#"{"a":1,"b":"x","c":3,"d":4}"#, all),
        (
            RECORD,
            r#"{ "a" : 1 , "b" : "x" , "c" : 3 , "d" : 4 }"#,
            all,
        ),
        (RECORD, r#"{"d":4,"c":3,"b":"x","a":1}"#, all),
        (RECORD, r#"{"a":1,"d":4,"b":"x","c":3}"#, all),
        (RECORD, r#"{"\u0061":1,"b":"x","c":3,"\u0064":4}"#, all),
        (RECORD, r#"{"a":1,"b":"x"}"#, b"\x02\x02x\x00\x01"),
        (RECORD, r#"{"b":"x","a":1}"#, b"\x02\x02x\x00\x01"),
        (RECORD, r#"{"a":1,"b":"x","d":4}"#, b"\x02\x02x\x00\x08"),
        (r#"{"type":"record","name":"E","fields":[]}"#, "{}", b""),
    ]);
}

#[test]
fn a_record_that_differs_from_its_schema_is_refused() {
    assert_misfits(&[
        (
            RECORD,
            r#"{"a":1,"b":"x","e":1}"#,
            "schema: record R has no field e",
        ),
        (
            RECORD,
            r#"{"a":1,"b":"x","A":1}"#,
            "record R has no field A",
        ),
        (
            RECORD,
            r#"{"jane@example.org":1}"#,
            "record R has no field of such a name",
        ),
        (
            RECORD,
            r#"{"a":1}"#,
            "the field b is missing and has no default",
        ),
        (
            RECORD,
            r#"{"c":1,"b":"x"}"#,
            "the field a is missing and has no default",
        ),
        (RECORD, "{}", "the field a is missing and has no default"),
        (
            RECORD,
            r#"{"a":1,"a":1,"b":"x"}"#,
            "the field a is there twice",
        ),
        (
            RECORD,
            r#"{"b":"x","a":1,"b":"x"}"#,
            "the field b is there twice",
        ),
        (
            RECORD,
            r#"{"a":1,"b":"x","\u0061":1}"#,
            "the field a is there twice",
        ),
        (RECORD, "[]", "expected record R, found an array"),
        (
            RECORD,
            r#"{"a":1,"b":"x","c":true}"#,
            "at c: expected one of null, int, found a boolean",
        ),
    ]);
}

#[test]
fn arrays_and_maps_are_one_block_and_an_end() {
    let numbers: Vec<_> = (0..100).map(|_| "1").collect();
    let mut hundred = vec![0xC8, 0x01];
    hundred.extend([2; 100]);
    hundred.push(0);
    assert_fits(&[
        (ARRAY, "[]", b"\x00"),
        (ARRAY, "[ ]", b"\x00"),
        (ARRAY, "[1, 2]", b"\x04\x02\x04\x00"),
        (ARRAY, &format!("[{}]", numbers.join(",")), &hundred),
        (MAP, "{}", b"\x00"),
        (MAP, r#"{"b":1,"a":2}"#, b"\x04\x02b\x02\x02a\x04\x00"),
        (MAP, r#"{"":1}"#, b"\x02\x00\x02\x00"),
    ]);
    assert_misfits(&[
        (ARRAY, "[1,true]", "at [1]: expected int, found a boolean"),
        (
            MAP,
            r#"{"a":1,"b":2,"\u0061":1}"#,
            "a key of the map is there twice",
        ),
        (
            MAP,
            r#"{"jane":1,"joe":"x"}"#,
            "at {1}: expected int, found a string",
        ),
    ]);
}

#[test]
fn a_union_takes_the_first_branch_that_fits() {
    let two_records = r#"[
        {"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]},
        {"type":"record","name":"B","fields":[{"name":"y","type":"string"},{"name":"x","type":"int"}]}]"#;
    assert_fits(&[
        (r#"["null","int"]"#, "null", b"\x00"),
        (r#"["null","int"]"#, "1", b"\x02\x02"),
        (r#"["int","long","double"]"#, "1", b"\x00\x02"),
        (
            r#"["int","long","double"]"#,
            "4294967296",
            b"\x02\x80\x80\x80\x80\x20",
        ),
        (r#"["int","double"]"#, "0.5", b"\x02\0\0\0\0\0\0\xE0\x3F"),
        (r#"["bytes","string"]"#, r#""AP8=""#, b"\x00\x04\x00\xFF"),
        (r#"["bytes","string"]"#, r#""AP8""#, b"\x02\x06AP8"),
        (two_records, r#"{"y":1,"x":2}"#, b"\x00\x04\x02"),
        (two_records, r#"{"x":2,"y":"s"}"#, b"\x02\x02s\x04"),
    ]);
    assert_misfits(&[
        (
            r#"["null","int"]"#,
            r#""x""#,
            "schema: expected one of null, int, found a string",
        ),
        (
            r#"["null","int"]"#,
            "1.5",
            "schema: expected int, but the value has a fraction or an exponent",
        ),
        (
            r#"["int","float"]"#,
            "1e99",
            "expected one of int, float, but the value fits none of them",
        ),
        (
            two_records,
            r#"{"x":2,"y":null}"#,
            "expected one of record A, record B, but the value fits none of them",
        ),
        (
            two_records,
            r#"{"x":2,"y":"s}"#,
            "not JSON: expected the end of the string, and no control character in it at byte 14",
        ),
    ]);
}

#[test]
fn a_misfit_names_the_path_and_no_value() {
    let schema = r#"{"type":"record","name":"Order","fields":[
        {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
            {"name":"sku","type":"string"},{"name":"price","type":"int"}]}}}]}"#;
    let json = r#"{"items":[{"sku":"a","price":1},{"sku":"secret","price":"secret"}]}"#;
    assert_eq!(
        avro(schema, json).unwrap_err(),
        "the payload does not fit its schema at items[1].price: expected int, found a string",
    );
    let json = r#"{"items":[{"price":1,"sku":"a"},{"price":1.5,"sku":"secret"}]}"#;
    assert_eq!(
        avro(schema, json).unwrap_err(),
        "the payload does not fit its schema at items[1].price: \
         expected int, but the value has a fraction or an exponent",
    );
}

#[test]
fn a_text_that_is_not_json_is_refused() {
    for (schema, json) in [
        (r#""int""#, ""),
        (r#""int""#, " "),
        (r#""int""#, "+1"),
        (r#""int""#, "01"),
        (r#""int""#, "-"),
        (r#""int""#, "- 1"),
        (r#""int""#, "1 2"),
        (r#""int""#, "1,"),
        (r#""int""#, "\u{a0}1"),
        (r#""int""#, "\u{feff}1"),
        (r#""double""#, "1."),
        (r#""double""#, ".5"),
        (r#""double""#, "1e"),
        (r#""double""#, "1e+"),
        (r#""double""#, "NaN"),
        (r#""double""#, "Infinity"),
        (r#""null""#, "nul"),
        (r#""null""#, "nullx"),
        (r#""boolean""#, "tru"),
        (r#""string""#, "'a'"),
        (r#""string""#, r#""\ud800""#),
        (r#""string""#, "\"\n\""),
        (ARRAY, "[1,]"),
        (ARRAY, "[,1]"),
        (ARRAY, "[1 2]"),
        (ARRAY, "[1"),
        (ARRAY, "[1}"),
        (MAP, r#"{"a":1,}"#),
        (MAP, r#"{"a" 1}"#),
        (MAP, "{a:1}"),
        (MAP, r#"{"a""#),
        (RECORD, r#"{"a":1,"b":"x",}"#),
        (RECORD, r#"{"a":1;"b":"x"}"#),
        (RECORD, r#"{"b":"x","a":1,}"#),
        (RECORD, r#"{"a"}"#),
        (RECORD, r#"{"a":1,"b":"x"}}"#),
    ] {
        let error = avro(schema, json).expect_err(json);
        assert!(
            error.contains("not JSON: expected"),
            "{json} under {schema}: {error}"
        );
    }
}

const TREE: &str = r#"{"type":"record","name":"Tree","namespace":"n","fields":[
    {"name":"next","type":["null","Tree"],"default":null}]}"#;

fn nested_trees(depth: usize) -> String {
    format!(
        "{}{}",
        r#"{"next":"#.repeat(depth) + "null",
        "}".repeat(depth)
    )
}

#[test]
fn nesting_is_bounded() {
    assert!(avro(TREE, &nested_trees(128)).is_ok());
    let error = avro(TREE, &nested_trees(129)).unwrap_err();
    assert!(
        error.ends_with("values are nested deeper than 128"),
        "{error}"
    );
    let open = r#"{"next":"#.repeat(100_000);
    assert!(
        avro(TREE, &open)
            .unwrap_err()
            .ends_with("nested deeper than 128")
    );
}

#[test]
fn branches_that_begin_alike_cannot_take_for_ever() {
    // Each level is read once per branch, and the innermost fits neither: 2^100 attempts.
    let schema = r#"{"type":"record","name":"A","fields":[
        {"name":"x","type":["null","A",{"type":"record","name":"B","fields":[
            {"name":"x","type":["null","A","B"]},{"name":"b","type":"int"}]}]},
        {"name":"a","type":"int"}]}"#;
    let json = format!("{}{}", r#"{"x":"#.repeat(100) + "null", "}".repeat(100));
    let compiled = CompiledSchema::compile(schema, &[]).unwrap();
    let error = transcode(&json, &compiled, &mut Vec::new()).unwrap_err();
    assert_eq!(error.problem, Problem::TooAmbiguous);
}

#[test]
fn defaults_cannot_make_a_payload_endless() {
    let default = "x".repeat(100_000);
    let schema = format!(
        r#"{{"type":"array","items":{{"type":"record","name":"R","fields":[
            {{"name":"f","type":"string","default":"{default}"}}]}}}}"#
    );
    let json = format!("[{}{{}}]", "{},".repeat(10_000));
    let error = avro(&schema, &json).unwrap_err();
    assert!(error.ends_with("the encoding is too large"), "{error}");
}

#[test]
fn a_transcoder_is_usable_after_an_error() {
    let schema = CompiledSchema::compile(TREE, &[]).unwrap();
    let map = CompiledSchema::compile(MAP, &[]).unwrap();
    let mut transcoder = Transcoder::new();
    let mut out = Vec::new();
    for json in [r#"{"a":1,"b":"#, r#"{"a":1,"a":1}"#, r#"{"a":1,"b":true}"#] {
        assert!(transcoder.transcode(json, &map, &mut out).is_err());
    }
    assert!(
        transcoder
            .transcode(r#"{"next":{"next":1}}"#, &schema, &mut out)
            .is_err()
    );
    transcoder.transcode(r#"{"a":1}"#, &map, &mut out).unwrap();
    transcoder
        .transcode(r#"{"next":{}}"#, &schema, &mut out)
        .unwrap();
    assert_eq!(out, b"\x02\x02a\x02\x00\x02\x00");
}
