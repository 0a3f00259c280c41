//! Stage 6: from committed progress to the one position that PostgreSQL may be told. Pure.
//!
//! PostgreSQL believes whatever it is told: it does not check a confirmed position against what it
//! has sent, and what lies before it is gone from the slot for good. It must also be the *end* of
//! a transaction: a slot that is confirmed up to a commit record's beginning sends the transaction
//! again, for ever (`SnapBuildXactNeedsSkip` in
//! <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/replication/logical/snapbuild.c>).

use crate::lsn::Lsn;
use crate::publish::CommittedProgress;

/// A position that may be confirmed: everything before it is on Kafka, durably.
///
/// Invariant: it comes from a progress record that is committed, so
/// `confirmed_flush_lsn <= resume_lsn` always holds, and a slot that stands beyond the progress
/// record was moved by somebody else (`suites::sabotage::what_is_confirmed_too_early_is_lost`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed(Lsn);

impl Committed {
    /// The position to report as flushed.
    pub const fn lsn(self) -> Lsn {
        self.0
    }
}

/// What a committed progress record allows to confirm.
pub fn confirm(progress: &CommittedProgress) -> Committed {
    Committed(progress.get().resume_lsn)
}
