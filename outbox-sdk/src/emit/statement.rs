//! The statements: one row, and any number of rows.
//!
//! They write the table itself, not through `outbox.emit`, so that a role with nothing but the
//! insert privilege will do. Every parameter is a text or an array of texts, which PostgreSQL casts:
//! so a driver needs to know nothing of UUIDs, JSON and times, and no driver's idea of them can
//! differ from another's.

use super::row::{Row, Shared};

const INSERT_ONE: &str = "\
insert into outbox.event (
  id, aggregate_type, event_type, schema_ref, correlation_id, causation_id, headers, public,
  aggregate_id, key, payload)
values ($1::text::uuid, $2::text, $3::text, $4::text, coalesce($5::text, $1::text), $6::text,
  $7::text::json, $8::text::boolean, $9::text, $10::text, $11::text::json)";

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
    binds.extend([Some(row.aggregate_id), row.key, Some(row.payload)].map(Bind::Text));
    Bound {
        sql: INSERT_ONE,
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
