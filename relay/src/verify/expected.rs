//! What must be on Kafka: the public rows of the outbox table.
//!
//! One statement reads the table, so it is one snapshot, streamed with back-pressure. A million
//! events are held at once (about 150 bytes each beside their own text), since records arrive in
//! another order than rows.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::pin::pin;
use std::sync::Arc;

use futures::TryStreamExt as _;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::error::Error;
use super::json::Json;

/// The events of the relay's own heartbeat, which are never published.
const CANARY_EVENT_TYPE: &str = "postrider.canary";

const SELECT: &str = "
    select id, aggregate_type, aggregate_id, event_type, key, correlation_id, causation_id,
           payload::text, headers::text,
           case occurred_at
             when 'infinity' then 9223372036854775807
             when '-infinity' then -9223372036854775808
             else (extract(epoch from occurred_at) * 1000000)::bigint
           end,
           seq, xid::text::bigint
    from outbox.event
    where public and event_type <> $1";

/// One public event as its row says it.
#[derive(Debug, Clone)]
pub(super) struct OutboxRow {
    /// The event id.
    pub(super) id: Uuid,
    /// The kind of thing that changed.
    pub(super) aggregate_type: String,
    /// Which one changed; the Kafka key, unless `key` is given.
    pub(super) aggregate_id: String,
    /// The contract's name.
    pub(super) event_type: String,
    /// The Kafka key, where it is not the aggregate id.
    pub(super) key: Option<String>,
    /// The correlation id.
    pub(super) correlation_id: String,
    /// The id of what caused the event.
    pub(super) causation_id: Option<String>,
    /// The payload as JSON text; none for a tombstone.
    pub(super) payload: Option<String>,
    /// The event's own headers as JSON text.
    pub(super) headers: String,
    /// When it happened, in microseconds since the epoch.
    pub(super) occurred_at: i64,
    /// The number that the table's sequence gave: write order within a transaction.
    pub(super) seq: i64,
    /// The database transaction that wrote it.
    pub(super) xid: i64,
}

/// A row, packed: texts that repeat are shared, the others lie in one piece.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) aggregate_type: Arc<str>,
    pub(super) event_type: Arc<str>,
    pub(super) occurred_at: i64,
    pub(super) seq: i64,
    pub(super) xid: i64,
    /// The value of the order field, where one is asked for and the payload has it.
    pub(super) order: Option<i64>,
    text: Box<str>,
    /// Where each of [`Part`] ends in `text`; `u32::MAX` marks one that is null.
    ends: [u32; PARTS],
}

const PARTS: usize = 6;
const NULL: u32 = u32::MAX;

#[derive(Clone, Copy)]
enum Part {
    AggregateId,
    Key,
    CorrelationId,
    CausationId,
    Headers,
    Payload,
}

impl Row {
    pub(super) fn aggregate_id(&self) -> &str {
        self.part(Part::AggregateId).unwrap_or_default()
    }

    /// The Kafka key.
    pub(super) fn key(&self) -> &str {
        self.part(Part::Key).unwrap_or_else(|| self.aggregate_id())
    }

    pub(super) fn correlation_id(&self) -> &str {
        self.part(Part::CorrelationId).unwrap_or_default()
    }

    pub(super) fn causation_id(&self) -> Option<&str> {
        self.part(Part::CausationId)
    }

    pub(super) fn headers(&self) -> &str {
        self.part(Part::Headers).unwrap_or_default()
    }

    pub(super) fn payload(&self) -> Option<&str> {
        self.part(Part::Payload)
    }

    fn part(&self, part: Part) -> Option<&str> {
        let at = part as usize;
        let end = self.ends[at];
        let start = self.ends[..at]
            .iter()
            .rev()
            .find(|end| **end != NULL)
            .copied()
            .unwrap_or(0);
        (end != NULL).then(|| &self.text[start as usize..end as usize])
    }
}

/// The public events of the table, by event id.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) rows: Vec<Row>,
    by_id: HashMap<Uuid, u32>,
    shared: HashSet<Arc<str>>,
    order_field: Option<String>,
}

