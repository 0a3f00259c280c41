//! What the one-shot commands say of a healthy outbox and of a sick one.

use std::time::Duration;

use anyhow::Result;
use e2e::{Scenario, register, shared_stack};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(1);

async fn emit(scenario: &Scenario) -> Result<()> {
    let emit = "select outbox.emit('commands.Placed', 'order', '1', '{\"order_id\": \"1\"}',
                  schema_version => 1)";
    Ok(scenario.client().await?.batch_execute(emit).await?)
}

async fn ready(name: &str) -> Result<Scenario> {
    let scenario = Scenario::new(name).await?;
    scenario.create_topic("order", 1).await?;
    let schema = r#"{"type": "record", "name": "commands.Placed", "fields": [
        {"name": "order_id", "type": "string"}]}"#;
    let registry = &shared_stack().await?.registry;
    register(registry, "commands.Placed", schema).await?;
    scenario.init().await?;
    Ok(scenario)
}

/// Exit code and standard output.
async fn answer(scenario: &Scenario, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = scenario.command(arguments)?.run().await?;
    Ok((output.status.code(), output.stdout))
}

#[tokio::test]
async fn the_doctor_says_when_run_would_work_and_what_keeps_it_from() -> Result<()> {
    let mut scenario = Scenario::new("check").await?;
    let (code, text) = answer(&scenario, &["check"]).await?;
    assert_eq!(code, Some(1), "{text}");
    for line in ["migration 0001_migration.sql", "does not exist; remedy: "] {
        assert!(text.contains(line), "{line:?} in {text}");
    }

    scenario.init().await?;
    let (code, text) = answer(&scenario, &["check"]).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ok: "), "{text}");

    let client = scenario.client().await?;
    let slot = format!("postrider_{}", scenario.name());
    let again = format!(
        "select pg_drop_replication_slot('{slot}');
         select pg_create_logical_replication_slot('{slot}', 'pgoutput');
         drop publication postrider"
    );
    for statement in again.split(';') {
        client.batch_execute(statement).await?;
    }
    let (code, text) = answer(&scenario, &["check", "--json"]).await?;
    assert_eq!(code, Some(1), "{text}");
    let report: Value = serde_json::from_str(&text)?;
    assert_eq!(report["ok"], false);
    for what in [
        "which contradicts the published position",
        "the publication postrider does not exist",
    ] {
        let findings = report["findings"].as_array().map(Vec::as_slice);
        let found = findings.unwrap_or_default().iter().any(|finding| {
            finding["severity"] == "problem"
                && finding["what"]
                    .as_str()
                    .is_some_and(|text| text.contains(what))
        });
        assert!(found, "{what:?} in {text}");
    }

    scenario.set("registry.url", "http://127.0.0.1:1");
    let (code, text) = answer(&scenario, &["check"]).await?;
    assert_eq!(code, Some(5), "{text}");
    let stack = shared_stack().await?;
    let url = stack
        .postgres
        .url("postgres", "wrong", scenario.name().as_str());
    scenario.set("postgres.url", url);
    let (code, text) = answer(&scenario, &["check"]).await?;
    assert_eq!(code, Some(2), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_proof_fails_while_an_event_is_missing_and_holds_once_it_is_there() -> Result<()> {
    let scenario = ready("verify").await?;
    emit(&scenario).await?;
    let (code, text) = answer(&scenario, &["verify", "--patience", "0", "--json"]).await?;
    assert_eq!(code, Some(1), "{text}");
    let report: Value = serde_json::from_str(&text)?;
    assert_eq!(report["report"]["lost"]["count"], 1, "{text}");

    let mut relay = scenario.start_relay()?;
    let (code, text) = answer(&scenario, &["verify", "--patience", "60"]).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("committed 1   on Kafka 1   lost 0"),
        "{text}"
    );
    relay.terminate()?;
    assert!(relay.wait_exit(LIMIT).await?.success());
    Ok(())
}

#[tokio::test]
async fn the_printed_sql_needs_nothing_and_the_check_finds_what_differs() -> Result<()> {
    let printed = e2e::OneShot::new(&["migrate", "--print"]).succeed().await?;
    assert!(printed.contains("create publication \"postrider\""));

    let scenario = Scenario::new("migrate").await?;
    let (code, text) = answer(&scenario, &["migrate", "--check"]).await?;
    assert_eq!(code, Some(1));
    let first = "migration 0001_migration.sql is not applied; remedy: run `postrider migrate`";
    assert_eq!(text.lines().next(), Some(first));
    scenario.command(&["migrate"])?.succeed().await?;
    let (code, text) = answer(&scenario, &["migrate", "--check"]).await?;
    assert_eq!((code, text.as_str()), (Some(0), ""));
    Ok(())
}

#[tokio::test]
async fn exported_files_need_nothing_and_are_written_once() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().to_str().expect("the test's own name");
    let export = ["migrate", "--export", "sqlx", path];
    let written = e2e::OneShot::new(&export).succeed().await?;
    assert!(written.contains("20260101000200_outbox_event.sql"));
    assert_eq!(e2e::OneShot::new(&export).succeed().await?, "");

    let unknown = ["migrate", "--export", "liquibase", path];
    let output = e2e::OneShot::new(&unknown).run().await?;
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.contains("use plain, sqlx or flyway"));
    Ok(())
}

