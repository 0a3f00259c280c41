//! The SQL part of a database: brings it up to this release, shows how it differs, prints it,
//! writes it as files for other tools.
//!
//! Contract: [`migrate`] runs what is pending of [`outbox_contract::migrations`], each file in a
//! transaction of its own together with its record, and makes the publication if there is none. A
//! second run changes nothing; concurrent runs wait for each other. It never waits long for a lock
//! of the application (five seconds) and never changes what exists: what differs is reported by
//! [`check`], because the right repair depends on who changed it and why. A publication above all
//! must not be replaced behind a slot: the walsender reads it as it was at each position
//! (<https://www.postgresql.org/docs/current/logicaldecoding-output-plugin.html>, historic
//! catalog), and misses what lies before it.

mod administrator;
mod check;
mod error;
mod export;
mod print;
mod publication;

pub use administrator::Administrator;
pub use check::{DESCRIBE, Finding, SCHEMA, check};
pub use error::Error;
pub use export::{Format, export};
pub use print::print;

use outbox_contract::migrations::{self, Applied, Migration};
use tokio_postgres::{Client, IsolationLevel, Transaction};

/// What [`migrate`] did.
#[derive(Debug)]
pub struct Report {
    /// The migrations that it applied; none if the database was up to date.
    pub applied: Vec<&'static Migration>,
    /// Whether it made the publication.
    pub publication_created: bool,
}

/// Brings the schema `outbox` up to this release and makes `publication` if it is missing.
///
/// The role of `client` needs CREATE on the database, and CREATEROLE unless an administrator has
/// made the group roles; it owns what it makes, and every later run must be its own. Safe to
/// cancel and to repeat: what is committed stays, the rest is rolled back.
pub async fn migrate(client: &mut Client, publication: &str) -> Result<Report, Error> {
    let mut applied = Vec::new();
    while let Some(migration) = apply_next(client).await? {
        applied.push(migration);
    }
    let publication_created = publication::create_if_missing(client, publication).await?;
    Ok(Report {
        applied,
        publication_created,
    })
}

async fn apply_next(client: &mut Client) -> Result<Option<&'static Migration>, Error> {
    let transaction = begin_exclusive(client).await?;
    let applied = applied(&transaction).await?;
    let Some(migration) = migrations::pending(&applied)?.first() else {
        return Ok(None);
    };
    let apply_error = |source| Error::Apply {
        file: migration.file_name(),
        source,
    };
    transaction
        .batch_execute(&migration.recorded())
        .await
        .map_err(apply_error)?;
    transaction.commit().await.map_err(apply_error)?;
    Ok(Some(migration))
}

/// A transaction that no other run of a migration overlaps.
async fn begin_exclusive(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let transaction = begin(client).await?;
    transaction
        .batch_execute(migrations::BEGIN_EXCLUSIVE)
        .await
        .map_err(Error::WaitForOtherRun)?;
    Ok(transaction)
}

/// A transaction that looks up names as the migrations do.
async fn begin(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await
        .map_err(Error::Begin)?;
    transaction
        .batch_execute("set local search_path = pg_catalog, pg_temp")
        .await
        .map_err(Error::Begin)?;
    Ok(transaction)
}

/// What `outbox.migration` says; nothing where it does not exist.
async fn applied(transaction: &Transaction<'_>) -> Result<Vec<Applied>, Error> {
    let exists = transaction
        .query_one(migrations::EXISTS, &[])
        .await
        .map_err(Error::ReadApplied)?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = transaction
        .query(migrations::APPLIED, &[])
        .await
        .map_err(Error::ReadApplied)?;
    let row = |row: tokio_postgres::Row| Applied {
        version: row.get::<_, i32>(0).unsigned_abs(),
        name: row.get(1),
        checksum: row.get(2),
    };
    Ok(rows.into_iter().map(row).collect())
}
