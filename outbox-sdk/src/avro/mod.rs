//! Which Avro type a Rust type is, as serde writes it.
//!
//! `#[derive(Event)]` asks each field's type for its [`AvroType::AVRO`] and puts the schema
//! together. A struct or enum inside an event derives `AvroType`; a type of your own that is
//! written as a text or number implements it in one line:
//!
//! ```
//! use outbox_sdk::avro::{Avro, AvroType};
//!
//! struct Email(String);
//!
//! impl AvroType for Email {
//!     const AVRO: Avro = Avro::String;
//! }
//! ```
//!
//! | Rust | Avro |
//! |---|---|
//! | `bool`; `i8` to `i32`, `u8`, `u16`; `u32`, `i64`; `f32`; `f64` | boolean; int; long; float; double |
//! | `String`, `&str`, `Cow<str>`, `char` | string |
//! | `Uuid` | uuid |
//! | `Option<T>` | a union of null and `T`, with the default null |
//! | `Vec<T>`, `[T; N]`, slices, sets | array |
//! | `HashMap<String, T>`, `BTreeMap<String, T>` | map |
//! | `Box<T>`, `Arc<T>`, `Rc<T>`, `&T`, `Cow<T>` | `T` |
//! | structs, enums without data, newtypes | record, enum, what is inside |
//! | chrono's `DateTime<Tz>`, `NaiveDateTime` (feature `chrono`) | timestamp-micros, local-timestamp-micros |
//! | chrono's `NaiveDate`, `NaiveTime` (feature `chrono`) | date, time-micros |
//! | `rust_decimal::Decimal` (feature `rust_decimal`) or `String`, with `#[event(decimal(…))]` | decimal |
//! | `time::OffsetDateTime` with `#[serde(with = "time::serde::rfc3339")]` | timestamp-micros |
//! | bytes with `#[serde(with = "outbox_sdk::base64")]` | bytes |
//!
//! `u64`, `usize` and 128 bits have no Avro type that holds all their values. What serde writes in
//! another way than its type does by itself, `#[event(avro = "…")]` on the field tells.
//!
//! Microseconds are all that such a timestamp holds, as in PostgreSQL: of a clock's nanoseconds the
//! rest is cut. `#[event(avro = "timestamp-nanos")]` keeps them, for readers that know the type.

#[cfg(feature = "chrono")]
mod chrono;
mod decimal;
mod json;
mod types;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

pub use decimal::AvroDecimal;
pub(crate) use json::schema_json;
pub use outbox_contract::schema::Kind;
pub use types::{Avro, Enum, Field, Record};

/// A type of which Avro knows what serde writes for it.
///
/// Derive it for structs and enums; see the [module](self) for the others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Avro type",
    label = "cannot be part of an event as it is",
    note = "a struct or enum of yours: `#[derive(outbox_sdk::AvroType)]` on it",
    note = "a type of chrono: the Cargo feature `chrono` of outbox-sdk",
    note = "a `Decimal`: `#[event(decimal(precision = 12, scale = 2))]` on the field",
    note = "the keys of a map: `String`",
    note = "any other: `#[event(avro = \"string\")]` on the field, with what serde writes for it"
)]
pub trait AvroType {
    /// What it is in Avro.
    const AVRO: Avro;
}

/// Each of the types is what it says on the right.
macro_rules! scalars {
    ($($avro:ident: $($rust:ty),+;)+) => {
        $($(impl AvroType for $rust {
            const AVRO: Avro = Avro::$avro;
        })+)+
    };
}

scalars! {
    Boolean: bool;
    Int: i8, i16, i32, u8, u16;
    Long: i64, u32;
    Float: f32;
    Double: f64;
    String: str, String, char;
    Uuid: Uuid;
}

/// Each of the types is what `T` is.
macro_rules! transparent {
    ($($rust:ty),+) => {
        $(impl<T: AvroType + ?Sized> AvroType for $rust {
            const AVRO: Avro = T::AVRO;
        })+
    };
}

transparent!(&T, Box<T>, Rc<T>, Arc<T>);

impl<T: AvroType + ToOwned + ?Sized> AvroType for Cow<'_, T> {
    const AVRO: Avro = T::AVRO;
}

impl<T: AvroType> AvroType for Option<T> {
    const AVRO: Avro = {
        assert!(
            !matches!(T::AVRO, Avro::Nullable(_)),
            "an `Option` in an `Option` is null in both cases: use one"
        );
        Avro::Nullable(&T::AVRO)
    };
}

/// Each of the types is an array of `T`.
macro_rules! arrays {
    ($([$($generics:tt)*] $rust:ty),+) => {
        $(impl<T: AvroType, $($generics)*> AvroType for $rust {
            const AVRO: Avro = Avro::Array(&T::AVRO);
        })+
    };
}

arrays!([] Vec<T>, [] [T], [const N: usize] [T; N], [S] HashSet<T, S>, [] BTreeSet<T>);

impl<T: AvroType, S> AvroType for HashMap<String, T, S> {
    const AVRO: Avro = Avro::Map(&T::AVRO);
}

impl<T: AvroType> AvroType for BTreeMap<String, T> {
    const AVRO: Avro = Avro::Map(&T::AVRO);
}
