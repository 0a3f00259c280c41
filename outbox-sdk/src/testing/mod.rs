//! A test double: events are recorded, and no database is needed.
//!
//! Everything that [`emit`](crate::emit) checks is checked here too, so an event that does not fit its
//! schema fails the test. What the database does is not: a real test with it remains.
//!
//! ```
//! use outbox_sdk::testing::Recorder;
//! # use outbox_sdk::{EmitError, Event, EventSchema, InTransaction, emit};
//! # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
//! # struct OrderPlaced { order_id: i64 }
//! # impl Event for OrderPlaced {
//! #     const EVENT_TYPE: &'static str = "shop.OrderPlaced";
//! #     const AGGREGATE_TYPE: &'static str = "order";
//! #     fn schema() -> &'static EventSchema {
//! #         static SCHEMA: EventSchema = EventSchema::new(
//! #             r#"{"type": "record", "name": "shop.OrderPlaced", "fields": [
//! #                 {"name": "order_id", "type": "long"}]}"#,
//! #         );
//! #         &SCHEMA
//! #     }
//! #     fn aggregate_id(&self) -> std::borrow::Cow<'_, str> { self.order_id.to_string().into() }
//! # }
//!
//! // The code under test takes what it needs, a transaction.
//! async fn place(tx: &mut impl InTransaction, order_id: i64) -> Result<(), EmitError> {
//!     emit(tx, &OrderPlaced { order_id }).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), EmitError> {
//! let mut tx = Recorder::new();
//! place(&mut tx, 42).await?;
//! let recorded = tx.recorded();
//! assert_eq!(recorded.of::<OrderPlaced>(), [OrderPlaced { order_id: 42 }]);
//! recorded.with_type("shop.OrderPlaced").with_key("42").assert_count(1);
//! recorded.with_type("shop.OrderCancelled").assert_count(0);
//! # Ok(())
//! # }
//! ```

mod recorded;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::EventId;
use crate::emit::row::{Row, Shared};

pub use recorded::Recorded;

/// A transaction that is none: what is emitted in it is recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Vec<RecordedEvent>,
    business_keys: BTreeMap<String, EventId>,
}

/// An event as its row would be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// The id that `emit` returned.
    pub id: EventId,
    /// The name of the contract.
    pub event_type: String,
    /// What kind of thing it happened to.
    pub aggregate_type: String,
    /// Which one.
    pub aggregate_id: String,
    /// The Kafka key, if it is not the aggregate id.
    pub key: Option<String>,
    /// That of the options or the context; the event's id otherwise.
    pub correlation_id: String,
    /// That of the options or the context.
    pub causation_id: Option<String>,
    /// Those of the options and the context.
    pub headers: BTreeMap<String, String>,
    /// The JSON that would be published as Avro.
    pub payload: serde_json::Value,
    /// The fingerprint of the event's schema.
    pub schema_ref: String,
    /// False for an event that would stay in the database.
    pub is_public: bool,
    /// Where the options gave one.
    pub occurred_at: Option<SystemTime>,
}

impl RecordedEvent {
    /// The key of the Kafka record.
    pub fn kafka_key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.aggregate_id)
    }

    fn new(shared: &Shared, row: Row) -> Self {
        let valid = "emit has written this JSON and checked it";
        Self {
            id: row.id,
            event_type: shared.event_type.to_owned(),
            aggregate_type: shared.aggregate_type.to_owned(),
            aggregate_id: row.aggregate_id,
            key: row.key,
            correlation_id: shared
                .correlation_id
                .clone()
                .unwrap_or_else(|| row.id.to_string()),
            causation_id: shared.causation_id.clone(),
            headers: serde_json::from_str(&shared.headers).expect(valid),
            payload: serde_json::from_str(&row.payload).expect(valid),
            schema_ref: shared.schema_ref.clone(),
            is_public: shared.is_public,
            occurred_at: row.occurred_at.map(at),
        }
    }
}

/// The time of so many microseconds since 1970.
fn at(microseconds: i64) -> SystemTime {
    let distance = Duration::from_micros(microseconds.unsigned_abs());
    if microseconds < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}

impl Recorder {
    /// One without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// All that was emitted, in order.
    pub fn recorded(&self) -> Recorded<'_> {
        Recorded::new(&self.events)
    }

    pub(crate) fn record(&mut self, shared: &Shared, rows: impl IntoIterator<Item = Row>) {
        let rows = rows.into_iter();
        self.events
            .extend(rows.map(|row| RecordedEvent::new(shared, row)));
    }

    pub(crate) fn record_once(&mut self, business_key: &str, shared: &Shared, row: Row) -> EventId {
        if let Some(first) = self.business_keys.get(business_key) {
            return *first;
        }
        let id = row.id;
        self.business_keys.insert(business_key.to_owned(), id);
        self.record(shared, [row]);
        id
    }
}
