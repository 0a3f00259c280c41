//! The two statements: one row, and any number of rows.
//!
//! They write the table itself, not through `outbox.emit`, so that a role with nothing but the
//! insert privilege will do. `occurred_at` is left to its default, the transaction's time.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Encode, Postgres, Type};

use super::row::{Row, Shared};
use super::{Connection, EmitError};

const INSERT_ONE: &str = "\
insert into outbox.event (
  id, aggregate_type, event_type, schema_ref, correlation_id, causation_id, headers, public,
  aggregate_id, key, payload)
values ($1, $2, $3, $4, coalesce($5, $1::text), $6, $7::text::json, $8, $9, $10, $11::text::json)";

/// `order by` fixes what PostgreSQL would do anyway: the sequence column follows the array.
const INSERT_ALL: &str = "\
insert into outbox.event (
  id, aggregate_type, event_type, schema_ref, correlation_id, causation_id, headers, public,
  aggregate_id, key, payload)
select id, $2, $3, $4, coalesce($5, id::text), $6, $7::text::json, $8,
  aggregate_id, key, payload::json
from unnest($1::uuid[], $9::text[], $10::text[], $11::text[])
  with ordinality as event (id, aggregate_id, key, payload, place)
order by place";

pub(super) async fn one(
    connection: Connection<'_>,
    shared: &Shared,
    row: Row,
) -> Result<(), EmitError> {
    let Connection::Sqlx(connection) = connection;
    with_shared(INSERT_ONE, row.id.as_uuid(), shared)
        .bind(row.aggregate_id)
        .bind(row.key)
        .bind(row.payload)
        .execute(connection)
        .await
        .map_err(EmitError::of_sqlx)?;
    Ok(())
}

pub(super) async fn all(
    connection: Connection<'_>,
    shared: &Shared,
    rows: Vec<Row>,
) -> Result<(), EmitError> {
    let Connection::Sqlx(connection) = connection;
    let ids: Vec<_> = rows.iter().map(|row| row.id.as_uuid()).collect();
    let mut aggregate_ids = Vec::with_capacity(rows.len());
    let mut keys = Vec::with_capacity(rows.len());
    let mut payloads = Vec::with_capacity(rows.len());
    for row in rows {
        aggregate_ids.push(row.aggregate_id);
        keys.push(row.key);
        payloads.push(row.payload);
    }
    with_shared(INSERT_ALL, ids, shared)
        .bind(aggregate_ids)
        .bind(keys)
        .bind(payloads)
        .execute(connection)
        .await
        .map_err(EmitError::of_sqlx)?;
    Ok(())
}

/// The parameters `$1` to `$8`.
fn with_shared<'q, Ids>(
    statement: &'static str,
    ids: Ids,
    shared: &'q Shared,
) -> Query<'q, Postgres, PgArguments>
where
    Ids: Encode<'q, Postgres> + Type<Postgres>,
{
    sqlx::query(statement)
        .bind(ids)
        .bind(shared.aggregate_type)
        .bind(shared.event_type)
        .bind(&shared.schema_ref)
        .bind(&shared.correlation_id)
        .bind(&shared.causation_id)
        .bind(&shared.headers)
        .bind(shared.is_public)
}
