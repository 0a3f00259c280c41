//! Tells logs and vital signs how sessions end.
//!
//! A dependency that is down ends every session in the same way, and so does a halt until somebody
//! acts. The first time is logged at its level, and then again after a minute, two, four …, so that
//! a log is neither silent nor flooded; the repetitions between are DEBUG. What was quiet for longer
//! than two sessions can lie apart is news again.

use std::time::{Duration, Instant};

use super::Error;
use crate::error::{Chain, Classify, runbook};
use crate::telemetry::{State, Vitals};

/// A dependency that starts with the relay is there by then; if not, it is worth a second line.
const REMIND_FIRST: Duration = Duration::from_mins(1);

/// Sessions that fail in the same way follow each other faster: 30 s to open, 10 s of pause.
const QUIET: Duration = Duration::from_mins(1);

/// The longest time without a reminder.
const REMIND_MAX: Duration = Duration::from_hours(1);

/// The ends of one process's sessions.
pub(super) struct Report<'a> {
    vitals: &'a Vitals,
    repetition: Repetition,
}

impl<'a> Report<'a> {
    pub(super) fn new(vitals: &'a Vitals) -> Self {
        Self {
            vitals,
            repetition: Repetition::default(),
        }
    }

    /// A session ended with `error`, and the relay is `state` until the next one is active.
    pub(super) fn failed(&mut self, state: State, error: &Error) {
        self.vitals.failed(state, error);
        let (reason, remedy, runbook) = (error.reason(), error.remedy(), runbook(error.reason()));
        // Another event that halts is news; the details of a lost connection change every time.
        let what = match state {
            // But for the end of a log that grows.
            State::Halted if !matches!(error, Error::Moved { .. }) => Chain(error).to_string(),
            _ => reason.to_owned(),
        };
        let error = Chain(error);
        match (state, self.repetition.is_due(&what, Instant::now())) {
            (_, false) => tracing::debug!(reason, "{}, still: {error}", state.name()),
            (State::Halted, true) => tracing::error!(reason, remedy, runbook, "halted: {error}"),
            (State::Standby, true) => tracing::info!(reason, remedy, "standby: {error}"),
            (_, true) => tracing::warn!(reason, remedy, runbook, "session ended: {error}"),
        }
    }
}

/// Which repetition of one thing is worth a line.
#[derive(Default)]
struct Repetition {
    said: Option<Said>,
}

struct Said {
    what: String,
    at: Instant,
    last_seen: Instant,
    next: Duration,
}

impl Repetition {
    fn is_due(&mut self, what: &str, now: Instant) -> bool {
        let next = match &mut self.said {
            Some(said) if said.what == what && now - said.last_seen < QUIET => {
                said.last_seen = now;
                if now - said.at < said.next {
                    return false;
                }
                (said.next * 2).min(REMIND_MAX)
            }
            _ => REMIND_FIRST,
        };
        self.said = Some(Said {
            what: what.to_owned(),
            at: now,
            last_seen: now,
            next,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_said_ever_more_rarely_and_news_at_once() {
        let mut repetition = Repetition::default();
        let begin = Instant::now();
        let mut due = |what, second| {
            let now = begin + Duration::from_secs(second);
            repetition.is_due(what, now)
        };
        let said: Vec<_> = (0..600).filter(|second| due("kafka", *second)).collect();
        assert_eq!(said, [0, 60, 180, 420]);
        assert!(due("postgres", 600));
        assert!(!due("postgres", 659));
        assert!(due("kafka", 660));
        assert!(!due("kafka", 719));
        assert!(due("kafka", 800), "a minute of quiet");
    }
}
