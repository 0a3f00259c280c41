//! The server has no place left: no walsender, no slot (F36).

use anyhow::Result;

use super::{LIMIT, assert_proven, emit, ready, server};

#[tokio::test]
async fn a_relay_without_a_walsender_retries_names_it_and_goes_on() -> Result<()> {
    let postgres = server(&[("max_wal_senders", "1")]).await?;
    let first = ready(&postgres, "sender_first").await?;
    let second = ready(&postgres, "sender_second").await?;
    let mut taken = first.start_relay()?;
    taken.wait_for_state("active", LIMIT).await?;
    emit(&second, 2).await?;
    let mut waiting = second.start_relay()?;
    waiting.expect_log("session ended: ");
    let status = waiting.wait_for_state("retrying", LIMIT).await?;
    assert_eq!(status["reason"], "postgres_connections", "{status}");
    let remedy = status["last_error"]["remedy"].as_str();
    assert!(
        remedy.is_some_and(|remedy| remedy.contains("max_wal_senders")),
        "{status}"
    );
    let warned = waiting.log_lines()?.concat();
    assert_eq!(warned.matches("session ended: ").count(), 1, "{warned}");
    taken.terminate()?;
    taken.wait_exit(LIMIT).await?;
    waiting.wait_for_state("active", LIMIT).await?;
    assert_proven(&second, 2).await
}

/// `init` needs a second one for a moment.
#[tokio::test]
async fn init_without_a_slot_names_it_and_can_be_repeated() -> Result<()> {
    let postgres = server(&[("max_replication_slots", "2")]).await?;
    let first = ready(&postgres, "slot_first").await?;
    let second = e2e::Scenario::on_postgres(&postgres, "slot_second").await?;
    second.create_topic(super::TOPIC, 1).await?;
    let init = second.command(&["init"])?.run().await?;
    assert_eq!(init.status.code(), Some(5), "{}", init.stderr);
    for expected in ["all replication slots are in use", "\n  remedy: "] {
        assert!(init.stderr.contains(expected), "{}", init.stderr);
    }
    let drop_it = "select pg_drop_replication_slot($1::text::name)";
    let client = first.client().await?;
    client.execute(drop_it, &[&super::slot(&first)]).await?;
    second.init().await?;
    let _relay = second.start_relay()?;
    emit(&second, 2).await?;
    assert_proven(&second, 2).await
}
