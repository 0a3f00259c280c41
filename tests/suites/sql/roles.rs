//! EVT-11: each role may do its own work and nothing else.

use super::{TestDatabase, database, one, refusal};

const INSUFFICIENT_PRIVILEGE: &str = "42501";

const INSERT: &str =
    "insert into outbox.event (aggregate_type, aggregate_id, event_type) values ('a', '1', 'x')";

const EMIT: &str = "select outbox.emit('x', 'a', '1', '{}')";

const CLAIM: &str = "select outbox.claim_business_key('k', gen_random_uuid())";

const SKIP: &str = "select outbox.skip(gen_random_uuid(), 'a reason')";

const FORGET: &str = "select outbox.forget_business_keys('1 day')";

async fn assert_refused(database: &TestDatabase, role: &str, statements: &[&str]) {
    let client = database.role(role).await;
    for statement in statements {
        let outcome = client.batch_execute(statement).await;
        let error = outcome.expect_err(&format!("{role} must not be allowed: {statement}"));
        assert_eq!(
            refusal(&error).0,
            INSUFFICIENT_PRIVILEGE,
            "{role}: {statement}: {error:?}"
        );
    }
}

async fn assert_allowed(database: &TestDatabase, role: &str, statements: &[&str]) {
    let client = database.role(role).await;
    for statement in statements {
        let outcome = client.batch_execute(statement).await;
        outcome.unwrap_or_else(|error| panic!("{role} must be allowed: {statement}: {error:?}"));
    }
}

#[tokio::test]
async fn an_application_inserts_and_nothing_else() {
    let database = database().await;
    assert_allowed(&database, "outbox_app", &[INSERT, CLAIM]).await;
    let refused = [
        "select * from outbox.once",
        "delete from outbox.once",
        "select outbox.emit_once('k', 'x', 'a', '1', '{}')",
        FORGET,
        SKIP,
        "select id from outbox.event",
        "update outbox.event set public = false",
        "delete from outbox.event",
        "truncate outbox.event",
        "truncate outbox.event_0",
        "insert into outbox.event_0 (aggregate_type, aggregate_id, event_type) values ('a', '1', 'x')",
        EMIT,
        "select outbox.canary()",
        "select outbox.rotate('1 day')",
        "select outbox.register_slot('s')",
        "select outbox.set_ring_period('1 hour')",
        "select * from outbox.migration",
        "drop table outbox.event",
        "alter table outbox.event disable trigger all",
    ];
    assert_refused(&database, "outbox_app", &refused).await;
}

#[tokio::test]
async fn an_application_cannot_set_what_retention_and_repair_rely_on() {
    let database = database().await;
    let with = |column: &str, value: &str| {
        format!(
            "insert into outbox.event (aggregate_type, aggregate_id, event_type, {column}) \
             values ('a', '1', 'x', {value})"
        )
    };
    for (column, value) in [("seq", "1"), ("xid", "'1'"), ("ring", "3::smallint")] {
        assert_refused(&database, "outbox_app", &[&with(column, value)]).await;
    }
}

#[tokio::test]
async fn an_emitter_calls_emit_and_nothing_else() {
    let database = database().await;
    let allowed = [
        EMIT,
        "select outbox.emit('x', 'a', '1', '{}'::json)",
        "select outbox.emit('x', 'a', '1', '{}'::jsonb)",
        "select outbox.emit_once('k', 'x', 'a', '1', '{}')",
        "select outbox.emit_once('k', 'x', 'a', '1', '{}'::json)",
        "select outbox.emit_once('k', 'x', 'a', '1', '{}'::jsonb)",
    ];
    assert_allowed(&database, "outbox_emitter", &allowed).await;
    let refused = [
        INSERT,
        CLAIM,
        FORGET,
        SKIP,
        "select * from outbox.once",
        "select * from outbox.skip",
        "select id from outbox.event",
        "update outbox.event set public = false",
        "delete from outbox.event",
        "truncate outbox.event",
        "select nextval('outbox.event_seq')",
        "select outbox.canary()",
        "select outbox.rotate('1 day')",
    ];
    assert_refused(&database, "outbox_emitter", &refused).await;
}

#[tokio::test]
async fn a_relay_reads_and_sends_canaries_and_nothing_else() {
    let database = database().await;
    let allowed = [
        "select * from outbox.event",
        "select * from outbox.migration",
        "select * from outbox.skip",
        "select outbox.canary()",
        "select outbox.register_slot('s')",
    ];
    assert_allowed(&database, "outbox_relay", &allowed).await;
    let refused = [
        INSERT,
        EMIT,
        CLAIM,
        FORGET,
        "update outbox.event set public = false",
        "delete from outbox.event",
        "truncate outbox.event",
        "delete from outbox.slot",
        "insert into outbox.skip (event_id, reason, requested_by) values (gen_random_uuid(), 'a', 'b')",
        "update outbox.skip set reason = 'another'",
        "delete from outbox.skip",
        "update outbox.ring_state set sealed_lsn = '0/0'",
        "select outbox.rotate('1 day')",
        "drop publication postrider",
    ];
    assert_refused(&database, "outbox_relay", &refused).await;
}

