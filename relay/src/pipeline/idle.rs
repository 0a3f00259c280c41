//! Write-ahead log that concerns no event: where it ends, and when that is worth a progress record.
//!
//! The log of other tables must be confirmed as well, or an outbox at rest in a busy database would
//! keep it for ever.

use std::time::{Duration, Instant};

use crate::lsn::Lsn;

/// Between two confirmations when nobody asks: each costs a Kafka transaction.
const EVERY: Duration = Duration::from_secs(10);

/// The position up to which everything was received and belongs to no open transaction.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) lsn: Lsn,
    confirmed_at: Instant,
    /// PostgreSQL waits for an answer: it shuts down, or has heard nothing for long.
    is_asked: bool,
}

impl Idle {
    pub(super) fn new(lsn: Lsn) -> Self {
        Self {
            lsn,
            confirmed_at: Instant::now(),
            is_asked: false,
        }
    }

    /// The stream has come to `lsn`, outside of any transaction.
    pub(super) fn reach(&mut self, lsn: Lsn, reply_requested: bool) {
        self.lsn = self.lsn.max(lsn);
        self.is_asked |= reply_requested;
    }

    /// Whether it is time to confirm it, where `resume_lsn` is confirmed already.
    pub(super) fn is_due(&self, resume_lsn: Lsn) -> bool {
        self.lsn > resume_lsn && (self.is_asked || self.confirmed_at.elapsed() >= EVERY)
    }

    /// A progress record carries it.
    pub(super) fn confirmed(&mut self) {
        self.confirmed_at = Instant::now();
        self.is_asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_at_once_if_there_is_news() {
        let mut idle = Idle::new(Lsn::new(10));
        idle.reach(Lsn::new(10), true);
        assert!(!idle.is_due(Lsn::new(10)));
        idle.reach(Lsn::new(20), false);
        assert!(idle.is_due(Lsn::new(10)));
        idle.confirmed();
        idle.reach(Lsn::new(30), false);
        assert!(!idle.is_due(Lsn::new(20)));
    }

    #[test]
    fn the_position_never_goes_back() {
        let mut idle = Idle::new(Lsn::new(10));
        idle.reach(Lsn::new(5), false);
        assert_eq!(idle.lsn, Lsn::new(10));
    }
}
