//! Ends the process when a part of the pipeline has stopped turning.
//!
//! A stuck pipeline beside a source that still answers keepalives would hold the slot for ever,
//! and no standby could take over. So every part beats a [`Heart`], also while it waits for a
//! slow dependency, and the watchdog exits when one has not beaten for too long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::supervisor::Supervisor;
use super::task::{EXIT_CODE_PANIC, spawn_thread};

/// How long a heart may rest. Longer than any single wait in the pipeline (each is sliced to 5 s),
/// short enough that a standby takes over within two minutes.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Longest time for a log line before the exit.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A watchdog that did not come to look for so long stood still together with everything else: the
/// process or its machine was stopped (SIGSTOP, a snapshot), and no part is to blame.
const STOOD_STILL: Duration = Duration::from_secs(20);

/// The pulse of one part of the pipeline.
#[derive(Clone)]
pub struct Heart {
    born: Instant,
    last_beat_millis: Arc<AtomicU64>,
}

/// `last_beat_millis` of a heart that is at rest on purpose.
const AT_REST: u64 = u64::MAX;

impl Heart {
    /// Says "I am turning".
    pub fn beat(&self) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(AT_REST - 1);
        self.last_beat_millis.store(millis, Ordering::Relaxed);
    }

    /// Says "I have nothing to do until further notice".
    pub fn rest(&self) {
        self.last_beat_millis.store(AT_REST, Ordering::Relaxed);
    }

    /// Counts its silence from now on; one at rest stays so.
    fn pardon(&self) {
        let seen = self.last_beat_millis.load(Ordering::Relaxed);
        if seen != AT_REST {
            let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(AT_REST - 1);
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            // Whoever beat or went to rest meanwhile needs no pardon.
            let _ = self
                .last_beat_millis
                .compare_exchange(seen, now, success, failure);
        }
    }

    /// Time since the last beat; zero at rest.
    fn silence(&self) -> Duration {
        match self.last_beat_millis.load(Ordering::Relaxed) {
            AT_REST => Duration::ZERO,
            millis => self
                .born
                .elapsed()
                .saturating_sub(Duration::from_millis(millis)),
        }
    }
}

/// All hearts of the process.
#[derive(Clone, Default)]
pub struct Watchdog {
    hearts: Arc<Mutex<Vec<(&'static str, Heart)>>>,
}

impl Watchdog {
    /// Starts the thread that watches, and tells the service manager that all is well.
    pub fn start(supervisor: Arc<Supervisor>) -> Self {
        let watchdog = Self::default();
        let watched = watchdog.clone();
        spawn_thread("watchdog", move || {
            loop {
                let asleep = Instant::now();
                std::thread::park_timeout(CHECK_EVERY);
                if let Some(part) = watched.look(asleep.elapsed()) {
                    // A log that nobody reads must not keep this thread from it.
                    spawn_thread("watchdog exit", || {
                        std::thread::sleep(LAST_WORDS_MAX);
                        std::process::exit(EXIT_CODE_PANIC);
                    });
                    tracing::error!(
                        part,
                        "the pipeline is stuck, exiting so that the replication slot is released"
                    );
                    std::process::exit(EXIT_CODE_PANIC);
                }
                supervisor.alive();
            }
        });
        watchdog
    }

    /// A heart for the part called `name`, at rest at first. One per name: a new session's part
    /// takes over the heart of the part before it.
    pub fn heart(&self, name: &'static str) -> Heart {
        let mut hearts = self
            .hearts
            .lock()
            .expect("no code panics while it holds the hearts");
        if let Some((_, heart)) = hearts.iter().find(|(known, _)| *known == name) {
            return heart.clone();
        }
        let heart = Heart {
            born: Instant::now(),
            last_beat_millis: Arc::new(AtomicU64::new(AT_REST)),
        };
        hearts.push((name, heart.clone()));
        heart
    }

    /// As [`Watchdog::stuck`], by a watchdog that was `asleep` for so long.
    fn look(&self, asleep: Duration) -> Option<&'static str> {
        if asleep > STOOD_STILL {
            let hearts = self
                .hearts
                .lock()
                .expect("no code panics while it holds the hearts");
            hearts.iter().for_each(|(_, heart)| heart.pardon());
        }
        self.stuck()
    }

    /// A part that has not beaten for too long.
    pub fn stuck(&self) -> Option<&'static str> {
        let hearts = self
            .hearts
            .lock()
            .expect("no code panics while it holds the hearts");
        hearts
            .iter()
            .find(|(_, heart)| heart.silence() > SILENCE_MAX)
            .map(|(name, _)| *name)
    }

    /// Lets every heart have been born, and have beaten, long ago.
    #[cfg(test)]
    pub(crate) fn grow_old(&self) {
        let long_ago = Instant::now().checked_sub(SILENCE_MAX * 2);
        for (_, heart) in self.hearts.lock().unwrap().iter_mut() {
            heart.born = long_ago.expect("the machine is up that long");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_at_rest_is_not_stuck_and_a_silent_one_is() {
        let watchdog = Watchdog::default();
        let heart = watchdog.heart("pipeline");
        assert_eq!(watchdog.stuck(), None);
        heart.beat();
        assert_eq!(watchdog.stuck(), None);
        watchdog.grow_old();
        assert_eq!(watchdog.stuck(), Some("pipeline"));
        heart.rest();
        assert_eq!(watchdog.stuck(), None);
    }

    #[test]
    fn a_process_that_stood_still_is_not_stuck() {
        let watchdog = Watchdog::default();
        let heart = watchdog.heart("pipeline");
        heart.beat();
        watchdog.grow_old();
        assert_eq!(watchdog.look(SILENCE_MAX * 2), None);
        assert_eq!(watchdog.look(CHECK_EVERY), None, "it may turn again");
        heart.beat();
        watchdog.grow_old();
        assert_eq!(watchdog.look(CHECK_EVERY), Some("pipeline"));
        heart.rest();
        assert_eq!(watchdog.look(SILENCE_MAX * 2), None);
    }
}
