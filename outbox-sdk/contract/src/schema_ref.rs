//! Which version of its schema an event was written with: the column `schema_ref`.

use std::fmt;
use std::str::FromStr;

use crate::fingerprint::{self, Fingerprint};

/// A version of the schema that an event's type names.
///
/// Null in the column means the version in the relay's contract lock, which is `None` here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaRef {
    /// `v2`: the version as the registry counts it, from 1.
    Version(u32),
    /// `sha256:` and 16 hexadecimal digits: the schema itself, whatever version it got.
    Fingerprint(Fingerprint),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "v{version}"),
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
        }
    }
}

impl FromStr for SchemaRef {
    type Err = ParseSchemaRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSchemaRefError {
            text: text.to_owned(),
        };
        if text.starts_with(fingerprint::PREFIX) {
            return text.parse().map(Self::Fingerprint).map_err(|_| error());
        }
        let digits = text.strip_prefix('v').ok_or_else(error)?;
        if !digits.starts_with(|first: char| ('1'..='9').contains(&first)) {
            return Err(error());
        }
        digits.parse().map(Self::Version).map_err(|_| error())
    }
}

/// A text that is not a [`SchemaRef`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a schema reference such as v2 or sha256:0011223344556677")]
pub struct ParseSchemaRefError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_back_as_they_are_written() {
        for text in [
            "v1",
            "v2",
            "v4294967295",
            "sha256:0011223344556677",
            "sha256:ffeeddccbbaa9988",
        ] {
            let parsed: SchemaRef = text.parse().expect(text);
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "v",
            "v0",
            "v01",
            "v+1",
            "v-1",
            "2",
            "latest",
            "v4294967296",
            "sha256:",
            "sha256:00112233445566",
            "sha256:001122334455667788",
            "sha256:00112233445566FF",
            "sha256:+011223344556677",
            "SHA256:0011223344556677",
            " v1",
        ] {
            assert!(text.parse::<SchemaRef>().is_err(), "{text:?} was accepted");
        }
    }
}
