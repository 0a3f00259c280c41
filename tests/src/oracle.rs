//! The oracle over one scenario.

use std::time::Duration;

use anyhow::Result;
use postrider::local::{Stack, http_client};
use postrider::verify::{BrokerLog, Registry, Report, VerifyOptions, verify};

use crate::scenario::Scenario;
use crate::workload::{AGGREGATE_TYPE, ORDER_FIELD};

/// Compares a scenario's outbox with its topic, and looks into the broker's log for database
/// transactions that are visible in parts.
///
/// `patience` is how long to wait for an event that is missing, from the last record on: long where
/// the relay is to catch up, short where it is known that it will not.
///
/// # Errors
///
/// A server cannot be read. A history that is wrong is no error; see [`Report::passed`].
pub async fn judge(stack: &Stack, scenario: &Scenario, patience: Duration) -> Result<Report> {
    judge_with(stack, scenario, patience, |_| {}).await
}

/// [`judge`], with other options.
///
/// # Errors
///
/// As [`judge`].
pub async fn judge_with(
    stack: &Stack,
    scenario: &Scenario,
    patience: Duration,
    change: impl FnOnce(&mut VerifyOptions),
) -> Result<Report> {
    let kafka = [("bootstrap.servers", scenario.bootstrap_servers())];
    let kafka = kafka.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let registry = Registry::new(scenario.registry_url(), http_client()?, None);
    let topic = scenario.topic(AGGREGATE_TYPE);
    let mut options = VerifyOptions::new(kafka.to_vec(), vec![topic], registry);
    options.patience = patience;
    options.rules.order_field = Some(ORDER_FIELD.to_owned());
    change(&mut options);
    let database = scenario.client().await?;
    let log = BrokerLog::of(&stack.kafka);
    Ok(verify(&database, options, Some(log)).await?)
}
