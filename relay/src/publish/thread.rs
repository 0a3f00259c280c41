//! The thread that owns the producer.
//!
//! Everything here blocks, and librdkafka wants one thread that enqueues; so the producer lives on
//! its own thread and the pipeline talks to it over channels. After a commit the thread itself
//! passes the position on to feedback: what is committed is confirmed even while the pipeline
//! waits for the registry.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::patience::Patience;
use super::progress_topic::require_running;
use super::{
    Batch, CommittedProgress, Error, Producer, Progress, ProgressReader, partition_count, reach,
    require_visible,
};
use crate::ack;
use crate::config::DeliveryMode;
use crate::failpoints::{self, Failpoint};
use crate::lsn::Lsn;
use crate::runtime::{self, Heart};

/// Longest time to open a session with Kafka; then the session ends, and the next one tries.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer to a question about a topic.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(20);

/// What a publisher needs to open.
#[derive(Clone)]
pub struct Settings {
    /// What is promised to those who read the topics.
    pub mode: DeliveryMode,
    /// The options of the transactional producer, which fences in both modes.
    pub transactional: ClientConfig,
    /// The options of the producer of `at_least_once`.
    pub idempotent: ClientConfig,
    /// Whether each record goes in a request of its own.
    pub is_one_by_one: bool,
    /// A `read_uncommitted` consumer's options.
    pub uncommitted: ClientConfig,
    /// A `read_committed` consumer's options.
    pub committed: ClientConfig,
    /// Named in errors.
    pub bootstrap_servers: String,
    /// The producer's id.
    pub transactional_id: String,
    /// The topic of the progress record.
    pub progress_topic: String,
}

impl Settings {
    /// The same, with each record in a request of its own: slow, and a refusal is about one record.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        for producer in [&mut self.transactional, &mut self.idempotent] {
            super::client_config::one_by_one(producer);
        }
        self.is_one_by_one = true;
        self
    }
}

/// What opening a publisher found.
pub struct Opened {
    /// The last committed progress.
    pub progress: CommittedProgress,
    /// The cluster that answered.
    pub kafka_cluster_id: String,
}

/// What became of a batch.
pub struct Outcome {
    /// The batch, to be used again.
    pub batch: Batch,
    /// The committed progress, or why there is none. After an error the publisher is gone.
    pub result: Result<CommittedProgress, Error>,
    /// How long the Kafka transaction took.
    pub duration: Duration,
}

enum Command {
    Publish(Batch, Box<Progress>),
    PartitionCount(String, oneshot::Sender<Result<Option<u32>, Error>>),
}

/// The pipeline's end of the publisher.
///
/// Dropping it ends the thread after what it is doing; [`Publisher::close`] waits for that.
pub struct Publisher {
    commands: SyncSender<Command>,
    outcomes: mpsc::Receiver<Outcome>,
    ended: oneshot::Receiver<()>,
}

impl Publisher {
    /// Hands a batch over. At most one is under way: call again only after [`Publisher::outcome`].
    pub fn publish(&self, batch: Batch, progress: Progress) {
        let sent = self
            .commands
            .try_send(Command::Publish(batch, Box::new(progress)));
        assert!(
            !matches!(sent, Err(std::sync::mpsc::TrySendError::Full(_))),
            "one batch is under way at a time"
        );
        // A thread that has ended reports so through `outcome`.
    }

    /// Waits for the outcome of the batch under way; `None` when the thread has ended. Safe to
    /// cancel: the outcome stays in the channel.
    pub async fn outcome(&mut self) -> Option<Outcome> {
        self.outcomes.recv().await
    }

    /// The partition count of a topic; `None` when there is none. Ask while no batch is under way.
    pub async fn partition_count(&self, topic: &str) -> Result<Option<u32>, Error> {
        let stopped = || Error::Stopped {
            doing: "asking for the topics",
        };
        let (reply, answer) = oneshot::channel();
        let question = Command::PartitionCount(topic.to_owned(), reply);
        // A thread that has ended drops the question, and with it the answer's other end.
        let _asked = self.commands.try_send(question);
        answer.await.map_err(|_| stopped())?
    }

    /// Ends the thread and waits until the producer is closed.
    pub async fn close(self) {
        drop(self.commands);
        drop(self.outcomes);
        let _ended = self.ended.await;
    }
}

