//! Writers that never pause: sessions that place orders in transactions of 1 to 200 events, some of
//! them rolled back as a whole or to a savepoint.
//!
//! Each aggregate has a row with a version. A transaction locks the rows of its aggregates, in
//! order, so that writers never deadlock, and every event raises the version by one. The payload
//! carries it: so the oracle knows the commit order of each key, and sees a gap.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use outbox_sdk::{Event, EventSchema, emit, emit_all};
use postrider::local::Registry;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::json;
use sqlx::postgres::{PgPool, PgTransaction};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::stack::register;

/// The aggregate type of the events, to be given to `Scenario::create_topic`.
pub const AGGREGATE_TYPE: &str = "order";

/// The contract of the events.
pub const EVENT_TYPE: &str = "shop.OrderChanged";

/// The field of the payload that an aggregate's events count.
pub const ORDER_FIELD: &str = "version";

/// Its schema: every kind of value that an ordinary contract has.
pub const SCHEMA: &str = r#"{"type": "record", "name": "shop.OrderChanged", "fields": [
    {"name": "order_id", "type": "string"},
    {"name": "version", "type": "long"},
    {"name": "request", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PLACED", "PAID"]}},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "quantities", "type": {"type": "array", "items": "int"}},
    {"name": "weight", "type": "double"}]}"#;

/// Registers the contract.
///
/// # Errors
///
/// The registry refused.
pub async fn register_contract(registry: &Registry) -> Result<()> {
    register(registry, EVENT_TYPE, SCHEMA).await
}

/// How the writers write.
#[derive(Debug, Clone)]
pub struct WorkloadOptions {
    /// Sessions side by side.
    pub sessions: usize,
    /// Transactions that each session begins in a second, if the database keeps up.
    pub rate: u32,
    /// Transactions after which a session ends by itself; it goes on until it is stopped without.
    pub transactions: Option<u64>,
    /// Most events of a transaction.
    pub events_max: usize,
    /// Of what the writers do by chance, everything follows from this.
    pub seed: u64,
}

impl Default for WorkloadOptions {
    fn default() -> Self {
        Self {
            sessions: 10,
            rate: 10,
            transactions: None,
            events_max: 200,
            seed: rand::rng().random(),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Events of transactions that were committed.
    pub committed: u64,
    /// Events that were rolled back, with their transaction or to a savepoint.
    pub rolled_back: u64,
    /// Transactions that were committed.
    pub transactions: u64,
}

#[derive(Debug, Default)]
struct Counters {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    transactions: AtomicU64,
}

/// Writers at work.
#[derive(Debug)]
pub struct Workload {
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    writers: Vec<JoinHandle<Result<()>>>,
}

/// Aggregates; few enough that transactions of different sessions meet.
const AGGREGATES: i32 = 200;

impl Workload {
    /// Starts the writers; the outbox must be there.
    ///
    /// # Errors
    ///
    /// The table of aggregates cannot be made.
    #[expect(
        clippy::disallowed_methods,
        reason = "the relay's runtime is under test; the workload awaits its writers"
    )]
    pub async fn start(pool: &PgPool, options: WorkloadOptions) -> Result<Self> {
        let create = "create table if not exists aggregate (id int primary key, version bigint)";
        sqlx::query(create).execute(pool).await?;
        let fill = "insert into aggregate select n, 0 from generate_series(1, $1) as n \
                    on conflict do nothing";
        sqlx::query(fill).bind(AGGREGATES).execute(pool).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let counters = Arc::new(Counters::default());
        let writers = (0..options.sessions).map(|session| {
            let seed = options.seed.wrapping_add(session as u64);
            let writer = Writer {
                pool: pool.clone(),
                options: options.clone(),
                stop: Arc::clone(&stop),
                counters: Arc::clone(&counters),
                rng: StdRng::seed_from_u64(seed),
            };
            tokio::spawn(writer.run())
        });
        Ok(Self {
            writers: writers.collect(),
            stop,
            counters,
        })
    }

    /// What was written so far.
    pub fn written(&self) -> Written {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Written {
            committed: read(&self.counters.committed),
            rolled_back: read(&self.counters.rolled_back),
            transactions: read(&self.counters.transactions),
        }
    }

    /// Ends the writers after the transaction that each is in.
    ///
    /// # Errors
    ///
    /// A writer failed; none may, whatever becomes of the relay.
    pub async fn stop(self) -> Result<Written> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until the writers have ended by themselves.
    ///
    /// # Errors
    ///
    /// As [`Workload::stop`].
    pub async fn finish(mut self) -> Result<Written> {
        for writer in std::mem::take(&mut self.writers) {
            writer.await??;
        }
        Ok(self.written())
    }
}

#[derive(Debug, Clone, Serialize)]
struct OrderChanged {
    order_id: String,
    version: i64,
    request: Uuid,
    total: String,
    day: String,
    at: String,
    status: &'static str,
    note: Option<String>,
    quantities: Vec<i32>,
    weight: f64,
}

impl Event for OrderChanged {
    const EVENT_TYPE: &'static str = EVENT_TYPE;
    const AGGREGATE_TYPE: &'static str = AGGREGATE_TYPE;

    fn schema() -> &'static EventSchema {
        static CONTRACT: EventSchema = EventSchema::new(SCHEMA);
        &CONTRACT
    }

    fn aggregate_id(&self) -> Cow<'_, str> {
        self.order_id.as_str().into()
    }
}

struct Writer {
    pool: PgPool,
    options: WorkloadOptions,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    rng: StdRng,
}

/// The versions of the aggregates that a transaction has locked.
type Versions = BTreeMap<i32, i64>;

