//! Stage 4: from an event to a Kafka record.
//!
//! The JSON payload becomes Avro under the schema version that its writer had; the Confluent wire
//! header and the record headers go around it. Everything is written once, into the arena of the
//! batch that will carry it: no allocation per event.
//!
//! Guards against: a payload that goes out as something else than its contract says. A misfit is
//! an error that names the event and the place in the payload, never a guess.

mod dead_letter;
mod headers;
mod lock;
mod record;
mod registry;
mod resolver;

use std::sync::Arc;

use outbox_contract::transcode::{self, Transcoder};
use outbox_contract::{schema_ref, wire};
use uuid::Uuid;

use crate::config::RecordTimestamp;
use crate::decode::Event;
use crate::error::{Action, Classify};
use crate::lsn::Lsn;
use crate::route::Route;
use crate::runtime::clock;

pub use dead_letter::{DeadLetter, Skip};
pub use headers::{Headers, InvalidHeaders};
pub use lock::{ContractLock, LockError};
pub use record::{Arena, Record, Slice};
pub use registry::{RegisteredSchema, Registration, Registry, RegistryError, RegistryTls};

pub use resolver::{ResolveError, Resolver};

/// Brokers from 4.0 refuse a record whose timestamp lies further ahead than this, and one far
/// behind would be deleted at once by the topic's retention
/// (`message.timestamp.after.max.ms`, <https://kafka.apache.org/documentation/#topicconfigs>).
const TIMESTAMP_DISTANCE_MAX_MICROS: u64 = 3_600 * 1_000_000;

/// Why an event cannot become a record. Each names the event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The payload does not fit its schema.
    #[error(
        "event {event_id} of type {event_type:?} does not fit schema {schema_id} of subject {subject:?}"
    )]
    Payload {
        /// The event.
        event_id: Uuid,
        /// Its type.
        event_type: String,
        /// The subject that the schema belongs to.
        subject: Arc<str>,
        /// The registry's id of the schema.
        schema_id: u32,
        /// Where it does not fit, and why.
        #[source]
        source: Box<transcode::Error>,
    },
    /// The event's `headers` column cannot become record headers.
    #[error("the headers of event {event_id} cannot be written")]
    Headers {
        /// The event.
        event_id: Uuid,
        /// Why.
        #[source]
        source: InvalidHeaders,
    },
    /// The event happened at a time that the header cannot say.
    #[error("event {event_id} happened outside of the years 1 to 9999")]
    OccurredAt {
        /// The event.
        event_id: Uuid,
    },
    /// The event's `schema_ref` is neither a version nor a fingerprint.
    #[error("event {event_id} names its schema version in no known form")]
    SchemaRef {
        /// The event.
        event_id: Uuid,
        /// What it said.
        #[source]
        source: schema_ref::ParseSchemaRefError,
    },
    /// The schema of the event cannot be found.
    #[error("event {event_id} of type {event_type:?} has no schema")]
    Schema {
        /// The event.
        event_id: Uuid,
        /// Its type.
        event_type: String,
        /// Why.
        #[source]
        source: Box<ResolveError>,
    },
}

impl Error {
    /// The event.
    pub fn event_id(&self) -> Uuid {
        match self {
            Self::Payload { event_id, .. }
            | Self::Headers { event_id, .. }
            | Self::OccurredAt { event_id }
            | Self::SchemaRef { event_id, .. }
            | Self::Schema { event_id, .. } => *event_id,
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Payload { .. }
            | Self::Headers { .. }
            | Self::OccurredAt { .. }
            | Self::SchemaRef { .. } => Action::Poison,
            Self::Schema { source, .. } => source.action(),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Payload { subject, .. } => format!(
                "correct the service that wrote it, or register a version of {subject:?} that it fits and name it in schema_ref"
            ),
            Self::Headers { .. } => {
                "correct the service that wrote it: headers are a flat JSON object of texts without the names that the relay sets".to_owned()
            }
            Self::OccurredAt { .. } => "correct the service that wrote it".to_owned(),
            Self::SchemaRef { .. } => {
                "correct the service that wrote it: schema_ref is v<version> or sha256:<16 hexadecimal digits>".to_owned()
            }
            Self::Schema { source, .. } => source.remedy(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Payload { .. } => "payload_misfit",
            Self::Headers { .. } => "invalid_headers",
            Self::OccurredAt { .. } => "occurred_at_out_of_range",
            Self::SchemaRef { .. } => "invalid_schema_ref",
            Self::Schema { source, .. } => source.reason(),
        }
    }
}

/// Where an event stands: in which database transaction, and the how-manieth insert of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Where the transaction's commit record begins.
    pub commit_lsn: Lsn,
    /// The how-manieth insert into the outbox within the transaction, from 1, as decoded.
    pub ordinal: u64,
}

