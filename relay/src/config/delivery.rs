//! `[delivery]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is promised to those who read the topics.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// `exactly_once` or `at_least_once`. It may be changed at a restart.
    pub mode: DeliveryMode,
}

/// How often a reader sees an event when something dies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// Events and progress in one Kafka transaction: a `read_committed` reader sees each event once,
    /// and all events of a database transaction together.
    #[default]
    ExactlyOnce,
    /// Without transactions, and so some milliseconds sooner: after a crash, a takeover or an outage
    /// of Kafka the last events may come again, behind later ones. Nothing is lost.
    AtLeastOnce,
}
