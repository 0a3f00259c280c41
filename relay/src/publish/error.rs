//! What can go wrong between a batch and Kafka.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use uuid::Uuid;

use crate::encode::Record;
use crate::error::{Action, Classify};
use crate::names::PROGRESS_TOPIC_PREFIX;

/// Why a batch, or the progress record, did not get through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses its options.
    #[error("the Kafka client cannot be configured")]
    Configure(#[source] KafkaError),
    /// No broker answered in time.
    #[error("Kafka at {bootstrap_servers} does not answer ({doing}{})", cause(.last_error.as_ref()))]
    Unreachable {
        /// Where.
        bootstrap_servers: String,
        /// During what.
        doing: &'static str,
        /// What librdkafka said last.
        last_error: Option<String>,
    },
    /// The brokers do not accept the relay's credentials or certificate.
    #[error("Kafka at {bootstrap_servers} refuses the connection: {why}")]
    Authentication {
        /// Where.
        bootstrap_servers: String,
        /// What librdkafka said.
        why: String,
    },
    /// A right is missing.
    #[error("Kafka denies the relay {what}")]
    NotAuthorized {
        /// The resource and operation.
        what: String,
        /// The broker's answer.
        #[source]
        source: KafkaError,
    },
    /// A topic is missing.
    #[error("topic {topic:?} does not exist")]
    TopicMissing {
        /// The topic.
        topic: String,
    },
    /// A topic has fewer partitions than the keys were mapped to.
    #[error("topic {topic:?} has {found} partitions, but its keys are mapped to {recorded}")]
    PartitionsMissing {
        /// The topic.
        topic: String,
        /// As the progress record says.
        recorded: u32,
        /// As the cluster says.
        found: u32,
    },
    /// Another relay of this name has taken over.
    #[error("another relay with transactional_id {transactional_id:?} has taken over")]
    Fenced {
        /// The shared id.
        transactional_id: String,
    },
    /// The broker refuses one record for what it is.
    #[error("Kafka refuses event {event_id} for topic {topic:?}")]
    RecordRefused {
        /// The event.
        event_id: Uuid,
        /// Its topic.
        topic: String,
        /// Whether the record is its dead letter.
        is_dead_letter: bool,
        /// The broker's answer.
        #[source]
        source: KafkaError,
    },
    /// A record was not acknowledged.
    #[error("event {event_id} for topic {topic:?} was not acknowledged")]
    NotAcknowledged {
        /// The event; the nil id stands for the progress record.
        event_id: Uuid,
        /// Its topic.
        topic: String,
        /// librdkafka's answer.
        #[source]
        source: KafkaError,
    },
    /// A step of the transaction failed, so its outcome may be unknown.
    #[error("the Kafka transaction failed at {step}")]
    Transaction {
        /// The step.
        step: &'static str,
        /// librdkafka's answer.
        #[source]
        source: KafkaError,
    },
    /// A commit succeeded, and may have been sent twice: the first may still arrive.
    #[error("the connection to Kafka broke during a commit, which was repeated")]
    CommitRepeated,
    /// What an earlier session of this relay left open cannot be aborted.
    #[error("Kafka does not finish the last transaction of {transactional_id:?}")]
    TransactionUnfinished {
        /// Whose.
        transactional_id: String,
    },
    /// The acknowledgements took longer than a transaction may.
    #[error("Kafka did not acknowledge a batch within {seconds} s")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The progress topic holds no record.
    #[error("there is no progress record in topic {topic:?}")]
    ProgressMissing {
        /// The progress topic.
        topic: String,
    },
    /// `init` began and did not finish.
    #[error("init has not finished for topic {topic:?}")]
    ProgressInitialising {
        /// The progress topic.
        topic: String,
    },
    /// The progress record cannot be read.
    #[error("the progress record in topic {topic:?} is malformed")]
    ProgressMalformed {
        /// The progress topic.
        topic: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The progress record was written by a newer relay.
    #[error(
        "the progress record in topic {topic:?} has format {format}; this relay knows up to {known}"
    )]
    ProgressFormat {
        /// The progress topic.
        topic: String,
        /// As recorded.
        format: u32,
        /// As known.
        known: u32,
    },
    /// The progress topic cannot be read to its end.
    #[error("the progress topic {topic:?} could be read only to offset {position} of {end}")]
    ProgressUnreadable {
        /// The progress topic.
        topic: String,
        /// How far.
        position: i64,
        /// Its end.
        end: i64,
    },
    /// The progress topic has more than one partition, so its last record is not unique.
    #[error("the progress topic {topic:?} has {partitions} partitions; it must have one")]
    ProgressPartitions {
        /// The progress topic.
        topic: String,
        /// As the cluster says.
        partitions: u32,
    },
    /// A topic cannot be created.
    #[error("topic {topic:?} cannot be created: {why}")]
    CreateTopic {
        /// The topic.
        topic: String,
        /// The broker's answer.
        why: String,
    },
    /// The session ends while Kafka was being waited for.
    #[error("stopped while waiting for Kafka ({doing})")]
    Stopped {
        /// During what.
        doing: &'static str,
    },
}

