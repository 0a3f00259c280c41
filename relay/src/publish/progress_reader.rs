//! Reading the last record of the progress topic.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Reading;
use super::patience::Patience;
use super::progress::{CommittedProgress, Progress};
use super::progress_topic::PARTITION;
use super::{Error, Settings, partition_count, require_visible};
use crate::runtime;

/// Records read at a time, scanning backwards from the end. The last record is usually the second
/// last offset (the transaction's marker is the last), unless aborted transactions follow it.
const SCAN_OFFSETS: i64 = 64;

const POLL_TIMEOUT: Duration = Duration::from_millis(200);

/// Reads the last committed progress record. It connects when it is made and asks nothing yet, so
/// that a session can make it early and ask late.
pub struct ProgressReader {
    topic: String,
    options: ClientConfig,
    uncommitted: BaseConsumer<Reading>,
    committed: BaseConsumer<Reading>,
}

impl ProgressReader {
    /// Begins to connect.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let reading = Reading::default;
        Ok(Self {
            topic: settings.progress_topic.clone(),
            options: settings.uncommitted.clone(),
            uncommitted: settings
                .uncommitted
                .create_with_context(reading())
                .map_err(Error::Configure)?,
            committed: settings
                .committed
                .create_with_context(reading())
                .map_err(Error::Configure)?,
        })
    }

    /// The last committed record; `None` when the topic is there and empty.
    ///
    /// Call it after `init_transactions`: only then is every earlier transaction of this
    /// `transactional_id` finished. The end is asked for `read_uncommitted`, and records are read
    /// `read_committed` up to it, so a record that is committed but still hidden behind an open
    /// transaction is waited for rather than missed.
    pub fn read(&self, patience: &Patience<'_>) -> Result<Option<CommittedProgress>, Error> {
        let (low, end) = self.watermarks(patience)?;
        let mut from = end;
        while from > low {
            let to = from;
            from = (to - SCAN_OFFSETS).max(low);
            let records = self.records(from..to, patience)?;
            if let Some(furthest) = furthest(&self.topic, &records)? {
                return Ok(Some(CommittedProgress::new(furthest)));
            }
        }
        Ok(None)
    }

    /// Closes on a thread of its own, since librdkafka takes a tenth of a second for each consumer,
    /// which a session that begins should not wait for.
    pub(super) fn close_aside(self) {
        drop(runtime::spawn_thread("progress-reader", move || drop(self)));
    }

    /// The first offset and the end of the progress topic.
    fn watermarks(&self, patience: &Patience<'_>) -> Result<(i64, i64), Error> {
        let (consumer, topic) = (&self.uncommitted, &self.topic);
        // Asked by the one that will read: it begins at once where it knows the topic, and otherwise
        // looks for it only once a second.
        match partition_count(self.committed.client(), topic, patience)? {
            None => {
                require_visible(&self.options, topic, patience)?;
                return Err(Error::ProgressMissing {
                    topic: topic.clone(),
                });
            }
            Some(1) => {}
            Some(partitions) => {
                return Err(Error::ProgressPartitions {
                    topic: topic.clone(),
                    partitions,
                });
            }
        }
        loop {
            match consumer.fetch_watermarks(topic, PARTITION, Duration::from_secs(2)) {
                Ok(watermarks) => return Ok(watermarks),
                Err(error) => {
                    require_allowed(topic, &error)?;
                    patience.go_on(
                        "reading the progress topic's end",
                        last_error(consumer, &error),
                    )?;
                }
            }
        }
    }

    /// The values of the records among `offsets`.
    fn records(
        &self,
        offsets: std::ops::Range<i64>,
        patience: &Patience<'_>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let (consumer, topic) = (&self.committed, &self.topic);
        let unreadable = |position| Error::ProgressUnreadable {
            topic: topic.clone(),
            position,
            end: offsets.end,
        };
        let assigned = {
            let mut start = TopicPartitionList::new();
            start
                .add_partition_offset(topic, PARTITION, Offset::Offset(offsets.start))
                .and_then(|()| consumer.assign(&start))
        };
        assigned.map_err(|_| unreadable(offsets.start))?;
        let mut values = Vec::new();
        let mut position = offsets.start;
        while position < offsets.end {
            match consumer.poll(POLL_TIMEOUT) {
                Some(Ok(record)) => {
                    position = record.offset() + 1;
                    if record.offset() < offsets.end {
                        values.extend(record.payload().map(<[u8]>::to_vec));
                    }
                }
                // The end that a read_committed reader sees: aborted records and markers lie before
                // it, so the position jumps over them.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    position = position.max(reached(consumer, topic).unwrap_or(position));
                    let stuck = patience.go_on("reading progress", consumer.context().last_error());
                    stuck.map_err(|_| unreadable(position))?;
                }
                Some(Err(error)) => {
                    require_allowed(topic, &error)?;
                    patience.go_on("reading progress", last_error(consumer, &error))?;
                }
                None => patience.go_on("reading progress", consumer.context().last_error())?,
            }
        }
        Ok(values)
    }
}

