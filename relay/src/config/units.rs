//! Durations and sizes as people write them: `1 s`, `500 ms`, `8 MiB`.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time, written with its unit: `20 s`, `500ms`, `2 min`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Span(Duration);

impl Span {
    /// `seconds` seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length as a [`Duration`].
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|_| format!("{text:?} is not a duration such as \"20 s\" or \"500 ms\""))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// A number of bytes, written with its unit: `8 MiB`, `512 KiB`, `1048576 B`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&str, u64); 4] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ];

    /// `count` times 1,048,576 bytes.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let trimmed = text.trim();
        Self::UNITS
            .iter()
            .find_map(|(unit, factor)| {
                let count: u64 = trimmed.strip_suffix(unit)?.trim().parse().ok()?;
                count.checked_mul(*factor).map(Self)
            })
            .ok_or_else(|| format!("{text:?} is not a size such as \"8 MiB\" or \"512 KiB\""))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = Self::UNITS
            .into_iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor))
            .expect("every number is a multiple of one byte");
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

/// Reads a number that may stand as a text: the environment and the flags have only texts.
pub(super) fn number<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: serde::Deserializer<'de>,
    N: Deserialize<'de> + std::str::FromStr,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a number")]
    enum NumberOrText<N> {
        Number(N),
        Text(String),
    }
    match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => Ok(Some(number)),
        NumberOrText::Text(text) => {
            let number = text.trim().parse();
            number
                .map(Some)
                .map_err(|_| serde::de::Error::custom("must be a number"))
        }
    }
}

/// Reads a boolean that may stand as a text, for the same reason.
pub(super) fn flag<'de, D>(deserializer: D) -> Result<bool, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be true or false")]
    enum FlagOrText {
        Flag(bool),
        Text(String),
    }
    match FlagOrText::deserialize(deserializer)? {
        FlagOrText::Flag(flag) => Ok(flag),
        FlagOrText::Text(text) => text
            .trim()
            .parse()
            .map_err(|_| serde::de::Error::custom("must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [
            ("8 MiB", 8 << 20),
            ("512KiB", 512 << 10),
            ("7 B", 7),
            ("1 GiB", 1 << 30),
        ] {
            assert_eq!(ByteSize::try_from(text.to_owned()).unwrap().bytes(), bytes);
        }
        for text in ["", "8", "8 MB", "-1 MiB", "99999999999 GiB", "MiB"] {
            assert!(
                ByteSize::try_from(text.to_owned()).is_err(),
                "{text:?} was accepted"
            );
        }
        assert_eq!(ByteSize::mebibytes(8).to_string(), "8 MiB");
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(Span::try_from("1 s".to_owned()).unwrap(), Span::seconds(1));
        assert_eq!(
            Span::try_from("2min".to_owned()).unwrap(),
            Span::seconds(120)
        );
        assert!(Span::try_from("20".to_owned()).is_err());
    }
}
