//! Relations as the server describes them, and where the outbox's columns stand in a row.

use super::Error;
use super::reader::Reader;
use outbox_contract::columns;

const TEXT: u32 = 25;
const JSON: u32 = 114;
const TIMESTAMPTZ: u32 = 1184;
const UUID: u32 = 2950;

/// The outbox's columns in the order of [`super::outbox`]'s fields, with their types
/// (`pg_type.dat`; the object ids of built-in types never change).
pub(super) const COLUMNS: [(&str, u32); 11] = [
    (columns::ID, UUID),
    (columns::AGGREGATE_TYPE, TEXT),
    (columns::AGGREGATE_ID, TEXT),
    (columns::EVENT_TYPE, TEXT),
    (columns::SCHEMA_REF, TEXT),
    (columns::KEY, TEXT),
    (columns::CORRELATION_ID, TEXT),
    (columns::CAUSATION_ID, TEXT),
    (columns::PAYLOAD, JSON),
    (columns::HEADERS, JSON),
    (columns::OCCURRED_AT, TIMESTAMPTZ),
];

/// A relation of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// The outbox: for each column of a row, which of [`COLUMNS`] it is.
    Outbox(Vec<Option<usize>>),
    /// The outbox, but not as an event needs it. An error only when a row arrives.
    Unusable(Error),
    /// Another table. Its description is harmless (the ring's leaves are described too); a row of
    /// it is not.
    Other { schema: String, table: String },
}

impl Relation {
    /// Reads a Relation message, after its kind.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<(u32, Self), Error> {
        let oid = reader.u32()?;
        let schema = reader.text()?;
        let table = reader.text()?;
        let _replica_identity = reader.u8()?;
        let count = reader.u16()?;
        let mut found = Vec::new();
        for _ in 0..count {
            let _flags = reader.u8()?;
            let name = reader.text()?;
            let type_oid = reader.u32()?;
            let _type_modifier = reader.u32()?;
            found.push((name, type_oid));
        }
        reader.end()?;
        if schema != columns::SCHEMA || table != columns::TABLE {
            return Ok((
                oid,
                Self::Other {
                    schema: schema.to_owned(),
                    table: table.to_owned(),
                },
            ));
        }
        let unfit = COLUMNS.iter().find_map(|(column, expected)| {
            match found.iter().find(|(name, _)| name == column) {
                None => Some(Error::MissingColumn { column }),
                Some((_, found)) if found != expected => Some(Error::ColumnType {
                    column,
                    expected: *expected,
                    found: *found,
                }),
                Some(_) => None,
            }
        });
        let places = found
            .iter()
            .map(|(name, _)| COLUMNS.iter().position(|(column, _)| column == name));
        Ok((
            oid,
            unfit.map_or_else(|| Self::Outbox(places.collect()), Self::Unusable),
        ))
    }
}
