//! `postrider verify`

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::exit::{self, fail, fail_classified};
use super::load::Loaded;
use crate::config::DeliveryMode;
use crate::error::{Chain, Classify as _};
use crate::names::{self, RelayName};
use crate::pipeline::Settings;
use crate::postgres;
use crate::publish::{self, Patience, ProgressReader};
use crate::route::Router;
use crate::verify::{Registry, Report, Rules, VerifyOptions, verify};

/// Longest wait for one answer of the registry.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for Kafka's first answer.
const KAFKA_PATIENCE: Duration = Duration::from_secs(10);

/// Prove that every committed event is on Kafka: once, in order, unaltered.
///
/// Compares the outbox table with the topics that its events are routed to, and changes nothing.
/// Run it while nobody writes: what the relay has not published in time is called lost. Exit code 1
/// when anything was found. "torn not examined": which transaction wrote what stands in the broker's
/// own files only, which `demo` and the tests read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  postrider verify --config orders.toml\n  \
                  postrider verify --since '2026-01-31 12:00Z' --order-field version --json")]
pub(super) struct Options {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Read this topic too; one whose rows retention has removed cannot be found otherwise.
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Leave out what is older than this time, as PostgreSQL reads it: for what retention has removed
    /// from the table or from the topics.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// A whole number at the top of the payload that the writer counts up by one for each event of
    /// a key: proves the order of commits.
    #[arg(long, value_name = "FIELD")]
    order_field: Option<String>,
    /// How many seconds to wait for events that are missing.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    patience: u64,
}

/// Compares and prints the proof.
pub(super) async fn run(loaded: &Loaded, options: &Options) -> ExitCode {
    let session = match postgres::connect(&loaded.settings.target).await {
        Ok(session) => session,
        Err(error) => return fail_classified(&error),
    };
    let verified = prove(session.client(), loaded, options).await;
    session.close().await;
    match verified {
        Ok(report) => print(&report, options.json),
        Err(failed) => failed,
    }
}

async fn prove(client: &Client, loaded: &Loaded, options: &Options) -> Result<Report, ExitCode> {
    let outbox = |error| fail_classified(&crate::verify::Error::ReadOutbox(error));
    let Loaded { config, settings } = loaded;
    let mut topics = routed_topics(client, settings.router())
        .await
        .map_err(outbox)?
        .map_err(|error| fail(exit::HALTED, &Chain(&error).to_string(), &error.remedy()))?;
    topics.extend(options.topics.iter().cloned());
    let since = match &options.since {
        Some(time) => Some(micros(client, time).await.map_err(|error| {
            let remedy = "write it like '2026-01-31 12:00Z'";
            fail(
                exit::USAGE,
                &format!("--since {time:?} is no time: {}", Chain(&error)),
                remedy,
            )
        })?),
        None => None,
    };
    // The oracle's own questions to both do not tell a wrong password from a server that is down.
    let partition_counts = partition_counts(settings)
        .await
        .map_err(|error| fail_classified(&error))?;
    let registry = settings.registry();
    registry
        .ping()
        .await
        .map_err(|error| fail_classified(&error))?;
    let client_of_registry = registry
        .tls()
        .client(REGISTRY_TIMEOUT)
        .expect("the same client was built for the configuration's check");
    let credentials = registry.credentials();
    let registry = Registry::new(&config.registry.url, client_of_registry, credentials);
    // Those of a time when the configuration was another, too.
    let dead_letter_topics = dead_letter_topics(&config.name, &topics);
    let mut what = VerifyOptions::new(
        settings.kafka_options(),
        topics.into_iter().collect(),
        registry,
    );
    what.patience = Duration::from_secs(options.patience);
    what.rules = Rules {
        order_field: options.order_field.clone(),
        topic: config
            .route
            .rules
            .is_empty()
            .then(|| config.route.topic.clone()),
        split_bytes_min: Some(config.batch.bytes_max.bytes()),
        since,
        dead_letter_topics,
        partition_counts,
        duplicates_allowed: config.delivery.mode == DeliveryMode::AtLeastOnce,
        ..Rules::default()
    };
    // The broker's log lies on the broker's disk, so which transaction wrote what stays unknown.
    verify(client, what, None)
        .await
        .map_err(|error| fail_classified(&error))
}

/// Where the relay puts what was meant for `topics`.
fn dead_letter_topics(name: &RelayName, topics: &BTreeSet<String>) -> Vec<String> {
    let unrouted = name.unrouted_dead_letter_topic();
    let routed = topics.iter().map(|topic| names::dead_letter_topic(topic));
    routed.chain([unrouted]).collect()
}

/// Over how many partitions the relay maps the keys of each topic: those that a topic had first.
async fn partition_counts(settings: &Settings) -> Result<BTreeMap<String, u32>, publish::Error> {
    let kafka = settings.kafka.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&kafka.bootstrap_servers, &stop, KAFKA_PATIENCE);
        publish::reach(&kafka.uncommitted, &patience)?;
        match ProgressReader::new(&kafka)?.read(&patience) {
            Ok(progress) => Ok(progress.map(|it| it.get().partition_counts.clone())),
            // What is on Kafka can be proven without: the topics have what they had first.
            Err(publish::Error::ProgressMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    });
    let counts = asked.await.expect("the questions to Kafka do not panic")?;
    Ok(counts.unwrap_or_default())
}

/// The topics of every event that the table holds.
async fn routed_topics(
    client: &Client,
    router: Router,
) -> Result<Result<BTreeSet<String>, crate::route::Error>, tokio_postgres::Error> {
    let types = "select distinct aggregate_type, event_type from outbox.event \
                 where public and event_type <> 'postrider.canary'";
    let rows = client.query(types, &[]).await?;
    let topics = rows.iter().map(|row| {
        let route = router.find(row.get(0), row.get(1))?;
        Ok(route.topic.to_string())
    });
    Ok(topics.collect())
}

/// Microseconds since the epoch.
async fn micros(client: &Client, time: &str) -> Result<i64, tokio_postgres::Error> {
    let query = "select (extract(epoch from $1::text::timestamptz) * 1000000)::bigint";
    Ok(client.query_one(query, &[&time]).await?.get(0))
}

fn print(report: &Report, json: bool) -> ExitCode {
    if json {
        let report = serde_json::json!({ "passed": report.passed(), "report": report });
        println!("{report}");
    } else {
        println!("{report}");
    }
    if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::FOUND)
    }
}
