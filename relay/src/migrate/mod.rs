//! The SQL part of the set-up: the schema `outbox` and the publication.
//!
//! A second run changes nothing. Every migration is one transaction with its own line in
//! `outbox.migration`; two runs at once wait for each other.

use outbox_contract::columns;
use outbox_contract::migrations::{ALL, APPLIED, EXISTS, LOCK, RECORD};
use tokio_postgres::Client;

use crate::error::{Action, Classify};

/// Why the database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("{doing} failed")]
    Statement {
        /// What was being done.
        doing: String,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database was migrated by other files than these.
    #[error("migration {version} of the database is {found:?}, not the one this postrider has")]
    Drift {
        /// The version.
        version: i32,
        /// Its name in the database.
        found: String,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Statement { .. } | Self::Drift { .. } => Action::Halt,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Statement { .. } => {
                "run it as a role that may create schemas and roles in this database".to_owned()
            }
            Self::Drift { .. } => {
                "run the postrider that migrated this database, or a newer one".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Statement { .. } => "migration_failed",
            Self::Drift { .. } => "migration_drift",
        }
    }
}

/// Applies what is pending and creates the publication; gives the names of what was applied.
pub async fn migrate(client: &mut Client, publication: &str) -> Result<Vec<String>, Error> {
    let mut applied_now = Vec::new();
    while let Some(name) = apply_next(client).await? {
        tracing::info!(migration = name, "applied");
        applied_now.push(name);
    }
    create_publication(client, publication).await?;
    Ok(applied_now)
}

/// Applies the first pending migration, if there is one.
async fn apply_next(client: &mut Client) -> Result<Option<String>, Error> {
    let failed = |doing: &str| {
        let doing = doing.to_owned();
        move |source| Error::Statement { doing, source }
    };
    let transaction = client
        .transaction()
        .await
        .map_err(failed("beginning a transaction"))?;
    transaction
        .execute(LOCK, &[])
        .await
        .map_err(failed("waiting for other migrations"))?;
    let exists = transaction.query_one(EXISTS, &[]).await;
    let exists: bool = exists
        .map_err(failed("looking for the schema outbox"))?
        .get(0);
    let rows = if exists {
        let rows = transaction.query(APPLIED, &[]).await;
        rows.map_err(failed("reading outbox.migration"))?
    } else {
        Vec::new()
    };
    for (index, row) in rows.iter().enumerate() {
        let (version, found): (i32, String) = (row.get(0), row.get(1));
        let checksum: String = row.get(2);
        if ALL
            .get(index)
            .is_none_or(|ours| ours.checksum() != checksum)
        {
            return Err(Error::Drift { version, found });
        }
    }
    let Some(next) = ALL.get(rows.len()) else {
        return Ok(None);
    };
    let name = next.file_name();
    transaction
        .batch_execute(next.sql)
        .await
        .map_err(failed(&name))?;
    let version = i32::try_from(next.version).expect("there are few migrations");
    let recorded = transaction
        .execute(RECORD, &[&version, &next.name, &next.checksum()])
        .await;
    recorded.map_err(failed("recording a migration"))?;
    transaction.commit().await.map_err(failed(&name))?;
    Ok(Some(name))
}

/// The publication: inserts of public events, with the columns that a record is made of.
fn publication_sql(publication: &str) -> String {
    let publication = publication.replace('"', "\"\"");
    format!(
        "create publication \"{publication}\" for table {}.{} ({}) where (public) \
         with (publish = 'insert', publish_via_partition_root = true)",
        columns::SCHEMA,
        columns::TABLE,
        columns::PUBLISHED.join(", "),
    )
}

async fn create_publication(client: &Client, publication: &str) -> Result<(), Error> {
    let failed = |source| Error::Statement {
        doing: "creating the publication".to_owned(),
        source,
    };
    let known = "select 1 from pg_publication where pubname = $1";
    if client
        .query_opt(known, &[&publication])
        .await
        .map_err(failed)?
        .is_none()
    {
        client
            .batch_execute(&publication_sql(publication))
            .await
            .map_err(failed)?;
        tracing::info!(publication, "created");
    }
    Ok(())
}
