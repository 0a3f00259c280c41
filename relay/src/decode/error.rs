//! Why bytes of the stream are no change.

use crate::error::{Action, Classify};

/// Why a message cannot be decoded. Each halts the relay: going on would lose the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message ends too early.
    #[error("a replication message is truncated")]
    Truncated,
    /// The message goes on after its end.
    #[error("a replication message has {count} bytes too many")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A kind of message that this relay does not know.
    #[error("replication message of unknown kind {kind:?}")]
    UnknownMessage {
        /// Its first byte.
        kind: char,
    },
    /// A message that the stream cannot have at this place: a row outside of a transaction, or the
    /// commit of another one.
    #[error("replication message {kind:?} arrived out of place")]
    OutOfPlace {
        /// Its first byte.
        kind: char,
    },
    /// A text that is not UTF-8.
    #[error("{} is not UTF-8", .column.unwrap_or("a name"))]
    NotUtf8 {
        /// The column, when it is one.
        column: Option<&'static str>,
    },
    /// A row of a relation that was not described on this connection.
    #[error("a row of relation {oid} arrived before its description")]
    UnknownRelation {
        /// The relation's object id.
        oid: u32,
    },
    /// A row of a table that is not the outbox.
    #[error("the publication carries table {schema}.{table}, which is not the outbox")]
    UnexpectedRelation {
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
    },
    /// The outbox lacks a column that every event needs.
    #[error("the publication carries no column {column} of the outbox")]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// A column of the outbox has another type.
    #[error("column {column} of the outbox has type {found}, not {expected}")]
    ColumnType {
        /// The column.
        column: &'static str,
        /// The expected type's object id.
        expected: u32,
        /// The found type's object id.
        found: u32,
    },
    /// A column without a value that must have one.
    #[error("column {column} of an event is null")]
    Null {
        /// The column.
        column: &'static str,
    },
    /// A value in a form that was not asked for.
    #[error("column {column} of an event has an unreadable value")]
    Value {
        /// The column.
        column: &'static str,
    },
    /// A row has another number of columns than its relation.
    #[error("a row has {found} columns, its relation {expected}")]
    ColumnCount {
        /// As described.
        expected: usize,
        /// As sent.
        found: usize,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Truncated
            | Self::TrailingBytes { .. }
            | Self::UnknownMessage { .. }
            | Self::OutOfPlace { .. }
            | Self::NotUtf8 { .. }
            | Self::UnknownRelation { .. }
            | Self::UnexpectedRelation { .. }
            | Self::MissingColumn { .. }
            | Self::ColumnType { .. }
            | Self::Null { .. }
            | Self::Value { .. }
            | Self::ColumnCount { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::UnexpectedRelation { schema, table } => {
                format!("take {schema}.{table} out of the publication; only outbox.event belongs there")
            }
            Self::MissingColumn { .. } | Self::ColumnType { .. } | Self::Null { .. } => {
                "restore the outbox and its publication with `postrider migrate`".to_owned()
            }
            Self::Truncated
            | Self::TrailingBytes { .. }
            | Self::UnknownMessage { .. }
            | Self::OutOfPlace { .. }
            | Self::NotUtf8 { .. }
            | Self::UnknownRelation { .. }
            | Self::Value { .. }
            | Self::ColumnCount { .. } => {
                "see that postgres.url leads to a PostgreSQL 15 to 18 itself, with server_encoding UTF8".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::UnexpectedRelation { .. } => "unexpected_relation",
            Self::MissingColumn { .. } | Self::ColumnType { .. } | Self::Null { .. } => {
                "outbox_column"
            }
            Self::Truncated
            | Self::TrailingBytes { .. }
            | Self::UnknownMessage { .. }
            | Self::OutOfPlace { .. }
            | Self::NotUtf8 { .. }
            | Self::UnknownRelation { .. }
            | Self::Value { .. }
            | Self::ColumnCount { .. } => "malformed_stream",
        }
    }
}
