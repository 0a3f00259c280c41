//! SDK-06: the library behind a pooler that gives a transaction the server connection which other
//! clients had before.

use e2e::Pooler;
use outbox_sdk::{EventId, InTransaction, emit, emit_all, emit_once};
use serde_json::Value;
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;
use tokio_postgres::Client;

use super::sdk::{ORDER, Placed, stored};
use super::{TestDatabase, connect, database, server};

/// The names that another service's statements may have: tokio-postgres counts them from the start
/// of the process, sqlx from the start of the connection.
const LEAVE_STATEMENTS: &str = "do $$ begin
    for n in 0..19999 loop
      execute format('prepare s%s as select', n);
    end loop;
    for n in 0..99 loop
      execute format('prepare sqlx_s_%s as select', n);
    end loop;
  end $$";

#[tokio::test]
async fn clients_of_both_drivers_share_the_server_connection_of_a_pooler() {
    async fn work(tx: &mut impl InTransaction, order_id: i64) -> Vec<EventId> {
        let order = Placed { order_id };
        let mut ids = vec![emit(tx, &order).await.expect("emitted")];
        ids.extend(emit_all(tx, [&order, &order]).await.expect("emitted"));
        let key = format!("order-{order_id}");
        ids.push(emit_once(tx, &key, &order).await.expect("emitted"));
        let again = emit_once(tx, &key, &ORDER).await.expect("emitted before");
        assert_eq!(Some(&again), ids.last());
        ids
    }
    let database = database().await;
    let pooler = pooler(&database).await;
    let somebody = connect(&pooler.url()).await;
    let leave = somebody.batch_execute(LEAVE_STATEMENTS);
    leave.await.expect("left behind");
    let left = prepared(&somebody).await;
    assert_eq!(left, 20_100);

    let mut sqlx_clients = [sqlx_client(&pooler).await, sqlx_client(&pooler).await];
    let mut clients = [connect(&pooler.url()).await, connect(&pooler.url()).await];
    let mut ids = Vec::new();
    for _ in 0..2 {
        for connection in &mut sqlx_clients {
            let mut tx = connection.begin().await.expect("begun");
            ids.extend(work(&mut tx, i64::try_from(ids.len()).expect("few")).await);
            tx.commit().await.expect("committed");
        }
        for client in &mut clients {
            let mut tx = client.transaction().await.expect("begun");
            ids.extend(work(&mut tx, i64::try_from(ids.len()).expect("few")).await);
            tx.commit().await.expect("committed");
        }
    }
    let rows = stored(&database.superuser().await).await;
    let stored: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    let emitted: Vec<Value> = ids.iter().map(|id| id.to_string().into()).collect();
    assert_eq!(stored, emitted.iter().collect::<Vec<_>>());
    // It was one server connection all the time, and nothing was left on it.
    assert_eq!(prepared(&somebody).await, left);
}

/// A pooler that logs in with the rights of an application.
async fn pooler(database: &TestDatabase) -> Pooler {
    let user = format!("{}_app", database.name);
    let create = format!("create role {user} login password 'secret' in role outbox_app");
    let superuser = database.superuser().await;
    superuser.batch_execute(&create).await.expect("created");
    Pooler::start(server().await, &database.name, &user, "secret")
        .await
        .expect("a pooler")
}

/// How many statements the server connection has, whoever prepared them.
async fn prepared(client: &Client) -> i64 {
    let query = "select count(*) from pg_prepared_statements";
    let row = client.query_typed_one(query, &[]).await;
    row.expect("read").get(0)
}

async fn sqlx_client(pooler: &Pooler) -> sqlx::PgConnection {
    let options: PgConnectOptions = pooler.url().parse().expect("a URL");
    // PgBouncer refuses this parameter unless its configuration ignores it.
    let options = options.extra_float_digits(None);
    sqlx::PgConnection::connect_with(&options)
        .await
        .expect("connected")
}
