//! Lesson 4: events carry the trace and the correlation id of the request that they come from.
//!
//!     cargo run -p outbox-sdk --features testing,tower --example 04_http

use std::error::Error;

use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::{Router, body::Body, routing::post};
use outbox_sdk::context::ContextLayer;
use outbox_sdk::testing::Recorder;
use outbox_sdk::{Event, InTransaction, emit};
use tower_service::Service as _;

/// An order was placed.
#[derive(Event, serde::Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: i64,
    #[event(decimal(precision = 12, scale = 2))]
    total: String,
}

/// The handler. A service would begin a transaction of its pool; the recorder of lesson 3 shows the
/// event.
async fn place(Path(order_id): Path<i64>) -> Result<String, StatusCode> {
    let mut tx = Recorder::new();
    write(&mut tx, order_id)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(format!("{:#?}", tx.recorded().events()))
}

/// Nobody passes the request's headers down to here.
async fn write(tx: &mut impl InTransaction, order_id: i64) -> Result<(), Box<dyn Error>> {
    let total = "12.30".to_owned();
    emit(tx, &OrderPlaced { order_id, total }).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut app: Router = Router::new()
        .route("/orders/{order_id}", post(place))
        .layer(ContextLayer::new());

    let request = Request::post("/orders/42")
        .header("x-correlation-id", "checkout-7")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(Body::empty())?;
    let response = app.call(request).await?;
    let body = axum::body::to_bytes(response.into_body(), 65_536).await?;
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
