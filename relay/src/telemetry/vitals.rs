//! The handle through which the pipeline tells what it is doing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::metrics::CommitToKafka;
use super::slot::SlotPosition;
use super::status::{Failure, State, Status};
use crate::error::{Chain, Classify, runbook};
use crate::lsn::Lsn;
use crate::publish::{Batch, Progress};
use crate::runtime::clock;

/// A relay that looks again after a halt comes to the faulty event within moments. Until it has
/// survived for so long, or published something, it is shown as what it was, so that an alert on
/// the halt does not flicker.
const HALT_SETTLED_MICROS: i64 = 3_000_000;

/// The vital signs of one relay process. Clones share them.
///
/// Invariant: [`State::Stopping`] is the last state; what the ending session still says changes it
/// no more (`tests::stopping_is_the_last_state`).
#[derive(Clone)]
pub struct Vitals(Arc<Shared>);

struct Shared {
    name: String,
    slot: String,
    publication: String,
    /// Written for each event, hence outside the lock.
    events_waiting: AtomicU64,
    commit_to_kafka: CommitToKafka,
    signs: Mutex<Signs>,
}

/// Times are in microseconds since the Unix epoch.
struct Signs {
    state: State,
    reason: Option<&'static str>,
    since: i64,
    /// When a session began after a halt that may be over.
    looked_again: Option<i64>,
    last_error: Option<(Failure, i64)>,
    resume_lsn: Option<Lsn>,
    /// Commit time of the last database transaction that was read.
    last_read: Option<i64>,
    /// Commit time of the last one that is on Kafka.
    last_commit: Option<i64>,
    last_kafka_commit: Option<i64>,
    oldest_unpublished: Option<i64>,
    events_published: u64,
    dead_letters: u64,
}

impl Vitals {
    /// The vital signs of a relay that starts.
    pub fn new(name: &str, slot: &str, publication: &str) -> Self {
        Self(Arc::new(Shared {
            name: name.to_owned(),
            slot: slot.to_owned(),
            publication: publication.to_owned(),
            events_waiting: AtomicU64::new(0),
            commit_to_kafka: CommitToKafka::default(),
            signs: Mutex::new(Signs {
                state: State::Starting,
                reason: None,
                since: clock::now_micros(),
                looked_again: None,
                last_error: None,
                resume_lsn: None,
                last_read: None,
                last_commit: None,
                last_kafka_commit: None,
                oldest_unpublished: None,
                events_published: 0,
                dead_letters: 0,
            }),
        }))
    }

    /// A session begins to publish after `progress`.
    pub fn active(&self, progress: &Progress) {
        // What an earlier session had read and not published is read again.
        self.0.events_waiting.store(0, Ordering::Relaxed);
        let mut signs = self.signs();
        signs.last_read = None;
        signs.oldest_unpublished = None;
        signs.resume_lsn = Some(progress.resume_lsn);
        if signs.state == State::Halted {
            signs.looked_again = Some(clock::now_micros());
        } else {
            signs.enter(State::Active, None);
        }
    }

