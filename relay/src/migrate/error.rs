//! Why the SQL part could not be brought up to date or looked at.

use outbox_contract::migrations::Mismatch;
use tokio_postgres::error::SqlState;

use crate::error::{Action, Classify};
use crate::postgres;

/// A failure to migrate or to check; what was not committed has been rolled back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the database.
    #[error("cannot connect to the database")]
    Connect(#[source] postgres::Error),
    /// The administrator's URL leads to another database than the relay's.
    #[error("the administrator's URL leads to database {admin:?}, postgres.url to {relay:?}")]
    AdminElsewhere {
        /// The administrator's database.
        admin: String,
        /// The relay's database.
        relay: String,
    },
    /// No transaction could be begun.
    #[error("beginning a transaction failed")]
    Begin(#[source] tokio_postgres::Error),
    /// Another run holds the lock, and did not end in time.
    #[error("waiting for another run of the migrations failed")]
    WaitForOtherRun(#[source] tokio_postgres::Error),
    /// `outbox.migration` could not be read.
    #[error("reading which migrations were applied failed")]
    ReadApplied(#[source] tokio_postgres::Error),
    /// The database was migrated by other files.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A migration could not be applied.
    #[error("applying {file} failed")]
    Apply {
        /// The file in the folder `sql`.
        file: String,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The publication could not be made.
    #[error("creating the publication {publication} failed")]
    CreatePublication {
        /// Its name.
        publication: String,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The relay's role did not become a member of `outbox_relay`.
    #[error("granting outbox_relay to role {role:?} failed")]
    GrantRelay {
        /// The relay's role.
        role: String,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Retention could not be told of the slot.
    #[error("registering replication slot {slot:?} failed")]
    RegisterSlot {
        /// The slot.
        slot: String,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The catalog could not be read.
    #[error("reading the catalog failed")]
    ReadCatalog(#[source] tokio_postgres::Error),
    /// A file could not be written, or is there already with another text.
    #[error("writing {} failed", path.display())]
    Export {
        /// The file or its folder.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    fn database_error(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Begin(source)
            | Self::WaitForOtherRun(source)
            | Self::ReadApplied(source)
            | Self::ReadCatalog(source)
            | Self::Apply { source, .. }
            | Self::CreatePublication { source, .. }
            | Self::GrantRelay { source, .. }
            | Self::RegisterSlot { source, .. } => Some(source),
            Self::Connect(_)
            | Self::AdminElsewhere { .. }
            | Self::Mismatch(_)
            | Self::Export { .. } => None,
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Connect(error) => error.action(),
            Self::AdminElsewhere { .. } | Self::Export { .. } => Action::Refuse,
            Self::Mismatch(_) => Action::Halt,
            Self::Begin(source)
            | Self::WaitForOtherRun(source)
            | Self::ReadApplied(source)
            | Self::ReadCatalog(source)
            | Self::Apply { source, .. }
            | Self::CreatePublication { source, .. }
            | Self::GrantRelay { source, .. }
            | Self::RegisterSlot { source, .. } => match source.code() {
                // Class 42: a missing right, or something of that name is there already.
                Some(code) if code.code().starts_with("42") => Action::Refuse,
                _ => Action::Retry,
            },
        }
    }

    fn remedy(&self) -> String {
        let told = self.database_error().and_then(|error| error.as_db_error());
        if let Some(hint) = told.and_then(|error| error.hint()) {
            return hint.to_owned();
        }
        if told.is_some_and(|error| *error.code() == SqlState::LOCK_NOT_AVAILABLE) {
            return "end the transaction that holds the lock (see pg_stat_activity), then repeat"
                .to_owned();
        }
        match self {
            Self::Connect(error) => return error.remedy(),
            Self::AdminElsewhere { .. } => "name the database of postgres.url in --admin-url",
            Self::GrantRelay { role, .. } => {
                return format!("as a superuser: grant outbox_relay to {role:?}");
            }
            Self::RegisterSlot { .. } => {
                "use the role that owns the schema `outbox` (`--admin-url`), or grant outbox_relay \
                 to this one"
            }
            Self::Export { .. } => {
                "name a folder that may be written to; a file that was changed there is never \
                 overwritten: restore it, or export into an empty folder and compare"
            }
            Self::Begin(_) | Self::ReadCatalog(_) => {
                "see that the database answers and accepts writes, then repeat"
            }
            Self::WaitForOtherRun(_) => "wait until the other run has ended, then repeat",
            Self::ReadApplied(_) => {
                "use the role that owns the schema `outbox`, or grant it select on outbox.migration"
            }
            Self::Mismatch(Mismatch::Newer { .. }) => {
                "use a release at least as new as the one that migrated this database"
            }
            Self::Mismatch(Mismatch::Changed { .. }) => {
                "use the release that migrated this database; if somebody edited the file, apply \
                 the difference as a migration of your own and restore the checksum"
            }
            Self::Mismatch(Mismatch::Gap { .. }) => {
                "restore the row of outbox.migration that was deleted"
            }
            Self::Apply { .. } => {
                "use a role that has CREATE on the database and owns the schema `outbox` \
                 (`--admin-url`), or run the output of `postrider migrate --print` as one"
            }
            Self::CreatePublication { .. } => {
                "use the role that owns outbox.event and has CREATE on the database \
                 (`--admin-url`), or run the output of `postrider migrate --print` as one"
            }
        }
        .to_owned()
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Connect(error) => error.reason(),
            Self::AdminElsewhere { .. } => "admin_elsewhere",
            Self::GrantRelay { .. } => "relay_not_granted",
            Self::RegisterSlot { .. } => "slot_not_registered",
            Self::Begin(_) | Self::ReadApplied(_) | Self::ReadCatalog(_) => "database_unavailable",
            Self::WaitForOtherRun(_) => "migration_locked",
            Self::Mismatch(_) => "migration_mismatch",
            Self::Apply { .. } => "migration_failed",
            Self::CreatePublication { .. } => "publication_not_created",
            Self::Export { .. } => "export_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mismatch_halts_and_names_its_remedy() {
        let mismatches = [
            Mismatch::Newer {
                version: 9,
                name: "later".into(),
            },
            Mismatch::Changed {
                version: 2,
                name: "event".into(),
            },
            Mismatch::Gap {
                version: 2,
                name: "event",
            },
        ];
        let remedies = mismatches.map(|mismatch| {
            let error = Error::from(mismatch);
            assert_eq!(error.action(), Action::Halt);
            error.remedy()
        });
        assert!(remedies[0].contains("at least as new"));
        assert!(remedies[1].contains("restore the checksum"));
        assert!(remedies[2].contains("row of outbox.migration"));
    }
}
