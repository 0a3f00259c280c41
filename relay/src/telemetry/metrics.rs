//! `/metrics`: the names that alerts may rely on, and how they are written.
//!
//! Each scrape is made anew from one [`Status`], so its values belong together.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::status::{State, Status};
use super::vitals::seconds;

/// Events that this process has published. Written with the suffix `_total`.
const EVENTS_PUBLISHED: &str = "postrider_events_published";

/// Events that this process has published to a dead-letter topic. Written with `_total`.
const DEAD_LETTERS: &str = "postrider_dead_letters";

/// From the commit in PostgreSQL to the commit in Kafka, of the oldest database transaction in each
/// Kafka transaction.
const COMMIT_TO_KAFKA_SECONDS: &str = "postrider_commit_to_kafka_seconds";

/// Age of the oldest database transaction that was read and is not on Kafka; 0 when there is none.
const OLDEST_UNPUBLISHED_SECONDS: &str = "postrider_oldest_unpublished_seconds";

/// Write-ahead log that PostgreSQL keeps for the slot; no sample while PostgreSQL does not answer.
const SLOT_RETAINED_WAL_BYTES: &str = "postrider_slot_retained_wal_bytes";

/// What it may keep; no sample without a limit.
const SLOT_WAL_BUDGET_BYTES: &str = "postrider_slot_wal_budget_bytes";

/// The first divided by the second: alert at 0.8.
const SLOT_WAL_BUDGET_RATIO: &str = "postrider_slot_wal_budget_ratio";

/// 1 for the kind of transaction that makes PostgreSQL keep most of it; no sample where that is the
/// relay.
const SLOT_HELD_BACK: &str = "postrider_slot_held_back";

/// 1 for the state the relay is in, 0 for each other.
const STATE: &str = "postrider_state";

/// 1 for the reason of a halt; no sample without one.
const HALTED: &str = "postrider_halted";

/// The version. Written with the suffix `_info`.
const BUILD: &str = "postrider_build";

/// From a millisecond, below which no Kafka transaction gets, to the five minutes after which the
/// exact delay no longer matters.
const COMMIT_TO_KAFKA_BUCKETS: [f64; 16] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0,
];

/// How long database transactions took from their commit to Kafka's. Clones share the counts.
#[derive(Debug, Clone)]
pub struct CommitToKafka(Histogram);

impl Default for CommitToKafka {
    fn default() -> Self {
        Self(Histogram::new(COMMIT_TO_KAFKA_BUCKETS))
    }
}

impl CommitToKafka {
    /// Counts a transaction that took `micros`; a negative time, as two clocks can give, as 0.
    pub fn observe_micros(&self, micros: i64) {
        self.0.observe(seconds(micros));
    }
}

/// The metrics as `OpenMetrics` text
/// (<https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>).
pub fn render(status: &Status, commit_to_kafka: &CommitToKafka) -> String {
    let mut registry = Registry::default();
    registry.register(
        EVENTS_PUBLISHED,
        "Events that this process has published",
        ConstCounter::new(status.events_published),
    );
    registry.register(
        DEAD_LETTERS,
        "Events that this process has published to a dead-letter topic",
        ConstCounter::new(status.dead_letters),
    );
    registry.register(
        COMMIT_TO_KAFKA_SECONDS,
        "Commit in PostgreSQL to commit in Kafka, oldest of each Kafka transaction",
        commit_to_kafka.0.clone(),
    );
    registry.register(
        OLDEST_UNPUBLISHED_SECONDS,
        "Age of the oldest database transaction that was read and is not on Kafka",
        ConstGauge::new(status.oldest_unpublished_seconds),
    );
    if let Some(bytes) = status.slot_retained_wal_bytes {
        registry.register(
            SLOT_RETAINED_WAL_BYTES,
            "Write-ahead log that PostgreSQL keeps for the slot",
            ConstGauge::new(bytes),
        );
    }
    slot_budget(status, &mut registry);
    let by_state = Family::<[(&str, &str); 1], Gauge>::default();
    for state in State::ALL {
        let is = i64::from(state == status.state);
        by_state.get_or_create(&[("state", state.name())]).set(is);
    }
    registry.register(STATE, "1 for the state that the relay is in", by_state);
    if status.state == State::Halted {
        let reason = status.reason.clone().unwrap_or_default();
        let halted = Family::<[(&str, String); 1], Gauge>::default();
        halted.get_or_create(&[("reason", reason)]).set(1);
        registry.register(HALTED, "1 for the reason of the halt", halted);
    }
    registry.register(
        BUILD,
        "The version of this relay",
        Info::new([("version", status.version.clone())]),
    );
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string cannot fail");
    text
}

