//! sqlx.

use outbox_contract::migrations::{self, Applied, Migration};
use sqlx::{AssertSqlSafe, PgPool, PgTransaction};

use super::{DriverError, Migrate, MigrateError, Transaction, applied, apply_next, sealed};

impl Migrate for &PgPool {}

impl sealed::Migrate for &PgPool {
    async fn migrate(self) -> Result<Vec<&'static Migration>, MigrateError> {
        let mut done = Vec::new();
        loop {
            let begin = "begin isolation level read committed";
            let transaction = self.begin_with(begin).await;
            let transaction = transaction.map_err(|source| MigrateError::Begin {
                source: source.into(),
            })?;
            match apply_next(transaction).await? {
                Some(migration) => done.push(migration),
                None => return Ok(done),
            }
        }
    }
}

impl Transaction for PgTransaction<'_> {
    async fn run(&mut self, sql: &str) -> Result<(), DriverError> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        sql.execute(&mut **self).await?;
        Ok(())
    }

    async fn exists(&mut self) -> Result<bool, DriverError> {
        let query = sqlx::query_scalar(migrations::EXISTS).persistent(false);
        Ok(query.fetch_one(&mut **self).await?)
    }

    async fn applied(&mut self) -> Result<Vec<Applied>, DriverError> {
        let query = sqlx::query_as(migrations::APPLIED).persistent(false);
        let rows = query.fetch_all(&mut **self).await?;
        Ok(rows.into_iter().map(applied).collect())
    }

    async fn commit(self) -> Result<(), DriverError> {
        Ok(self.commit().await?)
    }
}
