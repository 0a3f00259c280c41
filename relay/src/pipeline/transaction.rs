//! The database transaction at hand, and how much of it an earlier session has published.

use crate::encode::Position;
use crate::failpoints::{Sabotage, sabotaged};
use crate::lsn::Lsn;
use crate::publish::{OpenTransaction, Progress};

/// A transaction whose commit has not arrived.
///
/// Invariant: an event is published again only if the progress record does not cover it. PostgreSQL
/// sends again what it was not told about, so every session begins with events that are on Kafka
/// (`tests`, `suites::chaos`).
#[derive(Debug)]
pub(super) struct Transaction {
    commit_lsn: Lsn,
    xid: u32,
    commit_micros: i64,
    /// Inserts so far.
    ordinal: u64,
    published: Published,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Published {
    Nothing,
    /// A transaction beyond the batch limit, of which so many inserts are on Kafka.
    First(u64),
    Everything,
}

impl Transaction {
    /// A transaction that begins; `progress` is that of the session.
    pub(super) fn begin(
        commit_lsn: Lsn,
        xid: u32,
        commit_micros: i64,
        progress: &Progress,
    ) -> Self {
        let is_open = |open: &&OpenTransaction| open.commit_lsn == commit_lsn && open.xid == xid;
        let published = if commit_lsn < progress.resume_lsn {
            Published::Everything
        } else {
            let open = progress.open.as_ref().filter(is_open);
            let open = open.filter(|_| !sabotaged(Sabotage::ForgetSlice));
            open.map_or(Published::Nothing, |open| Published::First(open.ordinal))
        };
        Self {
            commit_lsn,
            xid,
            commit_micros,
            ordinal: 0,
            published,
        }
    }

    /// Commits a fault: leaves out a transaction that nobody has published.
    pub(super) fn sabotage_reconnect(&mut self, is_first_session: bool) -> bool {
        let skips = sabotaged(Sabotage::SkipOnReconnect)
            && !is_first_session
            && self.published != Published::Everything;
        if skips {
            self.published = Published::Everything;
        }
        skips
    }

    /// When it was committed, by the database's clock.
    pub(super) fn commit_micros(&self) -> i64 {
        self.commit_micros
    }

    /// An insert arrived.
    pub(super) fn count_insert(&mut self) {
        self.ordinal += 1;
    }

    /// Whether the insert that arrived last is on Kafka.
    pub(super) fn is_published(&self) -> bool {
        match self.published {
            Published::Nothing => false,
            Published::First(count) => self.ordinal <= count,
            Published::Everything => true,
        }
    }

    /// Whether its end moves the position: not if it lies before the position already, nor if it
    /// wrote nothing here.
    pub(super) fn moves_position(&self) -> bool {
        self.published != Published::Everything && self.ordinal > 0
    }

    /// Where the insert that arrived last stands.
    pub(super) fn position(&self) -> Position {
        Position {
            commit_lsn: self.commit_lsn,
            ordinal: self.ordinal,
        }
    }

    /// For a progress record that ends with the insert that arrived last.
    pub(super) fn as_open(&self) -> OpenTransaction {
        OpenTransaction {
            commit_lsn: self.commit_lsn,
            xid: self.xid,
            ordinal: self.ordinal,
        }
    }

    /// Where its commit record begins.
    pub(super) fn commit_lsn(&self) -> Lsn {
        self.commit_lsn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{ProgressState, SourceIdentity};

    fn progress() -> Progress {
        let source = SourceIdentity {
            system_identifier: "7".to_owned(),
            timeline: 1,
            database: "orders".to_owned(),
            slot: "postrider_orders".to_owned(),
        };
        let mut progress = Progress::first(
            ProgressState::Running,
            Lsn::new(100),
            source,
            "cluster".to_owned(),
        );
        progress.open = Some(OpenTransaction {
            commit_lsn: Lsn::new(150),
            xid: 9,
            ordinal: 2,
        });
        progress
    }

    /// Which of its first three inserts are published, and whether its end moves the position.
    fn seen(commit_lsn: u64, xid: u32) -> (Vec<bool>, bool) {
        let mut transaction = Transaction::begin(Lsn::new(commit_lsn), xid, 0, &progress());
        let published = (0..3).map(|_| {
            transaction.count_insert();
            transaction.is_published()
        });
        (published.collect(), transaction.moves_position())
    }

    #[test]
    fn a_transaction_before_the_resume_position_is_published() {
        assert_eq!(seen(99, 1), (vec![true; 3], false));
    }

    #[test]
    fn a_transaction_that_begins_at_the_resume_position_is_not() {
        assert_eq!(seen(100, 1), (vec![false; 3], true));
    }

    #[test]
    fn a_large_transaction_goes_on_where_it_was_left() {
        assert_eq!(seen(150, 9), (vec![true, true, false], true));
    }

    #[test]
    fn another_transaction_at_that_place_is_another() {
        assert_eq!(seen(150, 8), (vec![false; 3], true));
        assert_eq!(seen(151, 9), (vec![false; 3], true));
    }

    #[test]
    fn a_transaction_without_an_insert_moves_nothing() {
        let transaction = Transaction::begin(Lsn::new(200), 1, 0, &progress());
        assert!(!transaction.moves_position());
    }
}