fn slot_budget(status: &Status, registry: &mut Registry) {
    if let Some(bytes) = status.slot_wal_budget_bytes {
        registry.register(
            SLOT_WAL_BUDGET_BYTES,
            "Write-ahead log that the slot may keep",
            ConstGauge::new(bytes),
        );
    }
    if let Some(share) = status.slot_wal_budget_share {
        registry.register(
            SLOT_WAL_BUDGET_RATIO,
            "Write-ahead log that the slot keeps, as a part of what it may",
            ConstGauge::new(share),
        );
    }
    if let Some(transaction) = &status.slot_held_back_by {
        let held_back = Family::<[(&str, &str); 1], Gauge>::default();
        let by = held_back.get_or_create(&[("by", transaction.kind())]);
        by.set(1);
        drop(by);
        registry.register(
            SLOT_HELD_BACK,
            "1 for the kind of open transaction that makes PostgreSQL keep most of it",
            held_back,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{OpenTransaction, SlotPosition, Vitals};

    fn halted() -> (Status, CommitToKafka) {
        let vitals = Vitals::new("orders", "postrider_orders", "postrider");
        vitals.commit_to_kafka().observe_micros(3_000);
        let slot = SlotPosition {
            retained_bytes: Some(16_777_216),
            lag_bytes: Some(512),
            budget_bytes: Some(33_554_432),
            held_back_by: Some(OpenTransaction {
                xid: 745,
                pid: None,
                application_name: None,
                gid: Some("transfer-7".to_owned()),
                database: None,
                age_seconds: None,
            }),
            ..SlotPosition::default()
        };
        let status = Status {
            state: State::Halted,
            reason: Some("topic_missing".to_owned()),
            version: "1.2.3".to_owned(),
            events_published: 7,
            dead_letters: 2,
            oldest_unpublished_seconds: 1.5,
            ..vitals.status(Some(slot))
        };
        (status, vitals.commit_to_kafka().clone())
    }

    #[test]
    fn every_metric_has_its_fixed_name() {
        let (status, commit_to_kafka) = halted();
        let text = render(&status, &commit_to_kafka);
        let boring = |line: &&str| line.starts_with("# HELP") || line.contains("_bucket{le=");
        let mut lines: Vec<_> = text.lines().filter(|line| !boring(line)).collect();
        assert_eq!(lines.pop(), Some("# EOF"));
        // A family's samples have no order.
        lines.sort_unstable();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        # TYPE postrider_build info
        # TYPE postrider_commit_to_kafka_seconds histogram
        # TYPE postrider_dead_letters counter
        # TYPE postrider_events_published counter
        # TYPE postrider_halted gauge
        # TYPE postrider_oldest_unpublished_seconds gauge
        # TYPE postrider_slot_held_back gauge
        # TYPE postrider_slot_retained_wal_bytes gauge
        # TYPE postrider_slot_wal_budget_bytes gauge
        # TYPE postrider_slot_wal_budget_ratio gauge
        # TYPE postrider_state gauge
        postrider_build_info{version="1.2.3"} 1
        postrider_commit_to_kafka_seconds_count 1
        postrider_commit_to_kafka_seconds_sum 0.003
        postrider_dead_letters_total 2
        postrider_events_published_total 7
        postrider_halted{reason="topic_missing"} 1
        postrider_oldest_unpublished_seconds 1.5
        postrider_slot_held_back{by="prepared_transaction"} 1
        postrider_slot_retained_wal_bytes 16777216
        postrider_slot_wal_budget_bytes 33554432
        postrider_slot_wal_budget_ratio 0.5
        postrider_state{state="active"} 0
        postrider_state{state="halted"} 1
        postrider_state{state="retrying"} 0
        postrider_state{state="standby"} 0
        postrider_state{state="starting"} 0
        postrider_state{state="stopping"} 0
        "#);
    }

    #[test]
    fn without_a_halt_and_without_postgresql_there_is_no_such_sample() {
        let (status, commit_to_kafka) = halted();
        let status = Status {
            state: State::Retrying,
            slot_retained_wal_bytes: None,
            ..status
        };
        let text = render(&status, &commit_to_kafka);
        assert!(
            text.contains("postrider_state{state=\"retrying\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("postrider_state{state=\"halted\"} 0\n"),
            "{text}"
        );
        assert!(!text.contains(HALTED), "{text}");
        assert!(!text.contains(SLOT_RETAINED_WAL_BYTES), "{text}");
    }
}
