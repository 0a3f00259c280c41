//! What a type is called in Avro, and which of them can stand for another.

use super::{Node, TimeUnit, UuidForm};

/// A type of Avro without its details, logical types included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed,
    Enum,
    Array,
    Map,
    Record,
    Union,
    Decimal,
    Uuid,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
}

impl Kind {
    /// Whether the JSON of every value of this kind is accepted under a schema of the other kind.
    ///
    /// Only of the kinds: digits, symbols, items and fields can still differ. A number may count
    /// the units of a date or a time, as in the dialect of [`crate::transcode`].
    pub const fn fits(self, schema: Kind) -> bool {
        match self {
            Self::Int => matches!(
                schema,
                Self::Int | Self::Long | Self::Double | Self::Date | Self::TimeMillis
            ),
            Self::Long => matches!(
                schema,
                Self::Long
                    | Self::TimeMicros
                    | Self::TimestampMillis
                    | Self::TimestampMicros
                    | Self::TimestampNanos
                    | Self::LocalTimestampMillis
                    | Self::LocalTimestampMicros
                    | Self::LocalTimestampNanos
            ),
            Self::Float => matches!(schema, Self::Float | Self::Double),
            Self::Fixed => matches!(schema, Self::Fixed | Self::Bytes),
            Self::Enum => matches!(schema, Self::Enum | Self::String),
            Self::Uuid => matches!(schema, Self::Uuid | Self::String),
            other => other as u8 == schema as u8,
        }
    }
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean => Kind::Boolean,
            Self::Int => Kind::Int,
            Self::Long => Kind::Long,
            Self::Float => Kind::Float,
            Self::Double => Kind::Double,
            Self::Bytes => Kind::Bytes,
            Self::String => Kind::String,
            Self::Fixed { .. } => Kind::Fixed,
            Self::Enum { .. } => Kind::Enum,
            Self::Array { .. } => Kind::Array,
            Self::Map { .. } => Kind::Map,
            Self::Record(_) => Kind::Record,
            Self::Union { .. } => Kind::Union,
            Self::Decimal { .. } => Kind::Decimal,
            Self::Uuid(UuidForm::String | UuidForm::Fixed) => Kind::Uuid,
            Self::Date => Kind::Date,
            Self::Time(TimeUnit::Millis) => Kind::TimeMillis,
            Self::Time(TimeUnit::Micros | TimeUnit::Nanos) => Kind::TimeMicros,
            Self::Timestamp { unit, is_local } => match (unit, is_local) {
                (TimeUnit::Millis, false) => Kind::TimestampMillis,
                (TimeUnit::Micros, false) => Kind::TimestampMicros,
                (TimeUnit::Nanos, false) => Kind::TimestampNanos,
                (TimeUnit::Millis, true) => Kind::LocalTimestampMillis,
                (TimeUnit::Micros, true) => Kind::LocalTimestampMicros,
                (TimeUnit::Nanos, true) => Kind::LocalTimestampNanos,
            },
        }
    }
}
