//! Whether a decoded Avro value says what the row's JSON says.
//!
//! The payload dialect (`outbox_contract::transcode`), read a second time and backwards: the
//! transcoder asks how JSON becomes Avro, this asks whether two finished values mean the same. It
//! shares no line with the transcoder, so an error there is not repeated here. Numbers are compared
//! exactly, in decimal.
//!
//! One place is more lenient than the transcoder: which of several fitting union branches was
//! taken. The value says the same in each.

use std::collections::BTreeSet;
use std::str::FromStr;

use apache_avro::schema::{NamesRef, RecordField, RecordSchema, Schema};
use apache_avro::types::Value;
use apache_avro::{BigDecimal, Uuid};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::json::Json;
use super::time::{self, Offset};

/// Longer exponents are no sensible decimal and would take gigabytes to compare.
const EXPONENT_DIGITS_MAX: usize = 4;

const NANOSECONDS_PER_MILLISECOND: i128 = 1_000_000;
const NANOSECONDS_PER_MICROSECOND: i128 = 1_000;

/// Where two values part, and how; it names fields and kinds, never data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    path: String,
    why: String,
}

impl Difference {
    fn new(why: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            why: why.into(),
        }
    }

    fn beneath(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "payload{}: {}", self.path, self.why)
    }
}

/// How the JSON was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// By a service, in the payload dialect.
    Dialect,
    /// By a schema's author, as the default of a field: bytes are text of code points below 256
    /// (<https://avro.apache.org/docs/1.12.0/specification/#schema-record>).
    Default,
}

/// Compares values under one schema and the named types it refers to.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'s> {
    names: &'s NamesRef<'s>,
    notation: Notation,
}

impl<'s> Comparison<'s> {
    pub(super) fn new(names: &'s NamesRef<'s>) -> Self {
        Self {
            names,
            notation: Notation::Dialect,
        }
    }

    /// Whether `value`, decoded under `schema`, means what `json` means.
    pub(super) fn compare(
        self,
        json: &Json<'_>,
        schema: &Schema,
        value: &Value,
    ) -> Result<(), Difference> {
        self.within(json, schema, value, None)
    }

    fn within(
        self,
        json: &Json<'_>,
        schema: &Schema,
        value: &Value,
        namespace: Option<&str>,
    ) -> Result<(), Difference> {
        match (schema, value) {
            (Schema::Ref { name }, _) => {
                let name = name.fully_qualified_name(namespace);
                let schema = self.names.get(name.as_ref());
                let schema = schema.ok_or_else(|| Difference::new("refers to an unknown type"))?;
                self.within(json, schema, value, name.namespace())
            }
            (Schema::Union(union), Value::Union(branch, value)) => {
                let schema = usize::try_from(*branch)
                    .ok()
                    .and_then(|at| union.variants().get(at));
                let schema = schema.ok_or_else(|| Difference::new("no such union branch"))?;
                self.within(json, schema, value, namespace)
            }
            (Schema::Record(record), Value::Record(fields)) => {
                let name = record.name.fully_qualified_name(namespace);
                self.record(json, record, fields, name.namespace())
            }
            (Schema::Array(array), Value::Array(items)) => {
                let Json::Array(elements) = json else {
                    return Err(unlike(json, "an array"));
                };
                if elements.len() != items.len() {
                    return Err(Difference::new("an array of another length"));
                }
                for (position, (element, item)) in elements.iter().zip(items).enumerate() {
                    self.within(element, &array.items, item, namespace)
                        .map_err(|difference| difference.beneath(&format!("[{position}]")))?;
                }
                Ok(())
            }
            (Schema::Map(map), Value::Map(entries)) => {
                let members = members(json)?;
                if members.len() != entries.len() {
                    return Err(Difference::new("a map of another size"));
                }
                for (key, element) in members {
                    let entry = entries.get(key.as_ref());
                    let entry = entry.ok_or_else(|| Difference::new("a map without a key"))?;
                    self.within(element, &map.types, entry, namespace)
                        .map_err(|difference| difference.beneath("{}"))?;
                }
                Ok(())
            }
            (Schema::Decimal(decimal), Value::Decimal(value)) => {
                let scale = i64::try_from(decimal.scale).unwrap_or(i64::MAX);
                self.decimal(json, value, scale)
            }
            _ => self.scalar(json, value),
        }
    }

