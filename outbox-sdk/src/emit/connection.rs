//! What events can be written to: something that is inside a transaction.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

/// Something that is inside a database transaction, such as `sqlx::Transaction` or
/// `tokio_postgres::Transaction`.
///
/// Implement it for an own unit of work that holds a connection of which it knows that a
/// transaction is open. That knowledge is the contract: a connection outside a transaction would
/// commit an event at once, whatever becomes of the change that it tells of.
///
/// ```
/// # #[cfg(feature = "sqlx")] {
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
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not inside a database transaction",
    label = "expected a transaction",
    note = "begin one, with `pool.begin().await?` (sqlx) or `client.transaction().await?` \
            (tokio-postgres), and pass `&mut tx`, not `&mut *tx`: an event that is written outside of the \
            transaction of its change can tell of what never happened",
    note = "the transactions of a driver count when the feature of its name is on"
)]
pub trait InTransaction: Send {
    /// The connection on which the transaction is open.
    fn connection(&mut self) -> Connection<'_>;
}

/// A connection with an open transaction.
#[non_exhaustive]
pub enum Connection<'a> {
    /// One of sqlx.
    #[cfg(feature = "sqlx")]
    Sqlx(&'a mut sqlx::PgConnection),
    /// One of tokio-postgres.
    #[cfg(feature = "tokio-postgres")]
    TokioPostgres(&'a tokio_postgres::Transaction<'a>),
    /// None: the events are recorded.
    #[cfg(feature = "testing")]
    Recorder(&'a mut crate::testing::Recorder),
    /// Cannot exist; without a driver's feature it is the only variant.
    #[doc(hidden)]
    Never(Infallible, PhantomData<&'a ()>),
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sqlx")]
            Self::Sqlx(_) => f.write_str("Connection::Sqlx"),
            #[cfg(feature = "tokio-postgres")]
            Self::TokioPostgres(_) => f.write_str("Connection::TokioPostgres"),
            #[cfg(feature = "testing")]
            Self::Recorder(_) => f.write_str("Connection::Recorder"),
            Self::Never(never, _) => match *never {},
        }
    }
}

#[cfg(feature = "sqlx")]
impl<'a> From<&'a mut sqlx::PgConnection> for Connection<'a> {
    fn from(connection: &'a mut sqlx::PgConnection) -> Self {
        Self::Sqlx(connection)
    }
}

#[cfg(feature = "sqlx")]
impl InTransaction for sqlx::PgTransaction<'_> {
    fn connection(&mut self) -> Connection<'_> {
        Connection::Sqlx(self)
    }
}

#[cfg(feature = "tokio-postgres")]
impl<'a> From<&'a tokio_postgres::Transaction<'a>> for Connection<'a> {
    fn from(transaction: &'a tokio_postgres::Transaction<'a>) -> Self {
        Self::TokioPostgres(transaction)
    }
}

#[cfg(feature = "tokio-postgres")]
impl InTransaction for tokio_postgres::Transaction<'_> {
    fn connection(&mut self) -> Connection<'_> {
        Connection::TokioPostgres(self)
    }
}

#[cfg(feature = "testing")]
impl<'a> From<&'a mut crate::testing::Recorder> for Connection<'a> {
    fn from(recorder: &'a mut crate::testing::Recorder) -> Self {
        Self::Recorder(recorder)
    }
}

#[cfg(feature = "testing")]
impl InTransaction for crate::testing::Recorder {
    fn connection(&mut self) -> Connection<'_> {
        Connection::Recorder(self)
    }
}
