//! What one Kafka transaction carries.

use uuid::Uuid;

use crate::encode::{Arena, Record};
use crate::failpoints::{Sabotage, sabotaged};
use crate::lsn::Lsn;

use super::OpenTransaction;

/// Encoded records of whole database transactions, or of a slice of one that alone is too large.
///
/// While it is filled, its tail may hold records of a database transaction whose commit has not
/// arrived; [`Batch::move_open_to`] separates them.
///
/// Invariant: a batch that leaves with [`Batch::open`] at `None` ends where a database transaction
/// ends, so the events of one database transaction become visible together
/// (`tests::a_transaction_without_its_commit_stays_behind`; `suites::sabotage::a_batch_that_ends_within_a_transaction_tears_it`).
#[derive(Debug, Default)]
pub struct Batch {
    arena: Arena,
    records: Vec<Record>,
    /// Where the last whole transaction ends in `records` and in `arena`.
    whole: Mark,
    /// `end_lsn` of the last whole transaction, or a later idle position.
    resume_lsn: Option<Lsn>,
    /// When the last whole transaction was committed, in microseconds since the Unix epoch.
    last_commit_micros: Option<i64>,
    /// When the first transaction was committed.
    first_commit_micros: Option<i64>,
    /// Set when the batch is a slice of one large transaction.
    open: Option<OpenTransaction>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Mark {
    records: usize,
    bytes: usize,
}

impl Batch {
    /// Lets `encode` append one record.
    pub fn push<E>(
        &mut self,
        encode: impl FnOnce(&mut Arena) -> Result<Record, E>,
    ) -> Result<(), E> {
        let record = encode(&mut self.arena)?;
        self.records.push(record);
        Ok(())
    }

    /// A database transaction is complete: everything pushed so far may leave.
    pub fn end_transaction(&mut self, end_lsn: Lsn, commit_micros: i64) {
        self.whole = Mark {
            records: self.records.len(),
            bytes: self.arena.len(),
        };
        self.resume_lsn = Some(end_lsn);
        self.first_commit_micros.get_or_insert(commit_micros);
        self.last_commit_micros = Some(commit_micros);
    }

    /// Nothing of interest lies before `lsn`; called only while no transaction is open.
    pub fn advance_idle(&mut self, lsn: Lsn) {
        assert!(
            !self.has_open_records(),
            "an idle position lies in no transaction"
        );
        self.resume_lsn = self.resume_lsn.max(Some(lsn));
    }

    /// Makes the batch a slice of the transaction that is open: everything in it leaves, and the
    /// progress record says how far into the transaction it reaches.
    pub fn close_as_slice(&mut self, open: OpenTransaction) {
        assert!(
            self.whole.records == 0,
            "whole transactions leave first, so that only the large one is split"
        );
        self.open = Some(open);
    }

    /// Moves the records of the transaction whose commit has not arrived to `next`, which is empty.
    /// A slice has none: everything in it leaves.
    pub fn move_open_to(&mut self, next: &mut Self) {
        assert!(next.records.is_empty(), "the next batch begins with them");
        if self.open.is_some() {
            return;
        }
        next.records
            .extend(self.records.drain(self.whole.records..));
        self.arena
            .move_tail(self.whole.bytes, &mut next.arena, &mut next.records);
    }

    /// How many of its records are dead letters.
    pub fn dead_letters(&self) -> u64 {
        let dead_letters = self.records.iter().filter(|record| record.is_dead_letter);
        u64::try_from(dead_letters.count()).unwrap_or(u64::MAX)
    }

    /// Whether records wait for the commit of their transaction.
    pub fn has_open_records(&self) -> bool {
        self.records.len() > self.whole.records
    }

    /// Whether there is a whole transaction, or an idle position, that may leave.
    pub fn has_whole(&self) -> bool {
        self.resume_lsn.is_some()
    }

    /// Whether events of whole transactions wait.
    pub fn has_whole_records(&self) -> bool {
        self.whole.records > 0
    }

    /// Bytes of all records, with those that wait for their commit.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The records and the memory their bytes lie in.
    pub fn records(&self) -> (&[Record], &Arena) {
        (&self.records, &self.arena)
    }

    /// Where the stream may resume after this batch; `None` in the first slices of a large
    /// transaction, which leave the position where it was.
    pub fn resume_lsn(&self) -> Option<Lsn> {
        self.resume_lsn
    }

    /// How far the batch reaches into a large transaction.
    pub fn open(&self) -> Option<&OpenTransaction> {
        self.open.as_ref()
    }

    /// The event that is published last.
    pub fn last_event_id(&self) -> Option<Uuid> {
        self.records.last().map(|record| record.event_id)
    }

    /// When the transactions of this batch were committed: the first and the last, in
    /// microseconds since the Unix epoch.
    pub fn commit_times(&self) -> Option<(i64, i64)> {
        self.first_commit_micros.zip(self.last_commit_micros)
    }

    /// Makes it empty; keeps the memory for the next use.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.records.clear();
        self.whole = Mark::default();
        self.resume_lsn = None;
        self.first_commit_micros = None;
        self.last_commit_micros = None;
        self.open = None;
    }

    /// Commits the named faults, so that the oracle can be seen to find them.
    pub fn sabotage(&mut self) {
        let Some(middle) = self
            .records
            .len()
            .checked_div(2)
            .filter(|_| !self.records.is_empty())
        else {
            return;
        };
        if sabotaged(Sabotage::DropEvent) {
            self.records.remove(middle);
        } else if sabotaged(Sabotage::DoubleEvent) {
            let again = self.records[middle].clone();
            self.records.insert(middle, again);
        } else if sabotaged(Sabotage::SwapEvents) {
            let same_key = |a: &Record, b: &Record| {
                a.route.topic == b.route.topic && self.arena.get(a.key) == self.arena.get(b.key)
            };
            let pair = (0..self.records.len()).find_map(|first| {
                (first + 1..self.records.len())
                    .find(|second| same_key(&self.records[first], &self.records[*second]))
                    .map(|second| (first, second))
            });
            if let Some((first, second)) = pair {
                self.records.swap(first, second);
            }
        }
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
