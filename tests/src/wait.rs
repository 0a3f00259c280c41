//! Waiting for a condition: the only way in which a test lets time pass.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What one look at a condition saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<Reached, Seen> {
    /// The condition holds, and this is what it gave.
    Reached(Reached),
    /// Not yet; this is what there was instead.
    NotYet(Seen),
}

/// Looks until the condition holds and returns what it gave.
///
/// # Panics
///
/// When `limit` passes first; the message says `what` was awaited and what was seen last.
pub async fn wait_until<Reached, Seen: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Observed<Reached, Seen>,
) -> Reached {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Observed::Reached(reached) => return reached,
            Observed::NotYet(seen) => {
                assert!(
                    Instant::now() < deadline,
                    "not within {limit:?}: {what}; last: {seen:?}"
                );
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
