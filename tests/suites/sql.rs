//! The SQL part on a real PostgreSQL: what it stores, what it refuses, what it lets out, what it
//! empties. No relay, no Kafka.

mod emit;
mod export;
mod migrate;
mod once;
mod pooler;
mod publication;
mod ring;
mod roles;
mod rules;
mod sdk;
mod sdk_migrate;

use std::sync::atomic::{AtomicU32, Ordering};

use postrider::local::{Postgres, PostgresOptions};
use postrider::migrate::migrate as migrate_database;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Error, NoTls, Row};

/// The name of the publication, as configured by default.
const PUBLICATION: &str = "postrider";

/// A database with the SQL part, made by an owner who is no superuser, on a server that all of
/// these tests share.
struct TestDatabase {
    name: String,
    owner: String,
}

/// A new database in which the owner has run the migrations.
async fn database() -> TestDatabase {
    let database = empty_database().await;
    migrate_database(&mut database.owner().await, PUBLICATION)
        .await
        .expect("the owner may migrate its database");
    database
}

/// A new database whose owner has CREATE on it and CREATEROLE, and nothing else.
async fn empty_database() -> TestDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("sql_{number}");
    let owner = format!("sql_{number}_owner");
    let server = server().await;
    server
        .create_database(&name)
        .await
        .expect("a superuser may create databases");
    let owner_may =
        format!("create role {owner} createrole; grant create on database {name} to {owner}");
    server
        .execute(&name, &owner_may)
        .await
        .expect("a superuser may create roles");
    TestDatabase { name, owner }
}

async fn server() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let settings = ["max_replication_slots", "max_prepared_transactions"]
        .map(|name| (name.to_owned(), "50".to_owned()))
        .to_vec();
    let start = || {
        Postgres::start(PostgresOptions {
            settings,
            ..PostgresOptions::default()
        })
    };
    SERVER
        .get_or_try_init(start)
        .await
        .expect("PostgreSQL starts")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the relay's runtime is not under test; this task ends with its client"
)]
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("connected");
    drop(tokio::spawn(connection));
    client
}

impl TestDatabase {
    /// A connection as the superuser.
    async fn superuser(&self) -> Client {
        connect(&server().await.superuser_url(&self.name)).await
    }

    /// A connection with the rights of `role`.
    async fn role(&self, role: &str) -> Client {
        let client = self.superuser().await;
        client
            .batch_execute(&format!("set session authorization {role}"))
            .await
            .expect("a superuser may become any role");
        client
    }

    /// A connection as the role that owns the schema `outbox`.
    async fn owner(&self) -> Client {
        self.role(&self.owner).await
    }

    /// A logical replication slot that reads the publication, and is registered as a relay's.
    async fn slot(&self) -> Slot {
        let client = self.superuser().await;
        let name = format!("{}_slot", self.name);
        let create = format!(
            "select pg_create_logical_replication_slot('{name}', 'pgoutput'); \
             select outbox.register_slot('{name}')"
        );
        client
            .batch_execute(&create)
            .await
            .expect("a superuser may create slots");
        Slot { name, client }
    }
}

/// A replication slot, read through SQL.
struct Slot {
    name: String,
    client: Client,
}

impl Slot {
    /// Takes every message, as `pgoutput` wrote it, and confirms its position.
    async fn take(&self) -> Vec<Vec<u8>> {
        let take = "select data from pg_logical_slot_get_binary_changes($1, null, null, \
             'proto_version', '1', 'publication_names', $2)";
        let rows = self.client.query(take, &[&self.name, &PUBLICATION]).await;
        rows.expect("the slot can be read")
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}

/// Runs a query of one row.
async fn one(client: &Client, query: &str) -> Row {
    client
        .query_one(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"))
}

/// The SQLSTATE and the constraint of a refusal.
fn refusal(error: &Error) -> (&str, Option<&str>) {
    let error = error
        .as_db_error()
        .expect("PostgreSQL refused, the connection is well");
    (error.code().code(), error.constraint())
}
