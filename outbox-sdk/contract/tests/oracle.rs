//! What we write, another Avro library reads back: schemas and values are made up at random.

use std::collections::HashMap;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::{Decimal, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use outbox_contract::schema::CompiledSchema;
use outbox_contract::transcode::transcode;
use proptest::prelude::*;
use serde_json::json;

/// A schema without names; rendering numbers them.
#[derive(Debug, Clone)]
enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(usize),
    Decimal {
        precision: u32,
        scale: u32,
        is_fixed: bool,
    },
    Uuid,
    Date,
    TimeMillis,
    TimeMicros,
    Timestamp(&'static str),
    Array(Box<Type>),
    Map(Box<Type>),
    Record(Vec<Type>),
    /// Of types with different kinds of JSON value, so that the branch is certain.
    Union(Vec<Type>),
}

fn types() -> impl Strategy<Value = Type> {
    let decimal = (1_u32..30, 0_u32..30, any::<bool>()).prop_map(|(precision, scale, is_fixed)| {
        Type::Decimal {
            precision,
            scale: scale.min(precision),
            is_fixed,
        }
    });
    let scalar = prop_oneof![
        Just(Type::Null),
        Just(Type::Boolean),
        Just(Type::Int),
        Just(Type::Long),
        Just(Type::Float),
        Just(Type::Double),
        Just(Type::Bytes),
        Just(Type::String),
        (0_usize..9).prop_map(Type::Fixed),
        (1_usize..80).prop_map(Type::Enum),
        decimal,
        Just(Type::Uuid),
        Just(Type::Date),
        Just(Type::TimeMillis),
        Just(Type::TimeMicros),
        prop_oneof![
            Just("timestamp-millis"),
            Just("timestamp-micros"),
            Just("timestamp-nanos"),
            Just("local-timestamp-millis"),
            Just("local-timestamp-micros"),
            Just("local-timestamp-nanos"),
        ]
        .prop_map(Type::Timestamp),
    ];
    scalar.prop_recursive(4, 40, 8, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let union_of = (boxed.clone(), prop::collection::vec(inner.clone(), 0..4));
        prop_oneof![
            boxed.clone().prop_map(Type::Array),
            boxed.prop_map(Type::Map),
            prop::collection::vec(inner, 0..8).prop_map(Type::Record),
            union_of.prop_flat_map(|(items, fields)| {
                let branches = vec![
                    Type::Null,
                    Type::Boolean,
                    Type::Long,
                    Type::String,
                    Type::Array(items),
                    Type::Record(fields),
                ];
                prop::sample::subsequence(branches, 1..=6)
                    .prop_shuffle()
                    .prop_map(Type::Union)
            }),
        ]
    })
}