    fn record(
        self,
        json: &Json<'_>,
        record: &RecordSchema,
        fields: &[(String, Value)],
        namespace: Option<&str>,
    ) -> Result<(), Difference> {
        for (name, _) in members(json)? {
            if !record.lookup.contains_key(name.as_ref()) {
                return Err(Difference::new("has a field that the schema lacks"));
            }
        }
        for (field, (_, value)) in record.fields.iter().zip(fields) {
            self.field(json, field, value, namespace)
                .map_err(|difference| difference.beneath(&format!(".{}", field.name)))?;
        }
        Ok(())
    }

    fn field(
        self,
        json: &Json<'_>,
        field: &RecordField,
        value: &Value,
        namespace: Option<&str>,
    ) -> Result<(), Difference> {
        if let Some(member) = json.member(&field.name) {
            return self.within(member, &field.schema, value, namespace);
        }
        let default = field.default.as_ref();
        let default = default.ok_or_else(|| Difference::new("absent and without default"))?;
        let default = default.to_string();
        let default = Json::parse(&default).map_err(Difference::new)?;
        Self {
            notation: Notation::Default,
            ..self
        }
        .within(&default, &field.schema, value, namespace)
        .map_err(|Difference { path, why }| Difference {
            path,
            why: format!("default: {why}"),
        })
    }

    fn decimal(
        self,
        json: &Json<'_>,
        value: &apache_avro::Decimal,
        scale: i64,
    ) -> Result<(), Difference> {
        if self.notation == Notation::Default {
            let bytes = Vec::<u8>::try_from(value)
                .map_err(|_| Difference::new("a decimal that does not fit its bytes"))?;
            return self.bytes(json, &bytes);
        }
        equal(
            exact(json) == Some(BigDecimal::new(value.clone().into(), scale)),
            json,
            "a decimal",
        )
    }

    fn bytes(self, json: &Json<'_>, bytes: &[u8]) -> Result<(), Difference> {
        let Json::Text(text) = json else {
            return Err(unlike(json, "bytes"));
        };
        let same = match self.notation {
            Notation::Dialect => BASE64
                .decode(text.as_bytes())
                .is_ok_and(|decoded| decoded == bytes),
            Notation::Default => text
                .chars()
                .map(u32::from)
                .eq(bytes.iter().map(|b| u32::from(*b))),
        };
        equal(same, json, "bytes")
    }

    /// Values without parts. A pair of kinds that is not listed never matches.
    fn scalar(self, json: &Json<'_>, value: &Value) -> Result<(), Difference> {
        match value {
            Value::Null => equal(*json == Json::Null, json, "null"),
            Value::Boolean(value) => equal(*json == Json::Boolean(*value), json, "a boolean"),
            Value::Int(value) => equal(is_integer(json, i64::from(*value)), json, "an int"),
            Value::Long(value) => equal(is_integer(json, *value), json, "a long"),
            Value::Float(value) => equal(is_float(json, *value), json, "a float"),
            Value::Double(value) => equal(is_double(json, *value), json, "a double"),
            Value::String(value) | Value::Enum(_, value) => {
                equal(is_text(json, |text| text == value), json, "a string")
            }
            Value::Uuid(value) => equal(
                is_text(json, |text| Uuid::parse_str(text) == Ok(*value)),
                json,
                "a uuid",
            ),
            Value::Bytes(bytes) | Value::Fixed(_, bytes) => self.bytes(json, bytes),
            Value::Duration(value) => self.bytes(json, &<[u8; 12]>::from(value)),
            Value::BigDecimal(value) => {
                equal(exact(json).as_ref() == Some(value), json, "a big decimal")
            }
            time => equal(is_time(json, time), json, "a date or time"),
        }
    }
}

/// Whether two JSON values are equal: for routes that publish the payload as JSON.
pub(super) fn same_json(row: &Json<'_>, record: &Json<'_>) -> Result<(), Difference> {
    match (row, record) {
        (Json::Number(_), Json::Number(_)) => equal(exact(row) == exact(record), row, "a number"),
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .try_for_each(|(left, right)| same_json(left, right)),
        (Json::Object(left), Json::Object(right)) if left.len() == right.len() => {
            left.iter().try_for_each(|(name, value)| {
                let other = record.member(name);
                let other = other.ok_or_else(|| Difference::new("a member is missing"))?;
                same_json(value, other)
                    .map_err(|difference| difference.beneath(&format!(".{name}")))
            })
        }
        _ => equal(row == record, row, record.kind()),
    }
}

/// The members of an object; the same name twice is a difference.
fn members<'j, 'a>(
    json: &'j Json<'a>,
) -> Result<&'j [(std::borrow::Cow<'a, str>, Json<'a>)], Difference> {
    let Json::Object(members) = json else {
        return Err(unlike(json, "an object"));
    };
    let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    if names.len() == members.len() {
        Ok(members)
    } else {
        Err(Difference::new("the row has a field twice"))
    }
}

