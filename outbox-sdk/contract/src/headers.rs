//! The names of the record headers, and the position that every record carries.

use std::fmt;

/// The event's id; always.
pub const ID: &str = "id";

/// The event type; always.
pub const TYPE: &str = "type";

/// The correlation id; always.
pub const CORRELATION_ID: &str = "correlation-id";

/// The causation id; when known.
pub const CAUSATION_ID: &str = "causation-id";

/// W3C trace context (<https://www.w3.org/TR/trace-context/>); when known.
pub const TRACEPARENT: &str = "traceparent";

/// W3C trace state; when known.
pub const TRACESTATE: &str = "tracestate";

/// The aggregate id; only when the record's key is another.
pub const AGGREGATE_ID: &str = "aggregate-id";

/// When it happened; only when the record's timestamp is another.
pub const OCCURRED_AT: &str = "occurred-at";

/// The [`Position`] of the event; always.
pub const POSITION: &str = "postrider-position";

/// In a dead letter: the topic that the event was meant for; missing where it has no route.
pub const DEAD_LETTER_TOPIC: &str = "dead-letter-topic";

/// In a dead letter: what kind of error it was, one word.
pub const DEAD_LETTER_REASON: &str = "dead-letter-reason";

/// In a dead letter: the error, for people.
pub const DEAD_LETTER_ERROR: &str = "dead-letter-error";

/// In a dead letter: how often the event was tried.
pub const DEAD_LETTER_ATTEMPTS: &str = "dead-letter-attempts";

/// In a dead letter that somebody asked for: who.
pub const DEAD_LETTER_SKIPPED_BY: &str = "dead-letter-skipped-by";

/// In a dead letter that somebody asked for: why.
pub const DEAD_LETTER_SKIP_REASON: &str = "dead-letter-skip-reason";

/// The headers that the relay writes: an application may not set them in the `headers` column,
/// for a consumer trusts them. Trace context is the application's own.
pub const RESERVED: [&str; 7] = [
    ID,
    TYPE,
    CORRELATION_ID,
    CAUSATION_ID,
    AGGREGATE_ID,
    OCCURRED_AT,
    POSITION,
];

/// Whether the relay alone writes the header `name`.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Where an event stands in its outbox: `<name>/<source epoch>/<commit_lsn>/<ordinal>`.
///
/// The text of the commit LSN is 16 upper-case hexadecimal digits, not PostgreSQL's `16/B374D848`,
/// so that a slash always separates parts and texts of equal name and epoch compare as positions
/// do up to the ordinal. Within one name and epoch, a greater `(commit_lsn, ordinal)` was
/// committed later.
///
/// ```
/// use outbox_contract::headers::Position;
///
/// let position = Position { name: "shop", source_epoch: 1, commit_lsn: 0x16_B374_D848, ordinal: 3 };
/// let mut header = Vec::new();
/// position.write(&mut header);
/// assert_eq!(header, b"shop/1/00000016B374D848/3");
/// assert_eq!(Position::parse("shop/1/00000016B374D848/3"), Ok(position));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<'a> {
    /// The outbox's name; it has no slash.
    pub name: &'a str,
    /// How often the outbox was adopted by another Kafka cluster or database.
    pub source_epoch: u32,
    /// Where the transaction's commit record begins in the write-ahead log.
    pub commit_lsn: u64,
    /// The event's place among the outbox inserts of its transaction, from 0.
    pub ordinal: u64,
}

impl<'a> Position<'a> {
    /// Appends the text form to `out`; allocates only where `out` must grow.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'/');
        write_decimal(u64::from(self.source_epoch), out);
        out.push(b'/');
        out.extend_from_slice(&upper_hex(self.commit_lsn));
        out.push(b'/');
        write_decimal(self.ordinal, out);
    }

    /// Reads the text form.
    pub fn parse(text: &'a str) -> Result<Self, ParsePositionError> {
        let error = || ParsePositionError {
            text: text.to_owned(),
        };
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or_else(error);
        let (name, epoch, lsn, ordinal) = (part()?, part()?, part()?, part()?);
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        if parts.next().is_some()
            || name.is_empty()
            || lsn.len() != 16
            || !lsn.bytes().all(is_hex)
            || [epoch, ordinal]
                .iter()
                .any(|number| number.starts_with('+'))
        {
            return Err(error());
        }
        Ok(Self {
            name,
            source_epoch: epoch.parse().map_err(|_| error())?,
            commit_lsn: u64::from_str_radix(lsn, 16).map_err(|_| error())?,
            ordinal: ordinal.parse().map_err(|_| error())?,
        })
    }
}

impl fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{:016X}/{}",
            self.name, self.source_epoch, self.commit_lsn, self.ordinal
        )
    }
}

/// A text that is not a [`Position`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a position such as shop/1/00000016B374D848/0")]
pub struct ParsePositionError {
    text: String,
}

/// `number` as 16 hexadecimal digits.
fn upper_hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = number.to_be_bytes();
    std::array::from_fn(|at| {
        let byte = bytes[at / 2];
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 0xF })]
    })
}

/// Appends `number` in decimal digits.
fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    // 20 digits hold every u64.
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).expect("a remainder of 10 is one digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_written_position_reads_back_and_equals_its_display(
            name in "[a-z][a-z0-9_]{0,39}",
            source_epoch: u32,
            commit_lsn: u64,
            ordinal: u64,
        ) {
            let position = Position { name: &name, source_epoch, commit_lsn, ordinal };
            let mut bytes = Vec::new();
            position.write(&mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(&text, &position.to_string());
            prop_assert_eq!(Position::parse(&text), Ok(position));
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(text: String) {
            if let Ok(position) = Position::parse(&text) {
                prop_assert!(Position::parse(&position.to_string()).is_ok());
            }
        }
    }

    #[test]
    fn a_text_that_is_no_position_is_refused() {
        for text in [
            "",
            "shop",
            "shop/1/16/B374D848/0",
            "shop/1/00000016b374d848/0",
            "shop/1/00000016B374D848",
            "shop/1/00000016B374D848/0/0",
            "shop/+1/00000016B374D848/0",
            "/1/00000016B374D848/0",
            "shop/1/+0000016B374D848/0",
        ] {
            assert!(Position::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn the_trace_context_belongs_to_the_application() {
        assert!(!is_reserved(TRACEPARENT) && !is_reserved(TRACESTATE) && is_reserved(ID));
    }
}
