//! Lesson 1: an event is written in the transaction of the change that it tells of.
//!
//! Give it a database that `postrider migrate` has prepared, such as that of `postrider dev`:
//!
//!     eval "$(postrider dev --env)"
//!     postrider contracts register outbox-sdk/examples/contracts
//!     cargo run -p outbox-sdk --features sqlx --example 01_emit -- "$DATABASE_URL"

use std::error::Error;

use outbox_sdk::{Context, Event, context, contracts, emit, emit_all};
use sqlx::PgPool;

/// An order was placed.
#[derive(Event, serde::Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
    /// With tax; as a text or a `rust_decimal::Decimal` it is exact, a float would not be.
    #[event(decimal(precision = 12, scale = 2))]
    total: String,
}

fn order(order_id: i64, total: &str) -> OrderPlaced {
    OrderPlaced {
        order_id,
        total: total.to_owned(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give the URL of a database")?;
    if url == "contracts" {
        // The contract is a file in the repository; a changed event is its next version.
        contracts::write::<OrderPlaced>(arguments.next().ok_or("give a folder")?, 1)?;
        return Ok(());
    }
    let pool = PgPool::connect(&url).await?;

    // The order and its event: both are committed, or neither.
    let mut tx = pool.begin().await?;
    sqlx::query("create table if not exists orders (id bigint, total numeric)")
        .execute(&mut *tx)
        .await?;
    sqlx::query("insert into orders values (1, 12.30)")
        .execute(&mut *tx)
        .await?;
    let id = emit(&mut tx, &order(1, "12.30")).await?;
    tx.commit().await?;
    println!("order 1 was placed: event {id}");

    // Rolled back: nobody will ever hear of order 2.
    let mut tx = pool.begin().await?;
    emit(&mut tx, &order(2, "5")).await?;
    tx.rollback().await?;

    // Refused before the row exists: the schema has two places after the point.
    let mut tx = pool.begin().await?;
    let error = emit(&mut tx, &order(3, "0.001"))
        .await
        .expect_err("a third place");
    println!("order 3 was refused: {error}");
    tx.rollback().await?;

    // Many in one statement, with the correlation id and the headers of the request.
    let request = Context::new()
        .with_correlation_id("checkout-7")
        .with_header("tenant", "acme");
    let ids = context::scope(request, async {
        let mut tx = pool.begin().await?;
        let ids = emit_all(&mut tx, [order(4, "1"), order(5, "2.50")]).await?;
        tx.commit().await?;
        Ok::<_, Box<dyn Error>>(ids)
    })
    .await?;
    println!("orders 4 and 5 were placed: events {ids:?}");
    Ok(())
}
