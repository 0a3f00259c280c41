//! Whether the server shuts down and waits for us.
//!
//! A server that stops waits until each walsender has sent everything and has heard that it is
//! confirmed (`WalSndDone` in PostgreSQL's `walsender.c`), without a limit. A relay that can confirm
//! does so at once. One that cannot, because Kafka is away or slow, would block the shutdown and the
//! failover after it, so it leaves: the slot keeps what was not confirmed. A walsender that ends asks
//! and asks, but it also asks when it has heard nothing for long; so the server itself is asked: one
//! that shuts down refuses new sessions.
//!
//! A relay that is far behind confirms all the time, and would yet block the shutdown until it has
//! caught up. It looks as well, more rarely.

use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use crate::postgres::{self, Target};

/// How long the stream may be stuck before somebody looks.
const GRACE: Duration = Duration::from_secs(2);

/// How long it may be behind before somebody looks, and the time between two looks: a shutdown waits
/// for no longer.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Watches a stream that may be stuck.
pub(super) struct Shutdown {
    target: Target,
    is_asked: bool,
    is_untaken: bool,
    stuck_since: Option<Instant>,
    behind_since: Option<Instant>,
    looked_at: Option<Instant>,
    look: Option<BoxFuture<'static, bool>>,
}

impl Shutdown {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            is_asked: false,
            is_untaken: false,
            stuck_since: None,
            behind_since: None,
            looked_at: None,
            look: None,
        }
    }

    /// Whether the server wants to hear something that is not confirmed yet.
    pub(super) fn asks(&mut self, is_asked: bool) {
        self.is_asked = is_asked;
        self.weigh();
    }

    /// Whether something that was read is not taken yet.
    pub(super) fn waits(&mut self, is_untaken: bool) {
        self.is_untaken = is_untaken;
        self.weigh();
    }

    /// Whether the server has more than was read.
    pub(super) fn is_behind(&mut self, is_behind: bool) {
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or_else(Instant::now));
    }

    /// When somebody looks; never while all is well.
    fn due(&self) -> Option<Instant> {
        let stuck = self.stuck_since.map(|since| since + GRACE);
        let behind = self.behind_since.map(|since| since + LOOK_EVERY);
        let first = stuck.into_iter().chain(behind).min()?;
        let next = self.looked_at.map(|looked_at| looked_at + LOOK_EVERY);
        Some(next.map_or(first, |next| next.max(first)))
    }

    fn weigh(&mut self) {
        let is_stuck = self.is_asked || self.is_untaken;
        self.stuck_since = is_stuck.then(|| self.stuck_since.unwrap_or_else(Instant::now));
    }

    /// Returns when the server shuts down, and the stream is stuck or behind. Dropping the future
    /// loses nothing; the next one goes on.
    pub(super) async fn is_blocked(&mut self) {
        loop {
            let due = self.due();
            let look = match (&mut self.look, due) {
                (Some(look), _) => look,
                (None, None) => return pending().await,
                (none, Some(due)) => {
                    sleep_until(due).await;
                    let target = self.target.clone();
                    none.insert(Box::pin(async move {
                        postgres::is_shutting_down(&target).await
                    }))
                }
            };
            let is_shutting_down = look.await;
            self.look = None;
            self.looked_at = Some(Instant::now());
            if is_shutting_down {
                return;
            }
        }
    }
}
