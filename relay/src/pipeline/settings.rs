//! The configuration, turned into the things that the stages take.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{
    ByteSize, Config, KafkaConfig, OnPoison, Problem, RecordTimestamp, RouteConfig, Secret,
    SubjectStrategy,
};
use crate::encode::{ContractLock, Registry, RegistryTls, Resolver};
use crate::postgres::Target;
use crate::publish::{self, TopicPlan, client_config};
use crate::route::Router;
use crate::telemetry::{Traces, Vitals};

/// Everything a session needs, checked.
#[derive(Clone)]
pub struct Settings {
    /// The relay's name.
    pub name: String,
    /// The database.
    pub target: Target,
    /// The publication.
    pub publication: String,
    /// The replication slot.
    pub slot: String,
    /// Write-ahead log in bytes that the slot may keep.
    pub wal_retained_max: Option<u64>,
    /// What the publisher needs.
    pub kafka: publish::Settings,
    /// Copies of the progress topic; the broker's default without it.
    pub replication_factor: Option<i32>,
    /// How a missing topic of events is created, where that is allowed.
    pub missing_topics: Option<TopicPlan>,
    /// Largest Kafka transaction, in bytes of records.
    pub batch_bytes_max: usize,
    /// Longest time a batch is filled.
    pub batch_time_max: Duration,
    /// Where probes, status and metrics are served.
    pub http_listen: SocketAddr,
    /// Longest shutdown.
    pub shutdown_timeout: Duration,
    /// What becomes of an event that can never be published as it is.
    pub on_poison: OnPoison,
    /// The topic of dead letters that have no route.
    pub unrouted_dead_letter_topic: String,
    /// Where a record's timestamp comes from.
    pub timestamp: RecordTimestamp,
    /// Where a session tells how it is.
    pub vitals: Vitals,
    /// Where it tells of each event's way; nowhere unless `run` has set it.
    pub traces: Traces,
    registry: Registry,
    lock: Option<PathBuf>,
    route: RouteConfig,
    strategy: SubjectStrategy,
    kafka_config: KafkaConfig,
    sasl_password: Option<Secret>,
}

