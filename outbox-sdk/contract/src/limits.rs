//! The bounds of an event, the same in Rust and in SQL.
//!
//! They guard against an event that is committed and can then never be published: too large for
//! a Kafka record, or named in a way that no route or topic can carry. So they are checked before
//! the row exists. The SQL side states the same numbers as check constraints.

use crate::columns::RESERVED_EVENT_TYPE_PREFIX;
use crate::headers;

/// The most bytes of a payload's JSON text: brokers accept record batches of about as much
/// (`message.max.bytes`), and Avro is smaller than JSON.
pub const PAYLOAD_BYTES_MAX: usize = 1_048_576;

/// The most bytes of the JSON text of the `headers` column.
pub const HEADERS_BYTES_MAX: usize = 65_536;

/// The most headers of one event: each costs the relay time for every record.
pub const HEADERS_MAX: usize = 64;

/// The longest aggregate type, event type and header name.
pub const NAME_BYTES_MAX: usize = 200;

/// The longest aggregate id, key, correlation id and causation id.
pub const TEXT_BYTES_MAX: usize = 1024;

/// An event that is outside its bounds; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The payload is too large for a record: send a reference to the data instead.
    #[error("the payload has {bytes} bytes of JSON, more than {PAYLOAD_BYTES_MAX}")]
    PayloadTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The headers are too large: move data into the payload.
    #[error("the headers have {bytes} bytes of JSON, more than {HEADERS_BYTES_MAX}")]
    HeadersTooLarge {
        /// Their size.
        bytes: usize,
    },
    /// There are too many headers: move data into the payload.
    #[error("the event has {count} headers, more than {HEADERS_MAX}")]
    TooManyHeaders {
        /// How many there are.
        count: usize,
    },
    /// A header's name is empty, too long, or has other characters than the message says.
    #[error(
        "{name:?} is not a header name: use 1 to {NAME_BYTES_MAX} printable ASCII characters \
         other than spaces, quotes and backslashes"
    )]
    InvalidHeaderName {
        /// The beginning of the name.
        name: String,
    },
    /// The relay writes this header itself: choose another name.
    #[error("the header {name} is written by the relay alone")]
    ReservedHeader {
        /// The name.
        name: String,
    },
    /// A name that no topic or schema could have: rename the type.
    #[error(
        "{value:?} is not a valid {column}: use up to {NAME_BYTES_MAX} letters, digits and _ . -, \
         beginning with a letter or _"
    )]
    InvalidName {
        /// The column it was meant for.
        column: &'static str,
        /// The beginning of the name.
        value: String,
    },
    /// The event type belongs to Postrider: rename it.
    #[error("event types that begin with {RESERVED_EVENT_TYPE_PREFIX} are Postrider's own")]
    ReservedEventType,
    /// An id or key that must say something is the empty text.
    #[error("the {column} is empty")]
    Empty {
        /// The column it was meant for.
        column: &'static str,
    },
    /// An id or key is too long.
    #[error("the {column} has {bytes} bytes, more than {TEXT_BYTES_MAX}")]
    TooLong {
        /// The column it was meant for.
        column: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// No RFC 3339 text, and so no header, can show the time.
    #[error("occurred_at is outside the years 1 to 9999")]
    OccurredAtOutOfRange,
    /// PostgreSQL cannot store this character in a text.
    #[error("the {column} contains the character U+0000")]
    ContainsNul {
        /// The column it was meant for.
        column: &'static str,
    },
}

/// Checks the size of a payload's JSON text.
pub fn check_payload(json: &str) -> Result<(), Error> {
    match json.len() {
        0..=PAYLOAD_BYTES_MAX => Ok(()),
        bytes => Err(Error::PayloadTooLarge { bytes }),
    }
}

/// Checks an event type: its form, and that it is not Postrider's own.
pub fn check_event_type(name: &str) -> Result<(), Error> {
    check_name(crate::columns::EVENT_TYPE, name)?;
    if name.starts_with(RESERVED_EVENT_TYPE_PREFIX) {
        return Err(Error::ReservedEventType);
    }
    Ok(())
}

/// Checks an aggregate type.
pub fn check_aggregate_type(name: &str) -> Result<(), Error> {
    check_name(crate::columns::AGGREGATE_TYPE, name)
}

/// Checks an aggregate id, key, correlation id or causation id, meant for `column`.
pub fn check_text(column: &'static str, text: &str) -> Result<(), Error> {
    match text.len() {
        0 => Err(Error::Empty { column }),
        1..=TEXT_BYTES_MAX if text.contains('\0') => Err(Error::ContainsNul { column }),
        1..=TEXT_BYTES_MAX => Ok(()),
        bytes => Err(Error::TooLong { column, bytes }),
    }
}

/// Checks when an event happened, in microseconds since 1970.
pub fn check_occurred_at(microseconds: i64) -> Result<(), Error> {
    const YEAR_1: i64 = -62_135_596_800_000_000;
    const YEAR_10_000: i64 = 253_402_300_800_000_000;
    if (YEAR_1..YEAR_10_000).contains(&microseconds) {
        Ok(())
    } else {
        Err(Error::OccurredAtOutOfRange)
    }
}

