//! `[topics]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{flag, number};

/// How topics are created: the progress topic in `init`, and with `create` also the topics of the
/// events, at the first event of each.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// Whether the relay may create the topics of the events. Without it an event whose topic is
    /// missing halts the relay. A topic that has carried events and is gone always does: what was in
    /// it is lost, and a new one would hide that.
    #[serde(deserialize_with = "flag")]
    pub create: bool,
    /// Partitions of each; the broker's default without it. They cannot be changed later without
    /// moving keys (`postrider repartition`).
    #[serde(deserialize_with = "number")]
    pub partitions: Option<i32>,
    /// Copies of each partition; the broker's default without it. The progress topic should
    /// have as many as the topics of the events.
    #[serde(deserialize_with = "number")]
    pub replication_factor: Option<i32>,
    /// Further settings of each topic of events, such as `retention.ms`.
    pub config: BTreeMap<String, String>,
}
