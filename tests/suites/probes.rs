//! What a relay shows of itself: probes, status, metrics, `postrider status`, and how it stops.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use e2e::{Observed, RelayProcess, Scenario, shared_stack, wait_until};
use postrider::local::Registered;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

const SCHEMA: &str = r#"{"type": "record", "name": "shop.ProbeSent", "fields": [
    {"name": "probe_id", "type": "string"}]}"#;

const LIMIT: Duration = Duration::from_mins(1);

/// A scenario that `run` would work in, with the topic `order`.
async fn ready_scenario(name: &str) -> Result<Scenario> {
    // The registry refuses one of two who register the same subject at the same time.
    static REGISTERED: OnceCell<Registered> = OnceCell::const_new();
    let registry = &shared_stack().await?.registry;
    REGISTERED
        .get_or_try_init(|| registry.register("shop.ProbeSent", SCHEMA))
        .await?;
    let scenario = Scenario::new(name).await?;
    scenario.create_topic("order", 1).await?;
    scenario.init().await?;
    Ok(scenario)
}

async fn emit(scenario: &Scenario, aggregate_type: &str) -> Result<()> {
    let emit = "select outbox.emit(event_type => 'shop.ProbeSent', aggregate_type => $1,
        aggregate_id => '42', payload => '{\"probe_id\": \"1\"}'::text, schema_version => 1)";
    sqlx::query(emit)
        .bind(aggregate_type)
        .execute(&scenario.pool().await?)
        .await?;
    Ok(())
}

/// Asserts that /metrics has each of these lines.
async fn assert_metrics(relay: &RelayProcess, lines: &[&str]) -> Result<()> {
    let metrics = relay.get("/metrics").await?;
    for expected in lines {
        assert!(
            metrics.lines().any(|line| line == *expected),
            "no {expected} in {metrics}"
        );
    }
    Ok(())
}

/// The value of a metric without labels.
async fn metric(relay: &RelayProcess, name: &str) -> Result<f64> {
    let metrics = relay.get("/metrics").await?;
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value
        .unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()?)
}

