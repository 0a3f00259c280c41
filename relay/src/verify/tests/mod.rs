//! The oracle is trusted only as far as it is tested: every fault put into a correct history must
//! be found, under its own name, and a correct history must pass.

mod dialect;
mod history;
mod mutation;
mod transactions;

use proptest::prelude::*;

use super::report::{Report, Torn};
use super::rules::Rules;
use history::{History, Written, written};
use mutation::Mutation;

/// The names of everything that was found.
fn found(report: &Report) -> Vec<&'static str> {
    report
        .tallies()
        .into_iter()
        .filter(|(_, tally)| tally.count > 0)
        .map(|(name, _)| name)
        .collect()
}

proptest! {
    #[test]
    fn a_correct_history_passes(written in written()) {
        let report = History::of(&written).judge(History::rules());
        prop_assert_eq!(found(&report), Vec::<&str>::new(), "{}", report);
        prop_assert!(report.passed());
        let events: usize = written.iter().map(|transaction| transaction.events.len()).sum();
        prop_assert_eq!((report.committed, report.on_kafka), (events as u64, events as u64));
    }

    #[test]
    fn a_mutated_history_is_always_rejected(
        written in written(),
        mutation in mutation::any(),
        pick in 0..1_000_usize,
    ) {
        let mut history = History::of(&written);
        let expected = mutation.apply(&mut history, pick);
        let report = history.judge(History::rules());
        prop_assert_eq!(found(&report), expected, "{:?}: {}", mutation, report);
        prop_assert!(!report.passed());
    }
}

/// Two transactions of three events each, in one Kafka transaction, on one key.
fn small() -> History {
    let transaction = || Written {
        events: vec![(false, 0); 3],
        begins_kafka_transaction: false,
    };
    History::of(&[transaction(), transaction()])
}

#[test]
fn findings_are_counted_in_full_and_sampled_in_part() {
    let mut history = small();
    history.records.clear();
    let report = history.judge(Rules {
        samples_max: 2,
        ..History::rules()
    });
    assert_eq!((report.lost.count, report.lost.samples.len()), (6, 2));
}

#[test]
fn without_the_brokers_log_transactions_are_not_examined() {
    let mut history = small();
    Mutation::Tear.apply(&mut history, 0);
    let report = history.judge_without_transactions(History::rules());
    assert_eq!(report.torn, Torn::NotExamined);
    assert!(report.passed());
}

#[test]
fn a_large_transaction_may_be_split_in_write_order_but_not_otherwise() {
    let split = |parts: [u32; 3]| {
        let mut history = small();
        for (record, part) in history.records.iter_mut().zip(parts) {
            record.kafka_transaction = part;
        }
        let allowed = Rules {
            split_bytes_min: Some(1),
            ..History::rules()
        };
        let forbidden = Rules {
            split_bytes_min: Some(1 << 20),
            ..History::rules()
        };
        (
            history.judge(allowed).passed(),
            history.judge(forbidden).passed(),
        )
    };
    assert_eq!(split([0, 0, 0]), (true, true));
    assert_eq!(split([0, 1, 2]), (true, false));
    assert_eq!(split([0, 1, 0]), (false, false));
    assert_eq!(split([2, 1, 0]), (false, false));
}

#[test]
fn a_transaction_named_as_split_may_be_split() {
    let mut history = small();
    history.records[2].kafka_transaction = 1;
    let xid = history.rows[0].xid;
    let rules = Rules {
        split_xids: [xid].into(),
        ..History::rules()
    };
    assert!(history.judge(rules).passed());
}

#[test]
fn an_event_in_a_dead_letter_topic_is_neither_lost_nor_out_of_order() {
    let mut history = small();
    history.records[1].record.topic = "order-dlt".into();
    history.records[1].record.value = Some(b"{}".to_vec());
    let rules = Rules {
        dead_letter_topics: vec!["order-dlt".to_owned()],
        ..History::rules()
    };
    let report = history.judge(rules);
    assert!(report.passed(), "{report}");
    assert_eq!(
        (report.committed, report.on_kafka, report.dead_lettered),
        (6, 5, 1)
    );
}

#[test]
fn at_least_once_may_double_but_not_lose() {
    let rules = || Rules {
        duplicates_allowed: true,
        ..History::rules()
    };
    let mut history = small();
    Mutation::Double.apply(&mut history, 0);
    let report = history.judge(rules());
    assert!(report.passed() && report.doubled.count == 1, "{report}");
    Mutation::Drop.apply(&mut history, 3);
    assert!(!history.judge(rules()).passed());
}

#[test]
fn rows_and_records_beyond_the_retention_of_the_other_side_are_left_out() {
    let mut history = small();
    let since = history.rows[3].occurred_at;
    history.records.remove(0);
    history.rows.remove(1);
    assert!(!history.judge(History::rules()).passed());
    let rules = Rules {
        since: Some(since),
        order_field: None,
        ..History::rules()
    };
    let report = history.judge(rules);
    assert!(report.passed(), "{report}");
}

#[test]
fn a_row_that_is_missing_from_the_table_leaves_a_gap_in_the_order_field() {
    let mut history = small();
    history.rows.remove(1);
    history.records.remove(1);
    assert_eq!(found(&history.judge(History::rules())), ["gaps"]);
}

#[test]
fn a_position_that_contradicts_the_table_is_an_altered_header() {
    for header in ["shop/1/0000000000000400/9", "shop/1/0000000000000200/1"] {
        let mut history = small();
        let position = history.records[5].header("postrider-position");
        *position = Some(header.as_bytes().to_vec());
        let report = history.judge(History::rules());
        assert_eq!(report.altered.count, 1, "{header}: {report}");
    }
}

#[test]
fn transactions_that_interleave_on_a_key_are_out_of_order_even_if_the_relay_says_otherwise() {
    let mut history = small();
    history.records.swap(2, 3);
    for (number, record) in history.records.iter_mut().enumerate() {
        record.record.offset = i64::try_from(number).unwrap();
        record
            .record
            .headers
            .retain(|(name, _)| name != "postrider-position");
    }
    let report = history.judge(Rules {
        order_field: None,
        ..History::rules()
    });
    assert_eq!(report.out_of_order.count, 2, "{report}");
}

#[test]
fn rows_committed_while_the_oracle_reads_are_admitted() {
    let mut history = small();
    let late = history.rows.split_off(4);
    let report = history.judge_with_late_rows(late, History::rules());
    assert!(report.passed(), "{report}");
    assert_eq!(report.committed, 6);
}
