//! EVT-03: whichever tool ran the exported files, the database is as after `postrider migrate`.

use std::path::Path;
use std::process::Command;

use postrider::migrate::{Format, check, export, migrate};
use sqlx::Connection as _;
use sqlx::migrate::Migrator;

use super::{PUBLICATION, TestDatabase, empty_database, server};

/// The files, read back as a tool reads them: in the order of their names.
fn exported(format: Format, directory: &Path) -> Vec<std::path::PathBuf> {
    let names = export(format, directory, PUBLICATION).expect("exported");
    assert!(!names.is_empty());
    names.iter().map(|name| directory.join(name)).collect()
}

async fn assert_as_migrated(database: &TestDatabase) {
    let mut owner = database.owner().await;
    assert_eq!(check(&mut owner, PUBLICATION).await.expect("checked"), []);
    let report = migrate(&mut owner, PUBLICATION).await.expect("migrated");
    assert!(
        report.applied.is_empty() && !report.publication_created,
        "{report:?}"
    );
}

/// A URL under which a tool works as the owner.
async fn owner_url(database: &TestDatabase) -> String {
    let login = format!("alter role {0} login password '{0}'", database.owner);
    let server = server().await;
    server
        .execute(&database.name, &login)
        .await
        .expect("a superuser may alter roles");
    server.url(&database.owner, &database.owner, &database.name)
}

#[tokio::test]
async fn psql_applies_the_plain_files() {
    let database = empty_database().await;
    let url = owner_url(&database).await;
    let directory = tempfile::tempdir().expect("a folder");
    for file in exported(Format::Plain, directory.path()) {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file"])
            .args([file.as_os_str(), "--dbname".as_ref(), url.as_ref()]);
        let output = psql.output().expect("psql runs");
        assert!(output.status.success(), "{}: {output:?}", file.display());
    }
    assert_as_migrated(&database).await;
}

#[tokio::test]
async fn sqlx_applies_its_files_beside_those_of_the_application() {
    let database = empty_database().await;
    let url = owner_url(&database).await;
    // The tables of the tool and of the application need a schema to be in.
    let schema = format!(
        "create schema {0} authorization {0}; alter role {0} set search_path = {0}",
        database.owner
    );
    server()
        .await
        .execute(&database.name, &schema)
        .await
        .expect("a superuser may create schemas");
    let directory = tempfile::tempdir().expect("a folder");
    let own = directory.path().join("0001_orders.sql");
    std::fs::write(&own, "create table orders (id bigint);").expect("written");
    let later = directory.path().join("20991231000000_shipments.sql");
    std::fs::write(&later, "create table shipments (id bigint);").expect("written");
    exported(Format::Sqlx, directory.path());

    let migrator = Migrator::new(directory.path()).await.expect("resolved");
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    for run in ["first", "second"] {
        let outcome = migrator.run(&mut connection).await;
        outcome.unwrap_or_else(|error| panic!("{run} run: {error:?}"));
    }
    assert_as_migrated(&database).await;
}

/// Flyway runs each versioned file in a transaction, and the repeatable ones after them.
#[tokio::test]
async fn the_files_for_flyway_run_in_its_order() {
    let database = empty_database().await;
    let owner = database.owner().await;
    let directory = tempfile::tempdir().expect("a folder");
    let mut files = exported(Format::Flyway, directory.path());
    files.sort_by_key(|file| {
        let name = file.file_name().and_then(|name| name.to_str());
        let (version, _) = name.and_then(|name| name.split_once("__")).expect("a name");
        let version = version.strip_prefix('V').map(str::parse::<u32>);
        version.map_or(u32::MAX, |version| version.expect("a number"))
    });
    for file in files {
        let text = std::fs::read_to_string(&file).expect("read");
        assert!(!text.contains("${"), "Flyway would replace it");
        let script = format!("begin;\n{text}\ncommit;");
        let outcome = owner.batch_execute(&script).await;
        outcome.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
    }
    assert_as_migrated(&database).await;
}