#[tokio::test]
async fn an_administrator_makes_everything_for_a_role_that_may_create_nothing() -> Result<()> {
    let mut scenario = Scenario::new("admin").await?;
    let (stack, database) = (shared_stack().await?, scenario.name().to_string());
    let role = format!("{database}_relay");
    let create = format!("create role {role} login replication password 'secret'");
    scenario.client().await?.batch_execute(&create).await?;
    scenario.set(
        "postgres.url",
        stack.postgres.url(&role, "secret", &database),
    );
    let (code, text) = answer(&scenario, &["init"]).await?;
    assert_eq!(
        code,
        Some(2),
        "the relay's own role may create nothing: {text}"
    );

    let admin = scenario.database_url().to_owned();
    for _ in 0..2 {
        let init = scenario.command(&["init", "--admin-url", &admin])?;
        init.succeed().await?;
    }
    let (code, text) = answer(&scenario, &["check"]).await?;
    assert_eq!(code, Some(0), "{text}");
    let registered = "select count(*) from outbox.slot";
    let row = scenario.client().await?.query_one(registered, &[]).await?;
    assert_eq!(row.get::<_, i64>(0), 1);

    for (loss, remedy) in [
        (
            "revoke outbox_relay from",
            "as a superuser: grant outbox_relay to",
        ),
        ("alter role", "as a superuser: alter role"),
    ] {
        let attribute = if loss == "alter role" {
            "noreplication"
        } else {
            ""
        };
        let lose = format!("{loss} {role} {attribute}");
        scenario.client().await?.batch_execute(&lose).await?;
        let (code, text) = answer(&scenario, &["check"]).await?;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(remedy), "{remedy:?} in {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_command_needs_no_file_where_the_variables_of_other_tools_say_everything() -> Result<()> {
    let scenario = Scenario::new("variables").await?;
    let check = e2e::OneShot::new(&["migrate", "--check"])
        .variable("POSTRIDER__NAME", scenario.name().as_str())
        .variable("DATABASE_URL", scenario.database_url())
        .variable("KAFKA_BOOTSTRAP_SERVERS", scenario.bootstrap_servers())
        .variable("SCHEMA_REGISTRY_URL", scenario.registry_url());
    let output = check.run().await?;
    assert_eq!(output.status.code(), Some(1), "{}", output.stderr);
    assert!(
        output.stdout.contains("is not applied"),
        "{}",
        output.stdout
    );
    Ok(())
}
