//! Lesson 2: a request that is sent again emits nothing again.
//!
//! It uses tokio-postgres, which needs its own feature. Give it a database, such as that of
//! `postrider dev`:
//!
//!     eval "$(postrider dev --env)"
//!     cargo run -p outbox-sdk --features tokio-postgres --example 02_once -- "$DATABASE_URL"

use std::borrow::Cow;
use std::error::Error;

use outbox_sdk::{
    EmitOptions, Event, EventId, EventSchema, InTransaction, emit_once, emit_with, migrate,
};
use tokio_postgres::NoTls;

#[derive(serde::Serialize)]
struct OrderPlaced {
    order_id: i64,
}

impl Event for OrderPlaced {
    const EVENT_TYPE: &'static str = "shop.OrderPlaced";
    const AGGREGATE_TYPE: &'static str = "order";

    fn schema() -> &'static EventSchema {
        static SCHEMA: EventSchema = EventSchema::new(
            r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
                {"name": "order_id", "type": "long"}]}"#,
        );
        &SCHEMA
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        self.order_id.to_string().into()
    }
}

/// Any driver's transaction will do, and so will the recorder of lesson 3.
async fn place(tx: &mut impl InTransaction, order_id: i64) -> Result<EventId, Box<dyn Error>> {
    let business_key = format!("order-{order_id}-placed");
    Ok(emit_once(tx, &business_key, &OrderPlaced { order_id }).await?)
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
    let id = emit_with(&mut tx, &OrderPlaced { order_id: 43 }, options).await?;
    tx.commit().await?;
    println!("order 43 was placed for customer 9: event {id}");
    Ok(())
}
