//! tokio-postgres.
//!
//! Statements with the types of their parameters go out as one unnamed statement in one round trip
//! (`execute_typed`), so nothing is prepared.

use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

use crate::emit::EmitError;
use crate::emit::statement::{Bind, Bound};

pub(super) async fn execute(transaction: &Transaction<'_>, bound: Bound) -> Result<(), EmitError> {
    transaction
        .execute_typed(bound.sql, &parameters(&bound.binds))
        .await
        .map_err(of_tokio_postgres)?;
    Ok(())
}

pub(super) async fn fetch(
    transaction: &Transaction<'_>,
    bound: Bound,
) -> Result<String, EmitError> {
    let row = transaction
        .query_typed_one(bound.sql, &parameters(&bound.binds))
        .await
        .map_err(of_tokio_postgres)?;
    row.try_get(0).map_err(of_tokio_postgres)
}

fn parameters(binds: &[Bind]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    fn parameter(bind: &Bind) -> (&(dyn ToSql + Sync), Type) {
        match bind {
            Bind::Text(text) => (text, Type::TEXT),
            Bind::Texts(texts) => (texts, Type::TEXT_ARRAY),
        }
    }
    binds.iter().map(parameter).collect()
}

fn of_tokio_postgres(error: tokio_postgres::Error) -> EmitError {
    let code = error.code().map(|state| state.code().to_owned());
    EmitError::of_database(code.as_deref(), error.into())
}
