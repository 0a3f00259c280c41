//! EVT-03: one schema, whoever applies it and however often; drift is found.

use outbox_contract::migrations;
use postrider::error::{Action, Classify};
use postrider::migrate::{DESCRIBE, Error, Finding, SCHEMA, check, migrate, print};

use super::{PUBLICATION, TestDatabase, database, empty_database, one};

/// One line for each thing in the schema, as `check` sees it.
async fn describe(database: &TestDatabase) -> String {
    let client = database.superuser().await;
    client
        .batch_execute("set search_path = pg_catalog")
        .await
        .expect("set");
    let rows = client.query(DESCRIBE, &[]).await.expect("described");
    rows.iter()
        .map(|row| row.get::<_, String>(0) + "\n")
        .collect()
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let database = empty_database().await;
    let mut owner = database.owner().await;
    let first = migrate(&mut owner, PUBLICATION).await.expect("migrated");
    assert_eq!(first.applied.len(), migrations::ALL.len());
    assert!(first.publication_created);

    let state = "select (select json_agg(m) from outbox.migration as m)::text, \
         (select string_agg(oid::text || xmin::text, ' ' order by oid) from pg_class \
           where relnamespace = 'outbox'::regnamespace), \
         (select string_agg(oid::text || xmin::text, ' ' order by oid) from pg_proc \
           where pronamespace = 'outbox'::regnamespace), \
         (select string_agg(oid::text || xmin::text, ' ') from pg_publication)";
    let before: Vec<String> = columns(&one(&owner, state).await);
    let second = migrate(&mut owner, PUBLICATION).await.expect("migrated");
    assert!(
        second.applied.is_empty() && !second.publication_created,
        "{second:?}"
    );
    assert_eq!(columns(&one(&owner, state).await), before);
}

fn columns(row: &tokio_postgres::Row) -> Vec<String> {
    (0..row.len()).map(|column| row.get(column)).collect()
}

#[tokio::test]
async fn concurrent_runs_apply_each_migration_once() {
    let database = empty_database().await;
    let (mut first, mut second) = (database.owner().await, database.owner().await);
    let (first, second) = tokio::join!(
        migrate(&mut first, PUBLICATION),
        migrate(&mut second, PUBLICATION)
    );
    let (first, second) = (first.expect("migrated"), second.expect("migrated"));
    assert_eq!(
        first.applied.len() + second.applied.len(),
        migrations::ALL.len()
    );
    assert!(first.publication_created ^ second.publication_created);
}

#[tokio::test]
async fn databases_of_one_cluster_share_the_roles_even_when_they_migrate_at_once() {
    let databases = tokio::join!(empty_database(), empty_database(), empty_database());
    let run = async |database: TestDatabase| {
        migrate(&mut database.owner().await, PUBLICATION)
            .await
            .expect("migrated")
    };
    let reports = tokio::join!(run(databases.0), run(databases.1), run(databases.2));
    for report in [reports.0, reports.1, reports.2] {
        assert_eq!(report.applied.len(), migrations::ALL.len());
    }
}

#[tokio::test]
async fn the_printed_script_makes_the_same_database() {
    let database = empty_database().await;
    let owner = database.owner().await;
    owner
        .batch_execute(&print(PUBLICATION))
        .await
        .expect("the script runs");
    let mut owner = database.owner().await;
    assert_eq!(check(&mut owner, PUBLICATION).await.expect("checked"), []);
    let report = migrate(&mut owner, PUBLICATION).await.expect("migrated");
    assert!(
        report.applied.is_empty() && !report.publication_created,
        "{report:?}"
    );
}

/// When a migration is added, this shows what `schema.txt` must hold.
#[tokio::test]
async fn the_file_of_the_expected_schema_is_what_the_migrations_make() {
    let found = describe(&database().await).await;
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema.txt");
    std::fs::write(&path, &found).expect("written");
    assert!(
        found == SCHEMA,
        "relay/src/migrate/schema.txt is stale; after a look at the difference, replace it by {}",
        path.display()
    );
}