#[tokio::test]
async fn retention_rotates_and_nothing_else() {
    let database = database().await;
    let _slot = database.slot().await;
    assert_allowed(
        &database,
        "outbox_retention",
        &["select outbox.rotate('1 day')", FORGET],
    )
    .await;
    let refused = [
        INSERT,
        EMIT,
        CLAIM,
        "delete from outbox.once",
        "select id from outbox.event",
        "update outbox.event set public = false",
        "delete from outbox.event",
        "truncate outbox.event",
        "truncate outbox.event_0",
        "delete from outbox.slot",
        "select outbox.register_slot('s')",
        "select outbox.seal(1::smallint, 0)",
        "select outbox.set_ring_period('1 hour')",
        "select outbox.canary()",
    ];
    assert_refused(&database, "outbox_retention", &refused).await;
}

#[tokio::test]
async fn everybody_else_may_nothing() {
    let database = database().await;
    let stranger = format!("{}_stranger", database.name);
    database
        .superuser()
        .await
        .batch_execute(&format!("create role {stranger}"))
        .await
        .expect("a superuser may create roles");
    let refused = [
        INSERT,
        EMIT,
        CLAIM,
        FORGET,
        SKIP,
        "select * from outbox.once",
        "select * from outbox.skip",
        "select id from outbox.event",
        "delete from outbox.event",
        "truncate outbox.event",
        "select * from outbox.migration",
        "select nextval('outbox.event_seq')",
        "select outbox.canary()",
        "select outbox.rotate('1 day')",
        "select outbox.uuid_v7()",
        "create table outbox.mine ()",
    ];
    assert_refused(&database, &stranger, &refused).await;

    // And were it given the schema by mistake, still nothing.
    let client = database.superuser().await;
    let mistake = format!("grant usage on schema outbox to {stranger}");
    client
        .batch_execute(&mistake)
        .await
        .expect("a superuser may grant");
    assert_refused(&database, &stranger, &refused).await;
}

#[tokio::test]
async fn functions_with_the_rights_of_the_owner_do_not_look_up_what_callers_can_make() {
    let database = database().await;
    let query = "select string_agg(proname, ' ' order by proname) from pg_proc \
         where pronamespace = 'outbox'::regnamespace and prosecdef \
         and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']";
    let without: Option<String> = one(&database.superuser().await, query).await.get(0);
    assert_eq!(without, None);
}

#[tokio::test]
async fn a_role_that_may_not_create_roles_is_told_what_to_ask_for() {
    // A server of its own: on the shared one the group roles exist.
    let server = postrider::local::Postgres::start(postrider::local::PostgresOptions::default())
        .await
        .expect("PostgreSQL starts");
    let prepare =
        "create role poor login password 'poor'; grant create on database postgres to poor";
    server
        .execute("postgres", prepare)
        .await
        .expect("a superuser may create roles");
    let url = server.url("poor", "poor", "postgres");
    let (mut client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .expect("connected");
    let attempt = async move {
        use postrider::error::{Action, Classify};
        let error = postrider::migrate::migrate(&mut client, "postrider").await;
        let error = error.expect_err("the role may not create roles");
        assert_eq!(error.action(), Action::Refuse);
        assert!(error.to_string().contains("0005_roles.sql"), "{error}");
        for role in [
            "outbox_app",
            "outbox_emitter",
            "outbox_relay",
            "outbox_retention",
        ] {
            let statement = format!("create role {role} nologin;");
            assert!(error.remedy().contains(&statement), "{}", error.remedy());
        }
        error.remedy()
    };
    let (remedy, _) = tokio::join!(attempt, connection);

    let (_, statements) = remedy
        .split_once(": ")
        .expect("the statements follow a colon");
    server
        .execute("postgres", statements)
        .await
        .expect("an administrator runs what the hint says");
    let (mut client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .expect("connected");
    let again = async move { postrider::migrate::migrate(&mut client, "postrider").await };
    let (report, _) = tokio::join!(again, connection);
    let report = report.expect("with the roles there, no right to create roles is needed");
    let names: Vec<_> = report
        .applied
        .iter()
        .map(|migration| migration.name)
        .collect();
    assert_eq!(names, ["roles", "once", "skip"]);
}
