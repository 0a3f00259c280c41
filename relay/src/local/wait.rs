//! Waiting for a condition, bounded. Nothing here sleeps for a time that was guessed.

use std::time::{Duration, Instant};

use super::error::Error;
use super::process::Process;

/// Pause between two looks: short against every start-up measured, long against a look's cost.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest that a server may take until it answers; crash recovery on a loaded machine is the
/// slowest case.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// One attempt to reach a server may not use up the whole limit.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Looks until `look` finds something, or gives up after `limit`. It looks at least once.
pub(super) async fn poll_until<T>(
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`poll_until`], for destructors and other places that cannot await. For moments only.
pub(super) fn block_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Waits until `probe` succeeds against the server that runs as `process`; gives up early when the
/// process ends.
pub(super) async fn until_ready<Attempt, Failure>(
    process: &mut Process,
    probe: impl Fn() -> Attempt,
) -> Result<(), Error>
where
    Attempt: Future<Output = Result<(), Failure>>,
    Failure: std::error::Error + 'static,
{
    let deadline = Instant::now() + READY_LIMIT;
    loop {
        let last = match tokio::time::timeout(ATTEMPT_LIMIT, probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => crate::error::Chain(&error).to_string(),
            Err(_) => format!("no answer within {ATTEMPT_LIMIT:?}"),
        };
        let (server, log) = (process.name().to_owned(), process.log_tail());
        if let Some(status) = process.exit_status()? {
            return Err(Error::Ended {
                server,
                status,
                log,
            });
        }
        if Instant::now() >= deadline {
            return Err(Error::NotReady {
                server,
                limit: READY_LIMIT,
                last,
                log,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}