/// An error when `error` is that the relay may not read.
fn require_allowed(topic: &str, error: &KafkaError) -> Result<(), Error> {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Err(Error::NotAuthorized {
            what: format!("reading topic {topic:?}"),
            source: error.clone(),
        }),
        _ => Ok(()),
    }
}

/// The record that is furthest; the last one of these.
///
/// It is the last one, but for `at_least_once`: there a relay that was stopped, and continued after
/// its successor had begun, is not fenced and may still write what it had in hand. Whoever has to
/// lower a position on purpose begins a new source epoch.
fn furthest(topic: &str, records: &[Vec<u8>]) -> Result<Option<Progress>, Error> {
    let Some((last, earlier)) = records.split_last() else {
        return Ok(None);
    };
    // What an earlier record of a forgotten format says does not matter.
    let earlier = earlier
        .iter()
        .filter_map(|json| Progress::from_json(topic, json).ok());
    let last = Progress::from_json(topic, last)?;
    let order = |progress: &Progress| {
        let open = progress.open.as_ref();
        let open = open.map(|open| (open.commit_lsn, open.ordinal));
        (progress.source_epoch, progress.resume_lsn, open)
    };
    Ok(earlier.chain([last]).max_by_key(order))
}

/// The offset after the last one that the consumer has passed.
fn reached(consumer: &BaseConsumer<Reading>, topic: &str) -> Option<i64> {
    let positions = consumer.position().ok()?;
    match positions.find_partition(topic, PARTITION)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

fn last_error(
    consumer: &BaseConsumer<Reading>,
    error: &KafkaError,
) -> Option<(RDKafkaErrorCode, String)> {
    let said = consumer.context().last_error();
    said.or_else(|| {
        error
            .rdkafka_error_code()
            .map(|code| (code, error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::progress::tests::progress;

    #[test]
    fn a_record_that_was_written_too_late_counts_for_nothing() {
        let record = |resume_lsn, relay_version: &str| {
            let mut progress = progress(resume_lsn);
            progress.relay_version = relay_version.to_owned();
            progress.to_json()
        };
        let furthest = |records: &[Vec<u8>]| {
            let progress = furthest("t", records).unwrap().unwrap();
            (progress.resume_lsn.as_u64(), progress.relay_version)
        };
        let records = [
            record(1, "a"),
            record(7, "b"),
            record(7, "c"),
            record(5, "late"),
        ];
        assert_eq!(furthest(&records), (7, "c".to_owned()));
        let adopted = Progress {
            source_epoch: 2,
            ..progress(3)
        };
        assert_eq!(furthest(&[record(7, "a"), adopted.to_json()]).0, 3);
        assert_eq!(furthest(&[b"{}".to_vec(), record(7, "a")]).0, 7);
    }

    #[test]
    fn the_last_record_must_be_understood() {
        assert_eq!(furthest("t", &[]).unwrap(), None);
        let records = [progress(7).to_json(), b"{}".to_vec()];
        assert!(matches!(
            furthest("t", &records).unwrap_err(),
            Error::ProgressMalformed { .. }
        ));
    }
}
