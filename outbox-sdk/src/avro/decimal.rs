//! Types that can be written as a decimal, once precision and scale are given.

use std::collections::{BTreeMap, HashMap};

use super::Avro;

/// A type that `#[event(decimal(precision = …, scale = …))]` makes a decimal: serde writes it as a
/// number, or as a text that holds one, exactly.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not written as a decimal",
    label = "take `decimal(…)` away here, or change the type",
    note = "a `rust_decimal::Decimal`: the Cargo feature `rust_decimal` of outbox-sdk",
    note = "a float: it is not exact, use a `Decimal`",
    note = "a number of another crate: implement `AvroDecimal` for a newtype of it"
)]
pub trait AvroDecimal<const PRECISION: u32, const SCALE: u32> {
    /// What it is with this precision and scale.
    const AVRO: Avro;
}

macro_rules! decimals {
    ($($rust:ty),+) => {
        $(impl<const PRECISION: u32, const SCALE: u32> AvroDecimal<PRECISION, SCALE> for $rust {
            const AVRO: Avro = Avro::Decimal { precision: PRECISION, scale: SCALE };
        })+
    };
}

decimals!(String, &str);
#[cfg(feature = "rust_decimal")]
decimals!(rust_decimal::Decimal);

/// The containers of decimals, with what they are.
macro_rules! containers {
    ($([$($generics:tt)*] $rust:ty => |$inner:ident| $avro:expr;)+) => {
        $(impl<T, $($generics)* const PRECISION: u32, const SCALE: u32>
            AvroDecimal<PRECISION, SCALE> for $rust
        where
            T: AvroDecimal<PRECISION, SCALE>,
        {
            const AVRO: Avro = {
                const fn of($inner: &'static Avro) -> Avro {
                    $avro
                }
                of(&T::AVRO)
            };
        })+
    };
}

containers! {
    [] Option<T> => |inner| Avro::Nullable(inner);
    [] Box<T> => |inner| *inner;
    [] Vec<T> => |inner| Avro::Array(inner);
    [S,] HashMap<String, T, S> => |inner| Avro::Map(inner);
    [] BTreeMap<String, T> => |inner| Avro::Map(inner);
}
