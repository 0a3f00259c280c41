//! The messages of pgoutput, protocol version 1.

use std::collections::HashMap;

use super::outbox::{self, POSTGRES_EPOCH_MICROS};
use super::reader::Reader;
use super::relation::Relation;
use super::{Change, Error, Unpublished};
use crate::lsn::Lsn;

/// Decodes the messages of one connection. Descriptions of relations hold for the connection that
/// sent them, so every connection has its own decoder.
///
/// Invariant: what it gives alternates as a stream must, `Begin`, rows, and the `Commit` of that
/// `Begin`; anything else is an error (`tests::messages_out_of_place_are_errors`).
#[derive(Debug, Default)]
pub struct Decoder {
    relations: HashMap<u32, Relation>,
    /// The commit record of the transaction that has begun.
    open: Option<Lsn>,
}

impl Decoder {
    /// A decoder for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one message.
    pub fn decode<'a>(&mut self, payload: &'a [u8]) -> Result<Change<'a>, Error> {
        let mut reader = Reader::new(payload);
        match reader.u8()? {
            b'B' => self.begin(&mut reader),
            b'C' => self.commit(&mut reader),
            b'R' => {
                let (oid, relation) = Relation::read(&mut reader)?;
                self.relations.insert(oid, relation);
                Ok(Change::Description)
            }
            b'I' => self.insert(&mut reader),
            b'U' => Ok(Change::Unpublished(Unpublished::Update)),
            b'D' => Ok(Change::Unpublished(Unpublished::Delete)),
            b'T' => Ok(Change::Unpublished(Unpublished::Truncate)),
            b'O' | b'Y' | b'M' => Ok(Change::Description),
            kind => Err(Error::UnknownMessage {
                kind: char::from(kind),
            }),
        }
    }

    fn begin<'a>(&mut self, reader: &mut Reader<'_>) -> Result<Change<'a>, Error> {
        let commit_lsn = Lsn::new(reader.u64()?);
        let commit_time = commit_time(reader)?;
        let xid = reader.u32()?;
        reader.end()?;
        if self.open.replace(commit_lsn).is_some() {
            return Err(Error::OutOfPlace { kind: 'B' });
        }
        Ok(Change::Begin {
            commit_lsn,
            commit_time,
            xid,
        })
    }

    fn commit<'a>(&mut self, reader: &mut Reader<'_>) -> Result<Change<'a>, Error> {
        let _flags = reader.u8()?;
        let commit_lsn = Lsn::new(reader.u64()?);
        let end_lsn = Lsn::new(reader.u64()?);
        let commit_time = commit_time(reader)?;
        reader.end()?;
        if self.open.take() != Some(commit_lsn) {
            return Err(Error::OutOfPlace { kind: 'C' });
        }
        Ok(Change::Commit {
            commit_lsn,
            end_lsn,
            commit_time,
        })
    }

    fn insert<'a>(&self, reader: &mut Reader<'a>) -> Result<Change<'a>, Error> {
        let oid = reader.u32()?;
        let places = match self.relations.get(&oid) {
            Some(Relation::Outbox(places)) => places,
            Some(Relation::Unusable(error)) => return Err(error.clone()),
            Some(Relation::Other { schema, table }) => {
                let (schema, table) = (schema.clone(), table.clone());
                return Err(Error::UnexpectedRelation { schema, table });
            }
            None => return Err(Error::UnknownRelation { oid }),
        };
        if self.open.is_none() {
            return Err(Error::OutOfPlace { kind: 'I' });
        }
        match reader.u8()? {
            b'N' => outbox::read(places, reader),
            kind => Err(Error::UnknownMessage {
                kind: char::from(kind),
            }),
        }
    }
}