/// Opens a publisher on a thread of its own: connects, fences earlier producers, and reads the
/// progress record. `confirmed` receives each committed position.
pub async fn open(
    settings: Settings,
    confirmed: watch::Sender<Lsn>,
    heart: Heart,
    stop: CancellationToken,
) -> Result<(Publisher, Opened), Error> {
    // Two places: a batch and a question.
    let (commands, command_queue) = sync_channel(2);
    let (outcome_sender, outcomes) = mpsc::channel(1);
    let (opened_sender, opened) = oneshot::channel();
    let (ended_sender, ended) = oneshot::channel();
    runtime::spawn_thread("publisher", move || {
        match open_producer(&settings, &heart, &stop) {
            Ok((producer, found)) => {
                if opened_sender.send(Ok(found)).is_ok() {
                    serve(
                        &producer,
                        &settings,
                        &command_queue,
                        &outcome_sender,
                        &confirmed,
                        &heart,
                        &stop,
                    );
                }
                // Closing is watched, too.
                heart.beat();
                drop(producer);
            }
            Err(error) => drop(opened_sender.send(Err(error))),
        }
        heart.rest();
        let _nobody_waits = ended_sender.send(());
    });
    let found = opened.await.map_err(|_| Error::Stopped {
        doing: "opening the producer",
    })??;
    Ok((
        Publisher {
            commands,
            outcomes,
            ended,
        },
        found,
    ))
}

/// What [`open`] would find, without fencing anybody: so it may be old by the time it is read.
pub async fn look_at_progress(settings: &Settings) -> Result<Opened, Error> {
    let settings = settings.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&settings.bootstrap_servers, &stop, QUESTION_TIMEOUT);
        let kafka_cluster_id = reach(&settings.uncommitted, &patience)?;
        let progress = ProgressReader::new(&settings)?.read(&patience)?;
        Ok(Opened {
            progress: require_running(&settings.progress_topic, progress)?,
            kafka_cluster_id,
        })
    });
    looked.await.expect("the questions to Kafka do not panic")
}

fn open_producer(
    settings: &Settings,
    heart: &Heart,
    stop: &CancellationToken,
) -> Result<(Producer, Opened), Error> {
    let patience = Patience::new(&settings.bootstrap_servers, stop, OPEN_TIMEOUT).with_heart(heart);
    let reader = ProgressReader::new(settings)?;
    let producer = Producer::open(settings, heart.clone(), &patience)?;
    tracing::debug!("every earlier producer is fenced");
    let progress = reader.read(&patience);
    reader.close_aside();
    let progress = require_running(&settings.progress_topic, progress?)?;
    let kafka_cluster_id = producer.kafka_cluster_id().to_owned();
    Ok((
        producer,
        Opened {
            progress,
            kafka_cluster_id,
        },
    ))
}

fn serve(
    producer: &Producer,
    settings: &Settings,
    commands: &Receiver<Command>,
    outcomes: &mpsc::Sender<Outcome>,
    confirmed: &watch::Sender<Lsn>,
    heart: &Heart,
    stop: &CancellationToken,
) {
    loop {
        heart.rest();
        let Ok(command) = commands.recv() else { return };
        heart.beat();
        match command {
            Command::Publish(batch, progress) => {
                let begun = Instant::now();
                let result = producer.publish(&batch, *progress);
                if let Ok(committed) = &result {
                    failpoints::hit(Failpoint::AfterEndTxn);
                    confirmed.send_replace(ack::confirm(committed).lsn());
                }
                let failed = result.is_err();
                let outcome = Outcome {
                    batch,
                    result,
                    duration: begun.elapsed(),
                };
                if outcomes.blocking_send(outcome).is_err() || failed {
                    return;
                }
            }
            Command::PartitionCount(topic, reply) => {
                let patience = Patience::new(&settings.bootstrap_servers, stop, QUESTION_TIMEOUT)
                    .with_heart(heart);
                let count = partition_count(producer.client(), &topic, &patience);
                let count = count.and_then(|count| {
                    if count.is_none() {
                        require_visible(&settings.uncommitted, &topic, &patience)?;
                    }
                    Ok(count)
                });
                let _nobody_waits = reply.send(count);
            }
        }
    }
}
