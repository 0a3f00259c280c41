//! EVT-03: the library migrates as the relay does.

use outbox_contract::migrations::ALL;
use postrider::migrate::{Finding, check};

use super::{PUBLICATION, database, empty_database, one, server};

#[tokio::test]
async fn a_service_migrates_as_the_relay_does_and_with_the_same_record() {
    let with_sqlx = empty_database().await;
    let options = server().await.superuser_url(&with_sqlx.name);
    let set_role = sqlx::AssertSqlSafe(format!("set session authorization {}", with_sqlx.owner));
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect(&options)
        .await
        .expect("connected");
    sqlx::raw_sql(set_role)
        .execute(&pool)
        .await
        .expect("a superuser may become any role");
    let applied = outbox_sdk::migrate(&pool).await.expect("migrated");
    assert_eq!(applied.len(), ALL.len());
    let again = outbox_sdk::migrate(&pool).await.expect("migrated");
    assert!(again.is_empty(), "{again:?}");

    let with_tokio_postgres = empty_database().await;
    let mut client = with_tokio_postgres.owner().await;
    let applied = outbox_sdk::migrate(&mut client).await.expect("migrated");
    assert_eq!(applied.len(), ALL.len());
    let again = outbox_sdk::migrate(&mut client).await.expect("migrated");
    assert!(again.is_empty(), "{again:?}");

    for database in [with_sqlx, with_tokio_postgres] {
        let mut owner = database.owner().await;
        let findings = check(&mut owner, PUBLICATION).await.expect("checked");
        assert!(
            matches!(findings[..], [Finding::PublicationMissing { .. }]),
            "{findings:?}"
        );
        let report = postrider::migrate::migrate(&mut owner, PUBLICATION)
            .await
            .expect("migrated");
        assert!(report.applied.is_empty() && report.publication_created);
        let foreign = "select to_regclass('_sqlx_migrations') is null";
        assert!(one(&owner, foreign).await.get::<_, bool>(0));
    }
}

#[tokio::test]
async fn a_service_and_the_relay_may_migrate_at_once() {
    let database = empty_database().await;
    let (mut one, mut other) = (database.owner().await, database.owner().await);
    let (service, relay) = tokio::join!(
        outbox_sdk::migrate(&mut one),
        postrider::migrate::migrate(&mut other, PUBLICATION),
    );
    let (service, relay) = (service.expect("migrated"), relay.expect("migrated"));
    assert_eq!(service.len() + relay.applied.len(), ALL.len());
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let database = database().await;
    let mut owner = database.owner().await;
    owner
        .batch_execute("insert into outbox.migration values (999, 'later', '')")
        .await
        .expect("inserted");
    let error = outbox_sdk::migrate(&mut owner).await.expect_err("newer");
    let mismatch = matches!(error, outbox_sdk::MigrateError::Mismatch { .. });
    assert!(mismatch, "{error:?}");
}
