//! How a producer gets to the cluster, and past the fence.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::publish::Error;
use crate::publish::context::Deliveries;
use crate::publish::patience::Patience;

/// One question to the cluster; then the patience is asked whether to go on.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the client's errors are listened to while the brokers are waited for. Not at all would
/// be one event a time, and the one that says why comes behind a dozen log lines.
const EVENTS_TURN: Duration = Duration::from_millis(100);

/// A producer that is connected, and the id of its cluster.
pub(super) fn connect(
    config: &ClientConfig,
    patience: &Patience<'_>,
) -> Result<(BaseProducer<Deliveries>, String), Error> {
    let producer: BaseProducer<Deliveries> = config
        .create_with_context(Deliveries::default())
        .map_err(Error::Configure)?;
    loop {
        // A question is what makes librdkafka connect at once, and not within a second.
        let asked = producer.client().fetch_metadata(None, QUESTION_TIMEOUT);
        if asked.is_ok()
            && let Some(id) = producer.client().fetch_cluster_id(EVENTS_TURN)
        {
            return Ok((producer, id));
        }
        producer.poll(EVENTS_TURN);
        patience.go_on("asking for the cluster id", producer.context().last_error())?;
    }
}

/// Fences every earlier producer of this id, and finishes what they left open. The producer is
/// connected: one that knows no broker looks for the coordinator again only after half a second.
pub(super) fn fence(
    producer: &BaseProducer<Deliveries>,
    transactional_id: &str,
    patience: &Patience<'_>,
) -> Result<(), Error> {
    loop {
        // May be called again after a time-out, and then goes on where it was.
        let Err(error) = producer.init_transactions(QUESTION_TIMEOUT) else {
            return Ok(());
        };
        producer.poll(EVENTS_TURN);
        let retriable = match &error {
            KafkaError::Transaction(transaction) => transaction.is_retriable(),
            _ => false,
        };
        if !retriable {
            let step = "init_transactions";
            return Err(Error::from_transaction(transactional_id, step, error));
        }
        let said = producer.context().last_error();
        let said = said.or_else(|| {
            error
                .rdkafka_error_code()
                .map(|code| (code, error.to_string()))
        });
        let waited = patience.go_on("initialising transactions", said);
        waited.map_err(|given_up| match error.rdkafka_error_code() {
            // The coordinator answers; it waits for the partitions of the last transaction.
            Some(RDKafkaErrorCode::ConcurrentTransactions)
                if matches!(given_up, Error::Unreachable { .. }) =>
            {
                Error::TransactionUnfinished {
                    transactional_id: transactional_id.to_owned(),
                }
            }
            _ => given_up,
        })?;
    }
}
