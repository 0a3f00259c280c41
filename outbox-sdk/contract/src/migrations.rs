//! The migrations of the schema `outbox`: one list for the relay, the library call and the files
//! that a DBA runs.
//!
//! Contract: the list is append-only and numbered from 1 without gaps. The table
//! `outbox.migration` records what a database has, with the checksum of each file; [`pending`]
//! compares the two. It guards against a database that was migrated by other files than these, on
//! which nothing may be built.
//!
//! Whoever applies them does this until nothing is pending, each time in one transaction at
//! isolation level read committed: [`BEGIN_EXCLUSIVE`], then [`APPLIED`] (unless [`EXISTS`] says
//! no), then [`Migration::recorded`] of the first that is pending.

use sha2::{Digest, Sha256};

/// One file of the folder `sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1.
    pub version: u32,
    /// Its name, without the number and the extension.
    pub name: &'static str,
    /// Its text, to be run in one transaction.
    pub sql: &'static str,
}

impl Migration {
    /// SHA-256 of its text, in lower-case hexadecimal.
    pub fn checksum(&self) -> String {
        use std::fmt::Write as _;
        let digest = Sha256::digest(self.sql.as_bytes());
        digest
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                write!(text, "{byte:02x}").expect("writing to a String cannot fail");
                text
            })
    }

    /// Its text and the record that it was applied, to be run in one transaction.
    pub fn recorded(&self) -> String {
        format!(
            "{}\ninsert into outbox.migration (version, name, checksum)\n  \
             values ({}, '{}', '{}');\n",
            self.sql,
            self.version,
            self.name,
            self.checksum()
        )
    }

    /// The name of its file, such as `0002_event.sql`.
    pub fn file_name(&self) -> String {
        format!("{:04}_{}.sql", self.version, self.name)
    }
}

macro_rules! migration {
    ($version:literal, $number:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../sql/", $number, "_", $name, ".sql")),
        }
    };
}

/// Every migration, in the order in which they are applied.
pub const ALL: &[Migration] = &[
    migration!(1, "0001", "migration"),
    migration!(2, "0002", "event"),
    migration!(3, "0003", "emit"),
    migration!(4, "0004", "ring"),
    migration!(5, "0005", "roles"),
    migration!(6, "0006", "once"),
    migration!(7, "0007", "skip"),
];

/// The statements that begin a transaction's work.
///
/// - Functions and operators are looked up in `pg_catalog` alone, so that nobody can slip in one of
///   theirs through the search path (CVE-2018-1058).
/// - Concurrent runs wait for each other until the transaction ends. The lock belongs to the
///   transaction and not to the session, so it works through a connection pool. Another run may be
///   applying every migration, hence a minute.
/// - A lock that an application holds is waited for at most 5 seconds: while a statement waits for
///   a table lock, every later one on that table queues behind it.
pub const BEGIN_EXCLUSIVE: &str = "\
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '60s';
select pg_advisory_xact_lock(5788325408241091442);
set local lock_timeout = '5s';";

/// Whether the bookkeeping table exists: one boolean.
pub const EXISTS: &str = "select to_regclass('outbox.migration') is not null";

/// What was applied: version (`integer`), name and checksum (`text`), in order.
pub const APPLIED: &str = "select version, name, checksum from outbox.migration order by version";

/// A row of `outbox.migration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The number.
    pub version: u32,
    /// The name.
    pub name: String,
    /// SHA-256 of the text that was run, in lower-case hexadecimal.
    pub checksum: String,
}

/// A database that was migrated by other files than [`ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A newer release migrated it: use that release.
    #[error(
        "the database has migration {version} ({name}), which is newer than this program knows"
    )]
    Newer {
        /// The first migration that this program does not know.
        version: u32,
        /// Its name.
        name: String,
    },
    /// The file that was run is not the file of this release: find out who changed it.
    #[error("migration {version} ({name}) was applied with another text than this program has")]
    Changed {
        /// The number.
        version: u32,
        /// The name that the database has.
        name: String,
    },
    /// Somebody removed a row of `outbox.migration`.
    #[error("the database has no record of migration {version} ({name}), but of a later one")]
    Gap {
        /// The number that is missing.
        version: u32,
        /// Its name.
        name: &'static str,
    },
}

