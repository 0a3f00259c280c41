//! For database libraries that this crate does not know: the statement, to be run by them.

use super::statement::{self, Bind};
use super::{EmitError, EmitOptions, checked};
use crate::{Event, EventId};

/// The SQL of one event with its parameters, for any database library.
///
/// Run it in the transaction of the change that it tells of: here nothing checks that there is one.
/// It inserts one row and returns nothing. Every parameter is a text or null; PostgreSQL casts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    id: EventId,
    sql: &'static str,
    binds: Vec<Option<String>>,
}

impl Statement {
    /// The id of the event.
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The SQL, the same for every event, with parameters from `$1` on.
    pub const fn sql(&self) -> &'static str {
        self.sql
    }

    /// The parameters, `$1` first.
    pub fn binds(&self) -> &[Option<String>] {
        &self.binds
    }

    /// The parameters, for a library that wants to own them.
    pub fn into_binds(self) -> Vec<Option<String>> {
        self.binds
    }
}

/// Gives the statement of an event; every [`Event`] has it.
///
/// The checks are those of [`emit`](crate::emit), and so is what the [context](crate::context)
/// adds.
///
/// ```
/// use outbox_sdk::{EmitError, Event, EventStatement as _};
/// # struct Diesel;
/// # struct Query;
/// # impl Query {
/// #     fn into_boxed(self) -> Self { self }
/// #     fn bind<S, T>(self, _: T) -> Self { self }
/// #     fn execute(self, _: &mut Diesel) -> Result<usize, Box<dyn std::error::Error>> { Ok(1) }
/// # }
/// # struct Nullable<T>(T);
/// # struct Text;
/// # fn sql_query(_: &str) -> Query { Query }
///
/// // With diesel, inside of `connection.transaction(…)`:
/// fn place(
///     connection: &mut Diesel,
///     placed: &impl Event,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let statement = placed.statement()?;
///     let mut query = sql_query(statement.sql()).into_boxed();
///     for bind in statement.binds() {
///         query = query.bind::<Nullable<Text>, _>(bind);
///     }
///     query.execute(connection)?;
///     Ok(())
/// }
/// ```
pub trait EventStatement: Event {
    /// The statement that writes this event.
    fn statement(&self) -> Result<Statement, EmitError> {
        self.statement_with(&EmitOptions::default())
    }

    /// The same with what `options` say, as [`emit_with`](crate::emit_with) does.
    fn statement_with(&self, options: &EmitOptions) -> Result<Statement, EmitError> {
        let (shared, row) = checked(self, options)?;
        let id = row.id;
        let bound = statement::one(shared, row);
        let text = |bind| match bind {
            Bind::Text(text) => text,
            Bind::Texts(_) => unreachable!("one row has no arrays"),
        };
        Ok(Statement {
            id,
            sql: bound.sql,
            binds: bound.binds.into_iter().map(text).collect(),
        })
    }
}

impl<E: Event + ?Sized> EventStatement for E {}
