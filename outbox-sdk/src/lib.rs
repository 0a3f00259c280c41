//! Emit domain events inside your database transaction; Postrider carries them to Kafka.
//!
//! An event is a row of `outbox.event`, written in the transaction of the change that it tells of:
//! both are committed, or neither. The relay reads the committed rows from PostgreSQL's log and
//! publishes each once, in order, as Avro under a registered schema.
//!
//! ```no_run
//! # #[cfg(all(feature = "sqlx", feature = "derive", feature = "chrono", feature = "rust_decimal"))]
//! # async fn place(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
//! use chrono::{DateTime, Utc};
//! use outbox_sdk::{Event, emit};
//! use rust_decimal::Decimal;
//! use uuid::Uuid;
//!
//! #[derive(Event, serde::Serialize, serde::Deserialize)]
//! #[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
//! struct OrderPlaced {
//!     order_id: Uuid,
//!     customer_id: Uuid,
//!     #[event(decimal(precision = 12, scale = 2))]
//!     total: Decimal,
//!     placed_at: DateTime<Utc>,
//! }
//!
//! let event = OrderPlaced {
//!     order_id: Uuid::now_v7(),
//!     customer_id: Uuid::now_v7(),
//!     total: Decimal::new(12_30, 2),
//!     placed_at: Utc::now(),
//! };
//! let mut tx = pool.begin().await?;
//! sqlx::query("insert into orders (id, total) values ($1, 12.30)")
//!     .bind(event.order_id)
//!     .execute(&mut *tx)
//!     .await?;
//! let id = emit(&mut tx, &event).await?;
//! tx.commit().await?;
//! println!("emitted {id}");
//! # Ok(())
//! # }
//! ```
//!
//! Two orders of work that look alike lose events or invent them. To publish to Kafka first and
//! commit after: the commit can fail, and consumers have heard of an order that does not exist. To
//! commit first and publish after: the process can die in between, and nobody ever hears of it.
//! Hence [`emit`] takes a transaction and nothing else: with a pool or a plain connection it does
//! not compile.
//!
//! - [`Event`]: what a type says about itself; derive it. Its payload is what serde writes.
//! - [`avro`]: which Avro type a Rust type is; [`base64`]: bytes. [`contracts`]: schemas as files.
//! - [`emit`], [`emit_all`]: one event, or many in one statement, checked against the schema and
//!   the limits before a row exists.
//! - [`emit_with`]: one event with headers, ids, a key or a time of its own.
//! - [`emit_once`]: one event for a business key, however often the work is repeated.
//! - [`EventStatement`]: the SQL and its parameters, for libraries other than those below.
//! - [`context`]: correlation, causation and headers, inherited by what is emitted inside.
//!
//! Cargo features, only `derive` of them on by default and none with a C library:
//!
//! - `derive`: `#[derive(Event)]` and `#[derive(AvroType)]`.
//! - `chrono`, `rust_decimal`: fields of their types; those of `time` need no feature.
//! - `sqlx`: transactions of the current sqlx; it brings no runtime and no TLS.
//! - `tokio-postgres`: its transactions.
//! - `testing`: the module `testing`, a transaction that records.
//! - `opentelemetry`: events carry the trace of the current span.
//! - `tower`: a layer, also for axum, by which events carry what their HTTP request came with.
//!
//! The table comes from `postrider migrate`, or from `migrate` when the service starts. Everything
//! here works through a pooler in transaction mode, such as `PgBouncer`: no prepared statement
//! outlives a call. A service's own statements need the same there: with sqlx,
//! `.persistent(false)` for each; a `statement_cache_capacity(0)` is not enough. `PgBouncer` lets
//! sqlx connect only with `PgConnectOptions::extra_float_digits(None)`, or when it has
//! `ignore_startup_parameters = extra_float_digits` itself.

pub mod avro;
pub mod base64;
pub mod context;
pub mod contracts;
#[cfg_attr(
    not(any(feature = "sqlx", feature = "tokio-postgres")),
    expect(
        dead_code,
        clippy::unused_async,
        reason = "without a driver nothing is sent anywhere"
    )
)]
#[cfg_attr(
    not(any(feature = "sqlx", feature = "tokio-postgres", feature = "testing")),
    expect(
        unused_variables,
        reason = "no transaction can exist, so nothing is ever written"
    )
)]
mod emit;
mod event;
#[cfg(any(feature = "sqlx", feature = "tokio-postgres"))]
mod migrate;
#[cfg(feature = "testing")]
pub mod testing;

pub use avro::AvroType;
pub use context::Context;
pub use emit::{
    Connection, EmitError, EmitOptions, EventStatement, InTransaction, Statement, emit, emit_all,
    emit_once, emit_with,
};
pub use event::{Event, EventId, EventSchema, ParseEventIdError};
#[cfg(any(feature = "sqlx", feature = "tokio-postgres"))]
pub use migrate::{Migrate, MigrateError, migrate};
pub use outbox_contract as contract;
#[cfg(feature = "derive")]
pub use outbox_derive::{AvroType, Event};
