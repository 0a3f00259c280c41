//! sqlx.
//!
//! The statements are not persistent: sqlx parses them as the unnamed statement, which costs a
//! second round trip and leaves nothing behind. A `statement_cache_capacity(0)` alone would not do,
//! for then sqlx 0.9 gives each statement a name and never closes it.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row as _};

use crate::emit::EmitError;
use crate::emit::statement::{Bind, Bound};

pub(super) async fn execute(connection: &mut PgConnection, bound: Bound) -> Result<(), EmitError> {
    query(bound).execute(connection).await.map_err(of_sqlx)?;
    Ok(())
}

pub(super) async fn fetch(
    connection: &mut PgConnection,
    bound: Bound,
) -> Result<String, EmitError> {
    let row = query(bound).fetch_one(connection).await.map_err(of_sqlx)?;
    row.try_get(0).map_err(of_sqlx)
}

fn query(bound: Bound) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(bound.sql).persistent(false);
    bound
        .binds
        .into_iter()
        .fold(query, |query, bind| match bind {
            Bind::Text(text) => query.bind(text),
            Bind::Texts(texts) => query.bind(texts),
        })
}

fn of_sqlx(error: sqlx::Error) -> EmitError {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .map(std::borrow::Cow::into_owned);
    EmitError::of_database(code.as_deref(), error.into())
}
