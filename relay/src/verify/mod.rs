//! The oracle: compares the outbox table with what a consumer reads from Kafka.
//!
//! It answers whether a history kept the relay's promises: nothing lost, nothing doubled, nothing
//! published that was not committed, nothing altered, every key in commit order, every database
//! transaction visible at once. It stands behind `postrider verify`, the demo and every end-to-end
//! test, so it must not share an error with the relay: it has its own consumer, its own registry
//! client, its own Avro reader (the `apache-avro` crate), its own partitioner and its own reading
//! of the payload dialect. Nothing here uses `encode`, `publish` or `outbox-contract`.
//!
//! ```text
//!   outbox.event ── expected ──┐
//!   topics ── observed ── decode ── judge ── order, torn ── report
//!   broker's log ── broker_log ── transactions ───┘
//! ```
//!
//! The history should be at rest: events that are written while the oracle runs are taken into
//! account, but those that the relay has not published when [`VerifyOptions::patience`] ends are
//! called lost.

mod broker_log;
mod content;
mod decode;
mod dialect;
mod error;
mod expected;
mod headers;
mod json;
mod judge;
mod observed;
mod order;
mod partition;
mod report;
mod rules;
#[cfg(test)]
mod tests;
mod time;
mod torn;
mod transactions;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;

pub use broker_log::BrokerLog;
pub use decode::Registry;
pub use error::Error;
pub use report::{Finding, Place, Report, Tally, Torn};
pub use rules::Rules;

use decode::Schemas;
use expected::Expected;
use judge::Judge;
use observed::Arrival;

/// Turns of the reading thread that may wait for the judge: bounds memory to so many thousand
/// records.
const ARRIVALS_MAX: usize = 16;

/// What is compared, and how long to wait.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// librdkafka settings of the consumer: `bootstrap.servers`, TLS, SASL.
    pub kafka: Vec<(String, String)>,
    /// The topics that events go to. Dead-letter topics of [`Rules::dead_letter_topics`] are read
    /// too.
    pub topics: Vec<String>,
    /// Where record schemas are registered.
    pub registry: Registry,
    /// What the history has to keep to.
    pub rules: Rules,
    /// How long to listen behind the end of the topics while events are missing, counted from the
    /// last record.
    pub patience: Duration,
    /// How long to listen behind the end of the topics when none is missing: late doubles.
    pub quiet: Duration,
    /// When to give up on a broker that gives no record though the end was not reached.
    pub stalled_after: Duration,
}

impl VerifyOptions {
    /// Options with the default rules and times.
    pub fn new(kafka: Vec<(String, String)>, topics: Vec<String>, registry: Registry) -> Self {
        Self {
            kafka,
            topics,
            registry,
            rules: Rules::default(),
            patience: Duration::from_secs(10),
            quiet: Duration::ZERO,
            stalled_after: Duration::from_mins(1),
        }
    }
}

/// Compares the outbox table in `database` with the topics. With `broker_log`, which has to be the
/// log of that Kafka cluster, also looks which records lie in one transaction; without it that is
/// left open.
///
/// Not cancellation-safe, and harmless to cancel: it only reads. An error is no verdict; see
/// [`Error`].
pub async fn verify(
    database: &tokio_postgres::Client,
    options: VerifyOptions,
    broker_log: Option<BrokerLog<'_>>,
) -> Result<Report, Error> {
    let mut expected = Expected::new(options.rules.order_field.clone());
    expected::read_all(database, &mut expected).await?;
    let mut judge = Judge::new(expected, options.rules.clone());
    let mut schemas = Schemas::default();
    let topics = hear(&mut judge, &mut schemas, &options).await?;

    let unknown = judge.unknown_ids();
    if !unknown.is_empty() {
        let rows = expected::read_some(database, &unknown).await?;
        judge.admit(rows, &schemas);
    }
    // `at_least_once` has no transactions that could be torn.
    let broker_log = broker_log.filter(|_| !options.rules.duplicates_allowed);
    let transactions = match broker_log {
        Some(broker_log) => Some(broker_log.transactions(&topics).await?),
        None => None,
    };
    Ok(judge.finish(transactions.as_ref()))
}

/// Hands every record to the judge; gives the topics that were read.
async fn hear(
    judge: &mut Judge,
    schemas: &mut Schemas,
    options: &VerifyOptions,
) -> Result<BTreeSet<String>, Error> {
    let (sender, mut arrivals) = mpsc::channel(ARRIVALS_MAX);
    let settings = options.kafka.clone();
    let topics: BTreeSet<String> = options
        .topics
        .iter()
        .chain(&options.rules.dead_letter_topics)
        .cloned()
        .collect();
    let (read, dead_letter_topics) = (topics.clone(), options.rules.dead_letter_topics.clone());
    let stalled_after = options.stalled_after;
    let reader = tokio::task::spawn_blocking(move || {
        observed::read(
            &settings,
            &read,
            &dead_letter_topics,
            stalled_after,
            &sender,
        )
    });

    let mut ended = false;
    loop {
        let limit = match (ended, judge.missing()) {
            (false, _) => Duration::MAX,
            (true, 0) => options.quiet,
            (true, _) => options.patience,
        };
        match tokio::time::timeout(limit, arrivals.recv()).await {
            Ok(Some(Arrival::Topic(topic, count))) => judge.topic(&topic, count.unsigned_abs()),
            Ok(Some(Arrival::Records(records))) => {
                for record in records {
                    if let Some(value) = &record.value {
                        schemas.learn(value, &options.registry).await?;
                    }
                    judge.observe(record, schemas);
                }
            }
            Ok(Some(Arrival::End)) => ended = true,
            Ok(None) => break,
            Err(_elapsed) => {
                arrivals.close();
                break;
            }
        }
    }
    drop(arrivals);
    reader.await.map_err(Error::ReaderEnded)??;
    Ok(topics)
}
