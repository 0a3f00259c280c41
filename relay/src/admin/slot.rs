//! Where the slot stands, as PostgreSQL says.
//!
//! It is asked over a short-lived connection when somebody looks, at most once every few seconds.
//! The relay's own positions would be cheaper, but a standby has none, and a relay that cannot reach
//! Kafka has old ones, just while the log piles up.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::postgres::{self, Target};
use crate::telemetry::SlotPosition;

/// How old an answer may be that is shown again.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(3);

/// How long a look may wait for PostgreSQL, so that `/status` answers while it is down.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

const QUESTION: &str = "
    select (pg_current_wal_lsn() - restart_lsn)::bigint,
           (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint
    from pg_replication_slots
    where slot_name = $1 and restart_lsn is not null and confirmed_flush_lsn is not null";

/// Asks for the position of one slot. Clones share the last answer.
#[derive(Clone)]
pub struct SlotWatch {
    target: Target,
    slot: String,
    last: Arc<Mutex<Option<Answer>>>,
}

#[derive(Clone, Copy)]
struct Answer {
    at: Instant,
    position: Option<SlotPosition>,
}

impl SlotWatch {
    /// Will ask `target` for `slot`.
    pub fn new(target: Target, slot: String) -> Self {
        Self {
            target,
            slot,
            last: Arc::default(),
        }
    }

    /// The position, at most a few seconds old; `None` when PostgreSQL does not answer soon, or the
    /// slot does not exist or has lost its log.
    pub async fn position(&self) -> Option<SlotPosition> {
        // Held over the question, so that many who look at once ask once.
        let mut last = self.last.lock().await;
        if let Some(answer) = last.filter(|answer| answer.at.elapsed() < ANSWER_AGE_MAX) {
            return answer.position;
        }
        let position = match timeout(ANSWER_TIME_MAX, self.ask()).await {
            Ok(Ok(position)) => position,
            // The session needs the same server and logs why it cannot have it.
            Ok(Err(_)) | Err(_) => None,
        };
        *last = Some(Answer {
            at: Instant::now(),
            position,
        });
        position
    }

    async fn ask(&self) -> Result<Option<SlotPosition>, postgres::Error> {
        let session = postgres::connect(&self.target).await?;
        let asked = ask(session.client(), &self.slot).await;
        let asked = asked.map_err(session.failed("asking where the slot stands"));
        session.close().await;
        asked
    }
}

async fn ask(client: &Client, slot: &str) -> Result<Option<SlotPosition>, tokio_postgres::Error> {
    let mut rows = pin!(client.query_raw(QUESTION, [slot]).await?);
    let row = rows.try_next().await?;
    Ok(row.map(|row| SlotPosition {
        retained_bytes: bytes(row.get(0)),
        lag_bytes: bytes(row.get(1)),
    }))
}

/// A difference of positions; after a failover it may be negative for a moment.
fn bytes(difference: i64) -> u64 {
    u64::try_from(difference).unwrap_or(0)
}
