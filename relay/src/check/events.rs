//! What lies in the outbox, by kind: a session treats events of one kind alike, so one of each is
//! enough to ask where they lead and what they need.
//!
//! Bounded: of each partition of the ring, the newest [`EVENTS_MAX`] events are read, by the index
//! of the primary key and without their payloads. Ids tell the time, unless a service gives others.

use outbox_contract::columns::CANARY_EVENT_TYPE;
use uuid::Uuid;

use crate::postgres::{self, Session};

/// Events that are looked at in each partition of the ring, as the help of the command says: a
/// fraction of a second for all eight.
const EVENTS_MAX: i64 = 10_000;

/// Events that have the same route and the same schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) aggregate_type: String,
    pub(super) event_type: String,
    pub(super) schema_ref: Option<String>,
    /// False for tombstones, which need no schema.
    pub(super) has_payload: bool,
    /// The newest of them.
    pub(super) event_id: Uuid,
    /// Whether a session may still meet one of them.
    ///
    /// Invariant: where there is a slot, false only when it has passed all of them. It keeps the
    /// catalog as old as the oldest transaction that ran at some position which it has confirmed;
    /// whatever is older had ended before that position
    /// (`suites::doctor::what_only_events_that_the_slot_has_passed_need_is_a_hint`). Without a slot
    /// nothing is known, and that is a finding of its own.
    pub(super) is_ahead: bool,
}

/// The kinds of the public events, those first that a session may meet; none where there is no
/// table that the role may read, which other findings say.
pub(super) async fn read(session: &Session, slot: &str) -> Result<Vec<Kind>, postgres::Error> {
    // Through the catalog: the table may be named only by who may use its schema.
    let query = "select exists (select from pg_catalog.pg_class as event \
                   join pg_catalog.pg_namespace as schema on schema.oid = event.relnamespace \
                 where schema.nspname = 'outbox' and event.relname = 'event' \
                   and has_schema_privilege(schema.oid, 'usage') \
                   and has_table_privilege(event.oid, 'select'))";
    let row = session.client().query_one(query, &[]).await;
    let row = row.map_err(session.failed("looking for the outbox"))?;
    if !row.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let query = "with slot as (
          select pg_snapshot_xmax(pg_current_snapshot())::text::bigint - age(catalog_xmin) as passed
          from pg_catalog.pg_replication_slots where slot_name = $1::text::name)
        select aggregate_type, event_type, schema_ref, has_payload, max(id::text)::uuid,
          coalesce(bool_or(xid::text::bigint >= slot.passed), false) as is_ahead
        from generate_series(0, 7) as rings (ring)
        cross join lateral (
          select event.*, payload is not null as has_payload from outbox.event
          where event.ring = rings.ring::smallint order by event.id desc limit $2) as newest
        left join slot on true
        where public and event_type <> $3
        group by 1, 2, 3, 4 order by is_ahead desc, 1, 2, 3, 4";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&slot, &EVENTS_MAX, &CANARY_EVENT_TYPE];
    let rows = session.client().query(query, &parameters).await;
    let rows = rows.map_err(session.failed("reading what lies in the outbox"))?;
    let kinds = rows.iter().map(|row| Kind {
        aggregate_type: row.get(0),
        event_type: row.get(1),
        schema_ref: row.get(2),
        has_payload: row.get(3),
        event_id: row.get(4),
        is_ahead: row.get(5),
    });
    Ok(kinds.collect())
}