fn cause(last_error: Option<&String>) -> impl fmt::Display {
    last_error
        .map(|error| format!(": {error}"))
        .unwrap_or_default()
}

impl Error {
    /// Tells what a failed delivery of a record means.
    pub(super) fn from_delivery(record: &Record, source: KafkaError) -> Self {
        let (event_id, topic) = (record.event_id, record.route.topic.to_string());
        match source.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidTimestamp
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::MessageBatchTooLarge
                // Another record of its request is at fault.
                | RDKafkaErrorCode::InvalidDifferentRecord,
            ) => Self::RecordRefused {
                event_id,
                topic,
                is_dead_letter: record.is_dead_letter,
                source,
            },
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Self::NotAuthorized {
                what: match source {
                    // The transaction failed, for any of its topics.
                    KafkaError::Transaction(_) => {
                        format!("writing to topic {topic:?}, or to another of the same batch")
                    }
                    _ => format!("writing to topic {topic:?}"),
                },
                source,
            },
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition,
            ) => Self::TopicMissing { topic },
            _ => Self::NotAcknowledged {
                event_id,
                topic,
                source,
            },
        }
    }

    /// Tells what a failed delivery of the progress record means.
    pub(super) fn from_progress(topic: &str, source: KafkaError) -> Self {
        let topic = topic.to_owned();
        match source.rdkafka_error_code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Self::NotAuthorized {
                what: format!("writing to topic {topic:?}"),
                source,
            },
            _ => Self::NotAcknowledged {
                event_id: Uuid::nil(),
                topic,
                source,
            },
        }
    }

    /// Tells what a failed step of a transaction means.
    pub(super) fn from_transaction(
        transactional_id: &str,
        step: &'static str,
        source: KafkaError,
    ) -> Self {
        match source.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch,
            ) => Self::Fenced {
                transactional_id: transactional_id.to_owned(),
            },
            Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => Self::NotAuthorized {
                what: format!("the transactional id {transactional_id:?}"),
                source,
            },
            Some(RDKafkaErrorCode::ClusterAuthorizationFailed) => Self::NotAuthorized {
                what: "idempotent writing to the cluster".to_owned(),
                source,
            },
            _ => Self::Transaction { step, source },
        }
    }
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Configure(_) | Self::Authentication { .. } => Action::Refuse,
            Self::Unreachable { .. }
            | Self::NotAcknowledged { .. }
            | Self::Transaction { .. }
            | Self::CommitRepeated
            | Self::TransactionUnfinished { .. }
            | Self::TooSlow { .. }
            | Self::ProgressUnreadable { .. }
            | Self::CreateTopic { .. }
            | Self::Stopped { .. } => Action::Retry,
            Self::NotAuthorized { .. }
            | Self::TopicMissing { .. }
            | Self::PartitionsMissing { .. }
            | Self::ProgressMissing { .. }
            | Self::ProgressInitialising { .. }
            | Self::ProgressMalformed { .. }
            | Self::ProgressFormat { .. }
            | Self::ProgressPartitions { .. } => Action::Halt,
            Self::Fenced { .. } => Action::StandBy,
            Self::RecordRefused { .. } => Action::Poison,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Configure(_) => "correct [kafka] and [kafka.options]".to_owned(),
            Self::Unreachable { bootstrap_servers, .. } => format!(
                "see that Kafka runs and that kafka.bootstrap_servers ({bootstrap_servers}) leads there; a running relay tries again by itself"
            ),
            Self::Authentication { .. } => {
                "correct kafka.sasl and kafka.tls, or the user's rights on the broker".to_owned()
            }
            Self::NotAuthorized { what, .. } => format!("grant the relay's Kafka user {what}"),
            Self::TopicMissing { topic } => {
                format!("create topic {topic:?} (or allow topics.create, if it never held events), or route its events elsewhere; the relay looks again by itself")
            }
            Self::PartitionsMissing { topic, recorded, .. } => format!(
                "give topic {topic:?} {recorded} partitions again: kafka-topics.sh --alter --topic {topic} --partitions {recorded}"
            ),
            Self::Fenced { .. } => {
                "nothing, when a replica of this relay is meant to run; else give each outbox its own name".to_owned()
            }
            Self::RecordRefused { topic, .. } => format!(
                "raise the limit of topic {topic:?} (max.message.bytes, message.timestamp.*), or correct the service that wrote the event"
            ),
            Self::NotAcknowledged { .. } | Self::Transaction { .. } | Self::TooSlow { .. } => {
                "see that the brokers are healthy; nothing is lost, the relay tries again".to_owned()
            }
            Self::CommitRepeated => {
                "nothing; a new session begins, which the late commit cannot meet".to_owned()
            }
            Self::TransactionUnfinished { .. } => {
                "see which partitions lack a leader or copies in step (kafka-topics.sh --describe --under-min-isr-partitions); Kafka finishes it once it can write to all of them, and the relay goes on by itself".to_owned()
            }
            Self::ProgressMissing { .. } => {
                "run `postrider init` when this outbox has never run; else restore the topic, or run `postrider adopt`".to_owned()
            }
            Self::ProgressInitialising { .. } => "run `postrider init` again".to_owned(),
            Self::ProgressMalformed { topic, .. } => {
                format!("see who else writes to {topic:?}; only relays of this name may")
            }
            Self::ProgressFormat { .. } => "run the newer relay".to_owned(),
            Self::ProgressUnreadable { topic, .. } => format!(
                "see who has a transaction open on {topic:?} (kafka-transactions.sh find-hanging); a running relay tries again by itself"
            ),
            Self::ProgressPartitions { topic, .. } => {
                format!("do not delete {topic:?}: it holds the only position; start anew as the runbook says")
            }
            Self::CreateTopic { topic, .. } if topic.starts_with(PROGRESS_TOPIC_PREFIX) => {
                format!("create {topic:?} with one partition and cleanup.policy=compact, then run `postrider init` again")
            }
            Self::CreateTopic { topic, .. } => {
                format!("create topic {topic:?} yourself, or correct [topics]; the relay looks again by itself")
            }
            Self::Stopped { .. } => "nothing; the relay was told to stop".to_owned(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Configure(_) => "kafka_configuration",
            Self::Unreachable { .. } => "kafka_unreachable",
            Self::Authentication { .. } => "kafka_authentication",
            Self::NotAuthorized { .. } => "kafka_not_authorized",
            Self::TopicMissing { .. } => "topic_missing",
            Self::PartitionsMissing { .. } => "partitions_missing",
            Self::Fenced { .. } => "fenced",
            Self::RecordRefused { .. } => "record_refused",
            Self::NotAcknowledged { .. } => "not_acknowledged",
            Self::Transaction { .. } => "kafka_transaction",
            Self::CommitRepeated => "commit_repeated",
            Self::TransactionUnfinished { .. } => "transaction_unfinished",
            Self::TooSlow { .. } => "kafka_too_slow",
            Self::ProgressMissing { .. } => "progress_missing",
            Self::ProgressInitialising { .. } => "progress_initialising",
            Self::ProgressMalformed { .. } => "progress_malformed",
            Self::ProgressFormat { .. } => "progress_format",
            Self::ProgressUnreadable { .. } => "progress_unreadable",
            Self::ProgressPartitions { .. } => "progress_partitions",
            Self::CreateTopic { .. } => "create_topic",
            Self::Stopped { .. } => "stopped",
        }
    }
}
