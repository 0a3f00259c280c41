//! A description of an Avro type that constants can hold.

use super::Kind;

/// An Avro type, as it stands in a constant.
///
/// Named types refer to their fields by a function, so that a type can contain itself.
#[derive(Debug, Clone, Copy)]
pub enum Avro {
    /// `true` or `false`.
    Boolean,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
    /// A number of single precision.
    Float,
    /// A number of double precision.
    Double,
    /// A text of base64.
    Bytes,
    /// A text.
    String,
    /// A text of 36 characters.
    Uuid,
    /// A text such as `2026-01-31`.
    Date,
    /// A text such as `23:59:59.999`.
    TimeMillis,
    /// A text such as `23:59:59.999999`.
    TimeMicros,
    /// A text of RFC 3339, to the millisecond, or a number of milliseconds.
    TimestampMillis,
    /// A text of RFC 3339, to the microsecond, or a number of microseconds.
    TimestampMicros,
    /// A text of RFC 3339, or a number of nanoseconds; older readers see a long.
    TimestampNanos,
    /// A text such as `2026-01-31T23:59:59.999`, to the millisecond.
    LocalTimestampMillis,
    /// A text such as `2026-01-31T23:59:59.999999`, to the microsecond.
    LocalTimestampMicros,
    /// A text such as `2026-01-31T23:59:59.999999999`; older readers see a long.
    LocalTimestampNanos,
    /// A number, or a text that holds one, exactly.
    Decimal {
        /// How many digits there are at most.
        precision: u32,
        /// How many of them stand after the point.
        scale: u32,
    },
    /// Null or the type; the default of a field is null.
    Nullable(&'static Avro),
    /// An array of the type.
    Array(&'static Avro),
    /// An object with values of the type.
    Map(&'static Avro),
    /// A text, one of the symbols.
    Enum(&'static Enum),
    /// An object.
    Record(&'static Record),
    /// Whatever this JSON of a schema says.
    Json(&'static str),
}

/// An enum, or rather its symbols.
#[derive(Debug, Clone, Copy)]
pub struct Enum {
    /// Its name; without a dot, in the namespace of the event.
    pub name: &'static str,
    /// What it means.
    pub doc: Option<&'static str>,
    /// What serde writes for the variants.
    pub symbols: &'static [&'static str],
    /// What tells it from another type of that name, such as the place of its definition.
    pub defined_at: &'static str,
}

/// A record: a struct with named fields.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// Its name; without a dot, in the namespace of the event.
    pub name: &'static str,
    /// What it means.
    pub doc: Option<&'static str>,
    /// Its fields in order.
    pub fields: fn() -> Vec<Field>,
    /// What tells it from another type of that name, such as the place of its definition.
    pub defined_at: &'static str,
}

/// A field of a record.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name that serde writes.
    pub name: &'static str,
    /// What it means.
    pub doc: Option<&'static str>,
    /// Its type.
    pub avro: Avro,
    /// The JSON of its default; a nullable field without one has the default null.
    pub default: Option<&'static str>,
}

impl Avro {
    /// Null or this type.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        matches!(self, Self::Nullable(_))
    }

    /// Its kind, and that of what may be null; [`Avro::Json`] has none that a constant could know.
    pub const fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Boolean => Kind::Boolean,
            Self::Int => Kind::Int,
            Self::Long => Kind::Long,
            Self::Float => Kind::Float,
            Self::Double => Kind::Double,
            Self::Bytes => Kind::Bytes,
            Self::String => Kind::String,
            Self::Uuid => Kind::Uuid,
            Self::Date => Kind::Date,
            Self::TimeMillis => Kind::TimeMillis,
            Self::TimeMicros => Kind::TimeMicros,
            Self::TimestampMillis => Kind::TimestampMillis,
            Self::TimestampMicros => Kind::TimestampMicros,
            Self::TimestampNanos => Kind::TimestampNanos,
            Self::LocalTimestampMillis => Kind::LocalTimestampMillis,
            Self::LocalTimestampMicros => Kind::LocalTimestampMicros,
            Self::LocalTimestampNanos => Kind::LocalTimestampNanos,
            Self::Decimal { .. } => Kind::Decimal,
            Self::Nullable(inner) => return inner.kind(),
            Self::Array(_) => Kind::Array,
            Self::Map(_) => Kind::Map,
            Self::Enum(_) => Kind::Enum,
            Self::Record(_) => Kind::Record,
            Self::Json(_) => return None,
        })
    }

    /// Whether a field of this type can be written under a schema's field of one of `kinds`, which
    /// may be null or not. The details, such as symbols, are left to [`crate::contracts::check`].
    pub const fn fits(&self, kinds: &[Kind], may_be_null: bool) -> bool {
        let Some(kind) = self.kind() else {
            return true;
        };
        if self.is_nullable() && !may_be_null {
            return false;
        }
        // A loop over an iterator is not yet possible in a constant.
        let mut at = 0;
        while at < kinds.len() {
            if kind.fits(kinds[at]) {
                return true;
            }
            at += 1;
        }
        false
    }
}
