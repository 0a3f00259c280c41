//! Lesson 4: events carry the trace and the correlation id of the request that they come from.
//!
//!     cargo run -p outbox-sdk --features testing,tower --example 04_http

use std::borrow::Cow;
use std::error::Error;

use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::{Router, body::Body, routing::post};
use outbox_sdk::context::ContextLayer;
use outbox_sdk::testing::Recorder;
use outbox_sdk::{Event, EventSchema, InTransaction, emit};
use tower_service::Service as _;

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
    emit(tx, &OrderPlaced { order_id }).await?;
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