fn equal(same: bool, json: &Json<'_>, kind: &str) -> Result<(), Difference> {
    if same {
        Ok(())
    } else {
        Err(unlike(json, kind))
    }
}

fn unlike(json: &Json<'_>, kind: &str) -> Difference {
    Difference::new(format!(
        "the row has {}, the record {kind} that is not the same",
        json.kind()
    ))
}

/// The number that a JSON number or string writes, exactly.
fn exact(json: &Json<'_>) -> Option<BigDecimal> {
    let text = match json {
        Json::Number(text) => text,
        Json::Text(text) => text.as_ref(),
        _ => return None,
    };
    let exponent = text
        .find(['e', 'E'])
        .map_or("", |at| text[at + 1..].trim_start_matches(['+', '-']));
    (exponent.len() <= EXPONENT_DIGITS_MAX)
        .then(|| BigDecimal::from_str(text).ok())
        .flatten()
}

fn is_integer(json: &Json<'_>, value: i64) -> bool {
    matches!(json, Json::Number(_)) && exact(json) == Some(BigDecimal::from(value))
}

/// The text of a float; numbers that JSON cannot write are strings.
fn float_text<'j>(json: &'j Json<'_>) -> Option<&'j str> {
    match json {
        Json::Number(text) => Some(text),
        Json::Text(text) if ["NaN", "Infinity", "-Infinity"].contains(&text.as_ref()) => Some(text),
        _ => None,
    }
}

fn is_double(json: &Json<'_>, value: f64) -> bool {
    let written = float_text(json).and_then(|text| text.parse::<f64>().ok());
    written.is_some_and(|written| {
        written.to_bits() == value.to_bits() || (written.is_nan() && value.is_nan())
    })
}

fn is_float(json: &Json<'_>, value: f32) -> bool {
    let same =
        |written: f32| written.to_bits() == value.to_bits() || (written.is_nan() && value.is_nan());
    // Rounding once or through a double differs in the last bit; neither is a changed value.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the rounding is what is compared"
    )]
    let twice = |text: &str| text.parse::<f64>().map(|written| written as f32);
    float_text(json).is_some_and(|text| text.parse().is_ok_and(same) || twice(text).is_ok_and(same))
}

fn is_text(json: &Json<'_>, same: impl FnOnce(&str) -> bool) -> bool {
    matches!(json, Json::Text(text) if same(text))
}

/// Whether a date or time is the integer in its unit, or the text that means the same.
fn is_time(json: &Json<'_>, value: &Value) -> bool {
    type Reading<'r> = &'r dyn Fn(&str) -> Option<i128>;
    let instant = |text: &str| time::nanoseconds_since_epoch(text, Offset::Given);
    let local = |text: &str| time::nanoseconds_since_epoch(text, Offset::Absent);
    let days = |text: &str| time::days(text).map(i128::from);
    let (value, unit, read): (i64, i128, Reading<'_>) = match value {
        Value::Date(value) => (i64::from(*value), 1, &days),
        Value::TimeMillis(value) => (
            i64::from(*value),
            NANOSECONDS_PER_MILLISECOND,
            &time::nanoseconds_of_day,
        ),
        Value::TimeMicros(value) => (
            *value,
            NANOSECONDS_PER_MICROSECOND,
            &time::nanoseconds_of_day,
        ),
        Value::TimestampMillis(value) => (*value, NANOSECONDS_PER_MILLISECOND, &instant),
        Value::TimestampMicros(value) => (*value, NANOSECONDS_PER_MICROSECOND, &instant),
        Value::TimestampNanos(value) => (*value, 1, &instant),
        Value::LocalTimestampMillis(value) => (*value, NANOSECONDS_PER_MILLISECOND, &local),
        Value::LocalTimestampMicros(value) => (*value, NANOSECONDS_PER_MICROSECOND, &local),
        Value::LocalTimestampNanos(value) => (*value, 1, &local),
        _ => return false,
    };
    match json {
        Json::Number(_) => is_integer(json, value),
        // Of nanoseconds only the microseconds are promised.
        Json::Text(text) if unit == NANOSECONDS_PER_MICROSECOND => {
            read(text).map(|said| said.div_euclid(unit)) == Some(i128::from(value))
        }
        Json::Text(text) => read(text) == Some(i128::from(value) * unit),
        _ => false,
    }
}
