//! `on_poison`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of an event that can never be published as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnPoison {
    /// The relay publishes what lies before it, and halts.
    #[default]
    Halt,
    /// It goes to `<topic>-dlt` as the JSON that was written, together with the events around it, and
    /// the relay goes on. Later events of its key overtake it. So does an event whose schema the
    /// registry lacks at that moment: register contracts before the services that need them. The
    /// topic must take more than the event's own (`max.message.bytes`), or the relay halts there.
    DeadLetter,
}
