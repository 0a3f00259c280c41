//! What events can be written to: something that is inside a transaction.

use sqlx::{PgConnection, PgTransaction};

/// Something that is inside a database transaction, such as [`sqlx::Transaction`].
///
/// Implement it for an own unit of work that holds a connection of which it knows that a
/// transaction is open. That knowledge is the contract: a connection outside a transaction would
/// commit an event at once, whatever becomes of the change that it tells of.
///
/// ```
/// use outbox_sdk::{Connection, InTransaction};
///
/// struct UnitOfWork<'a> {
///     connection: &'a mut sqlx::PgConnection,
/// }
///
/// impl InTransaction for UnitOfWork<'_> {
///     fn connection(&mut self) -> Connection<'_> {
///         Connection::from(&mut *self.connection)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not inside a database transaction",
    label = "expected a transaction",
    note = "begin one with `pool.begin().await?` and pass `&mut tx`: an event that is written \
            outside of the transaction of its change can tell of what never happened"
)]
pub trait InTransaction: Send {
    /// The connection on which the transaction is open.
    fn connection(&mut self) -> Connection<'_>;
}

/// A connection with an open transaction.
#[derive(Debug)]
#[non_exhaustive]
pub enum Connection<'a> {
    /// One of sqlx.
    Sqlx(&'a mut PgConnection),
}

impl<'a> From<&'a mut PgConnection> for Connection<'a> {
    fn from(connection: &'a mut PgConnection) -> Self {
        Self::Sqlx(connection)
    }
}

impl InTransaction for PgTransaction<'_> {
    fn connection(&mut self) -> Connection<'_> {
        Connection::Sqlx(self)
    }
}
