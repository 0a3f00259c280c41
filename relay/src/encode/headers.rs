//! The headers of a record, as one block of bytes in the batch's arena.
//!
//! Each header is its name's length (2 bytes), its value's length (4 bytes), the name and the
//! value, so that writing and reading them allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use outbox_contract::headers as names;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::{Arena, Position};
use crate::decode::Event;

/// Why the `headers` column of an event cannot become record headers.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHeaders {
    /// Not a flat object of texts, a name twice, or a name that the relay sets itself.
    #[error("the headers column is refused")]
    Column(#[source] serde_json::Error),
}

/// Writes the headers of one record. `occurred_at` is given when the record's timestamp is another
/// time.
pub(super) fn write(
    event: &Event<'_>,
    position: Position,
    position_prefix: &str,
    occurred_at: Option<&str>,
    arena: &mut Arena,
) -> Result<(), InvalidHeaders> {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    arena.append(|block| {
        header(
            block,
            names::ID,
            event.id.hyphenated().encode_lower(&mut text).as_bytes(),
        );
        header(block, names::TYPE, event.event_type.as_bytes());
        header(
            block,
            names::CORRELATION_ID,
            event.correlation_id.as_bytes(),
        );
        position_header(block, position, position_prefix);
        if let Some(causation_id) = event.causation_id {
            header(block, names::CAUSATION_ID, causation_id.as_bytes());
        }
        if event.key.is_some_and(|key| key != event.aggregate_id) {
            header(block, names::AGGREGATE_ID, event.aggregate_id.as_bytes());
        }
        if let Some(occurred_at) = occurred_at {
            header(block, names::OCCURRED_AT, occurred_at.as_bytes());
        }
    });
    if event.headers == "{}" {
        return Ok(());
    }
    arena
        .try_append(|block| own_headers(event.headers, block))
        .map(drop)
}

pub(super) fn header(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    let name_len = u16::try_from(name.len()).expect("names of headers are limited to 64 KiB");
    let value_len = u32::try_from(value.len()).expect("a column is limited to 1 GiB");
    block.extend_from_slice(&name_len.to_be_bytes());
    block.extend_from_slice(&value_len.to_be_bytes());
    block.extend_from_slice(name.as_bytes());
    block.extend_from_slice(value);
}

fn position_header(block: &mut Vec<u8>, position: Position, prefix: &str) {
    let start = block.len();
    header(block, names::POSITION, &[]);
    block.extend_from_slice(prefix.as_bytes());
    // Both numbers without an allocation; writing to a Vec cannot fail.
    let written = write!(
        block,
        "{:016x}/{}",
        position.commit_lsn.as_u64(),
        position.ordinal
    );
    written.expect("writing to memory succeeds");
    let value_len = block.len() - start - 6 - names::POSITION.len();
    let value_len = u32::try_from(value_len).expect("a position is some 80 bytes");
    block[start + 2..start + 6].copy_from_slice(&value_len.to_be_bytes());
}

/// The application's own headers, from the JSON column.
fn own_headers(json: &str, block: &mut Vec<u8>) -> Result<(), InvalidHeaders> {
    struct Own<'b>(&'b mut Vec<u8>);

    impl<'de> Visitor<'de> for Own<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a flat object of texts")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
            let start = self.0.len();
            while let Some(name) = map.next_key_seed(Text)? {
                if names::RESERVED.contains(&&*name) {
                    return Err(M::Error::custom(format_args!(
                        "{name:?} is set by the relay"
                    )));
                }
                if name.is_empty() || name.len() > usize::from(u16::MAX) {
                    return Err(M::Error::custom("a name must have 1 to 65535 bytes"));
                }
                if Headers(&self.0[start..]).any(|(known, _)| known == name) {
                    return Err(M::Error::custom(format_args!(
                        "{name:?} stands there twice"
                    )));
                }
                let value = map.next_value_seed(Text)?;
                header(self.0, &name, value.as_bytes());
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_map(Own(block))
        .map_err(InvalidHeaders::Column)?;
    json.end().map_err(InvalidHeaders::Column)
}

/// A JSON text, borrowed unless it has escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Reads a block of headers back, in order.
#[derive(Debug, Clone)]
pub struct Headers<'a>(pub &'a [u8]);

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name_len, rest) = self.0.split_first_chunk::<2>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_at(usize::from(u16::from_be_bytes(*name_len)));
        let (value, rest) = rest.split_at(u32::from_be_bytes(*value_len) as usize);
        self.0 = rest;
        Some((
            std::str::from_utf8(name).expect("names were written as texts"),
            value,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;

    fn event(headers: &str) -> Event<'_> {
        Event {
            headers,
            ..Event::sample()
        }
    }

    fn written(
        event: &Event<'_>,
        occurred_at: Option<&str>,
    ) -> Result<Vec<String>, InvalidHeaders> {
        let mut arena = Arena::default();
        let position = Position {
            commit_lsn: Lsn::new(0x16_B374_D848),
            ordinal: 3,
        };
        write(event, position, "orders/1/", occurred_at, &mut arena)?;
        let block = arena.since(0);
        Ok(Headers(arena.get(block))
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
            .collect())
    }

    #[test]
    fn four_headers_are_always_there() {
        assert_eq!(
            written(&event("{}"), None).unwrap(),
            [
                "id=00000000-0000-0000-0000-000000000007",
                "type=shop.OrderPlaced",
                "correlation-id=c-1",
                "postrider-position=orders/1/00000016b374d848/3",
            ]
        );
    }

    #[test]
    fn the_others_are_there_when_they_say_something() {
        let mut event = event(r#"{"traceparent": "00-a", "ten\u0061nt": "é\n"}"#);
        event.key = Some("other");
        event.causation_id = Some("cause");
        assert_eq!(
            written(&event, Some("2020-01-01T00:00:00Z")).unwrap()[4..],
            [
                "causation-id=cause",
                "aggregate-id=42",
                "occurred-at=2020-01-01T00:00:00Z",
                "traceparent=00-a",
                "tenant=é\n",
            ]
        );
        event.key = Some("42");
        assert!(
            !written(&event, None)
                .unwrap()
                .iter()
                .any(|h| h.starts_with("aggregate-id"))
        );
    }

    #[test]
    fn headers_that_are_no_flat_object_of_texts_are_refused() {
        for headers in [
            "",
            "[]",
            "null",
            r#"{"a": 1}"#,
            r#"{"a": null}"#,
            r#"{"a": {"b": "c"}}"#,
            r#"{"a": "b"} x"#,
            r#"{"a": "b", "a": "c"}"#,
            r#"{"id": "forged"}"#,
            r#"{"postrider-position": "forged"}"#,
            r#"{"": "x"}"#,
        ] {
            assert!(
                written(&event(headers), None).is_err(),
                "{headers} was accepted"
            );
        }
    }
}
