//! Giving up one event at which the relay halts.
//!
//! The wish is a row of `outbox.skip`. The relay that holds the slot, now or after a takeover, asks
//! for it at the moment when it would halt, and puts the event aside as under
//! `on_poison = "dead_letter"`. So a skip needs no way to the relay, outlives every process, and
//! changes nothing for an event that can be published (ADR 0006).

mod error;
mod event;
mod letter;

use std::time::Duration;

use uuid::Uuid;

use crate::names;
use crate::pipeline::Settings;
use crate::postgres::{self, Session};

pub use error::Error;
pub use event::{Event, GivenUp};
pub use letter::Letter;

/// What a skip would do.
#[derive(Debug, serde::Serialize)]
pub struct Gap {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// Where it should have gone; none where it has no route.
    pub topic: Option<String>,
    /// Where it goes instead.
    pub dead_letter_topic: String,
}

/// Reads what skipping `event_id` would do. Changes nothing.
pub async fn show(settings: &Settings, event_id: Uuid) -> Result<Gap, Error> {
    let session = postgres::connect(&settings.target).await?;
    let event = event::read(&session, event_id).await;
    session.close().await;
    let event = event?;
    let route = settings
        .router()
        .find(&event.aggregate_type, &event.event_type);
    let topic = route.ok().map(|route| route.topic.to_string());
    let dead_letter_topic = topic.as_deref().map_or_else(
        || settings.unrouted_dead_letter_topic.clone(),
        names::dead_letter_topic,
    );
    Ok(Gap {
        event,
        topic,
        dead_letter_topic,
    })
}

/// Puts it on record that `requested_by` gives the event up. Who did so first stays on record.
pub async fn request(
    settings: &Settings,
    event_id: Uuid,
    reason: &str,
    requested_by: Option<&str>,
) -> Result<GivenUp, Error> {
    let session = postgres::connect(&settings.target).await?;
    let given_up = write(&session, event_id, reason, requested_by).await;
    session.close().await;
    given_up
}

async fn write(
    session: &Session,
    event_id: Uuid,
    reason: &str,
    requested_by: Option<&str>,
) -> Result<GivenUp, Error> {
    let skip = "select outbox.skip($1, $2, coalesce($3, session_user))";
    let skipped = session
        .client()
        .query_one(skip, &[&event_id, &reason, &requested_by])
        .await;
    skipped.map_err(|error| Error::query(session, "giving the event up", error))?;
    let given_up = event::given_up(session, event_id).await?;
    Ok(given_up.expect("the row was just written, and nobody may delete it"))
}

/// Waits until the relay has put the event aside, for at most `limit`.
pub async fn wait(
    settings: &Settings,
    gap: &Gap,
    given_up: &GivenUp,
    limit: Duration,
) -> Result<Letter, Error> {
    let search = letter::Search {
        kafka: settings.kafka.clone(),
        topic: gap.dead_letter_topic.clone(),
        event_id: gap.event.event_id,
        since_micros: given_up.at_micros,
        limit,
    };
    let searched = tokio::task::spawn_blocking(move || search.run());
    searched.await.expect("the search does not panic")
}