impl Settings {
    /// Checks what goes beyond types; all problems at once.
    pub fn new(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = client_config::check(&config.kafka);
        problems.extend(check_sizes(config));
        let mut note = |key: &str, message: String| problems.push(Problem::new(key, message));
        let mut read_secret = |key: &str, path: &Option<PathBuf>| {
            let text = std::fs::read_to_string(path.as_ref()?);
            text.map_err(|error| note(key, error.to_string()))
                .ok()
                .map(|text| Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        };
        let registry_password =
            read_secret("registry.password_file", &config.registry.password_file)
                .or_else(|| config.registry.password.clone());
        let sasl_password = config.kafka.sasl.as_ref().and_then(|sasl| {
            read_secret("kafka.sasl.password_file", &sasl.password_file)
                .or_else(|| sasl.password.clone())
        });
        let target = config.postgres.url.parse::<Target>();
        let target = target.map_err(|error| note("postgres.url", error.to_string()));
        let target = match (target, &config.postgres.password_file) {
            (Ok(target), Some(path)) => target
                .with_password_file(path)
                .map_err(|error| note("postgres.password_file", error.to_string())),
            (target, _) => target,
        };
        if let Err((key, error)) = Router::new(&config.route, config.contracts.subject) {
            note(&key, error.to_string());
        }
        if let Some(path) = &config.contracts.lock
            && let Err(error) = ContractLock::read(path)
        {
            note("contracts.lock", crate::error::Chain(&error).to_string());
        }
        let credentials = config.registry.user.clone().zip(registry_password);
        let tls = RegistryTls::read(&config.registry);
        let registry = Registry::new(
            &config.registry.url,
            credentials,
            tls.clone().unwrap_or_default(),
        )
        .map_err(|error| note("registry.url", crate::error::Chain(&error).to_string()))
        .ok();
        problems.extend(tls.err().unwrap_or_default());
        let (Ok(target), Some(registry), true) = (target, registry, problems.is_empty()) else {
            return Err(problems);
        };
        let id = config.name.transactional_id();
        let (kafka, password) = (&config.kafka, sasl_password.as_ref());
        let slot = config.replication_slot();
        let publication = &config.postgres.publication;
        Ok(Self {
            vitals: Vitals::new(config.name.as_str(), &slot, publication),
            traces: Traces::default(),
            http_listen: config.http.listen,
            name: config.name.to_string(),
            target,
            publication: publication.clone(),
            slot,
            wal_retained_max: config.postgres.wal_retained_max.map(ByteSize::bytes),
            kafka: publish::Settings {
                mode: config.delivery.mode,
                is_one_by_one: false,
                transactional: client_config::transactional_producer(kafka, password, &id),
                idempotent: client_config::idempotent_producer(kafka, password, &id),
                uncommitted: client_config::consumer(kafka, password, &id, "read_uncommitted"),
                committed: client_config::consumer(kafka, password, &id, "read_committed"),
                bootstrap_servers: kafka.bootstrap_servers.clone(),
                transactional_id: id,
                progress_topic: config.name.progress_topic(),
            },
            replication_factor: config.topics.replication_factor,
            missing_topics: config.topics.create.then(|| TopicPlan {
                partitions: config.topics.partitions,
                replication_factor: config.topics.replication_factor,
                config: config.topics.config.clone().into_iter().collect(),
            }),
            batch_bytes_max: usize::try_from(config.batch.bytes_max.bytes())
                .expect("checked to be at most 256 MiB"),
            batch_time_max: config.batch.time_max.duration(),
            shutdown_timeout: config.shutdown.timeout.duration(),
            on_poison: config.on_poison,
            unrouted_dead_letter_topic: config.name.unrouted_dead_letter_topic(),
            timestamp: kafka.timestamp,
            registry,
            lock: config.contracts.lock.clone(),
            route: config.route.clone(),
            strategy: config.contracts.subject,
            kafka_config: kafka.clone(),
            sasl_password,
        })
    }

    /// The options of a plain Kafka client.
    pub fn kafka_client(&self) -> rdkafka::ClientConfig {
        let id = &self.kafka.transactional_id;
        client_config::client(&self.kafka_config, self.sasl_password.as_ref(), id)
    }

    /// The same options one by one, for a client that is built elsewhere. They hold the password.
    pub fn kafka_options(&self) -> Vec<(String, String)> {
        let client = self.kafka_client();
        // The map shows a placeholder in place of each secret.
        let names = client.config_map().into_keys();
        let options = names.map(|name| {
            let value = client.get(name).expect("it is in the map");
            (name.to_owned(), value.to_owned())
        });
        options.collect()
    }

    /// What of the brokers' certificates is not checked.
    pub fn unchecked_brokers(&self) -> Option<&'static str> {
        client_config::unchecked(&self.kafka_config)
    }

    /// The schema registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A router for one session.
    pub fn router(&self) -> Router {
        Router::new(&self.route, self.strategy).expect("checked when the settings were made")
    }

    /// The resolver for the life of the process.
    pub fn resolver(&self) -> Resolver {
        let lock = self.lock.as_deref().map(ContractLock::read);
        Resolver::new(
            self.registry.clone(),
            lock.and_then(Result::ok).unwrap_or_default(),
        )
    }
}

/// Sizes that are one, and yet no limit to work with.
fn check_sizes(config: &Config) -> Vec<Problem> {
    const BYTES: std::ops::RangeInclusive<u64> = (64 << 10)..=(256 << 20);
    let mut problems = Vec::new();
    if !BYTES.contains(&config.batch.bytes_max.bytes()) {
        let message = "must lie between 64 KiB and 256 MiB".to_owned();
        problems.push(Problem::new("batch.bytes_max", message));
    }
    if config.postgres.wal_retained_max.map(ByteSize::bytes) == Some(0) {
        let message = "must be more than nothing; leave it out for no limit".to_owned();
        problems.push(Problem::new("postgres.wal_retained_max", message));
    }
    problems
}
