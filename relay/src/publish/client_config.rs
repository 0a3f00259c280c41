//! librdkafka's options, in one place.
//!
//! The operator may add any option in `[kafka.options]`, except one that a typed key sets or that
//! exactly-once delivery stands on: such a contradiction is an error that names both.
//! Source: <https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md>.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use crate::config::{KafkaConfig, Problem, Secret, TlsConfig};

/// Longest life of a transaction on the broker. After a crash of the machine, with no successor,
/// readers wait at most this long (plus the broker's sweep of 10 s).
pub const TRANSACTION_TIMEOUT_MILLIS: u32 = 20_000;

/// The same where each record is a request. A broker allows 15 minutes
/// (`transaction.max.timeout.ms`) unless it was told otherwise.
const ONE_BY_ONE_TRANSACTION_TIMEOUT_MILLIS: u32 = 120_000;

/// librdkafka's default of `retry.backoff.ms`.
const RETRY_BACKOFF_MILLIS: u64 = 100;

/// Options that the relay sets itself, with the key that decides them.
const OWNED: [(&str, &str); 28] = [
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("client.id", "name"),
    ("transactional.id", "name"),
    ("security.protocol", "kafka.tls and kafka.sasl"),
    ("ssl.ca.location", "kafka.tls.ca"),
    ("ssl.certificate.location", "kafka.tls.certificate"),
    ("ssl.key.location", "kafka.tls.key"),
    ("sasl.mechanism", "kafka.sasl.mechanism"),
    ("sasl.mechanisms", "kafka.sasl.mechanism"),
    ("sasl.username", "kafka.sasl.user"),
    ("sasl.password", "kafka.sasl.password_file"),
    ("enable.idempotence", EXACTLY_ONCE),
    ("acks", EXACTLY_ONCE),
    ("request.required.acks", EXACTLY_ONCE),
    ("retries", EXACTLY_ONCE),
    ("message.send.max.retries", EXACTLY_ONCE),
    ("max.in.flight", EXACTLY_ONCE),
    ("max.in.flight.requests.per.connection", EXACTLY_ONCE),
    ("queuing.strategy", EXACTLY_ONCE),
    ("transaction.timeout.ms", EXACTLY_ONCE),
    ("message.timeout.ms", EXACTLY_ONCE),
    ("delivery.timeout.ms", EXACTLY_ONCE),
    ("isolation.level", EXACTLY_ONCE),
    ("delivery.report.only.error", EXACTLY_ONCE),
    ("log.connection.close", EXACTLY_ONCE),
    ("partitioner", "the relay, as Java clients do"),
    ("enable.partition.eof", "the relay"),
];

const EXACTLY_ONCE: &str = "exactly-once delivery";

/// The options that contradict a typed key.
pub fn check(config: &KafkaConfig) -> Vec<Problem> {
    let contradictions = config.options.keys().filter_map(|option| {
        let (_, owner) = OWNED.iter().find(|(owned, _)| owned == option)?;
        Some(Problem::new(
            format!("kafka.options.{option}"),
            format!("is decided by {owner}"),
        ))
    });
    let mut problems: Vec<Problem> = contradictions.collect();
    problems.extend(config.options.iter().filter_map(|(option, value)| {
        let why = refusal(option, value)?;
        Some(Problem::new(format!("kafka.options.{option}"), why))
    }));
    if let Some(tls) = &config.tls {
        problems.extend(check_tls(config, tls));
    }
    let is_broker = |broker: &str| match broker.trim().rsplit_once(':') {
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        // librdkafka takes 9092 then.
        None => !broker.trim().is_empty(),
    };
    if !config.bootstrap_servers.split(',').all(is_broker) {
        problems.push(Problem::new(
            "kafka.bootstrap_servers",
            "must be a list of host:port with ports from 1 to 65535",
        ));
    }
    if let Some(sasl) = &config.sasl {
        if !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&sasl.mechanism.as_str()) {
            problems.push(Problem::new(
                "kafka.sasl.mechanism",
                "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
            ));
        }
        if sasl.password.is_some() == sasl.password_file.is_some() {
            problems.push(Problem::new(
                "kafka.sasl",
                "needs either password_file or password",
            ));
        }
    }
    problems
}

