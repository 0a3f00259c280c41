//! What the broker's log says, read from lines that a broker of version 4.1 printed.

use std::fmt::Write as _;

use crate::verify::transactions::{Transactions, assign, parse_batches, parse_decisions};

const COORDINATOR: &str = r#"Dumping /kafka/__transaction_state-1/00000000000000000000.log
Log starting offset: 0
baseOffset: 0 lastOffset: 0 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: 1000 size: 110 magic: 2 compresscodec: none crc: 4112624462 isvalid: true
| offset: 0 CreateTime: 1000 keySize: 7 valueSize: 35 sequence: -1 headerKeys: [] key: {"type":"0","data":{"transactionalId":"tid"}} payload: {"version":"1","data":{"producerId":5,"producerEpoch":0,"transactionTimeoutMs":60000,"transactionStatus":0,"transactionPartitions":null,"transactionLastUpdateTimestampMs":1000,"transactionStartTimestampMs":-1}}
"#;

/// Lines of the coordinator: `(time, epoch, status, partitions of topic t)`.
fn coordinator(records: &[(i64, i16, i8, &[i32])]) -> String {
    let mut dump = COORDINATOR.to_owned();
    for (offset, (time, epoch, status, partitions)) in (1..).zip(records) {
        writeln!(
            dump,
            "| offset: {offset} CreateTime: {time} keySize: 7 valueSize: 47 sequence: -1 \
             headerKeys: [] key: {{\"type\":\"0\",\"data\":{{\"transactionalId\":\"tid\"}}}} payload: \
             {{\"version\":\"1\",\"data\":{{\"producerId\":5,\"producerEpoch\":{epoch},\
             \"transactionTimeoutMs\":60000,\"transactionStatus\":{status},\
             \"transactionPartitions\":[{{\"topic\":\"t\",\"partitionIds\":{partitions:?}}}],\
             \"transactionLastUpdateTimestampMs\":{time},\"transactionStartTimestampMs\":1}}}}"
        )
        .unwrap();
    }
    dump
}

/// Lines of a partition: `(first, last, epoch, transactional, control, time)`.
fn partition(partition: i32, batches: &[(i64, i64, i16, bool, bool, i64)]) -> String {
    let mut dump =
        format!("Dumping /kafka/t-{partition}/00000000000000000000.log\nLog starting offset: 0\n");
    for (first, last, epoch, transactional, control, time) in batches {
        writeln!(
            dump,
            "baseOffset: {first} lastOffset: {last} count: 1 baseSequence: 0 lastSequence: 0 \
             producerId: 5 producerEpoch: {epoch} partitionLeaderEpoch: 0 isTransactional: \
             {transactional} isControl: {control} deleteHorizonMs: OptionalLong.empty position: 0 \
             CreateTime: {time} size: 118 magic: 2 compresscodec: none crc: 1 isvalid: true"
        )
        .unwrap();
    }
    dump
}

fn read(coordinator: &str, data: &str) -> Result<Transactions, String> {
    let decisions = parse_decisions(coordinator).map_err(|error| error.to_string())?;
    let batches = parse_batches(data).map_err(|error| error.to_string())?;
    assign(&batches, &decisions).map_err(|error| error.to_string())
}

const COMMIT: i8 = 2;
const ABORT: i8 = 3;
const COMPLETE: i8 = 4;

#[test]
fn records_between_markers_belong_to_the_decision_before_the_marker() {
    let decisions = coordinator(&[
        (1100, 0, COMMIT, &[0, 1]),
        (1110, 0, COMPLETE, &[]),
        (1200, 0, ABORT, &[0]),
        (1300, 0, COMMIT, &[0, 1]),
    ]);
    let data = [
        partition(
            0,
            &[
                (0, 1, 0, true, false, 1050),
                (2, 2, 0, true, false, 1060),
                (3, 3, 0, true, true, 1105),
                (4, 4, 0, true, false, 1150),
                (5, 5, 0, true, true, 1205),
                (6, 6, 0, true, false, 1250),
                // A coordinator that restarts before it has noted the end writes its markers again.
                (7, 7, 0, true, true, 1305),
                (8, 8, 0, true, true, 1309),
                (9, 9, 0, false, false, 1400),
            ],
        ),
        partition(
            1,
            &[
                (0, 0, 0, true, false, 1055),
                (1, 1, 0, true, true, 1106),
                (2, 5, 0, true, false, 1255),
                (6, 6, 0, true, true, 1306),
            ],
        ),
    ]
    .concat();
    let transactions = read(&decisions, &data).unwrap();
    let of = |partition, offset| transactions.of("t", partition, offset);
    let first = of(0, 0).unwrap();
    assert_eq!(
        (of(0, 1), of(0, 2), of(1, 0)),
        (Some(first), Some(first), Some(first))
    );
    let second = of(0, 6).unwrap();
    assert!(second > first);
    assert_eq!((of(1, 2), of(1, 5)), (Some(second), Some(second)));
    // Markers, an aborted record, a record outside any transaction, one that is not there.
    for (partition, offset) in [(0, 3), (0, 4), (0, 9), (0, 10), (2, 0)] {
        assert_eq!(of(partition, offset), None, "[{partition}]@{offset}");
    }
}

#[test]
fn a_log_that_contradicts_itself_is_not_believed() {
    let data = partition(
        0,
        &[(0, 0, 0, true, false, 1050), (1, 1, 0, true, true, 1105)],
    );
    let good = coordinator(&[(1100, 0, COMMIT, &[0])]);
    assert!(read(&good, &data).is_ok());
    let other_partition = coordinator(&[(1100, 0, COMMIT, &[1])]);
    let other_epoch = coordinator(&[(1100, 1, COMMIT, &[0])]);
    let later = coordinator(&[(1106, 0, COMMIT, &[0])]);
    let compacted = good.replace("| offset: 0 ", "| offset: 3 ");
    for decisions in [
        other_partition,
        other_epoch,
        later,
        compacted,
        String::new(),
    ] {
        assert!(read(&decisions, &data).is_err(), "{decisions}");
    }
}