    /// A session ended with `error`, and `state` follows from it.
    pub fn failed<E: Classify + 'static>(&self, state: State, error: &E) {
        let mut signs = self.signs();
        if state == State::Standby {
            // It is the other relay's now.
            self.0.events_waiting.store(0, Ordering::Relaxed);
            signs.last_read = None;
            signs.oldest_unpublished = None;
        }
        signs.note(error);
        signs.enter(state, Some(error.reason()));
    }

    /// The session goes on and waits for what `error` says.
    pub fn waiting<E: Classify + 'static>(&self, error: &E) {
        self.signs().note(error);
    }

    /// The process was told to stop.
    pub fn stopping(&self) {
        self.signs().enter(State::Stopping, None);
    }

    /// A database transaction that is not on Kafka was read; `commit_micros` is its commit time.
    pub fn transaction_read(&self, commit_micros: i64) {
        let mut signs = self.signs();
        signs.last_read = signs.last_read.max(Some(commit_micros));
        signs.oldest_unpublished.get_or_insert(commit_micros);
    }

    /// An event that is not on Kafka was read.
    pub fn event_read(&self) {
        self.0.events_waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Kafka committed `batch` with `progress`; `next` is the batch that is being filled.
    pub fn committed(&self, batch: &Batch, progress: &Progress, next: &Batch) {
        let now = clock::now_micros();
        let events = u64::try_from(batch.records().0.len()).unwrap_or(u64::MAX);
        let dead_letters = batch.dead_letters();
        // The one writer is the pipeline, which calls this too, so nothing is lost in between.
        let waiting = self.0.events_waiting.load(Ordering::Relaxed);
        let waiting = waiting.saturating_sub(events);
        self.0.events_waiting.store(waiting, Ordering::Relaxed);
        // For a canary nobody waits.
        if let Some((first, _)) = batch.commit_times().filter(|_| events > 0) {
            self.0.commit_to_kafka.observe_micros(now - first);
        }
        let mut signs = self.signs();
        if signs.looked_again.is_some() {
            signs.enter(State::Active, None);
        }
        signs.resume_lsn = Some(progress.resume_lsn);
        signs.events_published += events - dead_letters;
        signs.dead_letters += dead_letters;
        signs.last_kafka_commit = Some(now);
        signs.last_commit = batch
            .commit_times()
            .map(|(_, last)| last)
            .max(signs.last_commit);
        // The oldest of what was read meanwhile: whole transactions first, then the open one.
        let open = signs
            .last_read
            .filter(|read| signs.last_commit < Some(*read));
        signs.oldest_unpublished = next.commit_times().map(|(first, _)| first).or(open);
    }

    /// How long database transactions took to Kafka.
    pub fn commit_to_kafka(&self) -> &CommitToKafka {
        &self.0.commit_to_kafka
    }

    /// Everything at this moment; `slot` is what PostgreSQL says of the slot, if it answers.
    pub fn status(&self, slot: Option<SlotPosition>) -> Status {
        let now = clock::now_micros();
        let is_known = slot.is_some();
        let slot = slot.unwrap_or_default();
        let mut signs = self.signs();
        if signs
            .looked_again
            .is_some_and(|began| now - began > HALT_SETTLED_MICROS)
        {
            signs.enter(State::Active, None);
        }
        let time = |micros: Option<i64>| micros.and_then(clock::rfc3339);
        let last_error = signs.last_error.clone().map(|(failure, at)| Failure {
            at: clock::rfc3339(at),
            ..failure
        });
        Status {
            state: signs.state,
            reason: signs.reason.map(str::to_owned),
            since: clock::rfc3339(signs.since),
            name: self.0.name.clone(),
            slot: self.0.slot.clone(),
            publication: self.0.publication.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resume_lsn: signs.resume_lsn,
            last_commit_at: time(signs.last_commit),
            last_kafka_commit_at: time(signs.last_kafka_commit),
            events_published: signs.events_published,
            events_waiting: self.0.events_waiting.load(Ordering::Relaxed),
            dead_letters: signs.dead_letters,
            oldest_unpublished_seconds: signs
                .oldest_unpublished
                .map_or(0.0, |committed| seconds(now - committed)),
            slot_retained_wal_bytes: slot.retained_bytes,
            slot_wal_budget_bytes: slot.budget_bytes,
            slot_wal_budget_share: slot.share(),
            slot_wal_status: is_known.then_some(slot.wal_status),
            slot_safe_wal_bytes: slot.safe_bytes,
            slot_held_back_by: slot.held_back_by,
            slot_lag_bytes: slot.lag_bytes,
            last_error,
        }
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.0
            .signs
            .lock()
            .expect("no code panics while it holds the vital signs")
    }
}

impl Signs {
    fn enter(&mut self, state: State, reason: Option<&'static str>) {
        self.looked_again = None;
        let same = self.state == state && self.reason == reason;
        if same || self.state == State::Stopping {
            return;
        }
        self.state = state;
        self.reason = reason;
        self.since = clock::now_micros();
    }

    fn note<E: Classify + 'static>(&mut self, error: &E) {
        let failure = Failure {
            reason: error.reason().to_owned(),
            error: Chain(error).to_string(),
            remedy: error.remedy(),
            runbook: runbook(error.reason()),
            at: None,
        };
        self.last_error = Some((failure, clock::now_micros()));
    }
}

