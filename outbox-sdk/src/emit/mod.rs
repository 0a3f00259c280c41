//! Writing events into the transaction of the change that they tell of.

mod connection;
mod driver;
mod error;
mod row;
mod statement;

use crate::{Event, EventId, context};

pub use connection::{Connection, InTransaction};
pub use error::EmitError;
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
    let shared = Shared::new::<&E>(&context::current())?;
    let row = Row::new(event)?;
    let id = row.id;
    driver::execute(tx.connection(), statement::one(shared, row)).await?;
    Ok(id)
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
    let shared = Shared::new::<I::Item>(&context::current())?;
    let rows: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| Row::new(&event).map_err(|error| error.of_event(index)))
        .collect::<Result<_, _>>()?;
    let ids = rows.iter().map(|row| row.id).collect();
    if !rows.is_empty() {
        driver::execute(tx.connection(), statement::all(shared, rows)).await?;
    }
    Ok(ids)
}
