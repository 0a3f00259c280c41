//! Why the oracle could not come to a verdict.

use std::io;
use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::error::{Action, Classify};

/// A verification that did not finish. It says nothing about the history: the proof is neither
/// given nor refused. Run it again once the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The outbox table could not be read.
    #[error("read the outbox table")]
    ReadOutbox(#[source] tokio_postgres::Error),
    /// A Kafka client could not be made from the given settings.
    #[error("make a Kafka consumer")]
    CreateConsumer(#[source] KafkaError),
    /// The broker did not describe a topic.
    #[error("look up topic {topic}")]
    DescribeTopic {
        /// The topic.
        topic: String,
        /// What the client said.
        #[source]
        source: KafkaError,
    },
    /// A topic that is to be read does not exist.
    #[error("topic {topic} does not exist")]
    MissingTopic {
        /// The topic.
        topic: String,
    },
    /// The broker did not say where a partition ends.
    #[error("look up the end of {topic}[{partition}]")]
    FetchEnd {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What the client said.
        #[source]
        source: KafkaError,
    },
    /// A transaction that nobody ends hides what lies behind it from every `read_committed`
    /// reader.
    #[error(
        "{topic}[{partition}] is readable to offset {last_stable_offset} of {high_watermark}: \
         a transaction has been open for {} s", waited.as_secs()
    )]
    HangingTransaction {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where a `read_committed` reader has to stop.
        last_stable_offset: i64,
        /// Where the partition ends.
        high_watermark: i64,
        /// How long the oracle waited.
        waited: Duration,
    },
    /// No record came for too long, though the end was not reached.
    #[error("no record for {} s, and not at the end of {partitions}", waited.as_secs())]
    Stalled {
        /// The partitions that are not read to their end.
        partitions: String,
        /// How long the oracle waited.
        waited: Duration,
        /// The last thing the client complained about.
        #[source]
        source: Option<KafkaError>,
    },
    /// The thread that reads Kafka ended without a word.
    #[error("the reading thread ended early")]
    ReaderEnded(#[source] tokio::task::JoinError),
    /// The registry did not answer about a schema.
    #[error("ask the schema registry for {path}")]
    FetchSchema {
        /// The path asked for.
        path: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// The broker's log files could not be listed.
    #[error("list the log segments in {folder}")]
    ListSegments {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `kafka.tools.DumpLogSegments` failed.
    #[error("dump the broker's log segments")]
    DumpSegments(#[source] io::Error),
    /// The broker's log does not tell which transaction wrote what.
    #[error("the broker's log does not explain its transactions: {why}")]
    UnexplainedLog {
        /// What is missing or contradicts itself.
        why: String,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::ReadOutbox(_)
            | Self::DescribeTopic { .. }
            | Self::FetchEnd { .. }
            | Self::HangingTransaction { .. }
            | Self::Stalled { .. }
            | Self::ReaderEnded(_)
            | Self::FetchSchema { .. } => Action::Retry,
            Self::MissingTopic { .. }
            | Self::ListSegments { .. }
            | Self::DumpSegments(_)
            | Self::UnexplainedLog { .. } => Action::Halt,
            Self::CreateConsumer(_) => Action::Refuse,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::ReadOutbox(_) => {
                "check that the database is reachable and that the role may select from \
                 outbox.event, then verify again"
                    .to_owned()
            }
            Self::CreateConsumer(_) => "correct the Kafka settings".to_owned(),
            Self::DescribeTopic { .. } | Self::FetchEnd { .. } | Self::Stalled { .. } => {
                "check that every Kafka broker is reachable and that the user may read the topics, \
                 then verify again"
                    .to_owned()
            }
            Self::MissingTopic { topic } => {
                format!("create topic {topic}, or name the topics that the relay routes to")
            }
            Self::HangingTransaction {
                topic, partition, ..
            } => format!(
                "wait for the transaction's timeout, or look for it with `kafka-transactions.sh \
                 find-hanging` and end it (topic {topic}, partition {partition}), then verify again"
            ),
            Self::ReaderEnded(_) => "verify again; if it repeats, report it".to_owned(),
            Self::FetchSchema { .. } => {
                "check that the schema registry is reachable, then verify again".to_owned()
            }
            Self::ListSegments { .. } | Self::DumpSegments(_) | Self::UnexplainedLog { .. } => {
                "verify without the broker's log; transactions are then not examined".to_owned()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::ReadOutbox(_) => "verify_outbox_unreadable",
            Self::CreateConsumer(_) => "verify_kafka_settings",
            Self::DescribeTopic { .. } | Self::FetchEnd { .. } | Self::Stalled { .. } => {
                "verify_kafka_unreachable"
            }
            Self::MissingTopic { .. } => "verify_topic_missing",
            Self::HangingTransaction { .. } => "verify_hanging_transaction",
            Self::ReaderEnded(_) => "verify_reader_ended",
            Self::FetchSchema { .. } => "verify_registry_unreachable",
            Self::ListSegments { .. } | Self::DumpSegments(_) | Self::UnexplainedLog { .. } => {
                "verify_broker_log"
            }
        }
    }
}
