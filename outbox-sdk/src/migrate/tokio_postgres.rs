//! tokio-postgres.

use outbox_contract::migrations::{self, Applied, Migration};
use tokio_postgres::{Client, IsolationLevel};

use super::{DriverError, Migrate, MigrateError, Transaction, applied, apply_next, sealed};

impl Migrate for &mut Client {}

impl sealed::Migrate for &mut Client {
    async fn migrate(self) -> Result<Vec<&'static Migration>, MigrateError> {
        let mut done = Vec::new();
        loop {
            let transaction = self
                .build_transaction()
                .isolation_level(IsolationLevel::ReadCommitted)
                .start()
                .await
                .map_err(|source| MigrateError::Begin {
                    source: source.into(),
                })?;
            match apply_next(transaction).await? {
                Some(migration) => done.push(migration),
                None => return Ok(done),
            }
        }
    }
}

impl Transaction for tokio_postgres::Transaction<'_> {
    async fn run(&mut self, sql: &str) -> Result<(), DriverError> {
        Ok(self.batch_execute(sql).await?)
    }

    async fn exists(&mut self) -> Result<bool, DriverError> {
        let row = self.query_typed_one(migrations::EXISTS, &[]).await?;
        Ok(row.try_get(0)?)
    }

    async fn applied(&mut self) -> Result<Vec<Applied>, DriverError> {
        let rows = self.query_typed(migrations::APPLIED, &[]).await?;
        let row = |row: tokio_postgres::Row| (row.get(0), row.get(1), row.get(2));
        Ok(rows.into_iter().map(row).map(applied).collect())
    }

    async fn commit(self) -> Result<(), DriverError> {
        Ok(self.commit().await?)
    }
}
