//! Emit domain events inside your database transaction; Postrider carries them to Kafka.
//!
//! An event is a row of `outbox.event`, written in the transaction of the change that it tells of:
//! both are committed, or neither. The relay reads the committed rows from PostgreSQL's log and
//! publishes each once, in order, as Avro under a registered schema.
//!
//! ```no_run
//! # #[cfg(all(feature = "sqlx", feature = "derive", feature = "chrono", feature = "rust_decimal"))]
//! # async fn place(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
//! use chrono::{DateTime, SubsecRound, Utc};
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
//!     placed_at: Utc::now().trunc_subsecs(6),
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
//! - [`context`]: correlation, causation and headers, inherited by what is emitted inside.
//!
//! Cargo features: `sqlx` for transactions of the current sqlx; it brings no runtime and no TLS.
//! `derive`, which is on, for the derive; `chrono` and `rust_decimal` for fields of their types.
//! The table comes from `postrider migrate`. With a pooler in transaction mode, such as `PgBouncer`,
//! set sqlx's `statement_cache_capacity(0)`, as for all statements.

pub mod avro;
pub mod base64;
pub mod context;
pub mod contracts;
#[cfg(feature = "sqlx")]
mod emit;
mod event;

pub use avro::AvroType;
pub use context::Context;
#[cfg(feature = "sqlx")]
pub use emit::{Connection, EmitError, InTransaction, emit, emit_all};
pub use event::{Event, EventId, EventSchema, ParseEventIdError};
pub use outbox_contract as contract;
#[cfg(feature = "derive")]
pub use outbox_derive::{AvroType, Event};
