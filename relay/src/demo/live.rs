//! What writers and reader know together: counts, and when each event was committed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// The state of a demo, shared by its writers and its reader.
#[derive(Debug, Default)]
pub(super) struct Live {
    committed: AtomicU64,
    rolled_back: AtomicU64,
    on_kafka: AtomicU64,
    /// Events that the reader has not seen, with the moment when their COMMIT was sent.
    under_way: Mutex<HashMap<Uuid, Instant>>,
    latencies: Mutex<Vec<Duration>>,
    first_record: Mutex<Option<Instant>>,
}

impl Live {
    /// The transaction with these events is about to be committed.
    pub(super) fn committing(&self, ids: &[Uuid]) {
        let now = Instant::now();
        lock(&self.under_way).extend(ids.iter().map(|id| (*id, now)));
    }

    /// So many events were committed.
    pub(super) fn committed(&self, events: u64) {
        self.committed.fetch_add(events, Ordering::Relaxed);
    }

    /// So many events were rolled back.
    pub(super) fn rolled_back(&self, events: u64) {
        self.rolled_back.fetch_add(events, Ordering::Relaxed);
    }

    /// The reader has a record of this event.
    pub(super) fn arrived(&self, id: Option<Uuid>) {
        let now = Instant::now();
        lock(&self.first_record).get_or_insert(now);
        let began = id.and_then(|id| lock(&self.under_way).remove(&id));
        lock(&self.latencies).extend(began.map(|began| now - began));
        self.on_kafka.fetch_add(1, Ordering::Relaxed);
    }

    /// Committed, rolled back, on Kafka.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (
            read(&self.committed),
            read(&self.rolled_back),
            read(&self.on_kafka),
        )
    }

    /// When the first record came.
    pub(super) fn first_record(&self) -> Option<Instant> {
        *lock(&self.first_record)
    }

    /// From COMMIT to the reader, of every event, in ascending order.
    pub(super) fn latencies(&self) -> Vec<Duration> {
        let mut latencies = lock(&self.latencies).clone();
        latencies.sort_unstable();
        latencies
    }
}

/// The values are plain, so a writer that panicked has left none half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
