//! Whether the records of a history stand in the order in which they were committed.
//!
//! The table alone does not tell the commit order, so three witnesses are heard:
//!
//! - the table's `seq`: within one database transaction, a key's events stand in write order and
//!   no other transaction's between them;
//! - the order field, which the writer increments under a lock of the aggregate: strictly
//!   increasing for each key; and in the table itself without a gap, or rows are gone;
//! - the position header: strictly increasing in each partition. It is the relay's own word, so it
//!   must agree with the table first: one commit position for each database transaction, and
//!   ordinals in write order.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::expected::Row;
use super::headers::Position;
use super::judge::{Judge, Sighting};
use super::report::{Finding, Tally};

/// What came out of it.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) out_of_order: Tally,
    pub(super) gaps: Tally,
    /// Position headers that contradict the table.
    pub(super) altered: Tally,
}

/// Judges the first sightings, which come in the order of the log.
pub(super) fn judge(judge: &Judge, firsts: &[Sighting]) -> Order {
    let mut order = Order {
        gaps: gaps(judge),
        ..Order::default()
    };
    let mut positions = Positions::default();
    let mut keys = Keys::default();
    let mut claims = Claims::default();
    let samples_max = judge.rules.samples_max;
    for sighting in firsts
        .iter()
        .filter(|sighting| !judge.is_dead_letter(sighting))
    {
        let row = judge.expected.row(sighting.row);
        if !claims.agree(sighting, row) {
            let why = "header postrider-position: another commit than its database transaction's";
            order
                .altered
                .add(samples_max, || judge.finding(sighting, why));
        }
        let by_position = positions.regression(sighting);
        let by_key = keys.regression(sighting, row);
        if let Some(why) = by_key.or(by_position) {
            order
                .out_of_order
                .add(samples_max, || judge.finding(sighting, why));
        }
    }
    for sighting in contradicted_ordinals(judge, firsts) {
        let why = "header postrider-position: the ordinal contradicts the write order";
        order
            .altered
            .add(samples_max, || judge.finding(sighting, why));
    }
    order
}

/// The last position of each relay in each partition.
#[derive(Default)]
struct Positions(HashMap<(u32, i32, u32), Position>);

impl Positions {
    fn regression(&mut self, sighting: &Sighting) -> Option<&'static str> {
        let (relay, position) = sighting.position?;
        let last = self
            .0
            .insert((sighting.topic, sighting.partition, relay), position);
        last.is_some_and(|last| last >= position)
            .then_some("stands behind a later commit position of its partition")
    }
}

/// The last event of each key in each partition: between partitions there is no order, and a
/// record in the wrong one is misplaced.
#[derive(Default)]
struct Keys<'r> {
    last: HashMap<(u32, i32, &'r str), (u32, &'r Row)>,
    /// Transactions that are over for a key, by the key's number.
    over: HashSet<(u32, i64)>,
}

impl<'r> Keys<'r> {
    fn regression(&mut self, sighting: &Sighting, row: &'r Row) -> Option<&'static str> {
        let next = u32::try_from(self.last.len()).expect("there are fewer keys than rows");
        let (key, last) = match self
            .last
            .entry((sighting.topic, sighting.partition, row.key()))
        {
            Entry::Occupied(occupied) => {
                let (key, last) = occupied.into_mut();
                (*key, std::mem::replace(last, row))
            }
            Entry::Vacant(vacant) => {
                vacant.insert((next, row));
                return None;
            }
        };
        if last.xid == row.xid && last.seq >= row.seq {
            return Some("stands behind a later event of its key and database transaction");
        }
        if last.xid != row.xid {
            self.over.insert((key, last.xid));
            if self.over.contains(&(key, row.xid)) {
                return Some("another database transaction stands between those of its own");
            }
        }
        let orders = last.order.zip(row.order);
        orders
            .is_some_and(|(last, order)| last >= order)
            .then_some("stands behind a later event of its key, by the order field")
    }
}

/// Which commit each database transaction claims to be. One commit is one transaction, and the
/// other way round.
#[derive(Default)]
struct Claims {
    commits: HashMap<(u32, u64, i64), u64>,
    transactions: HashMap<(u32, u64, u64), i64>,
}

impl Claims {
    fn agree(&mut self, sighting: &Sighting, row: &Row) -> bool {
        let Some((
            relay,
            Position {
                source_epoch,
                commit_lsn,
                ..
            },
        )) = sighting.position
        else {
            return true;
        };
        let commit = self
            .commits
            .entry((relay, source_epoch, row.xid))
            .or_insert(commit_lsn);
        let transaction = self
            .transactions
            .entry((relay, source_epoch, commit_lsn))
            .or_insert(row.xid);
        *commit == commit_lsn && *transaction == row.xid
    }
}

/// Events whose ordinal is not above that of the event written before them.
fn contradicted_ordinals<'f>(judge: &Judge, firsts: &'f [Sighting]) -> Vec<&'f Sighting> {
    let mut written: Vec<_> = firsts
        .iter()
        .filter_map(|sighting| {
            let (relay, position) = sighting.position?;
            let row = judge.expected.row(sighting.row);
            let commit = (relay, position.source_epoch, position.commit_lsn, row.xid);
            Some((commit, row.seq, position.ordinal, sighting))
        })
        .collect();
    written.sort_unstable_by_key(|(commit, seq, ..)| (*commit, *seq));
    written
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0 && pair[0].2 >= pair[1].2)
        .map(|pair| pair[1].3)
        .collect()
}

/// Steps of the order field that no row of the table has.
fn gaps(judge: &Judge) -> Tally {
    let mut keys: BTreeMap<(&str, &str), Vec<(i64, &Row)>> = BTreeMap::new();
    for row in &judge.expected.rows {
        if let Some(order) = row.order {
            keys.entry((&row.aggregate_type, row.key()))
                .or_default()
                .push((order, row));
        }
    }
    let mut gaps = Tally::default();
    for events in keys.values_mut() {
        events.sort_unstable_by_key(|(order, _)| *order);
        for pair in events.windows(2) {
            if pair[1].0 - pair[0].0 != 1 {
                gaps.add(judge.rules.samples_max, || Finding {
                    event_id: Some(pair[1].1.id),
                    place: None,
                    why: format!("order field {} follows {}", pair[1].0, pair[0].0),
                });
            }
        }
    }
    gaps
}
