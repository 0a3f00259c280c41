//! `[log]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is logged, and in which form. Logs go to stderr.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `human` or `json`; without it `human` on a terminal, else `json`.
    pub format: Option<LogFormat>,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,postrider=debug`;
    /// `info` without it. `RUST_LOG` wins.
    pub level: Option<String>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line of text, for people.
    Human,
    /// One JSON object per line, for collectors.
    Json,
}
