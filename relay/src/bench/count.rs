//! The proof that a drain did its work: what a `read_committed` consumer finds in the topic.
//!
//! It counts records and different event ids. That finds loss and doubles; order and content are
//! for the oracle (`verify`), which reads the table too and takes longer.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::Error;
use crate::local;

/// How long the broker may give nothing before the end of every partition was reached.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// What a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Committed records.
    pub records: u64,
    /// Different event ids among them.
    pub events: u64,
}

/// Reads `topic` from its beginning to its end.
pub(super) async fn count(
    servers: String,
    topic: String,
    partitions: i32,
) -> Result<Counted, Error> {
    let counted = tokio::task::spawn_blocking(move || read(&servers, &topic, partitions));
    counted
        .await
        .unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}

fn read(servers: &str, topic: &str, partitions: i32) -> Result<Counted, Error> {
    let tell_the_end = [("enable.partition.eof", "true")];
    let consumer =
        local::reader(servers, topic, partitions, &tell_the_end).map_err(Error::Count)?;
    let mut unread: BTreeSet<i32> = (0..partitions).collect();
    let mut ids = HashSet::new();
    let mut records = 0;
    let mut heard = Instant::now();
    while !unread.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                records += 1;
                // A record without an id counts as a record only.
                ids.extend(local::event_id(&record));
                heard = Instant::now();
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            // librdkafka reconnects by itself; the last word is the limit below.
            Some(Err(_)) | None => {}
        }
        if heard.elapsed() > STALL_LIMIT {
            return Err(Error::CountStalled {
                topic: topic.to_owned(),
                records,
            });
        }
    }
    Ok(Counted {
        records,
        events: ids.len() as u64,
    })
}
