//! The schema `outbox`, made by the service itself where nobody runs `postrider migrate`.

mod error;
#[cfg(feature = "sqlx")]
mod sqlx;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use outbox_contract::migrations::{self, Applied, Migration};

use crate::emit::error::DriverError;

pub use error::MigrateError;

/// Brings the schema `outbox` up to this crate's release; returns what it applied, nothing the
/// second time.
///
/// It takes a `&sqlx::PgPool` or a `&mut tokio_postgres::Client`, each with the feature of that name.
///
/// It does what `postrider migrate` does, with the same files and the same record of them, in the
/// table `outbox.migration`: each migration is a transaction of its own, runs that overlap wait for
/// each other, also with `postrider migrate`, and the application's own migrations and their table
/// are not touched. The publication is not made: `postrider init` does, which knows its name.
///
/// The role needs CREATE on the database, and CREATEROLE unless an administrator has made the four
/// group roles. It owns what it makes, so every later run must be its own.
///
/// Safe to cancel and to repeat: what is committed stays, the rest is rolled back.
///
/// ```no_run
/// # #[cfg(feature = "sqlx")]
/// # async fn start(pool: sqlx::PgPool) -> Result<(), outbox_sdk::MigrateError> {
/// outbox_sdk::migrate(&pool).await?;
/// # Ok(())
/// # }
/// ```
pub async fn migrate<T: Migrate>(target: T) -> Result<Vec<&'static Migration>, MigrateError> {
    target.migrate().await
}

/// What [`migrate`] takes; nothing else can implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be migrated",
    label = "expected `&sqlx::PgPool` or `&mut tokio_postgres::Client`"
)]
pub trait Migrate: sealed::Migrate {}

mod sealed {
    use outbox_contract::migrations::Migration;

    use super::MigrateError;

    pub trait Migrate {
        fn migrate(
            self,
        ) -> impl Future<Output = Result<Vec<&'static Migration>, MigrateError>> + Send;
    }
}

/// A transaction at isolation level read committed, of either driver. Dropped, it is rolled back.
trait Transaction: Send {
    /// Runs statements without parameters.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<(), DriverError>> + Send;
    /// Runs [`migrations::EXISTS`].
    fn exists(&mut self) -> impl Future<Output = Result<bool, DriverError>> + Send;
    /// Runs [`migrations::APPLIED`].
    fn applied(&mut self) -> impl Future<Output = Result<Vec<Applied>, DriverError>> + Send;
    /// Commits.
    fn commit(self) -> impl Future<Output = Result<(), DriverError>> + Send;
}

/// Applies the first migration that is pending, and says which.
async fn apply_next<T: Transaction>(
    mut transaction: T,
) -> Result<Option<&'static Migration>, MigrateError> {
    let exclusive = transaction.run(migrations::BEGIN_EXCLUSIVE).await;
    exclusive.map_err(|source| MigrateError::WaitForOtherRun { source })?;
    let read_error = |source| MigrateError::ReadApplied { source };
    let applied = if transaction.exists().await.map_err(read_error)? {
        transaction.applied().await.map_err(read_error)?
    } else {
        Vec::new()
    };
    let Some(migration) = migrations::pending(&applied)?.first() else {
        return Ok(None);
    };
    let apply_error = |source| MigrateError::Apply {
        file: migration.file_name(),
        source,
    };
    let sql = migration.recorded();
    transaction.run(&sql).await.map_err(apply_error)?;
    transaction.commit().await.map_err(apply_error)?;
    Ok(Some(migration))
}

/// A row of [`migrations::APPLIED`].
fn applied((version, name, checksum): (i32, String, String)) -> Applied {
    Applied {
        version: version.unsigned_abs(),
        name,
        checksum,
    }
}
