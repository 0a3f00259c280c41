//! A position in PostgreSQL's write-ahead log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A log sequence number: the byte position in the write-ahead log, written `16/B374D848`.
///
/// Ordered by position. `0/0` is not a position: PostgreSQL uses it for "none"
/// (<https://www.postgresql.org/docs/current/datatype-pg-lsn.html>), and so does [`Lsn::INVALID`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// `0/0`, which stands for "no position".
    pub const INVALID: Self = Self(0);

    /// The position at byte `position` of the write-ahead log.
    pub const fn new(position: u64) -> Self {
        Self(position)
    }

    /// The byte position.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Bytes of write-ahead log from `earlier` up to here; 0 when `earlier` is not earlier.
    pub const fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl fmt::Debug for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a log sequence number.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a log sequence number such as 16/B374D848")]
pub struct ParseLsnError {
    text: String,
}

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (high, low) = text.split_once('/')?;
            let half = |digits: &str| {
                let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                (hexadecimal && !digits.is_empty())
                    .then(|| u32::from_str_radix(digits, 16).ok())
                    .flatten()
            };
            Some(Self((u64::from(half(high)?) << 32) | u64::from(half(low)?)))
        };
        parse().ok_or_else(|| ParseLsnError {
            text: text.to_owned(),
        })
    }
}

impl Serialize for Lsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_it_is_written() {
        for position in [0, 1, 0xFFFF_FFFF, 0x1_0000_0000, 0x16_B374_D848, u64::MAX] {
            let lsn = Lsn::new(position);
            assert_eq!(lsn.to_string().parse::<Lsn>().unwrap(), lsn);
        }
        assert_eq!(Lsn::new(0x16_B374_D848).to_string(), "16/B374D848");
    }

    #[test]
    fn a_text_that_is_no_position_is_refused() {
        for text in [
            "",
            "/",
            "1",
            "1/",
            "/1",
            "+1/2",
            "g/0",
            "1/2/3",
            "100000000/0",
        ] {
            assert!(text.parse::<Lsn>().is_err(), "{text:?} was accepted");
        }
    }
}
