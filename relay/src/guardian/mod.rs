//! The guardian of the replication slot: how much log PostgreSQL keeps for it, how much that may be,
//! and who is the cause.
//!
//! Contract: it looks every few seconds, whatever the pipeline does, since the log piles up just when
//! the relay is a standby, halted or without Kafka. It warns and alarms, once for each rise, and names
//! the cause: the relay that is behind, or a transaction that is open elsewhere. It changes nothing.
//!
//! Guards against the two ends of a slot that nobody looks at: a disk that is full, and with
//! `max_slot_wal_keep_size` a slot that has lost its log.

mod level;
mod watch;

use std::time::Duration;

use tokio::time::sleep;

use crate::error::runbook;
use crate::figures::readable_bytes;
use crate::telemetry::SlotPosition;

use level::Level;
pub use watch::SlotWatch;

/// Between two looks. The log of a busy server fills a disk in hours; each look is a connection.
const EVERY: Duration = Duration::from_secs(5);

/// The page about log that piles up; no halt leads there.
const PAGE: &str = "retained-wal-grows";

const REMEDY: &str = "see `postrider status` for who holds the log back, and end that; a slot that is lost \
     publishes nothing more, and a full disk stops PostgreSQL";

/// Looks for as long as the task lives; abort it to end.
pub async fn watch(slot: SlotWatch) {
    let mut level = Level::Calm;
    loop {
        // A server that does not answer says nothing of its log.
        if let Some(position) = slot.position().await
            && let Some(share) = position.share()
        {
            let before = level;
            level = before.at(share);
            say(before, level, &position);
        }
        sleep(EVERY).await;
    }
}

fn say(before: Level, level: Level, position: &SlotPosition) {
    if level == before {
        return;
    }
    let (retained_bytes, budget_bytes) = (position.retained_bytes, position.budget_bytes);
    let bytes = |bytes: Option<u64>| readable_bytes(bytes.unwrap_or(0));
    let (retained, budget) = (bytes(retained_bytes), bytes(budget_bytes));
    let (wal_status, cause) = (&position.wal_status, position.cause());
    let runbook = runbook(PAGE);
    if level < before {
        tracing::info!(
            retained_bytes,
            budget_bytes,
            "the slot keeps {retained} of at most {budget} again"
        );
    } else if level == Level::Alarm {
        tracing::error!(
            retained_bytes,
            budget_bytes,
            wal_status,
            remedy = REMEDY,
            runbook,
            "the slot keeps {retained} of log, and may keep {budget}: {cause}"
        );
    } else {
        tracing::warn!(
            retained_bytes,
            budget_bytes,
            wal_status,
            remedy = REMEDY,
            runbook,
            "the slot keeps {retained} of log, and may keep {budget}: {cause}"
        );
    }
}
