//! Types that are read as another type, and logical types that are read as another value.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#schema-resolution>.

use crate::schema::{Node, UuidForm, underlying_name};

/// The type as resolution sees it, without its logical type.
pub(super) fn kind(node: &Node) -> &'static str {
    match node {
        Node::Decimal { size: Some(_), .. } | Node::Uuid(UuidForm::Fixed) => "fixed",
        other => underlying_name(other),
    }
}

/// Whether the kind `written` is read as the kind `read`: the same, or promoted to it.
pub(super) fn is_promoted(written: &str, read: &str) -> bool {
    let promotions: &[&str] = match written {
        "int" => &["long", "float", "double"],
        "long" => &["float", "double"],
        "float" => &["double"],
        "string" => &["bytes"],
        "bytes" => &["string"],
        _ => &[],
    };
    written == read || promotions.contains(&read)
}

/// Whether what was written as one logical type is the same value as the other. A number that had
/// no logical type may get one: services often declare late what they always meant.
pub(super) fn keeps_meaning(read: &Node, written: &Node) -> bool {
    use Node::{Date, Decimal, Time, Timestamp};
    match (read, written) {
        (
            Decimal {
                precision, scale, ..
            },
            Decimal {
                precision: written_precision,
                scale: written_scale,
                ..
            },
        ) => scale == written_scale && precision >= written_precision,
        (Time(unit), Time(written)) => unit == written,
        (
            Timestamp { unit, is_local },
            Timestamp {
                unit: written,
                is_local: was_local,
            },
        ) => unit == written && is_local == was_local,
        (Date, Date) => true,
        (Decimal { .. }, _)
        | (_, Decimal { .. })
        | (Date | Time(_) | Timestamp { .. }, Date | Time(_) | Timestamp { .. }) => false,
        _ => true,
    }
}
