//! Lesson 2: a request that is sent again emits nothing again.
//!
//! It uses tokio-postgres, which needs its own feature. Give it a database, such as that of
//! `postrider dev`:
//!
//!     eval "$(postrider dev --env)"
//!     postrider contracts register outbox-sdk/examples/contracts
//!     cargo run -p outbox-sdk --features tokio-postgres --example 02_once -- "$DATABASE_URL"

use std::error::Error;

use outbox_sdk::{EmitOptions, Event, EventId, InTransaction, emit_once, emit_with, migrate};
use tokio_postgres::NoTls;

/// An order was placed.
#[derive(Event, serde::Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
    #[event(decimal(precision = 12, scale = 2))]
    total: String,
}

fn order(order_id: i64) -> OrderPlaced {
    OrderPlaced {
        order_id,
        total: "12.30".to_owned(),
    }
}

/// Any driver's transaction will do, and so will the recorder of lesson 3.
async fn place(tx: &mut impl InTransaction, order_id: i64) -> Result<EventId, Box<dyn Error>> {
    let business_key = format!("order-{order_id}-placed");
    Ok(emit_once(tx, &business_key, &order(order_id)).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args()
        .nth(1)
        .ok_or("give the URL of a database")?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    // The client works while its connection is polled.
    let (done, _) = tokio::join!(lesson(client), connection);
    done
}

async fn lesson(mut client: tokio_postgres::Client) -> Result<(), Box<dyn Error>> {
    // A service may bring the schema `outbox` up to date when it starts.
    let applied = migrate(&mut client).await?;
    println!("{} migrations were pending", applied.len());

    // The client hears nothing and sends its request again. The second call finds the first event.
    let mut ids = Vec::new();
    for _ in ["request", "the same request again"] {
        let mut tx = client.transaction().await?;
        ids.push(place(&mut tx, 42).await?);
        tx.commit().await?;
    }
    println!("order 42 was placed once: event {}", ids[0]);
    assert_eq!(ids[0], ids[1]);

    // What one event has of its own: here a key that keeps all orders of a customer in order.
    let options = EmitOptions::new()
        .with_key("customer-9")
        .with_header("tenant", "acme");
    let mut tx = client.transaction().await?;
    let id = emit_with(&mut tx, &order(43), options).await?;
    tx.commit().await?;
    println!("order 43 was placed for customer 9: event {id}");
    Ok(())
}
