//! The names of the outbox table: what `emit` inserts and what the relay finds in the stream.

/// The schema that holds everything of the outbox.
pub const SCHEMA: &str = "outbox";

/// The append-only table of events, in [`SCHEMA`].
pub const TABLE: &str = "event";

/// UUID version 7: the event's identity and its deduplication key.
pub const ID: &str = "id";

/// What kind of thing changed, such as `order`.
pub const AGGREGATE_TYPE: &str = "aggregate_type";

/// Which one changed; the Kafka key unless [`KEY`] is given.
pub const AGGREGATE_ID: &str = "aggregate_id";

/// The name of the contract, such as `shop.OrderPlaced`; it picks the schema.
pub const EVENT_TYPE: &str = "event_type";

/// The schema version that the writer had, as [`crate::schema_ref::SchemaRef`]; may be null.
pub const SCHEMA_REF: &str = "schema_ref";

/// A Kafka key other than the aggregate id; may be null.
pub const KEY: &str = "key";

/// What belongs together across services; the event's id where the writer gave none.
pub const CORRELATION_ID: &str = "correlation_id";

/// The event or request that caused this one; may be null.
pub const CAUSATION_ID: &str = "causation_id";

/// The event's data as `json`; null is a tombstone.
pub const PAYLOAD: &str = "payload";

/// A JSON object of further record headers, names to texts.
pub const HEADERS: &str = "headers";

/// When it happened, by the writer's account.
pub const OCCURRED_AT: &str = "occurred_at";

/// False for a domain event that stays in the database.
pub const PUBLIC: &str = "public";

/// The insert order, for repair; not published.
pub const SEQ: &str = "seq";

/// The writing transaction, for repair and retention; not published.
pub const XID: &str = "xid";

/// The partition of the ring, by the time of the insert; not published.
pub const RING: &str = "ring";

/// What an event is emitted once for: the key of the table `once`, in [`SCHEMA`]; not published.
pub const BUSINESS_KEY: &str = "business_key";

/// The column list of the publication, in the table's order.
///
/// The relay finds columns by name in each Relation message; this list says which it may rely on.
pub const PUBLISHED: [&str; 11] = [
    ID,
    AGGREGATE_TYPE,
    AGGREGATE_ID,
    EVENT_TYPE,
    SCHEMA_REF,
    KEY,
    CORRELATION_ID,
    CAUSATION_ID,
    PAYLOAD,
    HEADERS,
    OCCURRED_AT,
];

/// Event types that begin with this are Postrider's own: they never reach Kafka, and applications
/// may not use them.
pub const RESERVED_EVENT_TYPE_PREFIX: &str = "postrider.";

/// The event type of the row that proves the publication still works.
pub const CANARY_EVENT_TYPE: &str = "postrider.canary";
