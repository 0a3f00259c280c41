//! The SQL part as files, for a team whose database is migrated by another tool.
//!
//! Contract: whatever tool ran the files, the database is as after `postrider migrate`, bookkeeping
//! included, so that `--check` passes and a later `postrider migrate` finds nothing to do
//! (`tests/suites/sql/export.rs`). A file's name and text stay the same from release to release,
//! for such tools compare them with what they ran: a newer release only adds files, and an existing
//! file with another text is never overwritten.

use std::io::Write as _;
use std::path::Path;
use std::{fs, io};

use outbox_contract::migrations::{ALL, BEGIN_EXCLUSIVE, Migration};

use super::error::Error;
use super::{print, publication};

/// For whom the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// psql: each file is a transaction
    Plain,
    /// sqlx: `sqlx migrate run` and `migrate!`, also beside the application's own migrations
    Sqlx,
    /// Flyway: for a configuration with a history table of its own
    Flyway,
}

/// sqlx orders by this number, and it must differ from those of the application, which are either
/// small or times. It leaves room for the publication, whose place must never change.
const SQLX_BASE: u64 = 20_260_101_000_000;

/// The table that is published is the second migration.
const SQLX_PUBLICATION: u64 = SQLX_BASE + 250;

/// Writes the files into `directory`, which is made if it is missing, and returns the names of
/// those that were not there before. Can be repeated.
pub fn export(format: Format, directory: &Path, publication: &str) -> Result<Vec<String>, Error> {
    let write_error = |path: &Path, source| Error::Export {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(|source| write_error(directory, source))?;
    let mut written = Vec::new();
    for (name, text) in files(format, publication) {
        let path = directory.join(&name);
        if write_new(&path, &text).map_err(|source| write_error(&path, source))? {
            written.push(name);
        }
    }
    Ok(written)
}

/// Says whether it wrote the file; one of the same text is left alone.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    match fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::read(path)? == text.as_bytes() {
                Ok(false)
            } else {
                Err(error)
            }
        }
        Err(error) => Err(error),
    }
}

/// Their names and texts, in the order in which they run.
fn files(format: Format, publication: &str) -> Vec<(String, String)> {
    let migration = |migration: &Migration| (name(format, migration), text(format, migration));
    let mut files: Vec<_> = ALL.iter().map(migration).collect();
    let create = create_publication(publication);
    files.push(match format {
        Format::Plain => ("publication.sql".to_owned(), create),
        Format::Sqlx => (format!("{SQLX_PUBLICATION}_outbox_publication.sql"), create),
        // Repeatable migrations run after the numbered ones.
        Format::Flyway => ("R__outbox_publication.sql".to_owned(), create),
    });
    files.sort();
    files
}

fn name(format: Format, migration: &Migration) -> String {
    let Migration { version, name, .. } = migration;
    match format {
        Format::Plain => migration.file_name(),
        Format::Sqlx => format!(
            "{}_outbox_{name}.sql",
            SQLX_BASE + 100 * u64::from(*version)
        ),
        Format::Flyway => format!("V{version}__outbox_{name}.sql"),
    }
}

fn text(format: Format, migration: &Migration) -> String {
    match format {
        Format::Plain => print::transaction(migration),
        Format::Sqlx | Format::Flyway => in_their_transaction(migration),
    }
}

/// The tool opens the transaction, and afterwards writes its own record in it, by names that are
/// looked up. So the search path is put back.
fn in_their_transaction(migration: &Migration) -> String {
    format!(
        "select set_config('outbox.search_path', current_setting('search_path'), true);\n\
         {BEGIN_EXCLUSIVE}\n\n{}\n\
         select set_config('search_path', current_setting('outbox.search_path'), true);\n",
        migration.recorded()
    )
}

/// Leaves a publication of that name alone, as `postrider migrate` does.
fn create_publication(name: &str) -> String {
    format!(
        "do $outbox$\nbegin\n  if not exists (select from pg_catalog.pg_publication where pubname = '{}') then\n\
         {};\n  end if;\nend\n$outbox$;\n",
        name.replace('\'', "''"),
        publication::create(name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(format: Format) -> Vec<String> {
        files(format, "postrider")
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn names_are_those_that_the_tools_order_by() {
        assert_eq!(names(Format::Plain)[0], "0001_migration.sql");
        let sqlx = names(Format::Sqlx);
        assert_eq!(sqlx[0], "20260101000100_outbox_migration.sql");
        assert_eq!(sqlx[2], "20260101000250_outbox_publication.sql");
        assert_eq!(sqlx[3], "20260101000300_outbox_emit.sql");
        assert!(names(Format::Flyway).contains(&"V2__outbox_event.sql".to_owned()));
    }

    #[test]
    fn a_second_export_writes_nothing_and_overwrites_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("migrations");
        let export = || export(Format::Sqlx, &path, "postrider");
        assert_eq!(export().unwrap(), names(Format::Sqlx));
        assert_eq!(export().unwrap(), Vec::<String>::new());

        let file = path.join("20260101000200_outbox_event.sql");
        fs::write(&file, "mine").unwrap();
        assert!(export().is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn a_publication_name_with_quotes_stays_one_name() {
        let statement = create_publication("a'b\"c");
        assert!(statement.contains("pubname = 'a''b\"c'"));
        assert!(statement.contains("create publication \"a'b\"\"c\" for"));
    }
}
