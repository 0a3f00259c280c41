//! Whether the server shuts down and waits for us.
//!
//! A server that stops waits until each walsender has sent everything and has heard that it is
//! confirmed (`WalSndDone` in PostgreSQL's `walsender.c`), without a limit. A relay that can confirm
//! does so at once. One that cannot, because Kafka is away or slow, would block the shutdown and the
//! failover after it, so it leaves: the slot keeps what was not confirmed. A walsender that ends asks
//! and asks, but it also asks when it has heard nothing for long; so the server itself is asked: one
//! that shuts down refuses new sessions.

use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use crate::postgres::{self, Target};

/// How long the stream may be stuck before somebody looks, and the time between two looks.
const GRACE: Duration = Duration::from_secs(2);

/// Watches a stream that may be stuck.
pub(super) struct Shutdown {
    target: Target,
    is_asked: bool,
    is_untaken: bool,
    stuck_since: Option<Instant>,
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

    fn weigh(&mut self) {
        let is_stuck = self.is_asked || self.is_untaken;
        self.stuck_since = is_stuck.then(|| self.stuck_since.unwrap_or_else(Instant::now));
    }

    /// Returns when the stream is stuck and the server shuts down. Dropping the future loses
    /// nothing; the next one goes on.
    pub(super) async fn is_blocked(&mut self) {
        let Some(since) = self.stuck_since else {
            return pending().await;
        };
        loop {
            let look = match &mut self.look {
                Some(look) => look,
                none => {
                    let after = self
                        .looked_at
                        .map_or(since, |looked_at| looked_at.max(since));
                    sleep_until(after + GRACE).await;
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