/// A span of microseconds in seconds; 0 where two machines' clocks make it negative.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for 285 years, and only people and alerts read it"
)]
pub(super) fn seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Error, ProgressState, SourceIdentity};

    fn progress(resume_lsn: u64) -> Progress {
        let source = SourceIdentity {
            system_identifier: "7".to_owned(),
            timeline: 1,
            database: "orders".to_owned(),
            slot: "postrider_orders".to_owned(),
        };
        let (state, lsn) = (ProgressState::Running, Lsn::new(resume_lsn));
        Progress::first(state, lsn, source, "cluster".to_owned())
    }

    fn vitals() -> Vitals {
        Vitals::new("orders", "postrider_orders", "postrider")
    }

    fn missing(topic: &str) -> Error {
        let topic = topic.to_owned();
        Error::TopicMissing { topic }
    }

    /// A batch with whole transactions that were committed at these times.
    fn batch(commit_micros: &[i64]) -> Batch {
        let mut batch = Batch::default();
        for micros in commit_micros {
            batch.end_transaction(Lsn::new(1), *micros);
        }
        batch
    }

    fn age(vitals: &Vitals) -> f64 {
        vitals.status(None).oldest_unpublished_seconds
    }

    #[test]
    fn a_halt_shows_its_reason_and_remedy_until_a_session_survives() {
        let vitals = vitals();
        assert_eq!(vitals.status(None).state, State::Starting);
        vitals.failed(State::Halted, &missing("order"));
        let status = vitals.status(None);
        assert_eq!(status.state, State::Halted);
        assert_eq!(status.reason.as_deref(), Some("topic_missing"));
        let failure = status.last_error.unwrap();
        assert!(failure.error.contains("order"), "{failure:?}");
        assert!(!failure.remedy.is_empty() && failure.at.is_some());

        vitals.active(&progress(0x10));
        assert_eq!(vitals.status(None).state, State::Halted, "it only looks");
        vitals.signs().looked_again = Some(1);
        let status = vitals.status(None);
        assert_eq!((status.state, status.reason), (State::Active, None));
        assert_eq!(status.resume_lsn, Some(Lsn::new(0x10)));
        assert!(status.last_error.is_some(), "kept after recovery");
    }

    #[test]
    fn a_halt_is_over_when_something_is_published() {
        let vitals = vitals();
        vitals.failed(State::Halted, &missing("order"));
        vitals.active(&progress(1));
        vitals.failed(State::Halted, &missing("order"));
        vitals.committed(&batch(&[1]), &progress(2), &batch(&[]));
        assert_eq!(
            vitals.status(None).state,
            State::Halted,
            "what was before the fault"
        );
        vitals.active(&progress(2));
        vitals.committed(&batch(&[1]), &progress(3), &batch(&[]));
        assert_eq!(vitals.status(None).state, State::Active);
    }

    #[test]
    fn the_same_state_keeps_its_beginning() {
        let vitals = vitals();
        vitals.failed(State::Halted, &missing("order"));
        vitals.signs().since = 1;
        vitals.failed(State::Halted, &missing("invoice"));
        assert_eq!(vitals.signs().since, 1);
        assert!(
            vitals
                .status(None)
                .last_error
                .unwrap()
                .error
                .contains("invoice")
        );
        vitals.failed(State::Retrying, &missing("invoice"));
        assert_ne!(vitals.signs().since, 1);
    }

    #[test]
    fn stopping_is_the_last_state() {
        let vitals = vitals();
        vitals.stopping();
        vitals.active(&progress(1));
        vitals.failed(State::Retrying, &missing("order"));
        assert_eq!(vitals.status(None).state, State::Stopping);
    }

    #[test]
    fn the_oldest_unpublished_transaction_ages_until_it_is_on_kafka() {
        const SECOND: i64 = 1_000_000;
        let (vitals, now) = (vitals(), clock::now_micros());
        let at = |seconds_ago: i64| now - seconds_ago * SECOND;
        assert!(age(&vitals) == 0.0);
        for seconds_ago in [90, 60, 30] {
            vitals.transaction_read(at(seconds_ago));
        }
        assert!((90.0..95.0).contains(&age(&vitals)));
        // The next batch holds a whole transaction, and then only the open one is left.
        vitals.committed(&batch(&[at(90)]), &progress(2), &batch(&[at(60)]));
        assert!((60.0..65.0).contains(&age(&vitals)));
        vitals.committed(&batch(&[at(60)]), &progress(3), &batch(&[]));
        assert!((30.0..35.0).contains(&age(&vitals)));
        vitals.committed(&batch(&[at(30)]), &progress(4), &batch(&[]));
        assert!(age(&vitals) == 0.0);
        let status = vitals.status(None);
        assert_eq!(status.last_commit_at, clock::rfc3339(at(30)));
        assert_eq!(status.resume_lsn, Some(Lsn::new(4)));
    }

    #[test]
    fn a_new_session_forgets_what_the_last_one_had_read() {
        let vitals = vitals();
        vitals.transaction_read(1);
        vitals.event_read();
        assert_eq!(vitals.status(None).events_waiting, 1);
        vitals.active(&progress(1));
        assert_eq!(vitals.status(None).events_waiting, 0);
        assert!(age(&vitals) == 0.0);
    }
}
