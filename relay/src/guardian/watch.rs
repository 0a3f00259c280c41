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
use tokio_postgres::{Client, Row};

use crate::pipeline::Settings;
use crate::postgres::{self, Target};
use crate::telemetry::{OpenTransaction, SlotPosition};

/// How old an answer may be that is shown again.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(3);

/// How long a look may wait for PostgreSQL, so that `/status` answers while it is down.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Log before the confirmed position is kept for transactions that were open there
/// (`SnapBuildProcessRunningXacts` in `snapbuild.c`), in whichever database. So the oldest one that is
/// open is the cause where that is most of what is kept. Less than a segment is nothing, since whole
/// ones are freed; and one that is younger than ten seconds has seen what is kept only since then. To
/// a role without `pg_read_all_stats` PostgreSQL does not tell the age.
const QUESTION: &str = "
    select coalesce(wal_status, 'unknown'),
           (pg_current_wal_lsn() - restart_lsn)::bigint,
           (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint,
           safe_wal_size,
           xid::text::bigint, pid, application_name, gid, open.database, age_seconds
    from pg_replication_slots as slot
    left join lateral (
      select * from (
        select backend_xid, pid, application_name, null::text, datname::text,
               extract(epoch from now() - xact_start)::float8
        from pg_stat_activity where backend_xid is not null
        union all
        select transaction, null, null, gid, database::text,
               extract(epoch from now() - prepared)::float8
        from pg_prepared_xacts) as open (xid, pid, application_name, gid, database, age_seconds)
      order by age(xid) desc limit 1) as open
      on coalesce(age_seconds >= 10, true)
      and confirmed_flush_lsn - restart_lsn >= pg_size_bytes(current_setting('wal_segment_size'))
      and confirmed_flush_lsn - restart_lsn > pg_current_wal_lsn() - confirmed_flush_lsn
    where slot_name = $1";

/// Asks for the position of one slot. Clones share the last answer.
#[derive(Clone)]
pub struct SlotWatch {
    target: Target,
    slot: String,
    retained_max: Option<u64>,
    last: Arc<Mutex<Option<Answer>>>,
}

#[derive(Clone)]
struct Answer {
    at: Instant,
    position: Option<SlotPosition>,
}

impl SlotWatch {
    /// Will ask for the slot of these settings.
    pub fn new(settings: &Settings) -> Self {
        let (target, slot) = (settings.target.clone(), settings.slot.clone());
        Self {
            retained_max: settings.wal_retained_max,
            ..Self::of(target, slot)
        }
    }

    /// Will ask `target` for `slot`.
    pub(crate) fn of(target: Target, slot: String) -> Self {
        Self {
            target,
            slot,
            retained_max: None,
            last: Arc::default(),
        }
    }

    /// The position, at most a few seconds old; `None` when PostgreSQL does not answer soon, or has
    /// no such slot.
    pub async fn position(&self) -> Option<SlotPosition> {
        // Held over the question, so that many who look at once ask once.
        let mut last = self.last.lock().await;
        if let Some(answer) = &*last
            && answer.at.elapsed() < ANSWER_AGE_MAX
        {
            return answer.position.clone();
        }
        let position = match timeout(ANSWER_TIME_MAX, self.ask()).await {
            Ok(Ok(position)) => position,
            // The session needs the same server and logs why it cannot have it.
            Ok(Err(_)) | Err(_) => None,
        };
        *last = Some(Answer {
            at: Instant::now(),
            position: position.clone(),
        });
        position
    }

    async fn ask(&self) -> Result<Option<SlotPosition>, postgres::Error> {
        let session = postgres::connect_within(ANSWER_TIME_MAX, &self.target).await?;
        let asked = ask(session.client(), &self.slot, self.retained_max).await;
        let asked = asked.map_err(session.failed("asking where the slot stands"));
        session.close().await;
        asked
    }
}

async fn ask(
    client: &Client,
    slot: &str,
    retained_max: Option<u64>,
) -> Result<Option<SlotPosition>, tokio_postgres::Error> {
    let mut rows = pin!(client.query_raw(QUESTION, [slot]).await?);
    let row = rows.try_next().await?;
    row.map(|row| read(&row, retained_max)).transpose()
}

/// A column of another type is an error, no panic: to look must not end a relay.
fn read(row: &Row, retained_max: Option<u64>) -> Result<SlotPosition, tokio_postgres::Error> {
    let retained = row.try_get::<_, Option<i64>>(1)?;
    // What PostgreSQL says is left may be less than nothing.
    let safe = row.try_get::<_, Option<i64>>(3)?;
    let until_lost = retained.zip(safe).map(|(retained, safe)| retained + safe);
    let limits = [retained_max, until_lost.map(bytes)];
    let held_back_by = match row.try_get(4)? {
        Some(xid) => Some(OpenTransaction {
            xid,
            pid: row.try_get(5)?,
            application_name: row.try_get(6)?,
            gid: row.try_get(7)?,
            database: row.try_get(8)?,
            age_seconds: row.try_get(9)?,
        }),
        None => None,
    };
    Ok(SlotPosition {
        retained_bytes: retained.map(bytes),
        lag_bytes: row.try_get::<_, Option<i64>>(2)?.map(bytes),
        wal_status: row.try_get(0)?,
        safe_bytes: safe.map(bytes),
        budget_bytes: limits.into_iter().flatten().min(),
        held_back_by,
    })
}

/// A difference of positions; after a failover it may be negative for a moment.
fn bytes(difference: i64) -> u64 {
    u64::try_from(difference).unwrap_or(0)
}
