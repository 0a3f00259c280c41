//! A dead letter: the event as it was written, with why it could not become what it was meant to be.

use std::sync::Arc;

use outbox_contract::headers as names;

use super::{Arena, Encoder, Position, Record, headers, key};
use crate::decode::Event;
use crate::route::Route;
use crate::runtime::clock;

/// Longest text of an error in a header. What it quotes of a schema can be long.
const ERROR_BYTES_MAX: usize = 4 << 10;

/// Why an event is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic that it was meant for; none where it has no route.
    pub topic: Option<Arc<str>>,
    /// What kind of error it is, as metrics and the status name it.
    pub reason: &'static str,
    /// The error, for people.
    pub error: String,
    /// How often the event was tried.
    pub attempts: u32,
    /// Who gave it up, where it was not the policy.
    pub skip: Option<Skip>,
}

/// That somebody gave an event up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Who.
    pub requested_by: String,
    /// Why, in their words.
    pub reason: String,
}

impl Encoder {
    /// Appends a dead letter for `route`: the key and headers of the event, and its payload as it is.
    /// Headers of the event that cannot be written are left out; of a name that is there twice, the
    /// last counts.
    pub fn dead_letter(
        &self,
        event: &Event<'_>,
        position: Position,
        letter: &DeadLetter,
        (route, partition): (&Arc<Route>, i32),
        arena: &mut Arena,
    ) -> Record {
        let key = arena.append(|bytes| bytes.extend_from_slice(key(event)));
        let value = event
            .payload
            .map(|payload| arena.append(|bytes| bytes.extend_from_slice(payload.as_bytes())));
        let start = arena.len();
        let occurred_at = clock::rfc3339(event.occurred_at);
        let occurred_at = occurred_at.as_deref();
        let own = headers::write(event, position, &self.position_prefix, occurred_at, arena);
        // They may be the very reason; what the relay itself writes is there then.
        drop(own);
        arena.append(|block| {
            if let Some(topic) = &letter.topic {
                headers::header(block, names::DEAD_LETTER_TOPIC, topic.as_bytes());
            }
            let error = &letter.error[..letter.error.floor_char_boundary(ERROR_BYTES_MAX)];
            headers::header(block, names::DEAD_LETTER_REASON, letter.reason.as_bytes());
            headers::header(block, names::DEAD_LETTER_ERROR, error.as_bytes());
            let attempts = letter.attempts.to_string();
            headers::header(block, names::DEAD_LETTER_ATTEMPTS, attempts.as_bytes());
            if let Some(skip) = &letter.skip {
                let (who, why) = (skip.requested_by.as_bytes(), skip.reason.as_bytes());
                headers::header(block, names::DEAD_LETTER_SKIPPED_BY, who);
                headers::header(block, names::DEAD_LETTER_SKIP_REASON, why);
            }
        });
        Record {
            route: Arc::clone(route),
            partition,
            timestamp_millis: clock::now_micros().div_euclid(1_000),
            event_id: event.id,
            is_dead_letter: true,
            key,
            value,
            headers: arena.since(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RecordTimestamp;
    use crate::encode::Headers;
    use crate::lsn::Lsn;

    fn written(headers: &str, occurred_at: i64) -> (String, Vec<String>) {
        let event = Event {
            payload: Some("{\"total\": \"much\"}"),
            headers,
            occurred_at,
            ..Event::sample()
        };
        let position = Position {
            commit_lsn: Lsn::new(16),
            ordinal: 1,
        };
        let letter = DeadLetter {
            topic: Some("order".into()),
            reason: "payload_misfit",
            error: "it does not fit".to_owned(),
            attempts: 1,
            skip: Some(Skip {
                requested_by: "ada".to_owned(),
                reason: "a test order".to_owned(),
            }),
        };
        let route = Arc::new(Route {
            topic: "order-dlt".into(),
            subject: "".into(),
        });
        let mut arena = Arena::default();
        let encoder = Encoder::new("orders", 1, RecordTimestamp::OccurredAt);
        let record = encoder.dead_letter(&event, position, &letter, (&route, 3), &mut arena);
        let value = arena.get(record.value.unwrap()).to_vec();
        let headers = Headers(arena.get(record.headers))
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
        (String::from_utf8(value).unwrap(), headers.collect())
    }

    #[test]
    fn it_is_what_was_written_and_says_why() {
        let (value, headers) = written(r#"{"tenant": "a"}"#, 0);
        assert_eq!(value, "{\"total\": \"much\"}");
        assert_eq!(
            headers,
            [
                "id=00000000-0000-0000-0000-000000000007",
                "type=shop.OrderPlaced",
                "correlation-id=c-1",
                "postrider-position=orders/1/0000000000000010/1",
                "occurred-at=1970-01-01T00:00:00.000000Z",
                "tenant=a",
                "dead-letter-topic=order",
                "dead-letter-reason=payload_misfit",
                "dead-letter-error=it does not fit",
                "dead-letter-attempts=1",
                "dead-letter-skipped-by=ada",
                "dead-letter-skip-reason=a test order",
            ]
        );
    }

    #[test]
    fn what_cannot_be_written_is_left_out() {
        let (_, headers) = written(r#"{"tenant": 1}"#, i64::MAX);
        let names: Vec<_> = headers
            .iter()
            .filter_map(|it| it.split('=').next())
            .collect();
        let own = ["id", "type", "correlation-id", "postrider-position"];
        assert_eq!(names[..4], own);
        assert_eq!(names[4], "dead-letter-topic", "{names:?}");
    }
}
