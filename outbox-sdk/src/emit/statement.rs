//! The statements: one row, any number of rows, and one row once.
//!
//! They write the table itself, not through `outbox.emit`, so that a role with nothing but the
//! insert privilege will do. Every parameter is a text or an array of texts, which PostgreSQL casts:
//! so a driver needs to know nothing of UUIDs, JSON and times, and no driver's idea of them can
//! differ from another's.

use super::row::{Row, Shared};

macro_rules! columns {
    () => {
        "id, aggregate_type, event_type, schema_ref, correlation_id, causation_id, headers, public,
  aggregate_id, key, payload, occurred_at"
    };
}

macro_rules! values {
    () => {
        "$1::text::uuid, $2::text, $3::text, $4::text, coalesce($5::text, $1::text), $6::text,
  $7::text::json, $8::text::boolean, $9::text, $10::text, $11::text::json,
  coalesce('epoch'::timestamptz + $12::text::interval, now())"
    };
}

const INSERT_ONE: &str = concat!(
    "insert into outbox.event (\n  ",
    columns!(),
    ")\nvalues (",
    values!(),
    ")"
);

/// `order by` fixes what PostgreSQL would do anyway: the sequence column follows the array.
const INSERT_ALL: &str = "\
insert into outbox.event (
  id, aggregate_type, event_type, schema_ref, correlation_id, causation_id, headers, public,
  aggregate_id, key, payload)
select id::uuid, $2::text, $3::text, $4::text, coalesce($5::text, id), $6::text,
  $7::text::json, $8::text::boolean, aggregate_id, key, payload::json
from unnest($1::text[], $9::text[], $10::text[], $11::text[])
  with ordinality as event (id, aggregate_id, key, payload, place)
order by place";

/// Returns the id of the first event under the key. The claim waits for a transaction that has the
/// key and has not ended, and it is made once, for `claimed` is read twice.
const INSERT_ONCE: &str = concat!(
    "with claimed as materialized (
  select event_id, is_first from outbox.claim_business_key($13::text, $1::text::uuid)
), inserted as (
  insert into outbox.event (
  ",
    columns!(),
    ")
  select ",
    values!(),
    "
  from claimed where is_first
)
select event_id::text from claimed"
);

/// SQL with its parameters, for any driver.
pub(super) struct Bound {
    pub(super) sql: &'static str,
    pub(super) binds: Vec<Bind>,
}

/// A parameter.
pub(super) enum Bind {
    /// `text`, or null.
    Text(Option<String>),
    /// `text[]`.
    Texts(Vec<Option<String>>),
}

/// Inserts one row.
pub(super) fn one(shared: Shared, row: Row) -> Bound {
    let mut binds = with_shared(Bind::Text(Some(row.id.to_string())), shared);
    let occurred_at = row.occurred_at.map(|at| format!("{at} microseconds"));
    binds.extend(
        [
            Some(row.aggregate_id),
            row.key,
            Some(row.payload),
            occurred_at,
        ]
        .map(Bind::Text),
    );
    Bound {
        sql: INSERT_ONE,
        binds,
    }
}

/// Inserts one row, unless one was inserted under `business_key`.
pub(super) fn once(business_key: &str, shared: Shared, row: Row) -> Bound {
    let Bound { mut binds, .. } = one(shared, row);
    binds.push(Bind::Text(Some(business_key.to_owned())));
    Bound {
        sql: INSERT_ONCE,
        binds,
    }
}

/// Inserts the rows, in their order.
pub(super) fn all(shared: Shared, rows: Vec<Row>) -> Bound {
    let ids = rows.iter().map(|row| Some(row.id.to_string())).collect();
    let mut aggregate_ids = Vec::with_capacity(rows.len());
    let mut keys = Vec::with_capacity(rows.len());
    let mut payloads = Vec::with_capacity(rows.len());
    for row in rows {
        aggregate_ids.push(Some(row.aggregate_id));
        keys.push(row.key);
        payloads.push(Some(row.payload));
    }
    let mut binds = with_shared(Bind::Texts(ids), shared);
    binds.extend([aggregate_ids, keys, payloads].map(Bind::Texts));
    Bound {
        sql: INSERT_ALL,
        binds,
    }
}

/// The parameters `$1` to `$8`.
fn with_shared(ids: Bind, shared: Shared) -> Vec<Bind> {
    let mut binds = Vec::with_capacity(12);
    binds.push(ids);
    let texts = [
        Some(shared.aggregate_type.to_owned()),
        Some(shared.event_type.to_owned()),
        Some(shared.schema_ref),
        shared.correlation_id,
        shared.causation_id,
        Some(shared.headers),
        Some(shared.is_public.to_string()),
    ];
    binds.extend(texts.map(Bind::Text));
    binds
}
