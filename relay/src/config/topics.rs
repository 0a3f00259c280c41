//! `[topics]`

use serde::Deserialize;

use super::units::number;

/// How topics are created. The relay itself creates only its progress topic, in `init`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// Copies of each partition; the broker's default without it. The progress topic should
    /// have as many as the topics of the events.
    #[serde(deserialize_with = "number")]
    pub replication_factor: Option<i32>,
}
