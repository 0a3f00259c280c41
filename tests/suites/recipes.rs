//! Services in other languages (`recipes/`): what they emit reaches Kafka as it should, what they
//! read is what was written, and where they look for a key it lies.

mod partitions;
mod reading;
mod services;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Scenario, judge_with, shared_stack};
use postrider::verify::Report;

/// For the oracle, from the last record on.
const PATIENCE: Duration = Duration::from_mins(1);

/// The oracle's verdict on the topic of `aggregate_type`, which must be clean.
async fn judge_clean(scenario: &Scenario, aggregate_type: &str) -> Result<Report> {
    let topic = scenario.topic(aggregate_type);
    let report = judge_with(shared_stack().await?, scenario, PATIENCE, |options| {
        options.topics = vec![topic];
        options.rules.order_field = None;
    });
    let report = report.await?;
    ensure!(report.passed(), "{report:?}");
    Ok(report)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a String takes everything");
        digits
    })
}