impl Expected {
    /// No events yet. With `order_field`, the top-level payload field that the writer increments
    /// for each event of a key.
    pub(super) fn new(order_field: Option<String>) -> Self {
        Self {
            order_field,
            ..Self::default()
        }
    }

    /// Adds an event; one that is there already stays as it is.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the row is packed and not used again"
    )]
    pub(super) fn insert(&mut self, row: OutboxRow) {
        let next =
            u32::try_from(self.rows.len()).expect("a table of 2^32 rows does not fit memory");
        let Entry::Vacant(vacant) = self.by_id.entry(row.id) else {
            return;
        };
        vacant.insert(next);
        let order = self
            .order_field
            .as_deref()
            .and_then(|field| order_of(&row, field));
        let aggregate_type = self.share(&row.aggregate_type);
        let event_type = self.share(&row.event_type);
        let parts: [Option<&str>; PARTS] = [
            Some(&row.aggregate_id),
            row.key.as_deref(),
            Some(&row.correlation_id),
            row.causation_id.as_deref(),
            Some(&row.headers),
            row.payload.as_deref(),
        ];
        let mut text = String::with_capacity(parts.iter().flatten().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            text.push_str(part?);
            u32::try_from(text.len()).ok()
        });
        self.rows.push(Row {
            id: row.id,
            aggregate_type,
            event_type,
            occurred_at: row.occurred_at,
            seq: row.seq,
            xid: row.xid,
            order,
            text: text.into_boxed_str(),
            ends: ends.map(|end| end.unwrap_or(NULL)),
        });
    }

    pub(super) fn find(&self, id: &Uuid) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(super) fn row(&self, at: u32) -> &Row {
        &self.rows[at as usize]
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.shared.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&shared));
        shared
    }
}

fn order_of(row: &OutboxRow, field: &str) -> Option<i64> {
    match Json::parse(row.payload.as_deref()?).ok()?.member(field)? {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// Reads every public event of the table.
pub(super) async fn read_all(
    database: &tokio_postgres::Client,
    expected: &mut Expected,
) -> Result<(), Error> {
    read(database, SELECT, &[&CANARY_EVENT_TYPE], |row| {
        expected.insert(row);
    })
    .await
}

/// Reads those of `ids` that are public events by now.
pub(super) async fn read_some(
    database: &tokio_postgres::Client,
    ids: &[Uuid],
) -> Result<Vec<OutboxRow>, Error> {
    let mut rows = Vec::new();
    let select = format!("{SELECT} and id = any($2)");
    read(database, &select, &[&CANARY_EVENT_TYPE, &ids], |row| {
        rows.push(row);
    })
    .await?;
    Ok(rows)
}

async fn read(
    database: &tokio_postgres::Client,
    select: &str,
    parameters: &[&(dyn ToSql + Sync)],
    mut take: impl FnMut(OutboxRow),
) -> Result<(), Error> {
    let rows = database.query_raw(select, parameters.iter().copied()).await;
    let mut rows = pin!(rows.map_err(Error::ReadOutbox)?);
    while let Some(row) = rows.try_next().await.map_err(Error::ReadOutbox)? {
        take(outbox_row(&row).map_err(Error::ReadOutbox)?);
    }
    Ok(())
}

fn outbox_row(row: &tokio_postgres::Row) -> Result<OutboxRow, tokio_postgres::Error> {
    Ok(OutboxRow {
        id: row.try_get(0)?,
        aggregate_type: row.try_get(1)?,
        aggregate_id: row.try_get(2)?,
        event_type: row.try_get(3)?,
        key: row.try_get(4)?,
        correlation_id: row.try_get(5)?,
        causation_id: row.try_get(6)?,
        payload: row.try_get(7)?,
        headers: row.try_get(8)?,
        occurred_at: row.try_get(9)?,
        seq: row.try_get(10)?,
        xid: row.try_get(11)?,
    })
}
