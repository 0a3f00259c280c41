//! The whole SQL part as one script, for a DBA who runs it under their own name.

use std::fmt::Write as _;

use outbox_contract::migrations::{ALL, BEGIN_EXCLUSIVE, Migration};

use super::publication;

/// The migrations with their records, and the publication. Each is a transaction that fails as a
/// whole where it was run before, so the script can be repeated.
pub fn print(publication: &str) -> String {
    let mut script = String::from(
        "-- The SQL part of postrider. Run it with psql as the role that shall own it: that role\n\
         -- needs CREATE on the database, and CREATEROLE unless the group roles exist. What was\n\
         -- applied before fails as a whole and changes nothing.\n",
    );
    for migration in ALL {
        write!(
            script,
            "\n-- {}\n{}",
            migration.file_name(),
            transaction(migration)
        )
        .expect("writing to a String cannot fail");
    }
    write!(script, "\n{};\n", publication::create(publication))
        .expect("writing to a String cannot fail");
    script
}

/// A migration as a transaction of its own.
pub(super) fn transaction(migration: &Migration) -> String {
    format!(
        "begin;\n{BEGIN_EXCLUSIVE}\n\n{}commit;\n",
        migration.recorded()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_every_migration_in_order_and_then_the_publication() {
        let script = print("postrider");
        let mut rest = script.as_str();
        for migration in ALL {
            let position = rest
                .find(migration.sql)
                .expect("the text of every migration is there");
            rest = &rest[position + migration.sql.len()..];
            assert!(
                rest.starts_with("\ninsert into outbox.migration"),
                "{}",
                migration.name
            );
        }
        assert!(rest.contains("create publication \"postrider\" for table outbox.event"));
    }
}