/// Checks the names and the number of an application's headers.
pub fn check_header_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    let mut count = 0;
    for name in names {
        count += 1;
        let is_name_byte = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
        if !fits || !name.bytes().all(is_name_byte) {
            return Err(Error::InvalidHeaderName {
                name: beginning(name),
            });
        }
        if headers::is_reserved(name) {
            return Err(Error::ReservedHeader {
                name: name.to_owned(),
            });
        }
    }
    if count > HEADERS_MAX {
        return Err(Error::TooManyHeaders { count });
    }
    Ok(())
}

/// Checks the size of the headers' JSON text.
pub fn check_headers(json: &str) -> Result<(), Error> {
    match json.len() {
        0..=HEADERS_BYTES_MAX => Ok(()),
        bytes => Err(Error::HeadersTooLarge { bytes }),
    }
}

/// `^[A-Za-z_][A-Za-z0-9_.-]*$`, up to [`NAME_BYTES_MAX`] bytes.
fn check_name(column: &'static str, name: &str) -> Result<(), Error> {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if begins_well && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_name_byte) {
        Ok(())
    } else {
        Err(Error::InvalidName {
            column,
            value: beginning(name),
        })
    }
}

/// Enough of a wrong name to recognise it.
fn beginning(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns;

    #[test]
    fn names_that_topics_can_carry_are_accepted() {
        for name in ["shop.OrderPlaced", "_x", "a-b.c_d9", &"n".repeat(200)] {
            assert_eq!(check_event_type(name), Ok(()), "{name}");
            assert_eq!(check_aggregate_type(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_topics_cannot_carry_are_refused() {
        for name in [
            "",
            ".a",
            "-a",
            "9a",
            "a b",
            "a/b",
            "Bestellung\u{e4}",
            &"n".repeat(201),
        ] {
            assert!(
                matches!(check_event_type(name), Err(Error::InvalidName { .. })),
                "{name}"
            );
        }
        assert_eq!(
            check_event_type("postrider.canary"),
            Err(Error::ReservedEventType)
        );
    }

    #[test]
    fn texts_are_bounded_and_never_empty() {
        let check = |text: &str| check_text(columns::KEY, text);
        assert_eq!(check("k"), Ok(()));
        assert_eq!(check(&"k".repeat(1024)), Ok(()));
        assert_eq!(check(""), Err(Error::Empty { column: "key" }));
        assert_eq!(
            check(&"k".repeat(1025)),
            Err(Error::TooLong {
                column: "key",
                bytes: 1025
            })
        );
        assert_eq!(check("a\0b"), Err(Error::ContainsNul { column: "key" }));
    }

    #[test]
    fn a_time_has_a_year_of_four_digits() {
        use chrono::{TimeZone as _, Utc};
        let first = Utc.with_ymd_and_hms(1, 1, 1, 0, 0, 0).unwrap();
        let last = Utc.with_ymd_and_hms(9999, 12, 31, 23, 59, 59).unwrap();
        let (first, last) = (first.timestamp_micros(), last.timestamp_micros() + 999_999);
        for (inside, outside) in [(first, first - 1), (last, last + 1)] {
            assert_eq!(check_occurred_at(inside), Ok(()));
            assert_eq!(check_occurred_at(outside), Err(Error::OccurredAtOutOfRange));
        }
    }

    #[test]
    fn an_application_cannot_set_what_consumers_trust_the_relay_for() {
        assert_eq!(
            check_header_names(["traceparent", "tenant", "reply-to"]),
            Ok(())
        );
        for name in headers::RESERVED {
            let refused = Err(Error::ReservedHeader {
                name: name.to_owned(),
            });
            assert_eq!(check_header_names([name]), refused);
        }
        for name in ["", "a b", "a\n", "\u{e4}", "a\"", "a\\"] {
            let result = check_header_names([name]);
            assert!(
                matches!(result, Err(Error::InvalidHeaderName { .. })),
                "{name:?}"
            );
        }
        let many = vec!["h"; HEADERS_MAX + 1];
        assert_eq!(
            check_header_names(many),
            Err(Error::TooManyHeaders { count: 65 })
        );
    }

    #[test]
    fn sizes_are_refused_one_byte_above_the_limit() {
        assert_eq!(check_payload(&" ".repeat(PAYLOAD_BYTES_MAX)), Ok(()));
        let bytes = PAYLOAD_BYTES_MAX + 1;
        assert_eq!(
            check_payload(&" ".repeat(bytes)),
            Err(Error::PayloadTooLarge { bytes })
        );
        assert_eq!(check_headers(&" ".repeat(HEADERS_BYTES_MAX)), Ok(()));
        let bytes = HEADERS_BYTES_MAX + 1;
        assert_eq!(
            check_headers(&" ".repeat(bytes)),
            Err(Error::HeadersTooLarge { bytes })
        );
    }
}