/// The relay serves: what an orchestrator asks.
async fn assert_serves(relay: &RelayProcess) -> Result<()> {
    for path in ["/livez", "/readyz"] {
        assert_eq!(relay.probe(path).await?, 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_active_relay_shows_what_it_published() -> Result<()> {
    let scenario = ready_scenario("probes_active").await?;
    let mut relay = scenario.start_relay()?;
    let status = relay.wait_for_state("active", LIMIT).await?;
    assert_eq!(status["name"], scenario.name().as_str());
    assert_eq!(status["slot"], format!("postrider_{}", scenario.name()));
    emit(&scenario, "order").await?;

    let status = relay.wait_for_events(1, LIMIT).await;
    assert_eq!(status["state"], "active");
    assert_eq!(status["reason"], Value::Null);
    assert_eq!(status["last_error"], Value::Null);
    assert_eq!(status["events_waiting"], 0);
    assert_eq!(status["oldest_unpublished_seconds"], 0.0);
    let committed = status["last_commit_at"].as_str().unwrap();
    assert!(committed <= status["last_kafka_commit_at"].as_str().unwrap());
    assert!(
        status["slot_lag_bytes"].is_u64() && status["resume_lsn"].is_string(),
        "{status}"
    );

    assert_serves(&relay).await?;
    let version = status["version"].as_str().unwrap();
    assert_metrics(
        &relay,
        &[
            "postrider_events_published_total 1",
            "postrider_commit_to_kafka_seconds_count 1",
            "postrider_oldest_unpublished_seconds 0.0",
            "postrider_dead_letters_total 0",
            "postrider_state{state=\"active\"} 1",
            "postrider_state{state=\"halted\"} 0",
            &format!("postrider_build_info{{version=\"{version}\"}} 1"),
        ],
    )
    .await?;
    assert!(metric(&relay, "postrider_slot_retained_wal_bytes").await? >= 0.0);
    assert!(metric(&relay, "postrider_commit_to_kafka_seconds_sum").await? > 0.0);

    let listen = format!("http.listen={}", relay.address());
    let table = scenario
        .command(&["status", "--set", &listen])?
        .succeed()
        .await?;
    assert!(table.contains("state        active since "), "{table}");
    let json = scenario
        .command(&["status", "--json", "--set", &listen])?
        .succeed()
        .await?;
    assert_eq!(serde_json::from_str::<Value>(&json)?["events_published"], 1);
    Ok(())
}

#[tokio::test]
async fn a_halted_relay_stays_ready_and_names_the_remedy() -> Result<()> {
    let scenario = ready_scenario("probes_halted").await?;
    let mut relay = scenario.start_relay()?;
    relay.expect_log("halted: ");
    emit(&scenario, "order").await?;
    relay.wait_for_events(1, LIMIT).await;
    emit(&scenario, "nowhere").await?;
    relay.wait_for_state("halted", LIMIT).await?;
    // It looks again and again, and is not shown as active meanwhile.
    wait_until("the relay has looked again", LIMIT, async || {
        let status = relay.status().await.unwrap();
        assert_eq!(status["state"], "halted", "{status}");
        let log = relay.log_lines().unwrap();
        match log
            .iter()
            .filter(|line| line.contains(r#""message":"active""#))
            .count()
        {
            looks if looks >= 4 => Observed::Reached(()),
            looks => Observed::NotYet(looks),
        }
    })
    .await;

    assert_serves(&relay).await?;
    let status = relay.status().await?;
    let topic = scenario.topic("nowhere");
    assert_eq!(status["reason"], "topic_missing");
    assert_eq!(status["events_published"], 1);
    assert_eq!(status["events_waiting"], 1);
    assert!(status["oldest_unpublished_seconds"].as_f64().unwrap() > 0.0);
    assert!(
        status["last_error"]["error"]
            .as_str()
            .unwrap()
            .contains(&topic),
        "{status}"
    );
    let lines = [
        "postrider_halted{reason=\"topic_missing\"} 1",
        "postrider_state{state=\"halted\"} 1",
        "postrider_state{state=\"active\"} 0",
    ];
    assert_metrics(&relay, &lines).await?;
    let listen = format!("http.listen={}", relay.address());
    let table = scenario
        .command(&["status", "--set", &listen])?
        .succeed()
        .await?;
    assert!(table.contains("halted (topic_missing)"), "{table}");
    let page = "deploy/runbook.md#topic_missing";
    assert_eq!(status["last_error"]["runbook"], page);
    for expected in [status["last_error"]["remedy"].as_str().unwrap(), page] {
        assert!(table.contains(expected), "{table}");
    }
    let said = relay.log_lines()?;
    let names_the_page = |line: &String| line.contains("halted: ") && line.contains(page);
    assert!(said.iter().any(names_the_page), "{said:?}");
    let said = said
        .iter()
        .filter(|line| line.contains("\"ERROR\""))
        .count();
    assert_eq!(said, 1, "the same halt is not an error line each time");

    scenario.create_topic("nowhere", 1).await?;
    relay.wait_for_events(2, LIMIT).await;
    relay.wait_for_state("active", LIMIT).await?;
    assert!(!relay.get("/metrics").await?.contains("postrider_halted{"));
    Ok(())
}

#[tokio::test]
async fn a_second_relay_is_a_ready_standby_until_the_first_is_gone() -> Result<()> {
    let scenario = ready_scenario("probes_standby").await?;
    let mut first = scenario.start_relay()?;
    first.wait_for_state("active", LIMIT).await?;
    let mut second = scenario.start_relay()?;
    let status = second.wait_for_state("standby", LIMIT).await?;
    assert_eq!(status["reason"], "slot_in_use");
    assert_serves(&second).await?;
    assert_metrics(&second, &["postrider_state{state=\"standby\"} 1"]).await?;
    // It knows nothing of the stream, and still what PostgreSQL keeps.
    assert!(metric(&second, "postrider_slot_retained_wal_bytes").await? >= 0.0);
    first.kill()?;
    second.wait_for_state("active", LIMIT).await?;
    Ok(())
}

#[tokio::test]
async fn a_relay_without_its_database_serves_retries_and_warns_once() -> Result<()> {
    let mut scenario = Scenario::new("probes_retrying").await?;
    scenario.set("postgres.url", "postgres://nobody@127.0.0.1:1/nothing");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("session ended: ");
    let status = relay.wait_for_state("retrying", LIMIT).await?;
    let mut attempts = vec![status["last_error"]["at"].clone()];
    wait_until("three sessions have failed", LIMIT, async || {
        let at = relay.status().await.unwrap()["last_error"]["at"].clone();
        if !attempts.contains(&at) {
            attempts.push(at);
        }
        match attempts.len() {
            3 => Observed::Reached(()),
            seen => Observed::NotYet(seen),
        }
    })
    .await;
    assert_serves(&relay).await?;
    let status = relay.status().await?;
    assert_eq!(status["slot_retained_wal_bytes"], Value::Null);
    assert!(
        !relay
            .get("/metrics")
            .await?
            .contains("postrider_slot_retained_wal_bytes")
    );
    let warnings = relay.log_lines()?;
    let warnings = warnings
        .iter()
        .filter(|line| line.contains("\"WARN\""))
        .count();
    assert_eq!(warnings, 1, "the same failure is not a warning each time");
    Ok(())
}

#[tokio::test]
async fn a_relay_that_stops_says_so_and_waits_for_no_client() -> Result<()> {
    let mut scenario = ready_scenario("probes_stopping").await?;
    // Opening the producer takes until a broker answers or the wish to stop is seen.
    scenario.set("kafka.bootstrap_servers", "127.0.0.1:1");
    let mut relay = scenario.start_relay()?;
    let silent = wait_until(
        "the relay listens",
        LIMIT,
        async || match TcpStream::connect(relay.address()).await {
            Ok(stream) => Observed::Reached(stream),
            Err(error) => Observed::NotYet(error),
        },
    )
    .await;
    wait_until("the relay has the slot", LIMIT, async || {
        let active = "select active from pg_replication_slots where slot_name = $1";
        let slot = format!("postrider_{}", scenario.name());
        let client = scenario.client().await.unwrap();
        match client.query_one(active, &[&slot]).await {
            Ok(row) if row.get(0) => Observed::Reached(()),
            seen => Observed::NotYet(format!("{seen:?}")),
        }
    })
    .await;
    relay.terminate()?;
    relay.wait_for_state("stopping", LIMIT).await?;
    assert_serves(&relay).await?;
    let exit = relay.wait_exit(Duration::from_secs(10)).await?;
    assert_eq!(exit.code(), Some(0));
    drop(silent);
    Ok(())
}

#[tokio::test]
async fn a_taken_port_ends_run_with_code_2_before_it_touches_anything() -> Result<()> {
    let scenario = Scenario::new("probes_port").await?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let listen = format!("http.listen={address}");
    let output = scenario.command(&["run", "--set", &listen])?.run().await?;
    assert_eq!(output.status.code(), Some(2), "{}", output.stderr);
    let sentence = format!("error: cannot listen on {address} (http.listen): ");
    assert!(output.stderr.starts_with(&sentence), "{}", output.stderr);
    assert!(output.stderr.contains("  remedy: "), "{}", output.stderr);
    Ok(())
}

#[tokio::test]
async fn status_without_a_relay_says_so_with_code_5() -> Result<()> {
    let scenario = Scenario::new("probes_nobody").await?;
    let output = scenario
        .command(&["status", "--set", "http.listen=127.0.0.1:1"])?
        .run()
        .await?;
    assert_eq!(output.status.code(), Some(5), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("no relay answers at http://127.0.0.1:1/"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("postrider run"), "{}", output.stderr);
    assert_eq!(output.stdout, "");
    Ok(())
}

/// What systemd hears of a unit with `Type=notify` and `WatchdogSec`.
#[tokio::test]
async fn a_service_manager_hears_that_the_relay_serves_lives_and_stops() -> Result<()> {
    let scenario = ready_scenario("probe_notify").await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path)?;
    let variable = (
        "NOTIFY_SOCKET",
        path.to_str().expect("a temporary folder's name is ASCII"),
    );
    let mut relay = scenario.start_relay_with(&[], &[variable])?;
    let hear = async |expected: &str| -> Result<()> {
        let mut said = [0; 64];
        loop {
            let bytes = tokio::time::timeout(LIMIT, socket.recv(&mut said)).await??;
            if &said[..bytes] == expected.as_bytes() {
                return Ok(());
            }
        }
    };
    for expected in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hear(expected).await?;
    }
    relay.terminate()?;
    hear("STOPPING=1").await?;
    assert!(relay.wait_exit(LIMIT).await?.success());
    Ok(())
}

/// OPS-07: levels change while the relay works, and a configuration that is wrong changes nothing.
#[tokio::test]
async fn a_hangup_makes_the_relay_read_its_log_level_again() -> Result<()> {
    let scenario = ready_scenario("probes_hangup").await?;
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    let pid = Pid::from_raw(relay.process().pid().cast_signed()).expect("a process has an id");
    let config = fs::read_to_string(relay.config())?;
    let hang_up_with = |level: &str, relay: &RelayProcess| -> Result<()> {
        fs::write(relay.config(), format!("{config}\nlog.level = {level:?}\n"))?;
        Ok(kill_process(pid, Signal::HUP)?)
    };
    let committed = r#""message":"committed""#;

    relay.expect_log("nothing changes");
    hang_up_with("warning", &relay)?;
    relay.wait_for_log("is no level: error, warn", LIMIT).await;
    emit(&scenario, "order").await?;
    relay.wait_for_events(1, LIMIT).await;
    hang_up_with("info,postrider::pipeline=debug", &relay)?;
    let again = relay.wait_for_log("log.level was read again", LIMIT).await;
    let lines = relay.log_lines()?;
    let mut before = lines.iter().take_while(|line| **line != again);
    assert!(!before.any(|line| line.contains(committed)), "{lines:?}");
    emit(&scenario, "order").await?;
    relay.wait_for_log(committed, LIMIT).await;
    relay.wait_for_events(2, LIMIT).await;
    Ok(())
}
