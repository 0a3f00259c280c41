//! Stage 5: batches into Kafka.
//!
//! One Kafka transaction carries one [`Batch`] and one [`Progress`] record. The progress record is
//! produced only after every event of the batch is acknowledged. That order matters: a
//! transaction that is torn by a delayed `EndTxn` (KAFKA-17754,
//! <https://issues.apache.org/jira/browse/KAFKA-17754>) can then show events twice, but can never
//! show progress without its events, which would lose them.
//!
//! In `at_least_once` the same is done without the transaction: the events, their acknowledgements,
//! then the progress record. What a crash leaves without progress is sent again.
//!
//! One operating-system thread owns the producer and is the only one that enqueues, because two
//! would reorder on a full queue. After any outcome that is not known for sure the producer is
//! dropped and the session ends; the next session's `init_transactions` settles what happened, and
//! the progress record says where to go on.

mod batch;
pub mod client_config;
mod context;
mod error;
mod patience;
mod producer;
mod progress;
mod progress_reader;
mod progress_topic;
mod thread;
mod topic_creation;
mod topics;

pub use batch::Batch;
pub(crate) use context::Reading;
pub use error::Error;
pub use patience::Patience;
pub use producer::Producer;
pub use progress::{CommittedProgress, OpenTransaction, Progress, ProgressState, SourceIdentity};
pub use progress_reader::ProgressReader;
pub use progress_topic::{create as create_progress_topic, require_running};
pub use thread::{Opened, Outcome, Publisher, Settings, look_at_progress, open};
pub use topic_creation::{TopicPlan, create_topic};
pub use topics::{
    Cluster, Topic, look, mapped_partitions, partition_count, reach, require_visible,
};