#[tokio::test]
async fn drift_is_found() {
    let database = database().await;
    let mut owner = database.owner().await;
    let drifts = [
        (
            "alter table outbox.event drop constraint event_payload_size",
            "event_payload_size",
        ),
        (
            "alter table outbox.event alter xid drop default",
            "column event.xid",
        ),
        (
            "alter table outbox.event add note text",
            "column event.note",
        ),
        (
            "alter table outbox.event disable trigger event_correlate",
            "event_correlate disabled",
        ),
        (
            "alter table outbox.event detach partition outbox.event_5",
            "partition event_5",
        ),
        (
            "alter function outbox.canary() security invoker",
            "function canary()",
        ),
        (
            "alter function outbox.canary() reset search_path",
            "function canary()",
        ),
        (
            "create or replace function outbox.is_key(key text) returns boolean \
             language sql immutable parallel safe return true",
            "function is_key(text)",
        ),
        (
            "grant delete on outbox.event to outbox_app",
            "grant delete on event to outbox_app",
        ),
        (
            "grant execute on function outbox.canary() to public",
            "grant execute on canary() to public",
        ),
        (
            "revoke insert (payload) on outbox.event from outbox_app",
            "insert on event.payload",
        ),
    ];
    for (change, expected) in drifts {
        let transaction = owner.transaction().await.expect("begun");
        transaction.batch_execute(change).await.expect(change);
        transaction.commit().await.expect("committed");
        let findings = check(&mut owner, PUBLICATION).await.expect("checked");
        let found = findings
            .iter()
            .any(|finding| finding.to_string().contains(expected));
        assert!(found, "{change}: {findings:?}");
    }
}

#[tokio::test]
async fn a_relay_may_check_and_a_changed_ring_period_or_a_reader_is_no_drift() {
    let database = database().await;
    let setting = "select outbox.set_ring_period('1 hour'); \
         grant select on outbox.event to pg_monitor";
    database
        .owner()
        .await
        .batch_execute(setting)
        .await
        .expect("set");
    let mut relay = database.role("outbox_relay").await;
    assert_eq!(check(&mut relay, PUBLICATION).await.expect("checked"), []);
}

#[tokio::test]
async fn a_database_that_other_files_made_is_refused() {
    let changes = [
        (
            "update outbox.migration set checksum = repeat('0', 64) where version = 2",
            "another text",
        ),
        (
            "insert into outbox.migration values (999, 'later', '')",
            "newer than this program",
        ),
        (
            "delete from outbox.migration where version = 2",
            "no record of migration 2",
        ),
    ];
    for (change, expected) in changes {
        let database = database().await;
        let mut owner = database.owner().await;
        owner.batch_execute(change).await.expect(change);
        let error = migrate(&mut owner, PUBLICATION).await.expect_err(change);
        assert!(error.to_string().contains(expected), "{change}: {error}");
        assert_eq!(error.action(), Action::Halt, "{change}");
        let findings = check(&mut owner, PUBLICATION).await.expect("checked");
        assert!(
            matches!(findings[..], [Finding::Mismatch(_)]),
            "{change}: {findings:?}"
        );
    }
}

#[tokio::test]
async fn an_unfinished_database_says_what_is_missing() {
    let database = empty_database().await;
    let findings = check(&mut database.owner().await, PUBLICATION)
        .await
        .expect("checked");
    let mut expected: Vec<Finding> = migrations::ALL
        .iter()
        .map(|migration| Finding::MigrationMissing {
            file: migration.file_name(),
        })
        .collect();
    expected.push(Finding::PublicationMissing {
        publication: PUBLICATION.into(),
    });
    assert_eq!(findings, expected);
}

#[tokio::test]
async fn a_name_in_the_way_stops_the_migration_and_leaves_the_rest() {
    let database = empty_database().await;
    let mut owner = database.owner().await;
    let other = "create schema outbox; create table outbox.event (id integer)";
    owner.batch_execute(other).await.expect("made");
    let error = migrate(&mut owner, PUBLICATION)
        .await
        .expect_err("the name is taken");
    assert!(
        matches!(&error, Error::Apply { file, .. } if file == "0002_event.sql"),
        "{error:?}"
    );
    assert_eq!(error.action(), Action::Refuse);
    let functions = "select count(*) from pg_proc where pronamespace = 'outbox'::regnamespace";
    assert_eq!(
        one(&owner, functions).await.get::<_, i64>(0),
        0,
        "the file left nothing behind"
    );
}
