//! The drivers: each runs a statement on its own kind of connection.
//!
//! Contract: no prepared statement outlives the call. A pooler in transaction mode gives the next
//! transaction another server connection, where a named statement is missing, or another one of
//! that name is there already (<https://www.pgbouncer.org/features.html>).

#[cfg(feature = "sqlx")]
mod sqlx;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use super::row::{Row, Shared};
#[cfg(any(feature = "sqlx", feature = "tokio-postgres"))]
use super::statement;
use super::{Connection, EmitError};
use crate::EventId;

/// Writes one row.
pub(super) async fn one(
    connection: Connection<'_>,
    shared: Shared,
    row: Row,
) -> Result<(), EmitError> {
    match connection {
        #[cfg(feature = "sqlx")]
        Connection::Sqlx(connection) => {
            sqlx::execute(connection, statement::one(shared, row)).await
        }
        #[cfg(feature = "tokio-postgres")]
        Connection::TokioPostgres(transaction) => {
            tokio_postgres::execute(transaction, statement::one(shared, row)).await
        }
        #[cfg(feature = "testing")]
        Connection::Recorder(recorder) => {
            recorder.record(&shared, [row]);
            Ok(())
        }
        Connection::Never(never, _) => match never {},
    }
}

/// Writes the rows, in their order.
pub(super) async fn all(
    connection: Connection<'_>,
    shared: Shared,
    rows: Vec<Row>,
) -> Result<(), EmitError> {
    match connection {
        #[cfg(feature = "sqlx")]
        Connection::Sqlx(connection) => {
            sqlx::execute(connection, statement::all(shared, rows)).await
        }
        #[cfg(feature = "tokio-postgres")]
        Connection::TokioPostgres(transaction) => {
            tokio_postgres::execute(transaction, statement::all(shared, rows)).await
        }
        #[cfg(feature = "testing")]
        Connection::Recorder(recorder) => {
            recorder.record(&shared, rows);
            Ok(())
        }
        Connection::Never(never, _) => match never {},
    }
}

/// Writes one row, unless one was written under `business_key`; returns the id of the first.
pub(super) async fn once(
    connection: Connection<'_>,
    business_key: &str,
    shared: Shared,
    row: Row,
) -> Result<EventId, EmitError> {
    #[cfg(any(feature = "sqlx", feature = "tokio-postgres"))]
    let read = |id: String| id.parse().expect("a uuid's text is a UUID");
    match connection {
        #[cfg(feature = "sqlx")]
        Connection::Sqlx(connection) => {
            let bound = statement::once(business_key, shared, row);
            sqlx::fetch(connection, bound).await.map(read)
        }
        #[cfg(feature = "tokio-postgres")]
        Connection::TokioPostgres(transaction) => {
            let bound = statement::once(business_key, shared, row);
            tokio_postgres::fetch(transaction, bound).await.map(read)
        }
        #[cfg(feature = "testing")]
        Connection::Recorder(recorder) => Ok(recorder.record_once(business_key, &shared, row)),
        Connection::Never(never, _) => match never {},
    }
}