/// The migrations that a database with `applied` (in order) still needs.
pub fn pending(applied: &[Applied]) -> Result<&'static [Migration], Mismatch> {
    for (position, row) in applied.iter().enumerate() {
        let Applied {
            version,
            name,
            checksum,
        } = row;
        let Some(expected) = ALL.get(position) else {
            return Err(Mismatch::Newer {
                version: *version,
                name: name.clone(),
            });
        };
        if *version != expected.version {
            return Err(Mismatch::Gap {
                version: expected.version,
                name: expected.name,
            });
        }
        if *checksum != expected.checksum() {
            return Err(Mismatch::Changed {
                version: *version,
                name: name.clone(),
            });
        }
    }
    Ok(&ALL[applied.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Vec<Applied> {
        let row = |migration: &Migration| Applied {
            version: migration.version,
            name: migration.name.to_owned(),
            checksum: migration.checksum(),
        };
        ALL.iter().map(row).collect()
    }

    #[test]
    fn versions_count_from_one_and_every_file_says_its_purpose_growth_and_locks() {
        for (migration, version) in ALL.iter().zip(1..) {
            assert_eq!(migration.version, version);
            let header: Vec<&str> = migration
                .sql
                .lines()
                .take_while(|line| line.starts_with("--"))
                .collect();
            let header = header.join("\n");
            for part in ["-- purpose: ", "-- growth:  ", "-- locks:   "] {
                assert!(
                    header.contains(part),
                    "{} lacks {part:?}",
                    migration.file_name()
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sql");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| {
                std::path::Path::new(name)
                    .extension()
                    .is_some_and(|kind| kind == "sql")
            })
            .collect();
        files.sort();
        let listed: Vec<String> = ALL.iter().map(Migration::file_name).collect();
        assert_eq!(listed, files);
    }

    #[test]
    fn a_checksum_is_the_sha_256_of_the_text() {
        let migration = Migration {
            version: 1,
            name: "x",
            sql: "abc",
        };
        // FIPS 180-4, the example of one block.
        assert_eq!(
            migration.checksum(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_migration_leaves_its_record() {
        let migration = &ALL[1];
        let recorded = migration.recorded();
        let record = recorded.strip_prefix(migration.sql).unwrap();
        let values = format!("(2, 'event', '{}');\n", migration.checksum());
        assert!(record.starts_with("\ninsert into outbox.migration"));
        assert!(record.ends_with(&values), "{record}");
    }

    #[test]
    fn what_is_not_applied_is_pending() {
        let applied = applied();
        assert_eq!(pending(&[]).unwrap(), ALL);
        assert_eq!(pending(&applied[..2]).unwrap(), &ALL[2..]);
        assert_eq!(pending(&applied).unwrap(), &[]);
    }

    #[test]
    fn a_database_that_other_files_made_is_refused() {
        let mut newer = applied();
        let version = u32::try_from(ALL.len()).unwrap() + 1;
        newer.push(Applied {
            version,
            name: "later".into(),
            checksum: String::new(),
        });
        assert_eq!(
            pending(&newer),
            Err(Mismatch::Newer {
                version,
                name: "later".into()
            })
        );

        let mut changed = applied();
        changed[1].checksum = "0".repeat(64);
        assert_eq!(
            pending(&changed),
            Err(Mismatch::Changed {
                version: 2,
                name: "event".into()
            })
        );

        let mut gap = applied();
        gap.remove(1);
        assert_eq!(
            pending(&gap),
            Err(Mismatch::Gap {
                version: 2,
                name: "event"
            })
        );
    }
}
