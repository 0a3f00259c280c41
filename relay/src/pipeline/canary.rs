//! The proof that the publication carries the outbox.
//!
//! PostgreSQL 18 drops the changes of a missing publication with no more than a warning, and no
//! server says anything when somebody takes the table out of it. So the relay writes a row of its
//! own, asks where the log ends then, and looks for that row in the stream: once the stream has
//! passed that position without it, events may be missing, and the relay halts.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Error;
use crate::error::{Action, Chain, Classify};
use crate::lsn::Lsn;
use crate::postgres::{self, Target};
use crate::runtime;

/// Between two canaries. A publication that breaks is noticed after this; each costs one row.
const EVERY: Duration = Duration::from_mins(3);

/// Longest time to write one.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// After a canary that could not be written.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A row that was written, and the end of the log after its commit.
#[derive(Debug, Clone, Copy)]
struct Written {
    id: Uuid,
    before: Lsn,
}

#[derive(Debug)]
enum State {
    /// None is under way; the next is written at this time.
    Resting(Instant),
    /// Being written. Rows that come meanwhile may be it.
    Writing {
        answer: oneshot::Receiver<Result<Written, postgres::Error>>,
        seen: Vec<Uuid>,
    },
    /// To come before the stream passes its position.
    Awaited(Written),
}

/// The canaries of one session.
///
/// Invariant: idle log is confirmed only in a session that has seen a canary come back, and while
/// none is on its way (`tests::a_canary_that_does_not_come_back_halts`,
/// `suites::bad_input::a_publication_without_the_outbox_halts`).
///
/// It limits for how long a broken publication stays unnoticed; what was written meanwhile is not in
/// the stream, also when the publication is restored, since the walsender reads the publication as
/// it was. Hence the remedy names `verify`.
#[derive(Debug)]
pub(super) struct Canary {
    target: Target,
    publication: String,
    state: State,
    is_proven: bool,
}

impl Canary {
    pub(super) fn new(target: Target, publication: String) -> Self {
        Self {
            target,
            publication,
            state: State::Resting(Instant::now()),
            is_proven: false,
        }
    }

    /// Whether a canary has come back and none is on its way.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven && !matches!(self.state, State::Awaited(_))
    }

    /// Goes on: writes the next when it is time, and looks for the answer. The stream has come to
    /// `position`.
    pub(super) fn turn(&mut self, position: Lsn) -> Result<(), Error> {
        match &mut self.state {
            State::Resting(until) if Instant::now() >= *until => self.write(),
            State::Writing { answer, seen } => match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => {}
                Ok(Ok(written)) if seen.contains(&written.id) => self.came_back(),
                Ok(Ok(written)) => self.state = State::Awaited(written),
                Ok(Err(error)) if error.action() == Action::Halt => return Err(error.into()),
                // A login that is refused ends no stream that runs.
                Ok(Err(error)) => {
                    tracing::warn!(error = %Chain(&error), "the canary could not be written");
                    self.state = State::Resting(Instant::now() + AGAIN_AFTER);
                }
                // It took too long.
                Err(oneshot::error::TryRecvError::Closed) => {
                    tracing::warn!("the canary could not be written in time");
                    self.state = State::Resting(Instant::now() + AGAIN_AFTER);
                }
            },
            State::Awaited(written) if position >= written.before => {
                return Err(Error::CanaryMissing {
                    publication: self.publication.clone(),
                });
            }
            State::Resting(_) | State::Awaited(_) => {}
        }
        Ok(())
    }

    /// A canary's row came through the stream: ours, or that of a session before.
    pub(super) fn seen(&mut self, id: Uuid) {
        match &mut self.state {
            State::Awaited(written) if written.id == id => self.came_back(),
            State::Writing { seen, .. } => seen.push(id),
            State::Awaited(_) | State::Resting(_) => {}
        }
    }

    fn came_back(&mut self) {
        self.is_proven = true;
        self.state = State::Resting(Instant::now() + EVERY);
    }

    fn write(&mut self) {
        let (sender, answer) = oneshot::channel();
        let target = self.target.clone();
        // It ends by itself, and nobody waits for it.
        drop(runtime::spawn("canary", async move {
            if let Ok(written) = tokio::time::timeout(WRITE_TIMEOUT, write(target)).await {
                let _session_is_over = sender.send(written);
            }
        }));
        let seen = Vec::new();
        self.state = State::Writing { answer, seen };
    }
}

async fn write(target: Target) -> Result<Written, postgres::Error> {
    let session = postgres::connect_within(WRITE_TIMEOUT, &target).await?;
    // The position in a statement of its own, after the commit.
    let written = async {
        let client = session.client();
        // It need not wait for a synchronous standby, which may be down.
        client
            .batch_execute("set synchronous_commit = local")
            .await?;
        let row = client.query_one("select outbox.canary()", &[]).await?;
        let end = client
            .query_one("select pg_current_wal_insert_lsn()", &[])
            .await?;
        let before: tokio_postgres::types::PgLsn = end.get(0);
        Ok(Written {
            id: row.get(0),
            before: Lsn::new(before.into()),
        })
    };
    let written = written.await.map_err(session.failed("writing the canary"));
    session.close().await;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn awaited(before: u64) -> Canary {
        let target = "postgres://relay@localhost/orders".parse().unwrap();
        let mut canary = Canary::new(target, "postrider".to_owned());
        let (sender, answer) = oneshot::channel();
        let written = Written {
            id: ID,
            before: Lsn::new(before),
        };
        assert!(sender.send(Ok(written)).is_ok());
        canary.state = State::Writing {
            answer,
            seen: Vec::new(),
        };
        canary
    }

    #[test]
    fn a_canary_that_comes_back_is_the_proof() {
        let mut canary = awaited(100);
        canary.turn(Lsn::new(10)).unwrap();
        assert!(!canary.is_proven());
        canary.seen(Uuid::from_u128(8));
        canary.turn(Lsn::new(99)).unwrap();
        assert!(!canary.is_proven());
        canary.seen(ID);
        canary.turn(Lsn::new(100)).unwrap();
        assert!(canary.is_proven());
    }

    #[test]
    fn a_canary_may_come_back_before_its_writer_has_the_answer() {
        let mut canary = awaited(100);
        canary.seen(ID);
        canary.turn(Lsn::new(200)).unwrap();
        assert!(canary.is_proven());
    }

    #[test]
    fn a_canary_that_does_not_come_back_halts() {
        let mut canary = awaited(100);
        canary.turn(Lsn::new(99)).unwrap();
        canary.turn(Lsn::new(99)).unwrap();
        let error = canary.turn(Lsn::new(100)).unwrap_err();
        assert!(matches!(error, Error::CanaryMissing { .. }), "{error}");
        assert!(!canary.is_proven());
    }
}
