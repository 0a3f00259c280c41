//! The schema that a program was built with, built and compiled at the first use.

use std::fmt;
use std::sync::OnceLock;

use outbox_contract::schema::{self, CompiledSchema};

use crate::avro::{AvroType, schema_json};

/// The Avro schema of an event type; made for a `static`.
///
/// ```
/// use outbox_sdk::EventSchema;
///
/// static GREETED: EventSchema = EventSchema::new(
///     r#"{"type": "record", "name": "Greeted", "fields": [{"name": "name", "type": "string"}]}"#,
/// );
/// assert_eq!(GREETED.compiled()?.fingerprint().to_string(), "sha256:8aa6111b1a075cf5");
/// # Ok::<(), &outbox_sdk::contract::schema::Error>(())
/// ```
pub struct EventSchema {
    source: Source,
    compiled: OnceLock<Result<CompiledSchema, schema::Error>>,
}

enum Source {
    Text(&'static str),
    Type {
        build: fn() -> String,
        built: OnceLock<String>,
    },
}

impl EventSchema {
    /// The schema whose JSON is `json`. Whether it is one is found at the first use.
    pub const fn new(json: &'static str) -> Self {
        Self {
            source: Source::Text(json),
            compiled: OnceLock::new(),
        }
    }

    /// The schema of a Rust type, put together at the first use.
    ///
    /// ```
    /// use outbox_sdk::EventSchema;
    /// use outbox_sdk::avro::Kind;
    ///
    /// static IDS: EventSchema = EventSchema::of_type::<Vec<i64>>();
    /// assert_eq!(IDS.compiled()?.kind(), Kind::Array);
    /// # Ok::<(), &outbox_sdk::contract::schema::Error>(())
    /// ```
    pub const fn of_type<T: AvroType + ?Sized>() -> Self {
        Self {
            source: Source::Type {
                build: || schema_json(&T::AVRO),
                built: OnceLock::new(),
            },
            compiled: OnceLock::new(),
        }
    }

    /// The JSON of the schema.
    pub fn json(&self) -> &str {
        match &self.source {
            Source::Text(json) => json,
            Source::Type { build, built } => built.get_or_init(build),
        }
    }

    /// The compiled schema. An error is permanent: the program has a wrong schema. A unit test that
    /// calls this finds it before anything is emitted.
    pub fn compiled(&self) -> Result<&CompiledSchema, &schema::Error> {
        let compiled = self
            .compiled
            .get_or_init(|| CompiledSchema::compile(self.json(), &[]));
        compiled.as_ref()
    }

    pub(crate) fn into_compiled(self) -> Result<CompiledSchema, schema::Error> {
        CompiledSchema::compile(self.json(), &[])
    }
}

impl fmt::Debug for EventSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventSchema").field(&self.json()).finish()
    }
}
