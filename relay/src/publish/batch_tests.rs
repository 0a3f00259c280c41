//! How a batch is cut.

use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::route::Route;

fn push(batch: &mut Batch, key: &str) {
    let pushed: Result<(), Infallible> = batch.push(|arena| {
        let key = arena.append(|bytes| bytes.extend_from_slice(key.as_bytes()));
        Ok(Record {
            route: Arc::new(Route {
                topic: "t".into(),
                subject: "s".into(),
            }),
            partition: 0,
            timestamp_millis: 0,
            is_dead_letter: false,
            event_id: Uuid::nil(),
            key,
            value: None,
            headers: arena.append(|bytes| bytes.extend_from_slice(b"h")),
        })
    });
    pushed.unwrap();
}

fn keys(batch: &Batch) -> Vec<&str> {
    let (records, arena) = batch.records();
    records
        .iter()
        .map(|record| std::str::from_utf8(arena.get(record.key)).unwrap())
        .collect()
}

#[test]
fn a_transaction_without_its_commit_stays_behind() {
    let mut batch = Batch::default();
    push(&mut batch, "a");
    push(&mut batch, "bb");
    batch.end_transaction(Lsn::new(10), 1);
    push(&mut batch, "ccc");
    push(&mut batch, "d");
    let mut rest = Batch::default();
    batch.move_open_to(&mut rest);
    assert_eq!(keys(&batch), ["a", "bb"]);
    assert_eq!(keys(&rest), ["ccc", "d"]);
    assert_eq!(
        (batch.resume_lsn(), rest.resume_lsn()),
        (Some(Lsn::new(10)), None)
    );
    assert!(!batch.has_open_records() && rest.has_open_records() && !rest.has_whole());
}

#[test]
fn a_slice_leaves_with_everything_in_it() {
    let mut batch = Batch::default();
    push(&mut batch, "a");
    batch.close_as_slice(OpenTransaction {
        commit_lsn: Lsn::new(20),
        xid: 1,
        ordinal: 1,
    });
    let mut rest = Batch::default();
    batch.move_open_to(&mut rest);
    assert_eq!((keys(&batch), keys(&rest)), (vec!["a"], vec![]));
    assert_eq!(batch.resume_lsn(), None);
}

#[test]
#[should_panic(expected = "whole transactions leave first")]
fn only_a_transaction_that_is_alone_is_sliced() {
    let mut batch = Batch::default();
    push(&mut batch, "a");
    batch.end_transaction(Lsn::new(10), 1);
    batch.close_as_slice(OpenTransaction {
        commit_lsn: Lsn::new(20),
        xid: 1,
        ordinal: 1,
    });
}

#[test]
fn an_idle_position_never_goes_back() {
    let mut batch = Batch::default();
    batch.end_transaction(Lsn::new(10), 1);
    batch.advance_idle(Lsn::new(5));
    assert_eq!(batch.resume_lsn(), Some(Lsn::new(10)));
    batch.advance_idle(Lsn::new(15));
    assert_eq!(batch.resume_lsn(), Some(Lsn::new(15)));
}

/// What a batch was when it left.
struct Left {
    keys: Vec<String>,
    is_slice: bool,
    resume_lsn: Option<Lsn>,
}

fn leave(batch: &mut Batch, left: &mut Vec<Left>) {
    let mut next = Batch::default();
    batch.move_open_to(&mut next);
    left.push(Left {
        keys: keys(batch).into_iter().map(str::to_owned).collect(),
        is_slice: batch.open().is_some(),
        resume_lsn: batch.resume_lsn(),
    });
    *batch = next;
}

/// Fills batches as the pipeline does: transactions of so many records, of which the bool says
/// whether the publisher is free at their end, and no batch beyond `bytes_max`.
fn fill(transactions: &[(usize, bool)], bytes_max: usize) -> Vec<Left> {
    let (mut batch, mut left) = (Batch::default(), Vec::new());
    for (number, (records, is_free)) in transactions.iter().enumerate() {
        let commit_lsn = Lsn::new(10 * number as u64 + 10);
        for record in 0..*records {
            push(&mut batch, &format!("{number}-{record}"));
            if batch.bytes() >= bytes_max {
                if !batch.has_whole_records() {
                    batch.close_as_slice(OpenTransaction {
                        commit_lsn,
                        xid: 1,
                        ordinal: record as u64,
                    });
                }
                leave(&mut batch, &mut left);
            }
        }
        batch.end_transaction(Lsn::new(commit_lsn.as_u64() + 5), 1);
        if *is_free {
            leave(&mut batch, &mut left);
        }
    }
    leave(&mut batch, &mut left);
    left
}

proptest! {
    /// However the limit cuts: everything leaves once and in order, a batch that is no slice ends
    /// where a transaction ends, a slice holds one transaction, and positions never go back.
    #[test]
    fn any_cut_keeps_every_record_and_every_transaction(
        transactions in prop::collection::vec((0..20_usize, any::<bool>()), 0..20),
        bytes_max in 1..100_usize,
    ) {
        let left = fill(&transactions, bytes_max);
        let all: Vec<String> = (0..transactions.len())
            .flat_map(|number| (0..transactions[number].0).map(move |record| format!("{number}-{record}")))
            .collect();
        let gone: Vec<String> = left.iter().flat_map(|batch| batch.keys.clone()).collect();
        prop_assert_eq!(gone, all);
        let place = |key: &String| -> (usize, usize) {
            let (number, record) = key.split_once('-').unwrap();
            (number.parse().unwrap(), record.parse().unwrap())
        };
        for batch in &left {
            let places: Vec<_> = batch.keys.iter().map(place).collect();
            if batch.is_slice {
                prop_assert!(places.iter().all(|(number, _)| *number == places[0].0));
            } else if let Some((number, record)) = places.last() {
                prop_assert_eq!(record + 1, transactions[*number].0);
            }
        }
        let positions: Vec<_> = left.iter().filter_map(|batch| batch.resume_lsn).collect();
        prop_assert!(positions.is_sorted());
    }
}
