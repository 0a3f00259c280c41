//! Lesson 3: code that emits is tested without a database.
//!
//!     cargo run -p outbox-sdk --features testing --example 03_recorder

use std::error::Error;

use outbox_sdk::testing::Recorder;
use outbox_sdk::{EmitError, Event, InTransaction, emit};

/// An order was placed.
#[derive(Debug, PartialEq, Event, serde::Serialize, serde::Deserialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
    #[event(decimal(precision = 12, scale = 2))]
    total: String,
}

/// The code under test takes something that is in a transaction, whatever that is.
async fn place(tx: &mut impl InTransaction, order_id: i64, total: &str) -> Result<(), EmitError> {
    let total = total.to_owned();
    emit(tx, &OrderPlaced { order_id, total }).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut tx = Recorder::new();
    place(&mut tx, 42, "12.30").await?;

    // Read back as the type that was emitted.
    let recorded = tx.recorded();
    println!("recorded: {:?}", recorded.of::<OrderPlaced>());

    // Or asked for as a consumer sees it.
    recorded
        .with_type("shop.OrderPlaced")
        .with_key("42")
        .assert_count(1);

    // The checks are those of a real transaction: three places are too many.
    let error = place(&mut tx, 43, "0.001").await.expect_err("a misfit");
    println!("refused: {error}");
    tx.recorded().assert_count(1);
    Ok(())
}
