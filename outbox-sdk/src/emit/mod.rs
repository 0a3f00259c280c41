//! Writing events into the transaction of the change that they tell of.

mod connection;
mod driver;
pub(crate) mod error;
mod foreign;
mod options;
pub(crate) mod row;
mod statement;

use outbox_contract::{columns, limits};

use crate::{Event, EventId, context};

pub use connection::{Connection, InTransaction};
pub use error::EmitError;
pub use foreign::{EventStatement, Statement};
pub use options::EmitOptions;
use row::{Row, Shared};

/// Writes one event into the transaction `tx`, and returns its id.
///
/// The event becomes visible, in the table and on Kafka, when `tx` is committed, and leaves no
/// trace when it is rolled back. Its correlation id, causation id and headers are those of the
/// [`context`].
///
/// The payload is checked against the event's schema, and all of it against the limits, before
/// anything is sent: on such an error the transaction is as it was. After
/// [`EmitError::Insert`] and its like PostgreSQL accepts no more statements in it; roll back.
///
/// Not cancellation-safe: when the future is dropped, the row may or may not be in the
/// transaction; roll back.
///
/// Neither a pool nor a connection outside a transaction will do:
///
/// ```compile_fail,E0277
/// # use outbox_sdk::{Event, emit};
/// async fn wrong(pool: sqlx::PgPool, event: impl Event) {
///     let _ = emit(&mut pool.clone(), &event).await;
/// }
/// ```
/// ```compile_fail,E0277
/// # use outbox_sdk::{Event, emit};
/// async fn wrong(connection: &mut sqlx::PgConnection, event: impl Event) {
///     let _ = emit(connection, &event).await;
/// }
/// ```
/// ```compile_fail,E0277
/// # use outbox_sdk::{Event, emit};
/// async fn wrong(client: &mut tokio_postgres::Client, event: impl Event) {
///     let _ = emit(client, &event).await;
/// }
/// ```
///
/// Transactions of sqlx and tokio-postgres will, each with the feature of that name:
///
/// ```
/// # #[cfg(all(feature = "sqlx", feature = "tokio-postgres"))] {
/// # use outbox_sdk::{Event, emit};
/// async fn right(tx: &mut sqlx::PgTransaction<'_>, event: impl Event) {
///     let _ = emit(tx, &event).await;
/// }
/// async fn as_right(tx: &mut tokio_postgres::Transaction<'_>, event: impl Event) {
///     let _ = emit(tx, &event).await;
/// }
/// # }
/// ```
pub async fn emit<T, E>(tx: &mut T, event: &E) -> Result<EventId, EmitError>
where
    T: InTransaction + ?Sized,
    E: Event + ?Sized,
{
    emit_with(tx, event, EmitOptions::new()).await
}

/// Writes one event with what `options` say, and returns its id; see [`emit`] for everything else.
///
/// ```
/// # use outbox_sdk::{EmitError, EmitOptions, Event, InTransaction, emit_with};
/// async fn import<E: Event>(
///     tx: &mut impl InTransaction,
///     event: &E,
///     file: &str,
/// ) -> Result<(), EmitError> {
///     emit_with(tx, event, EmitOptions::new().with_causation_id(file)).await?;
///     Ok(())
/// }
/// ```
pub async fn emit_with<T, E>(
    tx: &mut T,
    event: &E,
    options: EmitOptions,
) -> Result<EventId, EmitError>
where
    T: InTransaction + ?Sized,
    E: Event + ?Sized,
{
    let (shared, row) = checked(event, &options)?;
    let id = row.id;
    driver::one(tx.connection(), shared, row).await?;
    Ok(id)
}

/// Writes one event unless one was written under `business_key`, and returns the id of the first.
///
/// For work that may be repeated as a whole, such as a request that a client sends again: the key
/// is what is the same each time, of 1 to 1024 bytes, and belongs to the database, not to the event
/// type. When two transactions use one key at a time, the second waits until the first has ended: if
/// that commits, the second writes nothing; if it rolls back, the second writes its event. Under
/// `repeatable read` and above it may instead fail with a serialization error, to be repeated.
/// Transactions that use several keys should use them in one order, or PostgreSQL may have to end a
/// deadlock.
///
/// The key is kept until `outbox.forget_business_keys(keep)` removes it, which a scheduled job
/// calls; after that a repetition writes another event.
///
/// ```
/// # use outbox_sdk::{EmitError, Event, InTransaction, emit_once};
/// async fn place<E: Event>(tx: &mut impl InTransaction, placed: &E) -> Result<(), EmitError> {
///     let first = emit_once(tx, "order-42-placed", placed).await?;
///     assert_eq!(emit_once(tx, "order-42-placed", placed).await?, first);
///     Ok(())
/// }
/// ```
pub async fn emit_once<T, E>(
    tx: &mut T,
    business_key: &str,
    event: &E,
) -> Result<EventId, EmitError>
where
    T: InTransaction + ?Sized,
    E: Event + ?Sized,
{
    let event_type = E::EVENT_TYPE;
    limits::check_text(columns::BUSINESS_KEY, business_key)
        .map_err(|why| EmitError::Limit { event_type, why })?;
    let (shared, row) = checked(event, &EmitOptions::default())?;
    driver::once(tx.connection(), business_key, shared, row).await
}

/// Writes any number of events of one type in one statement, and returns their ids in order.
///
/// They are published in the order of `events`; see [`emit`] for everything else. All are checked
/// before anything is sent. Without events nothing is sent at all.
///
/// ```
/// # use outbox_sdk::{EmitError, Event, InTransaction, emit_all};
/// async fn place<E: Event>(
///     tx: &mut impl InTransaction,
///     events: &[E],
/// ) -> Result<(), EmitError> {
///     let ids = emit_all(tx, events).await?;
///     assert_eq!(ids.len(), events.len());
///     Ok(())
/// }
/// ```
pub async fn emit_all<T, I>(tx: &mut T, events: I) -> Result<Vec<EventId>, EmitError>
where
    T: InTransaction + ?Sized,
    I: IntoIterator<Item: Event>,
{
    let shared = Shared::new::<I::Item>(&context::inherited())?;
    let rows: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            Row::new(&event, &EmitOptions::default()).map_err(|error| error.of_event(index))
        })
        .collect::<Result<_, _>>()?;
    let ids = rows.iter().map(|row| row.id).collect();
    if !rows.is_empty() {
        driver::all(tx.connection(), shared, rows).await?;
    }
    Ok(ids)
}

/// An event as it will be written, when the context is the current one.
fn checked<E: Event + ?Sized>(
    event: &E,
    options: &EmitOptions,
) -> Result<(Shared, Row), EmitError> {
    let shared = Shared::new::<&E>(&options.over(context::inherited()))?;
    Ok((shared, Row::new(event, options)?))
}
