//! Whether the events of each database transaction became visible together.

use super::judge::{Judge, Sighting};
use super::report::Tally;
use super::transactions::{TransactionId, Transactions};

/// Judges the first sightings against the transactions that the broker's log tells of. Dead letters
/// are left out: an operator may take one event out of its transaction.
pub(super) fn judge(judge: &Judge, firsts: &[Sighting], transactions: &Transactions) -> Tally {
    let mut events: Vec<&Sighting> = firsts
        .iter()
        .filter(|sighting| !judge.is_dead_letter(sighting))
        .collect();
    let written = |sighting: &&Sighting| {
        let row = judge.expected.row(sighting.row);
        (row.xid, row.seq)
    };
    events.sort_unstable_by_key(written);
    let mut torn = Tally::default();
    for group in events.chunk_by(|left, right| written(left).0 == written(right).0) {
        let (xid, _) = written(&group[0]);
        let lies_in = |sighting: &&Sighting| {
            transactions.of(
                judge.topic_name(sighting),
                sighting.partition,
                sighting.offset,
            )
        };
        let runs = runs(group.iter().map(lies_in));
        if runs.len() > 1 && !(may_be_split(judge, group, xid) && in_sequence(&runs)) {
            torn.add(judge.rules.samples_max, || {
                let why = format!(
                    "the {} events of database transaction {xid}, in write order, change their \
                     Kafka transaction {} times",
                    group.len(),
                    runs.len() - 1
                );
                judge.finding(group[0], why)
            });
        }
    }
    torn
}

/// The transactions in write order, each run as one. A record outside any transaction is visible by
/// itself, so it is a run of its own.
fn runs(lies_in: impl Iterator<Item = Option<TransactionId>>) -> Vec<Option<TransactionId>> {
    let mut runs: Vec<Option<TransactionId>> = Vec::new();
    for transaction in lies_in {
        if transaction.is_none() || runs.last() != Some(&transaction) {
            runs.push(transaction);
        }
    }
    runs
}

fn may_be_split(judge: &Judge, group: &[&Sighting], xid: i64) -> bool {
    let bytes: u64 = group.iter().map(|sighting| u64::from(sighting.bytes)).sum();
    judge.rules.split_xids.contains(&xid)
        || judge
            .rules
            .split_bytes_min
            .is_some_and(|bytes_min| bytes >= bytes_min)
}

/// Whether each part follows the one before: a later transaction of the same producer, or one of
/// another producer that does not come back.
fn in_sequence(runs: &[Option<TransactionId>]) -> bool {
    let parts: Option<Vec<TransactionId>> = runs.iter().copied().collect();
    parts.is_some_and(|parts| {
        let mut seen: Vec<TransactionId> = Vec::with_capacity(parts.len());
        parts.into_iter().all(|part| {
            let later = seen.iter().all(|earlier| {
                earlier.producer_id != part.producer_id || earlier.number < part.number
            });
            seen.push(part);
            later
        })
    })
}
