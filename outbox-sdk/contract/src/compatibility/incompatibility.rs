//! Why a reader cannot read what a writer wrote, and where.

use std::fmt;

use super::{COMPARISONS_MAX, DEPTH_MAX};

/// One place at which two schemas do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    /// Where, as the reader's schema calls it: `lines[].price`, `totals{}`, `payment<shop.Card>`;
    /// empty for the schema itself.
    pub path: String,
    /// What does not fit.
    pub reason: Reason,
}

/// What does not fit. Types are as in a schema: `long`, `record shop.OrderPlaced`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The types differ, and none is promoted to the other.
    #[error("{writer} was written, and it cannot be read as {reader}")]
    Type {
        /// What the reader expects.
        reader: String,
        /// What the writer wrote.
        writer: String,
    },
    /// The types are called differently.
    #[error("{writer} was written, and {reader} has neither this name nor this alias")]
    Name {
        /// What the reader expects.
        reader: String,
        /// What the writer wrote.
        writer: String,
    },
    /// The sizes of two fixed differ.
    #[error("a fixed of {writer} bytes was written, and it cannot be read as one of {reader}")]
    Size {
        /// The reader's bytes.
        reader: u64,
        /// The writer's bytes.
        writer: u64,
    },
    /// The reader's enum lacks symbols, and has no default for them.
    #[error("{reader} lacks {}, and has no default", .symbols.join(", "))]
    Symbols {
        /// The reader's enum.
        reader: String,
        /// What it lacks.
        symbols: Vec<String>,
    },
    /// The writer does not write a field that the reader needs.
    #[error("the field was not written, and has no default to be read instead")]
    MissingField,
    /// Several fields of the writer are meant by one field of the reader.
    #[error("{} were written, and the field's name and aliases mean all of them", .fields.join(" and "))]
    AmbiguousField {
        /// The writer's fields.
        fields: Vec<String>,
    },
    /// The reader's union has no branch for what the writer may write.
    #[error("{writer} may have been written, and {reader} does not have it")]
    Branch {
        /// The reader's union.
        reader: String,
        /// The writer's type.
        writer: String,
    },
    /// The bytes can be read, and mean something else. Registries do not see this.
    #[error("{writer} was written, and read as {reader} it is another value")]
    Meaning {
        /// What the reader takes it for.
        reader: String,
        /// What the writer wrote.
        writer: String,
    },
    /// The schemas nest types too deep to be compared.
    #[error("the types refer to each other more than {DEPTH_MAX} deep, which is not compared")]
    TooDeep,
    /// The schemas have too many types to be compared.
    #[error("the schemas need more than {COMPARISONS_MAX} comparisons, which are not made")]
    TooLarge,
}

impl Incompatibility {
    pub(super) fn here(reason: Reason) -> Self {
        let path = String::new();
        Self { path, reason }
    }

    /// The same, seen from the type that holds this one under `name`.
    pub(super) fn within(mut self, name: &str) -> Self {
        let joint = match self.path.chars().next() {
            None | Some('[' | '{' | '<') => "",
            Some(_) => ".",
        };
        self.path = format!("{name}{joint}{}", self.path);
        self
    }

    /// Whether Avro's rules forbid it, and so a registry does; otherwise only the meaning of
    /// values changes.
    pub fn breaks_resolution(&self) -> bool {
        match self.reason {
            Reason::Meaning { .. } => false,
            Reason::Type { .. }
            | Reason::Name { .. }
            | Reason::Size { .. }
            | Reason::Symbols { .. }
            | Reason::MissingField
            | Reason::AmbiguousField { .. }
            | Reason::Branch { .. }
            | Reason::TooDeep
            | Reason::TooLarge => true,
        }
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => write!(f, "the schema itself: {}", self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}
