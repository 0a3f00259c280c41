//! `[shutdown]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// How the relay stops.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Longest time from SIGTERM to the exit: the batch at hand is committed and confirmed, and
    /// what cannot be in time is published after the next start.
    ///
    /// 20 s: below the 30 s that Kubernetes grants.
    pub timeout: Span,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            timeout: Span::seconds(20),
        }
    }
}
