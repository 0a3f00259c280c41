//! Logical types: which type means more than its bytes.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#logical-types>.

use serde_json::{Map, Value};

use super::{DECIMAL_PRECISION_MAX, Error, Node, TimeUnit, UuidForm};

/// `underlying` with the logical type of its definition; unchanged where that is unknown or does
/// not suit it, as the specification demands.
pub(super) fn apply(underlying: Node, definition: &Map<String, Value>) -> Result<Node, Error> {
    let Some(name) = definition.get("logicalType").and_then(Value::as_str) else {
        return Ok(underlying);
    };
    let timestamp = |unit, is_local| Node::Timestamp { unit, is_local };
    Ok(match (underlying, name) {
        (Node::Int, "date") => Node::Date,
        (Node::Int, "time-millis") => Node::Time(TimeUnit::Millis),
        (Node::Long, "time-micros") => Node::Time(TimeUnit::Micros),
        (Node::Long, "timestamp-millis") => timestamp(TimeUnit::Millis, false),
        (Node::Long, "timestamp-micros") => timestamp(TimeUnit::Micros, false),
        (Node::Long, "timestamp-nanos") => timestamp(TimeUnit::Nanos, false),
        (Node::Long, "local-timestamp-millis") => timestamp(TimeUnit::Millis, true),
        (Node::Long, "local-timestamp-micros") => timestamp(TimeUnit::Micros, true),
        (Node::Long, "local-timestamp-nanos") => timestamp(TimeUnit::Nanos, true),
        (Node::String, "uuid") => Node::Uuid(UuidForm::String),
        (Node::Fixed { size: 16, .. }, "uuid") => Node::Uuid(UuidForm::Fixed),
        (Node::Bytes, "decimal") => decimal(Node::Bytes, None, definition)?,
        (Node::Fixed { name, size }, "decimal") => {
            decimal(Node::Fixed { name, size }, Some(size), definition)?
        }
        (underlying, _) => underlying,
    })
}

fn decimal(
    underlying: Node,
    size: Option<usize>,
    definition: &Map<String, Value>,
) -> Result<Node, Error> {
    let scale = match definition.get("scale") {
        None => Some(0),
        Some(scale) => scale.as_u64(),
    };
    let precision = definition.get("precision").and_then(Value::as_u64);
    let (Some(precision @ 1..), Some(scale)) = (precision, scale) else {
        return Ok(underlying);
    };
    if scale > precision || size.is_some_and(|size| precision > digits_that_fit(size)) {
        return Ok(underlying);
    }
    match (u32::try_from(precision), u32::try_from(scale)) {
        (Ok(precision @ ..=DECIMAL_PRECISION_MAX), Ok(scale)) => Ok(Node::Decimal {
            precision,
            scale,
            size,
        }),
        _ => Err(Error::DecimalTooLarge { precision }),
    }
}

/// How many decimal digits every number of two's complement in `size` bytes can have.
fn digits_that_fit(size: usize) -> u64 {
    let bits = (size as u128 * 8).saturating_sub(1);
    // log10(2), to more digits than any precision needs.
    u64::try_from(bits * 301_029_995_663 / 1_000_000_000_000).unwrap_or(u64::MAX)
}