fn commit_time(reader: &mut Reader<'_>) -> Result<i64, Error> {
    Ok(reader.i64()?.saturating_add(POSTGRES_EPOCH_MICROS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::relation::COLUMNS;
    use super::*;

    fn relation(schema: &str, table: &str, columns: &[(&str, u32)]) -> Vec<u8> {
        let mut message = b"R\0\0\0\x07".to_vec();
        for name in [schema, table] {
            message.extend_from_slice(name.as_bytes());
            message.push(0);
        }
        message.push(b'd');
        message.extend_from_slice(&u16::try_from(columns.len()).unwrap().to_be_bytes());
        for (name, type_oid) in columns {
            message.push(0);
            message.extend_from_slice(name.as_bytes());
            message.push(0);
            message.extend_from_slice(&type_oid.to_be_bytes());
            message.extend_from_slice(&u32::MAX.to_be_bytes());
        }
        message
    }

    fn row(event_type: &str, occurred_at: i64) -> Vec<u8> {
        let mut message = b"I\0\0\0\x07N".to_vec();
        message.extend_from_slice(&11_u16.to_be_bytes());
        let id = Uuid::from_u128(7).into_bytes();
        let occurred_at = occurred_at.to_be_bytes();
        let values: [Option<&[u8]>; 11] = [
            Some(&id),
            Some(b"order"),
            Some(b"42"),
            Some(event_type.as_bytes()),
            Some(b"v1"),
            None,
            Some(b"c-1"),
            None,
            Some(br#"{"a":1}"#),
            Some(b"{}"),
            Some(&occurred_at),
        ];
        for value in values {
            match value {
                None => message.push(b'n'),
                Some(bytes) => {
                    message.push(b'b');
                    message.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
                    message.extend_from_slice(bytes);
                }
            }
        }
        message
    }

    fn begin(commit_lsn: u64) -> Vec<u8> {
        let mut message = b"B".to_vec();
        message.extend_from_slice(&commit_lsn.to_be_bytes());
        message.extend_from_slice(&[0; 12]);
        message
    }

    fn commit(commit_lsn: u64) -> Vec<u8> {
        let mut message = b"C\0".to_vec();
        message.extend_from_slice(&commit_lsn.to_be_bytes());
        message.extend_from_slice(&[0; 16]);
        message
    }

    /// A decoder in the middle of a transaction, whatever is described to it.
    fn begun() -> Decoder {
        let mut decoder = Decoder::new();
        decoder.decode(&begin(5)).unwrap();
        decoder
    }

    fn decoder() -> Decoder {
        let mut decoder = begun();
        decoder
            .decode(&relation("outbox", "event", &COLUMNS))
            .unwrap();
        decoder
    }

    #[test]
    fn a_row_of_the_outbox_is_an_event() {
        let message = row("shop.OrderPlaced", 0);
        let Change::Event(event) = decoder().decode(&message).unwrap() else {
            panic!("not an event")
        };
        assert_eq!(event.id, Uuid::from_u128(7));
        assert_eq!((event.aggregate_type, event.aggregate_id), ("order", "42"));
        assert_eq!(
            (event.schema_ref, event.key, event.payload),
            (Some("v1"), None, Some(r#"{"a":1}"#))
        );
        assert_eq!(event.occurred_at, 946_684_800_000_000);
    }

    #[test]
    fn the_canary_is_no_event() {
        let message = row("postrider.canary", 0);
        assert_eq!(
            decoder().decode(&message),
            Ok(Change::Canary(Uuid::from_u128(7)))
        );
    }

    #[test]
    fn an_infinite_time_stays_far_out() {
        for (stored, known) in [
            (i64::MAX, i64::MAX),
            (i64::MIN, i64::MIN + 946_684_800_000_000),
        ] {
            let message = row("x", stored);
            let mut decoder = decoder();
            let Ok(Change::Event(event)) = decoder.decode(&message) else {
                panic!("it is an event");
            };
            assert_eq!(event.occurred_at, known);
            assert_eq!(crate::runtime::clock::rfc3339(known), None);
        }
    }

    #[test]
    fn a_value_that_was_not_sent_is_none_that_is_null() {
        let whole = row("shop.OrderPlaced", 1);
        let headers = b"b\0\0\0\x02{}";
        let at = whole
            .windows(headers.len())
            .position(|part| part == headers);
        let (before, after) = whole.split_at(at.unwrap());
        let unsent = [before, b"u", &after[headers.len()..]].concat();
        let error = decoder().decode(&unsent).unwrap_err();
        assert!(
            matches!(error, Error::Value { column: "headers" }),
            "{error}"
        );
    }

    #[test]
    fn a_row_of_another_table_is_an_error_and_its_description_is_not() {
        let mut decoder = begun();
        let description = relation("outbox", "event_3", &COLUMNS);
        assert_eq!(decoder.decode(&description), Ok(Change::Description));
        let message = row("x", 0);
        let error = decoder.decode(&message).unwrap_err();
        assert!(matches!(error, Error::UnexpectedRelation { .. }), "{error}");
    }

    #[test]
    fn a_missing_or_changed_column_is_named() {
        for (index, (column, _)) in COLUMNS.into_iter().enumerate() {
            let mut columns = COLUMNS.to_vec();
            columns[index].1 = 1;
            let mut decoder = begun();
            decoder
                .decode(&relation("outbox", "event", &columns))
                .unwrap();
            let message = row("x", 0);
            let error = decoder.decode(&message).unwrap_err();
            assert!(
                matches!(error, Error::ColumnType { column: c, .. } if c == column),
                "{error}"
            );
            columns.remove(index);
            decoder
                .decode(&relation("outbox", "event", &columns))
                .unwrap();
            assert_eq!(
                decoder.decode(&message),
                Err(Error::MissingColumn { column })
            );
        }
    }

    #[test]
    fn messages_out_of_place_are_errors() {
        let out_of_place = |kind| Err(Error::OutOfPlace { kind });
        let mut decoder = decoder();
        assert_eq!(decoder.decode(&begin(6)), out_of_place('B'));
        assert!(decoder.decode(&commit(6)).is_ok());
        assert_eq!(decoder.decode(&row("x", 0)), out_of_place('I'));
        assert_eq!(decoder.decode(&commit(6)), out_of_place('C'));
        assert!(decoder.decode(&begin(7)).is_ok());
        assert_eq!(decoder.decode(&commit(8)), out_of_place('C'));
    }

    #[test]
    fn an_unknown_message_is_never_skipped() {
        let error = Decoder::new().decode(b"S").unwrap_err();
        assert_eq!(error, Error::UnknownMessage { kind: 'S' });
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8)) {
            let mut decoder = decoder();
            for message in &messages {
                let _decoded = decoder.decode(message);
            }
        }

        #[test]
        fn a_truncated_row_is_an_error(cut in 1..200_usize) {
            let message = row("shop.OrderPlaced", 0);
            let cut = cut % message.len();
            prop_assert!(decoder().decode(&message[..cut]).is_err());
        }
    }

    /// Each is a 16-bit length and so many bytes, as `relay/fuzz` reads them.
    #[test]
    fn the_seeds_of_the_fuzzer_are_whole_streams() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/decode");
        for seed in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(seed.unwrap().path()).unwrap();
            let (mut decoder, mut rest, mut rows) = (Decoder::new(), &seed[..], 0);
            while let Some((length, after)) = rest.split_first_chunk() {
                let (message, next) = after.split_at(u16::from_be_bytes(*length).into());
                let change = decoder.decode(message).unwrap();
                rows += u32::from(matches!(change, Change::Event(_) | Change::Canary(_)));
                rest = next;
            }
            assert!(rows > 0 && rest.is_empty());
        }
    }
}
