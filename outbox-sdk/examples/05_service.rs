//! Lesson 5: a whole service, axum and sqlx. Its own work is a table of orders received; what the outbox adds
//! to it is marked.
//!
//!     postrider dev                            # in a first terminal
//!
//!     eval "$(postrider dev --env)"            # in a second one
//!     postrider contracts register outbox-sdk/examples/contracts
//!     cargo run -p outbox-sdk --features sqlx,chrono,rust_decimal,tower --example 05_service -- \
//!         "$DATABASE_URL"
//!
//!     curl -X POST localhost:3000/orders -H 'content-type: application/json' -d '{"total": "12.30"}'
//!
//! The contract of the event is a file, which the service writes itself when it is called with
//! `contracts outbox-sdk/examples/contracts`. It is registered before the first event: without it the
//! request succeeds, and the event waits, with all that come behind it.

use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use outbox_sdk::context::ContextLayer; // added
use outbox_sdk::{Event, contracts, emit}; // added
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

#[derive(Deserialize)]
struct NewOrder {
    total: Decimal,
}

#[derive(Event, Serialize)] // added, down to the brace
#[event(type = "shop.OrderReceived", aggregate = "order", key = order_id)]
struct OrderReceived {
    order_id: Uuid,
    #[event(decimal(precision = 12, scale = 2))]
    total: Decimal,
    placed_at: DateTime<Utc>,
}

async fn place(State(pool): State<PgPool>, Json(order): Json<NewOrder>) -> Answer {
    let order_id = Uuid::now_v7();
    let mut tx = pool.begin().await?;
    sqlx::query("insert into received (id, total) values ($1, $2::text::numeric)")
        .bind(order_id)
        .bind(order.total.to_string())
        .execute(&mut *tx)
        .await?;
    let (total, placed_at) = (order.total, Utc::now());
    emit(
        &mut tx,
        &OrderReceived {
            order_id,
            total,
            placed_at,
        },
    )
    .await?; // added
    tx.commit().await?;
    Ok((StatusCode::CREATED, order_id.to_string()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give the URL of a database")?;
    let second = arguments.next();
    if url == "contracts" {
        contracts::write::<OrderReceived>(second.ok_or("give a folder")?, 1)?; // added
        return Ok(());
    }
    let pool = PgPool::connect(&url).await?;
    let table = "create table if not exists received (id uuid primary key, total numeric(12, 2))";
    sqlx::query(table).execute(&pool).await?;
    let app = Router::new()
        .route("/orders", post(place))
        .layer(ContextLayer::new()) // added: the request's trace and correlation id
        .with_state(pool);
    let address = second.unwrap_or("127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

type Answer = Result<(StatusCode, String), Failure>;

/// Any error is the server's; what it says is for the log.
struct Failure(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        let mut cause: Option<&dyn Error> = Some(&*self.0);
        while let Some(error) = cause {
            eprintln!("{error}");
            cause = error.source();
        }
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