/// Writes events as records.
pub struct Encoder {
    transcoder: Transcoder,
    /// `<name>/<source epoch>/`, the beginning of every position header.
    position_prefix: String,
    timestamp: RecordTimestamp,
}

impl Encoder {
    /// An encoder for the events of one outbox, from one source epoch.
    pub fn new(name: &str, source_epoch: u32, timestamp: RecordTimestamp) -> Self {
        Self {
            transcoder: Transcoder::new(),
            position_prefix: format!("{name}/{source_epoch}/"),
            timestamp,
        }
    }

    /// Appends the record's bytes to `arena`. After an error the arena is as before.
    ///
    /// `schema` may be missing where the event is a tombstone. `now_micros` is the relay's clock,
    /// read once for many events.
    ///
    /// # Panics
    /// When the schema of an event with a payload is missing.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one record, each used once"
    )]
    pub fn encode(
        &mut self,
        event: &Event<'_>,
        position: Position,
        route: &Arc<Route>,
        partition: i32,
        schema: Option<&RegisteredSchema>,
        now_micros: i64,
        arena: &mut Arena,
    ) -> Result<Record, Error> {
        let start = arena.len();
        let encoded = self.write(event, position, route, partition, schema, now_micros, arena);
        if encoded.is_err() {
            arena.truncate(start);
        }
        encoded
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one record, each used once"
    )]
    fn write(
        &mut self,
        event: &Event<'_>,
        position: Position,
        route: &Arc<Route>,
        partition: i32,
        schema: Option<&RegisteredSchema>,
        now_micros: i64,
        arena: &mut Arena,
    ) -> Result<Record, Error> {
        let key = arena.append(|bytes| bytes.extend_from_slice(key(event)));
        let value = match event.payload {
            None => None,
            Some(payload) => {
                let schema =
                    schema.expect("the caller found the schema of an event with a payload");
                Some(self.write_value(event, payload, route, schema, arena)?)
            }
        };
        let near = event.occurred_at.abs_diff(now_micros) <= TIMESTAMP_DISTANCE_MAX_MICROS;
        let (timestamp_micros, occurred_at) = match self.timestamp {
            RecordTimestamp::OccurredAt if near => (event.occurred_at, None),
            RecordTimestamp::OccurredAt | RecordTimestamp::Published => {
                let occurred_at = clock::rfc3339(event.occurred_at);
                let out_of_range = Error::OccurredAt { event_id: event.id };
                (now_micros, Some(occurred_at.ok_or(out_of_range)?))
            }
        };
        let header_block = arena.len();
        headers::write(
            event,
            position,
            &self.position_prefix,
            occurred_at.as_deref(),
            arena,
        )
        .map_err(|source| Error::Headers {
            event_id: event.id,
            source,
        })?;
        Ok(Record {
            route: Arc::clone(route),
            partition,
            timestamp_millis: timestamp_micros.div_euclid(1_000),
            event_id: event.id,
            is_dead_letter: false,
            key,
            value,
            headers: arena.since(header_block),
        })
    }

    fn write_value(
        &mut self,
        event: &Event<'_>,
        payload: &str,
        route: &Route,
        schema: &RegisteredSchema,
        arena: &mut Arena,
    ) -> Result<Slice, Error> {
        let start = arena.len();
        arena.append(|bytes| wire::write_header(schema.id, bytes));
        let transcoded =
            arena.try_append(|bytes| self.transcoder.transcode(payload, &schema.compiled, bytes));
        transcoded.map_err(|source| Error::Payload {
            event_id: event.id,
            event_type: event.event_type.to_owned(),
            subject: Arc::clone(&route.subject),
            schema_id: schema.id,
            source: Box::new(source),
        })?;
        Ok(arena.since(start))
    }
}

/// The key of an event's record: its own key where it gives one, else the aggregate id.
pub fn key<'a>(event: &Event<'a>) -> &'a [u8] {
    event.key.unwrap_or(event.aggregate_id).as_bytes()
}

#[cfg(test)]
mod golden_tests;