/// librdkafka reads the files, but for one that is not there it names neither file nor reason.
fn check_tls(config: &KafkaConfig, tls: &TlsConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, path) in [
        ("kafka.tls.ca", &tls.ca),
        ("kafka.tls.certificate", &tls.certificate),
        ("kafka.tls.key", &tls.key),
    ] {
        if let Some(path) = path
            && let Err(error) = std::fs::File::open(path)
        {
            let message = format!("cannot use {}: {error}", path.display());
            problems.push(Problem::new(key, message));
        }
    }
    if tls.certificate.is_some() != tls.key.is_some() && !config.options.contains_key("ssl.key.pem")
    {
        problems.push(Problem::new("kafka.tls", "certificate and key go together"));
    }
    problems
}

/// What of the brokers' certificates is not checked, because an option says so.
pub fn unchecked(config: &KafkaConfig) -> Option<&'static str> {
    let set = |option: &str| config.options.get(option).map(|value| value.to_lowercase());
    // As librdkafka reads a boolean.
    let is_true = |value: String| ["true", "t", "1"].contains(&value.as_str());
    if !set("enable.ssl.certificate.verification").is_none_or(is_true) {
        return Some("the certificates of the brokers are not checked");
    }
    let algorithm = set("ssl.endpoint.identification.algorithm");
    (algorithm.as_deref() == Some("none"))
        .then_some("the certificates of the brokers may name any host")
}

/// Why librdkafka does not take an option, in our words: its own quote the value, and a secret whose
/// option is misspelt is a secret still.
fn refusal(option: &str, value: &str) -> Option<&'static str> {
    let mut alone = empty();
    alone.set(option, value);
    match alone.create_native_config().err()? {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
            Some("is no option of librdkafka")
        }
        _ => Some("has a value that librdkafka does not take"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that builds clients"
)]
fn empty() -> ClientConfig {
    ClientConfig::new()
}

/// A transactional producer's options. `sasl_password` was read from where the configuration says.
pub fn transactional_producer(
    config: &KafkaConfig,
    sasl_password: Option<&Secret>,
    transactional_id: &str,
) -> ClientConfig {
    let mut options = producer(config, sasl_password, transactional_id);
    options.set("transactional.id", transactional_id).set(
        "transaction.timeout.ms",
        TRANSACTION_TIMEOUT_MILLIS.to_string(),
    );
    // Whatever is shown of it: the publisher learns from librdkafka's log that a connection broke
    // under a commit.
    if (options.log_level as i32) < RDKafkaLogLevel::Info as i32 {
        options.set_log_level(RDKafkaLogLevel::Info);
    }
    options
}

/// After how long librdkafka repeats a request, its jitter of a fifth not counted.
pub(super) fn retry_backoff(producer: &ClientConfig) -> Duration {
    let set = producer.get("retry.backoff.ms");
    let millis = set.and_then(|millis| millis.parse().ok());
    Duration::from_millis(millis.unwrap_or(RETRY_BACKOFF_MILLIS))
}

/// The options of a producer without transactions.
pub fn idempotent_producer(
    config: &KafkaConfig,
    sasl_password: Option<&Secret>,
    client_id: &str,
) -> ClientConfig {
    let mut options = producer(config, sasl_password, client_id);
    // A record that is given up could come late, behind those that were sent after it; the publisher
    // has its own limit.
    options.set("message.timeout.ms", "0");
    options
}

/// Makes a producer send each record in a request of its own, and gives a transaction the time.
pub(super) fn one_by_one(producer: &mut ClientConfig) {
    producer.set("batch.num.messages", "1");
    if producer.get("transactional.id").is_some() {
        producer.set(
            "transaction.timeout.ms",
            ONE_BY_ONE_TRANSACTION_TIMEOUT_MILLIS.to_string(),
        );
    }
}

fn producer(config: &KafkaConfig, sasl_password: Option<&Secret>, client_id: &str) -> ClientConfig {
    let mut options = client(config, sasl_password, client_id);
    options.set("enable.idempotence", "true");
    // lz4 costs the client 0.6 us per record and saves the broker more; 5 ms fill a message set
    // under load, and a flush at the end of each batch makes an idle relay not wait for it.
    default(&mut options, config, "compression.type", "lz4");
    default(&mut options, config, "linger.ms", "5");
    // The publisher itself bounds what is in flight, far below this.
    default(&mut options, config, "queue.buffering.max.kbytes", "65536");
    default(
        &mut options,
        config,
        "queue.buffering.max.messages",
        "100000",
    );
    // The broker's and the topic's limits decide, not the client's.
    default(&mut options, config, "message.max.bytes", "67108864");
    options
}