/// The schema's JSON; `named` counts the named types.
fn render(schema: &Type, named: &mut usize) -> serde_json::Value {
    let mut name = || {
        *named += 1;
        format!("n{}.T{named}", *named % 3)
    };
    match schema {
        Type::Null => json!("null"),
        Type::Boolean => json!("boolean"),
        Type::Int => json!("int"),
        Type::Long => json!("long"),
        Type::Float => json!("float"),
        Type::Double => json!("double"),
        Type::Bytes => json!("bytes"),
        Type::String => json!({"type": "string"}),
        Type::Fixed(size) => json!({"type": "fixed", "name": name(), "size": size}),
        Type::Enum(count) => {
            let symbols: Vec<_> = (0..*count).map(|index| format!("S{index}")).collect();
            json!({"type": "enum", "name": name(), "symbols": symbols})
        }
        Type::Decimal {
            precision,
            scale,
            is_fixed: false,
        } => json!({
            "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}),
        Type::Decimal {
            precision,
            scale,
            is_fixed: true,
        } => json!({
            "type": "fixed", "name": name(), "size": 13,
            "logicalType": "decimal", "precision": precision, "scale": scale}),
        Type::Uuid => json!({"type": "string", "logicalType": "uuid"}),
        Type::Date => json!({"type": "int", "logicalType": "date"}),
        Type::TimeMillis => json!({"type": "int", "logicalType": "time-millis"}),
        Type::TimeMicros => json!({"type": "long", "logicalType": "time-micros"}),
        Type::Timestamp(logical) => json!({"type": "long", "logicalType": logical}),
        Type::Array(items) => json!({"type": "array", "items": render(items, named)}),
        Type::Map(values) => json!({"type": "map", "values": render(values, named)}),
        Type::Record(fields) => {
            let name = name();
            let fields: Vec<_> = fields
                .iter()
                .enumerate()
                .map(|(at, one)| json!({"name": format!("f{at}"), "type": render(one, named)}))
                .collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
        Type::Union(branches) => branches.iter().map(|one| render(one, named)).collect(),
    }
}

/// A payload's text, and the value that it must be read back as.
type Sample = (String, Value);

fn samples(schema: &Type) -> BoxedStrategy<Sample> {
    let text_of = |value: &dyn std::fmt::Display| value.to_string();
    match schema.clone() {
        Type::Null => Just(("null".to_owned(), Value::Null)).boxed(),
        Type::Boolean => any::<bool>()
            .prop_map(move |b| (text_of(&b), Value::Boolean(b)))
            .boxed(),
        Type::Int => any::<i32>()
            .prop_map(move |n| (text_of(&n), Value::Int(n)))
            .boxed(),
        Type::Long => any::<i64>()
            .prop_map(move |n| (text_of(&n), Value::Long(n)))
            .boxed(),
        Type::Float => prop::num::f32::NORMAL
            .prop_map(|float| (format!("{float:?}"), Value::Float(float)))
            .boxed(),
        Type::Double => prop::num::f64::NORMAL
            .prop_map(|float| (format!("{float:e}"), Value::Double(float)))
            .boxed(),
        Type::Bytes => prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| (quoted(&BASE64.encode(&bytes)), Value::Bytes(bytes)))
            .boxed(),
        Type::String => any::<String>()
            .prop_map(|text| (quoted_and_escaped(&text), Value::String(text)))
            .boxed(),
        Type::Fixed(size) => prop::collection::vec(any::<u8>(), size)
            .prop_map(move |bytes| (quoted(&BASE64.encode(&bytes)), Value::Fixed(size, bytes)))
            .boxed(),
        Type::Enum(count) => (0..count)
            .prop_map(|index| {
                let symbol = format!("S{index}");
                (
                    quoted(&symbol),
                    Value::Enum(u32::try_from(index).expect("an index is small"), symbol),
                )
            })
            .boxed(),
        Type::Decimal {
            precision, scale, ..
        } => decimals(precision, scale).boxed(),
        Type::Uuid => any::<u128>()
            .prop_map(|bits| {
                let uuid = uuid::Uuid::from_u128(bits);
                (quoted(&uuid.to_string()), Value::Uuid(uuid))
            })
            .boxed(),
        Type::Date => any::<i32>()
            .prop_map(move |n| (text_of(&n), Value::Date(n)))
            .boxed(),
        Type::TimeMillis => (0..86_400_000)
            .prop_map(move |n| (text_of(&n), Value::TimeMillis(n)))
            .boxed(),
        Type::TimeMicros => (0_i64..86_400_000_000)
            .prop_map(move |n| (text_of(&n), Value::TimeMicros(n)))
            .boxed(),
        Type::Timestamp(logical) => any::<i64>()
            .prop_map(move |n| {
                let value = match logical {
                    "timestamp-millis" => Value::TimestampMillis(n),
                    "timestamp-micros" => Value::TimestampMicros(n),
                    "timestamp-nanos" => Value::TimestampNanos(n),
                    "local-timestamp-millis" => Value::LocalTimestampMillis(n),
                    "local-timestamp-micros" => Value::LocalTimestampMicros(n),
                    _ => Value::LocalTimestampNanos(n),
                };
                (n.to_string(), value)
            })
            .boxed(),
        Type::Array(items) => prop::collection::vec(samples(&items), 0..6)
            .prop_map(|items| {
                let (texts, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (format!("[{}]", texts.join(" ,\n")), Value::Array(values))
            })
            .boxed(),
        Type::Map(values) => prop::collection::hash_map(any::<String>(), samples(&values), 0..6)
            .prop_map(|entries| {
                let member = |(key, (text, _)): (&String, &Sample)| {
                    format!("{}: {text}", quoted_and_escaped(key))
                };
                let texts: Vec<_> = entries.iter().map(member).collect();
                let values: HashMap<_, _> = entries
                    .into_iter()
                    .map(|(key, (_, value))| (key, value))
                    .collect();
                (format!("{{{}}}", texts.join(",")), Value::Map(values))
            })
            .boxed(),
        Type::Record(fields) => records(&fields).boxed(),
        Type::Union(branches) => {
            let branch = |(index, branch): (usize, &Type)| {
                let index = u32::try_from(index).expect("an index is small");
                samples(branch)
                    .prop_map(move |(text, value)| (text, Value::Union(index, Box::new(value))))
                    .boxed()
            };
            prop::strategy::Union::new(branches.iter().enumerate().map(branch)).boxed()
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn quoted_and_escaped(text: &str) -> String {
    serde_json::to_string(text).expect("every text has a JSON form")
}

/// The text of a decimal of so many digits, as a number or a string.
fn decimals(precision: u32, scale: u32) -> impl Strategy<Value = Sample> {
    let bound = 10_i128.pow(precision) - 1;
    (-bound..=bound, any::<bool>()).prop_map(move |(unscaled, is_text)| {
        let digits = format!(
            "{:0width$}",
            unscaled.unsigned_abs(),
            width = scale as usize + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
        let point = if scale > 0 { "." } else { "" };
        let sign = if unscaled < 0 { "-" } else { "" };
        let number = format!("{sign}{whole}{point}{fraction}");
        let text = if is_text { quoted(&number) } else { number };
        (
            text,
            Value::Decimal(Decimal::from(unscaled.to_be_bytes().to_vec())),
        )
    })
}

/// The members in any order.
fn records(fields: &[Type]) -> impl Strategy<Value = Sample> + use<> {
    let members: Vec<_> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| samples(field).prop_map(move |sample| (index, sample)))
        .collect();
    members.prop_flat_map(|members| {
        let values = members
            .iter()
            .map(|(index, (_, value))| (format!("f{index}"), value.clone()))
            .collect();
        let value = Value::Record(values);
        Just(members).prop_shuffle().prop_map(move |members| {
            let texts: Vec<_> = members
                .iter()
                .map(|(index, (text, _))| format!(r#""f{index}":{text}"#))
                .collect();
            (format!("{{{}}}", texts.join(",")), value.clone())
        })
    })
}

fn schemas_with_samples() -> impl Strategy<Value = (String, Sample)> {
    types().prop_flat_map(|schema| {
        let json = render(&schema, &mut 0).to_string();
        samples(&schema).prop_map(move |sample| (json.clone(), sample))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn another_library_reads_what_we_write((schema, (json, expected)) in schemas_with_samples()) {
        let compiled = CompiledSchema::compile(&schema, &[]).unwrap();
        let mut avro = Vec::new();
        if let Err(error) = transcode(&json, &compiled, &mut avro) {
            return Err(TestCaseError::fail(error.to_string()));
        }
        let oracle = Schema::parse_str(&schema).unwrap();
        let mut rest = avro.as_slice();
        let value = GenericDatumReader::builder(&oracle).build().unwrap().read_value(&mut rest).unwrap();
        prop_assert_eq!(value, expected);
        prop_assert!(rest.is_empty(), "{} bytes are left", rest.len());
    }

    #[test]
    fn damaged_payloads_are_refused_without_a_panic_or_a_trace(
        (schema, (json, _)) in schemas_with_samples(),
        at: prop::sample::Index,
        damage in prop_oneof![
            Just(String::new()),
            "[\\[\\]{}:,\"\\\\0-9eE.+ntf -]{1,3}",
            any::<char>().prop_map(String::from),
        ],
        removed in 0_usize..4,
    ) {
        let boundaries: Vec<_> = json.char_indices().map(|(index, _)| index).collect();
        let start = at.index(boundaries.len());
        let end = boundaries.get(start + removed).copied().unwrap_or(json.len());
        let damaged = format!("{}{damage}{}", &json[..boundaries[start]], &json[end..]);
        let compiled = CompiledSchema::compile(&schema, &[]).unwrap();
        let mut out = vec![7];
        match transcode(&damaged, &compiled, &mut out) {
            // What the transcoder takes must be JSON to others, too.
            Ok(()) => prop_assert!(serde_json::from_str::<serde_json::Value>(&damaged).is_ok()),
            Err(error) => {
                prop_assert_eq!(out, vec![7]);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_text_is_a_schema_or_an_error_and_never_a_panic(
        (schema, _) in schemas_with_samples(),
        at: prop::sample::Index,
        damage in "[\\[\\]{}:,\"\\\\0-9a-z -]{0,3}",
    ) {
        let start = at.index(schema.len());
        if let Some((before, after)) = schema.split_at_checked(start) {
            let _ = CompiledSchema::compile(&format!("{before}{damage}{after}"), &[]);
            let _ = CompiledSchema::compile(before, &[]);
        }
    }

    #[test]
    fn any_text_is_a_payload_or_an_error_and_never_a_panic(
        json in prop_oneof![any::<String>(), "[\\[\\]{}:,\"a-c0-9eE.+ntrufalse -]{0,40}"],
    ) {
        let schema = r#"{"type":"record","name":"R","fields":[
            {"name":"a","type":["null","int","double","string","R",{"type":"array","items":"R"}]},
            {"name":"b","type":{"type":"map","values":["R","long",
                {"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]},"default":{}},
            {"name":"c","type":[{"type":"int","logicalType":"date"},"bytes"],"default":0}]}"#;
        let compiled = CompiledSchema::compile(schema, &[]).unwrap();
        let _ = transcode(&json, &compiled, &mut Vec::new());
    }
}
