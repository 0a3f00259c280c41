//! What was recorded: narrowed down, read back, asserted.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RecordedEvent;
use crate::Event;

/// Recorded events, all or those that fit what was asked for so far.
#[derive(Debug, Clone)]
pub struct Recorded<'a> {
    all: &'a [RecordedEvent],
    events: Vec<&'a RecordedEvent>,
    /// What was asked for, for the message of an assertion.
    asked: Vec<String>,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(all: &'a [RecordedEvent]) -> Self {
        Self {
            all,
            events: all.iter().collect(),
            asked: Vec::new(),
        }
    }

    /// The events, in the order in which they were emitted.
    pub fn events(&self) -> &[&'a RecordedEvent] {
        &self.events
    }

    /// The payloads of the events of this type, read back.
    ///
    /// # Panics
    ///
    /// When a payload cannot be read as the type that wrote it.
    #[track_caller]
    pub fn of<E: Event + DeserializeOwned>(&self) -> Vec<E> {
        let events = self.events.iter();
        events
            .filter(|event| event.event_type == E::EVENT_TYPE)
            .map(|event| {
                E::deserialize(&event.payload).unwrap_or_else(|error| {
                    panic!("{} cannot be read back: {error}", E::EVENT_TYPE)
                })
            })
            .collect()
    }

    /// Those of this event type.
    #[must_use]
    pub fn with_type(&self, event_type: &str) -> Self {
        self.narrowed(format!("type {event_type:?}"), |event| {
            event.event_type == event_type
        })
    }

    /// Those whose Kafka key this is.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        self.narrowed(format!("key {key:?}"), |event| event.kafka_key() == key)
    }

    /// Those with this header.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        self.narrowed(format!("header {name}: {value:?}"), |event| {
            event.headers.get(name).is_some_and(|found| found == value)
        })
    }

    /// Those with this correlation id.
    #[must_use]
    pub fn with_correlation_id(&self, correlation_id: &str) -> Self {
        self.narrowed(format!("correlation id {correlation_id:?}"), |event| {
            event.correlation_id == correlation_id
        })
    }

    /// Those whose payload is that of `payload`, an event or any other thing that serde writes.
    ///
    /// # Panics
    ///
    /// When serde cannot write it.
    #[must_use]
    #[track_caller]
    pub fn with_payload(&self, payload: &(impl Serialize + ?Sized)) -> Self {
        let payload = serde_json::to_value(payload)
            .unwrap_or_else(|error| panic!("the payload cannot be written as JSON: {error}"));
        self.narrowed(format!("payload {payload}"), |event| {
            event.payload == payload
        })
    }

    /// Asserts how many there are.
    ///
    /// # Panics
    ///
    /// When there are more or fewer; the message lists all that was recorded.
    #[track_caller]
    pub fn assert_count(&self, count: usize) {
        let found = self.events.len();
        assert!(
            found == count,
            "expected {count} events of {asked}, found {found}; recorded: {all:#?}",
            asked = if self.asked.is_empty() {
                "any kind".to_owned()
            } else {
                self.asked.join(", ")
            },
            all = self.all,
        );
    }

    fn narrowed(&self, asked: String, fits: impl Fn(&RecordedEvent) -> bool) -> Self {
        let mut narrowed = self.clone();
        narrowed.events.retain(|event| fits(event));
        narrowed.asked.push(asked);
        narrowed
    }
}
