//! SDK-01: the calls can be awaited in a task that moves between threads. That it compiles is the test.

#![cfg(all(feature = "sqlx", feature = "tokio-postgres"))]

use outbox_sdk::{EmitOptions, Event, InTransaction, emit, emit_all, emit_once, emit_with};

fn is_send<T: Send>(_: T) {}

fn calls_are_send<E: Event + Sync>(tx: &mut impl InTransaction, event: &E) {
    is_send(emit(tx, event));
    is_send(emit_with(tx, event, EmitOptions::new()));
    is_send(emit_once(tx, "key", event));
    is_send(emit_all(tx, [event]));
}

#[expect(
    dead_code,
    reason = "it is compiled, and there is no database to call it with"
)]
fn of_both_drivers<E: Event + Sync>(
    sqlx: &mut sqlx::PgTransaction<'_>,
    tokio_postgres: &mut tokio_postgres::Transaction<'_>,
    event: &E,
) {
    calls_are_send(sqlx, event);
    calls_are_send(tokio_postgres, event);
}

#[expect(dead_code, reason = "as above")]
fn so_is_migrate(pool: &sqlx::PgPool, client: &mut tokio_postgres::Client) {
    is_send(outbox_sdk::migrate(pool));
    is_send(outbox_sdk::migrate(client));
}
