//! How much log the slot keeps, and who is the cause.

use anyhow::Result;
use e2e::{Observed, RelayProcess, wait_until};
use serde_json::Value;

use super::{
    LIMIT, assert_proven, emit, grow_log, ready, server, until_confirmed, until_published,
};

/// What `wal_segment_size` is; whole segments are kept and freed.
const SEGMENT: u64 = 16 << 20;

const EMIT: &str = "select outbox.emit('guardian.Deleted', 'order', '1', null::json)";

/// Waits until the slot keeps less than two segments.
async fn until_little_is_kept(relay: &RelayProcess) -> Value {
    wait_until("the slot keeps little", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["slot_retained_wal_bytes"].as_u64() < Some(2 * SEGMENT) => {
                Observed::Reached(status)
            }
            seen => Observed::NotYet(seen),
        }
    })
    .await
}

/// Waits until the status names who holds the log back.
async fn until_held_back(relay: &RelayProcess) -> Value {
    wait_until("the cause is known", LIMIT, async || {
        match relay.status().await {
            Ok(status) if status["slot_held_back_by"].is_object() => Observed::Reached(status),
            seen => Observed::NotYet(seen),
        }
    })
    .await
}

/// F34, and the budget: the relay is up to date, and still the log piles up.
#[tokio::test]
async fn a_transaction_that_is_open_elsewhere_is_named_and_the_budget_warns_then_alarms()
-> Result<()> {
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "held").await?;
    scenario.set("postgres.wal_retained_max", "100 MiB");
    let mut relay = scenario.start_relay()?;
    emit(&scenario, 2).await?;
    until_confirmed(&scenario).await?;
    let mut holder = scenario.client().await?;
    let open = holder.transaction().await?;
    let name = "set local application_name = 'nightly report'; create table held ()";
    open.batch_execute(name).await?;
    let pid = "select pg_backend_pid()";
    let pid: i32 = open.query_one(pid, &[]).await?.get(0);

    let client = scenario.client().await?;
    grow_log(&client, 4).await?;
    relay.expect_log("the slot keeps ");
    let warning = relay
        .wait_for_log(r#""level":"WARN","message":"the slot keeps "#, LIMIT)
        .await;
    assert!(warning.contains("may keep 100.0 MiB"), "{warning}");
    grow_log(&client, 2).await?;
    relay
        .wait_for_log(r#""level":"ERROR","message":"the slot keeps "#, LIMIT)
        .await;
    // What was written meanwhile is confirmed within ten seconds, and then it is not the relay.
    let status = until_held_back(&relay).await;
    let by = &status["slot_held_back_by"];
    assert_eq!(by["pid"], pid, "{status}");
    assert_eq!(by["application_name"], "nightly report");
    assert_eq!(by["database"], scenario.name().as_str());
    assert!(by["age_seconds"].as_f64() >= Some(10.0), "{status}");
    assert_eq!(status["state"], "active");
    let metrics = relay.get("/metrics").await?;
    for expected in [
        "postrider_slot_held_back{by=\"transaction\"} 1\n",
        "postrider_slot_wal_budget_bytes 104857600\n",
    ] {
        assert!(metrics.contains(expected), "{metrics}");
    }
    let listen = format!("http.listen={}", relay.address());
    let table = scenario.command(&["status", "--set", &listen])?;
    let table = table.succeed().await?;
    let named = format!(
        "held back by transaction {} of process {pid} (\"nightly report\")",
        by["xid"]
    );
    assert!(table.contains(&named), "{table}");
    assert!(table.contains(" of at most 100.0 MiB ("), "{table}");

    // It has done nothing wrong, and ends; the next one that runs tells the slot so.
    open.commit().await?;
    let running = "checkpoint; select pg_logical_emit_message(false, '', '')";
    wait_until("the log is let go", LIMIT, async || {
        let turn = client.batch_execute(running).await;
        match relay.status().await {
            Ok(status) if status["slot_held_back_by"].is_null() => Observed::Reached(()),
            seen => Observed::NotYet(format!("{turn:?} {seen:?}")),
        }
    })
    .await;
    until_little_is_kept(&relay).await;
    relay.wait_for_log("again", LIMIT).await;
    let said = relay.log_lines()?.concat();
    assert_eq!(said.matches("of log, and may keep").count(), 2, "{said}");
    Ok(())
}

/// The other cause: the relay does not read. A standby's guardian looks, too; here that of a relay
/// which cannot reach Kafka.
#[tokio::test]
async fn a_relay_that_is_behind_is_told_from_a_transaction_that_is_open() -> Result<()> {
    let postgres = server(&[]).await?;
    let mut scenario = ready(&postgres, "behind").await?;
    scenario.set("postgres.wal_retained_max", "64 MiB");
    scenario.set("kafka.bootstrap_servers", "127.0.0.1:1");
    let mut relay = scenario.start_relay()?;
    let client = scenario.client().await?;
    let mut other = scenario.client().await?;
    let open = other.transaction().await?;
    open.batch_execute("create table innocent ()").await?;
    grow_log(&client, 4).await?;
    relay.expect_log("the slot keeps ");
    relay.expect_log("session ended: ");
    let alarm = relay
        .wait_for_log(r#""level":"ERROR","message":"the slot keeps "#, LIMIT)
        .await;
    assert!(alarm.contains("the relay is behind by "), "{alarm}");
    let status = relay.status().await?;
    assert_eq!(status["slot_held_back_by"], Value::Null, "{status}");
    assert!(
        status["slot_lag_bytes"].as_u64() >= Some(3 * SEGMENT),
        "{status}"
    );
    Ok(())
}

/// F32.
#[tokio::test]
async fn a_prepared_transaction_is_named_and_its_events_are_published_once_at_its_commit()
-> Result<()> {
    let postgres = server(&[("max_prepared_transactions", "2")]).await?;
    let mut scenario = ready(&postgres, "prepared").await?;
    scenario.set("postgres.wal_retained_max", "64 MiB");
    let mut relay = scenario.start_relay()?;
    relay.expect_log("the slot keeps ");
    let client = scenario.client().await?;
    let prepare = format!("begin; {EMIT}; prepare transaction 'transfer-7'");
    client.batch_execute(&prepare).await?;
    emit(&scenario, 2).await?;
    until_published(&scenario, 2).await?;
    grow_log(&client, 4).await?;
    let status = until_held_back(&relay).await;
    assert_eq!(status["slot_held_back_by"]["gid"], "transfer-7", "{status}");
    assert_eq!(status["slot_held_back_by"]["pid"], Value::Null);
    let metrics = relay.get("/metrics").await?;
    let by = "postrider_slot_held_back{by=\"prepared_transaction\"} 1\n";
    assert!(metrics.contains(by), "{metrics}");

    // A new session begins behind it, and has it all the same.
    relay.terminate()?;
    relay.wait_exit(LIMIT).await?;
    drop(relay);
    let mut relay = scenario.start_relay()?;
    relay.expect_log("the slot keeps ");
    emit(&scenario, 1).await?;
    until_published(&scenario, 3).await?;
    client.batch_execute("commit prepared 'transfer-7'").await?;
    until_published(&scenario, 4).await?;
    drop(relay);
    // What was held back is let go of with the next checkpoint only.
    let mut relay = scenario.start_relay()?;
    relay.expect_log("the slot keeps ");
    assert_proven(&scenario, 4).await
}

/// F33: nothing is written to the outbox's database but the relay's own canaries.
#[tokio::test]
async fn an_idle_outbox_beside_a_busy_database_keeps_little_log() -> Result<()> {
    let postgres = server(&[]).await?;
    let scenario = ready(&postgres, "idle").await?;
    let mut relay = scenario.start_relay()?;
    relay.wait_for_state("active", LIMIT).await?;
    postgres.create_database("busy").await?;
    let rows =
        "create table busy as select n, repeat('x', 1000) from generate_series(1, 100000) as n";
    postgres.execute("busy", rows).await?;
    let written = wait_until("it is seen", LIMIT, async || match relay.status().await {
        Ok(status) if status["slot_retained_wal_bytes"].as_u64() > Some(6 * SEGMENT) => {
            Observed::Reached(status)
        }
        seen => Observed::NotYet(seen),
    })
    .await;
    let status = until_little_is_kept(&relay).await;
    assert_eq!(status["events_published"], 0, "{status}");
    assert_ne!(status["resume_lsn"], written["resume_lsn"]);
    Ok(())
}
