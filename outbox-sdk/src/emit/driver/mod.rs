//! The drivers: each runs a statement on its own kind of connection.
//!
//! Contract: no prepared statement outlives the call. A pooler in transaction mode gives the next
//! transaction another server connection, where a named statement is missing, or another one of
//! that name is there already (<https://www.pgbouncer.org/features.html>).

#[cfg(feature = "sqlx")]
mod sqlx;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use super::statement::Bound;
use super::{Connection, EmitError};

/// Runs a statement that returns nothing.
pub(super) async fn execute(connection: Connection<'_>, bound: Bound) -> Result<(), EmitError> {
    match connection {
        #[cfg(feature = "sqlx")]
        Connection::Sqlx(connection) => sqlx::execute(connection, bound).await,
        #[cfg(feature = "tokio-postgres")]
        Connection::TokioPostgres(transaction) => tokio_postgres::execute(transaction, bound).await,
        Connection::Never(never, _) => match never {},
    }
}
