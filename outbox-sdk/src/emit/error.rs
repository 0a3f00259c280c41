//! Why an event was not written, and what to do about it.

use outbox_contract::{limits, schema, transcode};

/// An event that was not written.
///
/// The message says what failed, where, and what to do; the source is what the driver says.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The program has a schema that is none. Nothing was sent.
    #[error("the schema of {event_type} is wrong: correct it, and call it in a unit test")]
    Schema {
        /// The event type.
        event_type: &'static str,
        /// What is wrong with it.
        #[source]
        source: &'static schema::Error,
    },
    /// serde cannot write the event, for example a map whose keys are no texts. Nothing was sent.
    #[error("{event_type} cannot be written as JSON ({why}): change how it is serialized")]
    Serialize {
        /// The event type.
        event_type: &'static str,
        /// What serde says.
        why: serde_json::Error,
    },
    /// The payload does not fit the schema. Nothing was sent.
    #[error(
        "{event_type} is not what its schema says ({why}): change the type, its data or the schema"
    )]
    Payload {
        /// The event type.
        event_type: &'static str,
        /// Where it does not fit, without data.
        why: transcode::Error,
    },
    /// A name, an id or a size is outside the limits. Nothing was sent.
    #[error(
        "{event_type} is outside the limits of an event ({why}): shorten or rename what is named"
    )]
    Limit {
        /// The event type.
        event_type: &'static str,
        /// Which limit.
        why: limits::Error,
    },
    /// One of the events of `emit_all` has an error of the above. Nothing was sent.
    #[error("event {index} of the batch, counted from 0")]
    OfBatch {
        /// Its place.
        index: usize,
        /// Its error.
        #[source]
        source: Box<EmitError>,
    },
    /// The schema `outbox` is missing or older than this crate. Roll back; nothing will work before
    /// the migration.
    #[error("the schema outbox is missing or too old: run `postrider migrate`")]
    NotMigrated {
        /// What the driver says.
        #[source]
        source: DriverError,
    },
    /// The database role may not insert. Roll back; nothing will work before it may.
    #[error("the database role may not insert into outbox.event: grant outbox_app to it")]
    NotPermitted {
        /// What the driver says.
        #[source]
        source: DriverError,
    },
    /// The statement failed for another reason, such as a lost connection. Roll back, and repeat
    /// the whole transaction if the cause can pass.
    #[error(
        "the event was not inserted: roll back, and repeat the transaction if the cause passed"
    )]
    Insert {
        /// What the driver says: an `sqlx::Error` or a `tokio_postgres::Error`.
        #[source]
        source: DriverError,
    },
}

/// An error of a database driver; `downcast_ref` gives its own type.
pub(crate) type DriverError = Box<dyn std::error::Error + Send + Sync>;

impl EmitError {
    pub(super) fn of_event(self, index: usize) -> Self {
        Self::OfBatch {
            index,
            source: Box::new(self),
        }
    }

    /// By the SQLSTATE, so that every driver's errors are told apart alike.
    #[cfg(any(feature = "sqlx", feature = "tokio-postgres"))]
    pub(super) fn of_database(code: Option<&str>, source: DriverError) -> Self {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        const UNDEFINED_TABLE: &str = "42P01";
        const UNDEFINED_COLUMN: &str = "42703";
        const UNDEFINED_FUNCTION: &str = "42883";
        const INVALID_SCHEMA_NAME: &str = "3F000";
        const INSUFFICIENT_PRIVILEGE: &str = "42501";
        match code {
            Some(UNDEFINED_TABLE | UNDEFINED_COLUMN | UNDEFINED_FUNCTION | INVALID_SCHEMA_NAME) => {
                Self::NotMigrated { source }
            }
            Some(INSUFFICIENT_PRIVILEGE) => Self::NotPermitted { source },
            _ => Self::Insert { source },
        }
    }
}
