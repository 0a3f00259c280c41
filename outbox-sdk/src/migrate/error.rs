//! Why the schema is not up to date, and what to do about it.

use outbox_contract::migrations::Mismatch;

use crate::emit::error::DriverError;

/// A failure to migrate; what was not committed has been rolled back.
///
/// The message says what failed and what to do; the source says why.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection, or no transaction on it.
    #[error("no transaction could be begun: see that the database answers, then repeat")]
    Begin {
        /// What the driver says.
        #[source]
        source: DriverError,
    },
    /// Another run holds the lock, and did not end in time.
    #[error("another run of the migrations did not end: wait until it has, then repeat")]
    WaitForOtherRun {
        /// What the driver says.
        #[source]
        source: DriverError,
    },
    /// `outbox.migration` could not be read.
    #[error("outbox.migration could not be read: use the role that owns the schema outbox")]
    ReadApplied {
        /// What the driver says.
        #[source]
        source: DriverError,
    },
    /// The database was migrated by another release, or somebody changed its record.
    #[error("this release cannot migrate the database: use one that is as new")]
    Mismatch {
        /// In what they differ.
        #[from]
        source: Mismatch,
    },
    /// A migration could not be applied.
    #[error(
        "applying {file} failed: use a role that has CREATE on the database and owns the schema \
         outbox, and see the hint of the cause"
    )]
    Apply {
        /// Its name.
        file: String,
        /// What the driver says.
        #[source]
        source: DriverError,
    },
}
