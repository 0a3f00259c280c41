//! `[contracts]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which registry subject holds an event's schema, and which versions are pinned.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContractsConfig {
    /// How a subject's name is made.
    pub subject: SubjectStrategy,
    /// The lock file: the pinned version of each subject, used for events that name no version.
    /// Without it such an event is refused; the relay never takes "the latest". TOML: a `[[contract]]`
    /// for each, with `subject`, `version`, the registry's `id` and the `fingerprint`, which
    /// `postrider contracts list` shows.
    pub lock: Option<PathBuf>,
}

/// Confluent's three ways to name a subject
/// (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#subject-name-strategy>).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SubjectStrategy {
    /// `<event type>`: one contract per event type, whatever its topic.
    #[default]
    RecordNameStrategy,
    /// `<topic>-value`: one contract per topic.
    TopicNameStrategy,
    /// `<topic>-<event type>`.
    TopicRecordNameStrategy,
}
