//! From a row of the outbox to an event.

use uuid::Uuid;

use super::reader::Reader;
use super::relation::COLUMNS;
use super::{Change, Error, Event};
use outbox_contract::columns;

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
pub(super) const POSTGRES_EPOCH_MICROS: i64 = 946_684_800 * 1_000_000;

/// Reads the row of an Insert message, after the relation and the tag `N`.
pub(super) fn read<'a>(
    places: &[Option<usize>],
    reader: &mut Reader<'a>,
) -> Result<Change<'a>, Error> {
    let count = usize::from(reader.u16()?);
    if count != places.len() {
        return Err(Error::ColumnCount {
            expected: places.len(),
            found: count,
        });
    }
    let mut row = Row([None; COLUMNS.len()]);
    for place in places {
        let value = value(
            reader,
            place.map_or("of an unknown name", |place| COLUMNS[place].0),
        )?;
        if let Some(place) = place {
            row.0[*place] = value;
        }
    }
    reader.end()?;
    let id = Uuid::from_slice(row.bytes(0)?).map_err(|_| Error::Value {
        column: COLUMNS[0].0,
    })?;
    let event_type = row.text(3)?;
    if event_type == columns::CANARY_EVENT_TYPE {
        return Ok(Change::Canary(id));
    }
    Ok(Change::Event(Event {
        id,
        aggregate_type: row.text(1)?,
        aggregate_id: row.text(2)?,
        event_type,
        schema_ref: row.nullable_text(4)?,
        key: row.nullable_text(5)?,
        correlation_id: row.text(6)?,
        causation_id: row.nullable_text(7)?,
        payload: row.nullable_text(8)?,
        headers: row.text(9)?,
        occurred_at: occurred_at(row.bytes(10)?)?,
    }))
}

/// The bytes of one column; `None` for null.
fn value<'a>(reader: &mut Reader<'a>, column: &'static str) -> Result<Option<&'a [u8]>, Error> {
    match reader.u8()? {
        b'n' => Ok(None),
        // Text and binary form of text and json are the same bytes; of the other types only the
        // binary form has the right length.
        b'b' | b't' => {
            let length = usize::try_from(reader.u32()?).map_err(|_| Error::Truncated)?;
            reader.bytes(length).map(Some)
        }
        // 'u' is an unchanged value that was not sent: it belongs to updates.
        _ => Err(Error::Value { column }),
    }
}

/// Microseconds since 1970. PostgreSQL's infinities are its first and last number, and stay far out.
fn occurred_at(bytes: &[u8]) -> Result<i64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Value {
        column: COLUMNS[10].0,
    })?;
    Ok(i64::from_be_bytes(bytes).saturating_add(POSTGRES_EPOCH_MICROS))
}

/// The values of a row, by their place in [`COLUMNS`].
struct Row<'a>([Option<&'a [u8]>; COLUMNS.len()]);

impl<'a> Row<'a> {
    fn bytes(&self, place: usize) -> Result<&'a [u8], Error> {
        self.0[place].ok_or(Error::Null {
            column: COLUMNS[place].0,
        })
    }

    fn text(&self, place: usize) -> Result<&'a str, Error> {
        self.nullable_text(place)?.ok_or(Error::Null {
            column: COLUMNS[place].0,
        })
    }

    fn nullable_text(&self, place: usize) -> Result<Option<&'a str>, Error> {
        let text = self.0[place].map(std::str::from_utf8).transpose();
        text.map_err(|_| Error::NotUtf8 {
            column: Some(COLUMNS[place].0),
        })
    }
}
