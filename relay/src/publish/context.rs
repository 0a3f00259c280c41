//! What librdkafka tells the producer: acknowledgements and errors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::failpoints::{Sabotage, sabotaged};

/// Counts acknowledgements, and keeps the first failure and the last error of the client.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    acknowledged: AtomicUsize,
    /// Index of the record in its batch, and why.
    first_failure: Mutex<Option<(usize, KafkaError)>>,
    has_lost_coordinator: AtomicBool,
    last_error: LastError,
}

impl Deliveries {
    /// Forgets the batch before.
    pub(super) fn begin_batch(&self) {
        self.acknowledged.store(0, Ordering::Relaxed);
        *self
            .first_failure
            .lock()
            .expect("no code panics while it holds the failure") = None;
    }

    /// How many records were acknowledged since the batch began.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The first record that failed: its index in the batch, and why.
    pub(super) fn first_failure(&self) -> Option<(usize, KafkaError)> {
        self.first_failure
            .lock()
            .expect("no code panics while it holds the failure")
            .clone()
    }

    /// Whether the connection to the transaction coordinator broke, or a request on it was given up.
    pub(super) fn has_lost_coordinator(&self) -> bool {
        self.has_lost_coordinator.load(Ordering::Relaxed)
    }

    /// The last error that belongs to no record.
    pub(super) fn last_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.last_error.get()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if ["FAIL", "REQTMOUT"].contains(&facility) && message.contains("TxnCoordinator") {
            self.has_lost_coordinator.store(true, Ordering::Relaxed);
        }
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::info!(%error, reason, "Kafka client reports an error");
        self.last_error.note(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Err(_) if sabotaged(Sabotage::IgnoreRefusal) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                let mut first = self
                    .first_failure
                    .lock()
                    .expect("no code panics while it holds the failure");
                first.get_or_insert_with(|| (index, error.clone()));
            }
        }
    }
}

/// Passes librdkafka's own log on. It calls a lost connection an error; to the relay it is the
/// weather, and what follows from it is logged where it is handled.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning
        | RDKafkaLogLevel::Notice
        | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// What a client said last of its connection.
#[derive(Debug, Default)]
struct LastError(Mutex<Option<(RDKafkaErrorCode, String)>>);

impl LastError {
    fn get(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.0
            .lock()
            .expect("no code panics while it holds the error")
            .clone()
    }

    fn note(&self, error: &KafkaError, reason: &str) {
        let code = match error.rdkafka_error_code() {
            _ if is_refused_certificate(reason) => RDKafkaErrorCode::SSL,
            code => code.unwrap_or(RDKafkaErrorCode::Unknown),
        };
        let mut last = self
            .0
            .lock()
            .expect("no code panics while it holds the error");
        // "All brokers are down" says less than what went before it.
        if code != RDKafkaErrorCode::AllBrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }
}

/// Whether the broker did not accept the client's certificate. In TLS 1.3 it says so after the
/// handshake, and librdkafka takes the connection for one that broke; only OpenSSL's words tell.
fn is_refused_certificate(reason: &str) -> bool {
    reason.contains("SSL alert number")
        && ["certificate", "unknown ca"]
            .iter()
            .any(|what| reason.contains(what))
}

/// The context of clients that only read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    last_error: LastError,
}

impl Reading {
    /// The last error of the client.
    pub(super) fn last_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.last_error.get()
    }
}

impl ClientContext for Reading {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.last_error.note(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Reading {}
