//! How a database differs from what the migrations and `init` make.
//!
//! `describe.sql` writes one line for each column, constraint, trigger, partition, function and
//! grant of the schema; `schema.txt` holds the lines of a database that was just migrated. So drift
//! is the difference of two texts, and whatever a migration adds is checked without a word here
//! (`tests/suites/sql` fails when the file is stale). PostgreSQL 15 to 18 give the same lines.

use std::collections::BTreeSet;
use std::fmt;

use outbox_contract::migrations::{self, Mismatch};
use tokio_postgres::{Client, Transaction};

use super::error::Error;
use super::{applied, begin, publication};

/// The query whose single text column is one line for each thing in the schema `outbox`, in order.
/// To be run with `search_path = pg_catalog`, which decides how names are written.
pub const DESCRIBE: &str = include_str!("describe.sql");

/// The lines of [`DESCRIBE`] on a database that has every migration.
pub const SCHEMA: &str = include_str!("schema.txt");

/// A difference between the database and what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A migration was not applied.
    MigrationMissing {
        /// Its file in the folder `sql`.
        file: String,
    },
    /// The database was migrated by other files.
    Mismatch(Mismatch),
    /// Something that a migration made is gone or was changed.
    ObjectMissing {
        /// Its line of `schema.txt`.
        object: String,
    },
    /// The schema has something that no migration made, or in another form.
    ObjectUnexpected {
        /// Its line of `describe.sql`.
        object: String,
    },
    /// There is no such publication.
    PublicationMissing {
        /// Its name.
        publication: String,
    },
    /// The publication is not as `init` makes it.
    PublicationDiffers {
        /// Its name.
        publication: String,
        /// What differs.
        aspect: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MigrationMissing { file } => write!(f, "migration {file} is not applied"),
            Self::Mismatch(mismatch) => mismatch.fmt(f),
            Self::ObjectMissing { object } => write!(f, "the schema outbox lacks: {object}"),
            Self::ObjectUnexpected { object } => {
                write!(f, "the schema outbox should not have: {object}")
            }
            Self::PublicationMissing { publication } => {
                write!(f, "the publication {publication} does not exist")
            }
            Self::PublicationDiffers {
                publication,
                aspect,
                expected,
                found,
            } => {
                write!(
                    f,
                    "publication {publication}: {aspect} should be {expected}, found {found}"
                )
            }
        }
    }
}

impl Finding {
    /// One sentence that tells an operator what to do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::MigrationMissing { .. } => "run `postrider migrate`",
            Self::Mismatch(_) => "use the release that migrated this database, or a newer one",
            Self::ObjectMissing { .. } | Self::ObjectUnexpected { .. } => {
                "undo the change by hand; `postrider migrate --print` shows the original"
            }
            Self::PublicationMissing { .. } => {
                "run `postrider init`; if a slot existed without it, events may be missing: run \
                 `postrider verify`"
            }
            Self::PublicationDiffers { .. } => {
                "restore it as `postrider migrate --print` shows it, then run `postrider verify`: what \
                 was written meanwhile may be missing on Kafka"
            }
        }
    }
}

/// How the database differs from this release; changes nothing.
///
/// Any role with usage on the schema and select on `outbox.migration` may ask.
pub async fn check(client: &mut Client, publication: &str) -> Result<Vec<Finding>, Error> {
    let transaction = begin(client).await?;
    let applied = applied(&transaction).await?;
    let mut findings = match migrations::pending(&applied) {
        Ok([]) => compare(SCHEMA, &describe(&transaction).await?),
        Ok(pending) => pending
            .iter()
            .map(|migration| Finding::MigrationMissing {
                file: migration.file_name(),
            })
            .collect(),
        Err(mismatch) => vec![Finding::Mismatch(mismatch)],
    };
    findings.extend(publication::differences(&transaction, publication).await?);
    Ok(findings)
}

async fn describe(transaction: &Transaction<'_>) -> Result<String, Error> {
    let rows = transaction
        .query(DESCRIBE, &[])
        .await
        .map_err(Error::ReadCatalog)?;
    Ok(rows
        .iter()
        .map(|row| row.get::<_, String>(0) + "\n")
        .collect())
}

fn compare(expected: &str, found: &str) -> Vec<Finding> {
    let expected: BTreeSet<&str> = expected.lines().collect();
    let found: BTreeSet<&str> = found.lines().collect();
    let missing = expected
        .difference(&found)
        .map(|line| Finding::ObjectMissing {
            object: (*line).to_owned(),
        });
    let unexpected = found
        .difference(&expected)
        .map(|line| Finding::ObjectUnexpected {
            object: (*line).to_owned(),
        });
    missing.chain(unexpected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_object_is_missing_in_its_old_form_and_unexpected_in_its_new() {
        let findings = compare("a\nb 1\nc\n", "a\nb 2\nc\n");
        let expected = [
            Finding::ObjectMissing {
                object: "b 1".into(),
            },
            Finding::ObjectUnexpected {
                object: "b 2".into(),
            },
        ];
        assert_eq!(findings, expected);
        assert!(compare("a\nb\n", "a\nb\n").is_empty());
    }

    #[test]
    fn the_expected_schema_grants_nothing_to_public() {
        let granted: Vec<&str> = SCHEMA
            .lines()
            .filter(|line| line.ends_with(" to public"))
            .collect();
        assert!(granted.is_empty(), "{granted:?}");
        assert!(
            SCHEMA.contains("grant "),
            "the filter above would find nothing"
        );
    }
}
