//! Whether somebody gave up an event at which the relay would halt: a row of `outbox.skip`.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::encode::Skip;
use crate::error::Chain;
use crate::postgres::{self, Target};

/// Longest answer, connection included. The halt is shown after it, and the next look asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

const FIND: &str = "select requested_by, reason from outbox.skip where event_id = $1";

/// Asks the database. Only an event that is poison costs a question, and each costs one.
///
/// Invariant: an event is put aside only where its own id was given up
/// (`suites::skip::exactly_the_event_that_was_given_up_is_put_aside`).
pub(super) struct Skips {
    target: Target,
}

impl Skips {
    pub(super) fn new(target: Target) -> Self {
        Self { target }
    }

    /// Who gave the event up, and why. Nobody, as long as the database does not say so: then the
    /// relay halts at the event, and looks again.
    pub(super) async fn find(&self, event_id: Uuid) -> Option<Skip> {
        match timeout(ANSWER_TIMEOUT, self.ask(event_id)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%event_id, error = %Chain(&error), "cannot tell whether the event was given up");
                None
            }
            Err(_) => {
                tracing::warn!(%event_id, after = ?ANSWER_TIMEOUT, "the database did not tell whether the event was given up");
                None
            }
        }
    }

    async fn ask(&self, event_id: Uuid) -> Result<Option<Skip>, postgres::Error> {
        let session = postgres::connect_within(ANSWER_TIMEOUT, &self.target).await?;
        let found = session.client().query_opt(FIND, &[&event_id]).await;
        let found = match found {
            // The schema is of a release that had no such table.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
            found => found.map_err(session.failed("looking for a skip")),
        };
        session.close().await;
        Ok(found?.map(|row| Skip {
            requested_by: row.get(0),
            reason: row.get(1),
        }))
    }
}
