//! `[batch]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Span};

/// How much one Kafka transaction carries at most. The relay takes what is there, so a small
/// backlog makes small transactions; these are the upper bounds.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Largest Kafka transaction, in bytes of encoded records. A database transaction beyond it
    /// is split, and each record's position says so. Between 64 KiB and 256 MiB.
    ///
    /// 8 MiB: about 25,000 small events, where the cost of a Kafka transaction has vanished.
    pub bytes_max: ByteSize,
    /// Longest time a batch is filled while more input keeps arriving.
    ///
    /// 1 s: far below the transaction timeout, and no reader waits longer for a busy relay.
    pub time_max: Span,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            bytes_max: ByteSize::mebibytes(8),
            time_max: Span::seconds(1),
        }
    }
}
