//! The progress record: how far the outbox is on Kafka.
//!
//! It is the relay's only state. It travels in the same Kafka transaction as the events it speaks
//! of, so it is true whatever dies: `resume_lsn` says what is published, not what was attempted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use crate::config::DeliveryMode;
use crate::lsn::Lsn;

/// The format that this relay writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// One progress record, as JSON in the progress topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Version of this format.
    pub format: u32,
    /// Whether `init` has finished.
    pub state: ProgressState,
    /// Counts the databases that this outbox has lived in: `adopt` begins a new epoch.
    pub source_epoch: u32,
    /// How the record was written, which its producer says.
    pub mode: DeliveryMode,
    /// Everything whose commit record begins before this is published: the `end_lsn` of the last
    /// whole transaction, or a later position at which nothing was open.
    pub resume_lsn: Lsn,
    /// How far a transaction beyond the batch limit is published.
    pub open: Option<OpenTransaction>,
    /// Where the events come from.
    pub source: SourceIdentity,
    /// The Kafka cluster that holds them.
    pub kafka_cluster_id: String,
    /// The last event published.
    pub last_event_id: Option<Uuid>,
    /// The partition count by which keys are mapped, per topic.
    pub partition_counts: BTreeMap<String, u32>,
    /// The relay that wrote this.
    pub relay_version: String,
}

/// Whether `init` has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressState {
    /// `init` began and has not finished; a slot of our name was made by it.
    Initialising,
    /// The relay may run.
    Running,
}

/// A database transaction of which only the first events are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Where its commit record begins.
    pub commit_lsn: Lsn,
    /// Its transaction id, to be sure.
    pub xid: u32,
    /// How many of its inserts are published.
    pub ordinal: u64,
}

/// The database, and the slot in it, that the positions belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// PostgreSQL's identity of the cluster, made at `initdb`.
    pub system_identifier: String,
    /// The timeline of the server's history.
    pub timeline: u32,
    /// The database.
    pub database: String,
    /// The replication slot.
    pub slot: String,
}

impl Progress {
    /// The first record of an outbox.
    pub fn first(
        state: ProgressState,
        resume_lsn: Lsn,
        source: SourceIdentity,
        kafka_cluster_id: String,
    ) -> Self {
        Self {
            format: FORMAT,
            state,
            source_epoch: 1,
            mode: DeliveryMode::default(),
            resume_lsn,
            open: None,
            source,
            kafka_cluster_id,
            last_event_id: None,
            partition_counts: BTreeMap::new(),
            relay_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The record's value.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a progress record has only texts and numbers")
    }

    /// Reads a record's value. `topic` names it in errors.
    pub fn from_json(topic: &str, json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let malformed = |source| Error::ProgressMalformed {
            topic: topic.to_owned(),
            source,
        };
        let Format { format } = serde_json::from_slice(json).map_err(malformed)?;
        if format > FORMAT {
            return Err(Error::ProgressFormat {
                topic: topic.to_owned(),
                format,
                known: FORMAT,
            });
        }
        serde_json::from_slice(json).map_err(malformed)
    }
}

/// A progress record that a `read_committed` reader sees.
///
/// Invariant: only this module's neighbours make one, after `commit_transaction` returned success,
/// or in `at_least_once` its acknowledgement, or after reading it `read_committed`; so whoever holds one knows that its events are on Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedProgress(Progress);

impl CommittedProgress {
    pub(super) fn new(progress: Progress) -> Self {
        Self(progress)
    }

    /// The record.
    pub fn get(&self) -> &Progress {
        &self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn progress(resume_lsn: u64) -> Progress {
        let source = SourceIdentity {
            system_identifier: "7412345678901234567".to_owned(),
            timeline: 1,
            database: "orders".to_owned(),
            slot: "postrider_orders".to_owned(),
        };
        let cluster = "4L6g3nShT-eMCtK--X86sw".to_owned();
        Progress::first(
            ProgressState::Running,
            Lsn::new(resume_lsn),
            source,
            cluster,
        )
    }

    #[test]
    fn the_format_of_a_record_is_fixed() {
        let mut progress = progress(0x16_B374_D848);
        progress.open = Some(OpenTransaction {
            commit_lsn: Lsn::new(0x20),
            xid: 9,
            ordinal: 3,
        });
        progress.last_event_id = Some(Uuid::from_u128(5));
        progress.partition_counts.insert("order".to_owned(), 6);
        progress.relay_version = "0.1.0".to_owned();
        insta::assert_snapshot!(String::from_utf8(progress.to_json()).unwrap(), @r#"{"format":1,"state":"running","source_epoch":1,"mode":"exactly_once","resume_lsn":"16/B374D848","open":{"commit_lsn":"0/20","xid":9,"ordinal":3},"source":{"system_identifier":"7412345678901234567","timeline":1,"database":"orders","slot":"postrider_orders"},"kafka_cluster_id":"4L6g3nShT-eMCtK--X86sw","last_event_id":"00000000-0000-0000-0000-000000000005","partition_counts":{"order":6},"relay_version":"0.1.0"}"#);
        assert_eq!(
            Progress::from_json("t", &progress.to_json()).unwrap(),
            progress
        );
    }

    #[test]
    fn a_record_of_a_newer_relay_is_not_guessed_at() {
        let error = Progress::from_json("t", br#"{"format":2,"anything":true}"#).unwrap_err();
        assert!(
            matches!(error, Error::ProgressFormat { format: 2, .. }),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _read = Progress::from_json("t", &bytes);
        }

        #[test]
        fn a_truncated_record_is_an_error(cut in 0..300_usize) {
            let json = progress(7).to_json();
            let cut = cut % json.len();
            prop_assert!(Progress::from_json("t", &json[..cut]).is_err());
        }
    }
}
