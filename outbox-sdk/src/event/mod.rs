//! What an event says about itself.

mod id;
mod schema;

use std::borrow::Cow;

use serde::Serialize;

pub use id::{EventId, ParseEventIdError};
pub use schema::EventSchema;

/// A domain event: something that happened to one aggregate, past tense.
///
/// Its payload is its JSON as serde writes it, under the Avro schema of [`Event::schema`]: the
/// schema's field names are those that serde writes, so `rename` counts. The dialect, such as what
/// a date or a decimal looks like, is that of [`outbox_contract::transcode`].
///
/// `#[derive(Event)]` implements it, with the schema of the struct's fields; the crate's
/// documentation has an example. By hand it is the same:
///
/// ```
/// use std::borrow::Cow;
///
/// use outbox_sdk::{Event, EventSchema};
///
/// #[derive(serde::Serialize)]
/// struct OrderPlaced {
///     order_id: i64,
/// }
///
/// impl Event for OrderPlaced {
///     const EVENT_TYPE: &'static str = "shop.OrderPlaced";
///     const AGGREGATE_TYPE: &'static str = "order";
///
///     fn schema() -> &'static EventSchema {
///         static SCHEMA: EventSchema = EventSchema::new(
///             r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
///                 {"name": "order_id", "type": "long"}]}"#,
///         );
///         &SCHEMA
///     }
///
///     fn aggregate_id(&self) -> Cow<'_, str> {
///         self.order_id.to_string().into()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "is not an event",
    note = "`#[derive(outbox_sdk::Event, serde::Serialize)]` and `#[event(type = \"shop.OrderPlaced\", \
            aggregate = \"order\", key = order_id)]` on the struct"
)]
pub trait Event: Serialize {
    /// The name of the contract, such as `shop.OrderPlaced`; it picks the schema and the route.
    ///
    /// Up to 200 letters, digits and `_ . -`, beginning with a letter or `_`; names that begin
    /// with `postrider.` are taken.
    const EVENT_TYPE: &'static str;

    /// What kind of thing it happened to, such as `order`; the same form as the event type.
    const AGGREGATE_TYPE: &'static str;

    /// False for an event that stays in the database and is never published.
    const PUBLIC: bool = true;

    /// The Avro schema that this program was built with.
    ///
    /// Keep it in a `static` of the function, so that it is compiled once.
    fn schema() -> &'static EventSchema;

    /// Which aggregate it happened to; 1 to 1024 bytes.
    ///
    /// It is the Kafka key unless [`Event::key`] gives another, and events of one key are
    /// published in the order of their commits.
    fn aggregate_id(&self) -> Cow<'_, str>;

    /// A Kafka key other than the aggregate id; 1 to 1024 bytes.
    fn key(&self) -> Option<Cow<'_, str>> {
        None
    }
}

impl<E: Event + ?Sized> Event for &E {
    const EVENT_TYPE: &'static str = E::EVENT_TYPE;
    const AGGREGATE_TYPE: &'static str = E::AGGREGATE_TYPE;
    const PUBLIC: bool = E::PUBLIC;

    fn schema() -> &'static EventSchema {
        E::schema()
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        (**self).aggregate_id()
    }

    fn key(&self) -> Option<Cow<'_, str>> {
        (**self).key()
    }
}
