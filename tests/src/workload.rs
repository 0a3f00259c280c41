//! Writers that never pause: sessions that place orders in transactions of 1 to 200 events, some of
//! them rolled back as a whole or to a savepoint.
//!
//! Each aggregate has a row with a version. A transaction locks the rows of its aggregates, in
//! order, so that writers never deadlock, and every event raises the version by one. The payload
//! carries it: so the oracle knows the commit order of each key, and sees a gap.

mod huge;
mod order;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgPool;
use tokio::task::JoinHandle;

pub use huge::write_huge;
pub use order::{AGGREGATE_TYPE, EVENT_TYPE, ORDER_FIELD, SCHEMA, register_contract};
use writer::Writer;

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
    /// The database may go away: a session waits until it is back and goes on. Whether what it was
    /// committing is committed, it does not know.
    pub outages: bool,
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
            outages: false,
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
    /// Events of transactions whose commit nobody answered; committed or not.
    pub uncertain: u64,
}

#[derive(Debug, Default)]
struct Counters {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    transactions: AtomicU64,
    uncertain: AtomicU64,
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
            uncertain: read(&self.counters.uncertain),
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
