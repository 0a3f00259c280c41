//! The event as it lies in the table, and what stands behind it.

use outbox_contract::columns;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Error;
use crate::postgres::Session;
use crate::runtime::clock;

/// Longest count of what stands behind the event: no index helps with it.
const COUNT_TIMEOUT: &str = "set statement_timeout = '5s'";

/// More than these are not counted.
const LATER_MAX: u64 = 1_000;

const READ: &str = "select aggregate_type, aggregate_id, event_type, key, schema_ref, public,
    (extract(epoch from occurred_at) * 1000000)::float8, seq
  from outbox.event where ring in (0, 1, 2, 3, 4, 5, 6, 7) and id = $1";

const LATER: &str = "select count(*) from (
    select from outbox.event
    where seq > $1 and public and coalesce(key, aggregate_id) = $2 and aggregate_type = $3
    limit $4
  ) as later";

const GIVEN_UP: &str = "select requested_by, reason,
    (extract(epoch from requested_at) * 1000000)::bigint
  from outbox.skip where event_id = $1";

/// An event of the table.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Its id.
    pub event_id: Uuid,
    /// The contract's name.
    pub event_type: String,
    /// The schema version that the writer had.
    pub schema_ref: Option<String>,
    /// What kind of thing changed.
    pub aggregate_type: String,
    /// Which one changed.
    pub aggregate_id: String,
    /// What orders it: its key, else the aggregate id.
    pub key: String,
    /// RFC 3339; none outside of the years 1 to 9999.
    pub occurred_at: Option<String>,
    /// Events of the key that were written after it, and that overtake it: at most 1,001 are
    /// counted; none where the count took too long.
    pub overtaken_by: Option<u64>,
    /// Who gave it up already.
    pub given_up: Option<GivenUp>,
}

/// That somebody gave an event up.
#[derive(Debug, Clone, Serialize)]
pub struct GivenUp {
    /// Who.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// When, as RFC 3339.
    pub requested_at: Option<String>,
    /// The same in microseconds since the Unix epoch.
    #[serde(skip)]
    pub(super) at_micros: i64,
}

impl Event {
    /// How many events overtake it, for people.
    pub fn overtakers(&self) -> String {
        match self.overtaken_by {
            None => "an unknown number of later events".to_owned(),
            Some(1) => "1 later event".to_owned(),
            Some(count) if count > LATER_MAX => format!("more than {LATER_MAX} later events"),
            Some(count) => format!("{count} later events"),
        }
    }
}

/// Reads the event, which must be one that a relay publishes.
pub(super) async fn read(session: &Session, event_id: Uuid) -> Result<Event, Error> {
    let row = session.client().query_opt(READ, &[&event_id]).await;
    let row = row.map_err(|error| Error::query(session, "reading the event", error))?;
    let row = row.ok_or(Error::NoEvent { event_id })?;
    if row.get::<_, &str>(2) == columns::CANARY_EVENT_TYPE {
        return Err(Error::NoEvent { event_id });
    }
    if !row.get::<_, bool>(5) {
        return Err(Error::Private { event_id });
    }
    let mut event = from(&row, event_id);
    event.given_up = given_up(session, event_id).await?;
    event.overtaken_by = later(session, &event, row.get(7)).await;
    Ok(event)
}

fn from(row: &Row, event_id: Uuid) -> Event {
    let aggregate_id: String = row.get(1);
    let key: Option<String> = row.get(3);
    Event {
        event_id,
        event_type: row.get(2),
        schema_ref: row.get(4),
        aggregate_type: row.get(0),
        key: key.unwrap_or_else(|| aggregate_id.clone()),
        aggregate_id,
        occurred_at: occurred_at(row.get(6)),
        overtaken_by: None,
        given_up: None,
    }
}

/// PostgreSQL's infinities are no time.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a time that is shown; what lies outside of an i64 lies outside of the years as well"
)]
fn occurred_at(micros: f64) -> Option<String> {
    clock::rfc3339(micros as i64)
}

async fn later(session: &Session, event: &Event, seq: i64) -> Option<u64> {
    let client = session.client();
    client.batch_execute(COUNT_TIMEOUT).await.ok()?;
    let limit = i64::try_from(LATER_MAX + 1).expect("it is small");
    let (key, aggregate_type) = (&event.key, &event.aggregate_type);
    let parameters: [&(dyn ToSql + Sync); 4] = [&seq, key, aggregate_type, &limit];
    let counted = client.query_one(LATER, &parameters).await.ok()?;
    u64::try_from(counted.get::<_, i64>(0)).ok()
}

/// Who gave the event up, if anybody did.
pub(super) async fn given_up(session: &Session, event_id: Uuid) -> Result<Option<GivenUp>, Error> {
    let row = session.client().query_opt(GIVEN_UP, &[&event_id]).await;
    let row = row.map_err(|error| Error::query(session, "reading outbox.skip", error))?;
    Ok(row.map(|row| {
        let at_micros = row.get(2);
        GivenUp {
            requested_by: row.get(0),
            reason: row.get(1),
            requested_at: clock::rfc3339(at_micros),
            at_micros,
        }
    }))
}
