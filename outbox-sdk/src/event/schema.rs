//! The schema that a program was built with, compiled at the first use.

use std::sync::OnceLock;

use outbox_contract::schema::{self, CompiledSchema};

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
#[derive(Debug)]
pub struct EventSchema {
    json: &'static str,
    compiled: OnceLock<Result<CompiledSchema, schema::Error>>,
}

impl EventSchema {
    /// The schema whose JSON is `json`. Whether it is one is found at the first use.
    pub const fn new(json: &'static str) -> Self {
        Self {
            json,
            compiled: OnceLock::new(),
        }
    }

    /// The JSON of the schema.
    pub const fn json(&self) -> &'static str {
        self.json
    }

    /// The compiled schema. An error is permanent: the program has a wrong schema. A unit test that
    /// calls this finds it before anything is emitted.
    pub fn compiled(&self) -> Result<&CompiledSchema, &schema::Error> {
        let compiled = self
            .compiled
            .get_or_init(|| CompiledSchema::compile(self.json, &[]));
        compiled.as_ref()
    }
}