/// A consumer's options; it commits nothing and joins no group.
pub fn consumer(
    config: &KafkaConfig,
    sasl_password: Option<&Secret>,
    client_id: &str,
    isolation_level: &str,
) -> ClientConfig {
    let mut options = client(config, sasl_password, client_id);
    options
        .set("group.id", client_id)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("isolation.level", isolation_level);
    // The default of 500 ms would make each start wait for a long poll at the end of the topic.
    default(&mut options, config, "fetch.wait.max.ms", "10");
    options
}

/// The options of any client: where, and who we are.
pub fn client(
    config: &KafkaConfig,
    sasl_password: Option<&Secret>,
    client_id: &str,
) -> ClientConfig {
    let mut options = empty();
    options
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("client.id", client_id);
    let tls = config.tls.is_some();
    options.set(
        "security.protocol",
        match (tls, config.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        },
    );
    if let Some(tls) = &config.tls {
        for (option, path) in [
            ("ssl.ca.location", &tls.ca),
            ("ssl.certificate.location", &tls.certificate),
            ("ssl.key.location", &tls.key),
        ] {
            if let Some(path) = path {
                options.set(option, path.to_string_lossy());
            }
        }
    }
    if let Some(sasl) = &config.sasl {
        options
            .set("sasl.mechanism", &sasl.mechanism)
            .set("sasl.username", &sasl.user);
        if let Some(password) = sasl_password {
            options.set("sasl.password", password.expose());
        }
    }
    // The default of 10 s would delay the recovery from a broker's restart by as much.
    default(&mut options, config, "reconnect.backoff.max.ms", "500");
    default(&mut options, config, "socket.keepalive.enable", "true");
    for (option, value) in &config.options {
        options.set(option, value);
    }
    options
}

/// Sets an option that the operator may decide.
fn default(options: &mut ClientConfig, config: &KafkaConfig, option: &str, value: &str) {
    if !config.options.contains_key(option) {
        options.set(option, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[(&str, &str)]) -> KafkaConfig {
        KafkaConfig {
            bootstrap_servers: "localhost:9092".to_owned(),
            tls: None,
            sasl: None,
            options: options
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            timestamp: crate::config::RecordTimestamp::OccurredAt,
        }
    }

    #[test]
    fn an_option_that_exactly_once_stands_on_is_refused() {
        let problems = check(&config(&[
            ("acks", "1"),
            ("linger.ms", "1"),
            ("client.id", "x"),
        ]));
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(keys, ["kafka.options.acks", "kafka.options.client.id"]);
    }

    #[test]
    fn an_option_that_librdkafka_does_not_take_is_named_without_its_value() {
        let problems = check(&config(&[
            ("sasl.pasword", "canary"),
            ("ssl.key.password", "canary"),
            ("linger.ms", "canary"),
        ]));
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "kafka.options.linger.ms: has a value that librdkafka does not take",
                "kafka.options.sasl.pasword: is no option of librdkafka",
            ]
        );
    }

    #[test]
    fn brokers_are_hosts_with_ports() {
        let problems = |servers: &str| {
            let mut config = config(&[]);
            config.bootstrap_servers = servers.to_owned();
            check(&config).len()
        };
        for servers in ["kafka", "kafka:9092", "a:1, [::1]:65535"] {
            assert_eq!(problems(servers), 0, "{servers}");
        }
        for servers in ["", "kafka:99999", "kafka:0", ":9092", "a:1,"] {
            assert_eq!(problems(servers), 1, "{servers}");
        }
    }

    #[test]
    fn an_option_of_the_operator_wins_over_a_default() {
        let options =
            transactional_producer(&config(&[("linger.ms", "1")]), None, "postrider-orders");
        assert_eq!(options.get("linger.ms"), Some("1"));
        assert_eq!(options.get("compression.type"), Some("lz4"));
        assert_eq!(options.get("transactional.id"), Some("postrider-orders"));
    }
}
