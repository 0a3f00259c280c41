//! Why a payload cannot be written under its schema, without a word of the payload's data.

use std::fmt;

/// A payload that does not fit its schema; nothing of it was written.
///
/// Neither its text nor its fields hold values of the payload, so it can be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where, such as `items[3].price`, or `tags{2}` for the third entry of a map, counted from 0
    /// like items; empty for the payload as a whole.
    pub path: String,
    /// What is wrong there.
    pub problem: Problem,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "the payload does not fit its schema: {}", self.problem),
            path => write!(
                f,
                "the payload does not fit its schema at {path}: {}",
                self.problem
            ),
        }
    }
}

impl std::error::Error for Error {}

/// What is wrong with a payload, or with the value at the error's path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is not JSON (RFC 8259): write it with a JSON library.
    #[error("not JSON: expected {expected} at byte {offset}")]
    Syntax {
        /// What could have stood there.
        expected: &'static str,
        /// The place in the text, in bytes.
        offset: usize,
    },
    /// A value of one kind where the schema wants another.
    #[error("expected {expected}, found {found}")]
    WrongKind {
        /// The schema's type.
        expected: String,
        /// The kind of the JSON value.
        found: Found,
    },
    /// A value of the right kind that the type cannot hold exactly.
    #[error("expected {expected}, but the value {reason}")]
    Unfit {
        /// The schema's type.
        expected: String,
        /// Which of the type's rules it breaks.
        reason: &'static str,
    },
    /// A field that the schema does not have: add it to the schema, or leave it out.
    #[error("{record} has no field {}", name.as_deref().unwrap_or("of such a name"))]
    UnknownField {
        /// The schema's record.
        record: String,
        /// The name, where it can be a field's; another could be data.
        name: Option<String>,
    },
    /// A field that has no default is missing.
    #[error("the field {name} is missing and has no default")]
    MissingField {
        /// Its name.
        name: String,
    },
    /// A field is there twice, and readers would disagree which counts.
    #[error("the field {name} is there twice")]
    DuplicateField {
        /// Its name.
        name: String,
    },
    /// A key of a map is there twice, and readers would disagree which counts.
    #[error("a key of the map is there twice")]
    DuplicateMapKey,
    /// Values are nested deeper than [`super::DEPTH_MAX`].
    #[error("values are nested deeper than {}", super::DEPTH_MAX)]
    TooDeep,
    /// Too many branches of nested unions begin to fit: make the unions' records differ early.
    #[error("too much of the payload had to be read again to find the branches of unions")]
    TooAmbiguous,
    /// The defaults of missing fields made the encoding larger than
    /// [`super::ENCODED_BYTES_MAX`].
    #[error("with the defaults of missing fields the encoding is too large")]
    TooLarge,
}

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
    /// No JSON value.
    Nothing,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::Nothing => "no value",
        })
    }
}