impl Writer {
    async fn run(mut self) -> Result<()> {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / self.options.rate);
        let mut left = self.options.transactions.unwrap_or(u64::MAX);
        while left > 0 && !self.stop.load(Ordering::Relaxed) {
            pace.tick().await;
            self.transaction().await?;
            left -= 1;
        }
        Ok(())
    }

    async fn transaction(&mut self) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let mut versions = self.lock(&mut tx).await?;
        let planned = self.size();
        let (mut kept, mut undone) = (0, 0);
        while kept + undone < planned {
            let count = self.rng.random_range(1..=planned - kept - undone);
            if self.rng.random_ratio(1, 5) {
                let before = versions.clone();
                sqlx::raw_sql("savepoint part").execute(&mut *tx).await?;
                self.write(&mut tx, &mut versions, count).await?;
                if self.rng.random_bool(0.5) {
                    let undo = "rollback to savepoint part";
                    sqlx::raw_sql(undo).execute(&mut *tx).await?;
                    versions = before;
                    undone += count;
                    continue;
                }
                sqlx::raw_sql("release savepoint part")
                    .execute(&mut *tx)
                    .await?;
            } else {
                self.write(&mut tx, &mut versions, count).await?;
            }
            kept += count;
        }
        let counters = &self.counters;
        if self.rng.random_ratio(1, 10) {
            tx.rollback().await?;
            undone += kept;
        } else {
            store(&mut tx, &versions).await?;
            tx.commit().await?;
            counters.committed.fetch_add(kept as u64, Ordering::Relaxed);
            counters.transactions.fetch_add(1, Ordering::Relaxed);
        }
        counters
            .rolled_back
            .fetch_add(undone as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Mostly small, sometimes the largest.
    fn size(&mut self) -> usize {
        let most = match self.rng.random_range(0..10) {
            0..6 => 4,
            6..9 => 40,
            _ => self.options.events_max,
        };
        self.rng.random_range(1..=most.min(self.options.events_max))
    }

    async fn lock(&mut self, tx: &mut PgTransaction<'_>) -> Result<Versions> {
        let count = self.rng.random_range(1..=4);
        let ids: Vec<i32> = (0..count)
            .map(|_| self.rng.random_range(1..=AGGREGATES))
            .collect();
        let query = "select id, version from aggregate where id = any($1) order by id for update";
        let rows: Vec<(i32, i64)> = sqlx::query_as(query).bind(ids).fetch_all(&mut **tx).await?;
        Ok(rows.into_iter().collect())
    }

    /// Writes `count` events the way one of our users would.
    async fn write(
        &mut self,
        tx: &mut PgTransaction<'_>,
        versions: &mut Versions,
        count: usize,
    ) -> Result<()> {
        let events: Vec<OrderChanged> = (0..count).map(|_| self.event(versions)).collect();
        match self.rng.random_range(0..3) {
            0 => {
                emit_all(tx, &events).await?;
            }
            1 => {
                for event in &events {
                    emit(tx, event).await?;
                }
            }
            _ => {
                for event in &events {
                    self.emit_by_sql(tx, event).await?;
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, versions: &mut Versions) -> OrderChanged {
        let place = self.rng.random_range(0..versions.len());
        let (id, version) = versions
            .iter_mut()
            .nth(place)
            .expect("a transaction locks an aggregate at least");
        *version += 1;
        let rng = &mut self.rng;
        OrderChanged {
            order_id: format!("order-{id}"),
            version: *version,
            request: Uuid::from_u128(rng.random()),
            total: format!(
                "{}.{:02}",
                rng.random_range(-9999..9999),
                rng.random_range(0..100)
            ),
            day: format!(
                "2026-{:02}-{:02}",
                rng.random_range(1..13),
                rng.random_range(1..29)
            ),
            at: format!("2026-11-21T10:20:30.{:06}Z", rng.random_range(0..1_000_000)),
            status: if rng.random_bool(0.5) {
                "PLACED"
            } else {
                "PAID"
            },
            note: rng
                .random_bool(0.3)
                .then(|| "leave it \"there\" \u{e4}\u{1f4e6}".repeat(rng.random_range(1..9))),
            quantities: (0..rng.random_range(0..5)).map(|_| rng.random()).collect(),
            weight: rng.random(),
        }
    }

    /// As a service in another language does it: its JSON has the fields in any order.
    async fn emit_by_sql(
        &mut self,
        tx: &mut PgTransaction<'_>,
        event: &OrderChanged,
    ) -> Result<()> {
        let mut fields = vec![
            ("order_id", json!(event.order_id)),
            ("version", json!(event.version)),
            ("request", json!(event.request)),
            ("total", json!(event.total)),
            ("day", json!(event.day)),
            ("at", json!(event.at)),
            ("status", json!(event.status)),
            ("note", json!(event.note)),
            ("quantities", json!(event.quantities)),
            ("weight", json!(event.weight)),
        ];
        fields.shuffle(&mut self.rng);
        let members: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        sqlx::query(
            "select outbox.emit(event_type => $1, aggregate_type => $2, aggregate_id => $3,
               payload => $4, schema_version => 1, headers => '{\"tenant\": \"acme\"}')",
        )
        .bind(EVENT_TYPE)
        .bind(AGGREGATE_TYPE)
        .bind(&event.order_id)
        .bind(format!("{{{}}}", members.join(", ")))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

async fn store(tx: &mut PgTransaction<'_>, versions: &Versions) -> Result<()> {
    let (ids, versions): (Vec<i32>, Vec<i64>) = versions.iter().unzip();
    let update = "update aggregate set version = new.version
        from unnest($1::int[], $2::bigint[]) as new (id, version) where aggregate.id = new.id";
    sqlx::query(update)
        .bind(ids)
        .bind(versions)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
