//! One session of the workload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Error, Result};
use outbox_sdk::{emit, emit_all};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::json;
use sqlx::postgres::{PgPool, PgTransaction};

use super::order::OrderChanged;
use super::{AGGREGATE_TYPE, AGGREGATES, Counters, EVENT_TYPE, WorkloadOptions};

/// A session that writes.
pub(super) struct Writer {
    pub(super) pool: PgPool,
    pub(super) options: WorkloadOptions,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) counters: Arc<Counters>,
    pub(super) rng: StdRng,
}

/// The versions of the aggregates that a transaction has locked.
type Versions = BTreeMap<i32, i64>;

impl Writer {
    pub(super) async fn run(mut self) -> Result<()> {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / self.options.rate);
        let mut left = self.options.transactions.unwrap_or(u64::MAX);
        while left > 0 && !self.stop.load(Ordering::Relaxed) {
            pace.tick().await;
            match self.transaction().await {
                Ok(()) => left -= 1,
                Err(error) if self.options.outages && is_outage(&error) => {}
                Err(error) => return Err(error),
            }
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
            if let Err(error) = tx.commit().await {
                let uncertain = &counters.uncertain;
                uncertain.fetch_add(kept as u64, Ordering::Relaxed);
                return Err(error.into());
            }
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
        OrderChanged::random(format!("order-{id}"), *version, &mut self.rng)
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

/// Whether the database went away, or is not back yet.
fn is_outage(error: &Error) -> bool {
    error.chain().any(|cause| {
        let Some(cause) = cause.downcast_ref::<sqlx::Error>() else {
            return false;
        };
        // Class 08: connection exception; 57P: the server ends, or starts.
        cause.as_database_error().is_none_or(|error| {
            let code = error.code().unwrap_or_default();
            code.starts_with("08") || code.starts_with("57P")
        })
    })
}
