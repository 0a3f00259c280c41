//! Events that can never be published as they are, where the policy or somebody's word is to put
//! them aside.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Flow;
use super::skips::Skips;
use crate::config::OnPoison;
use crate::decode::Event;
use crate::encode::{self, DeadLetter, Position};
use crate::error::{Chain, Classify as _};
use crate::names;
use crate::pipeline::{Error, Settings};
use crate::route::{self, Route};

/// A flood of dead letters is one line so often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Whether and where dead letters go.
pub(super) struct DeadLetters {
    on_poison: OnPoison,
    skips: Skips,
    unrouted: Arc<str>,
    /// By the topic that the event was meant for.
    routes: HashMap<Arc<str>, Arc<Route>>,
    warned: Option<Instant>,
}

impl DeadLetters {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            on_poison: settings.on_poison,
            skips: Skips::new(settings.target.clone()),
            unrouted: settings.unrouted_dead_letter_topic.as_str().into(),
            routes: HashMap::new(),
            warned: None,
        }
    }

    fn route(&mut self, topic: Option<&Arc<str>>) -> Arc<Route> {
        let Some(topic) = topic else {
            return to(&self.unrouted);
        };
        let route = self.routes.entry(Arc::clone(topic));
        Arc::clone(route.or_insert_with_key(|topic| to(&names::dead_letter_topic(topic))))
    }

    fn is_warning_due(&mut self) -> bool {
        let is_due = self
            .warned
            .is_none_or(|warned| warned.elapsed() > WARN_EVERY);
        if is_due {
            self.warned = Some(Instant::now());
        }
        is_due
    }
}

fn to(topic: &str) -> Arc<Route> {
    Arc::new(Route {
        topic: topic.into(),
        // Nothing is encoded.
        subject: "".into(),
    })
}

impl Flow<'_> {
    /// Why an event that cannot be encoded is put aside.
    pub(super) fn letter(&mut self, event: &Event<'_>, error: &Error) -> DeadLetter {
        let meant_for = self.router.route(event).ok();
        DeadLetter {
            topic: meant_for.map(|route| Arc::clone(&route.topic)),
            reason: error.reason(),
            error: Chain(error).to_string(),
            attempts: 1,
            skip: None,
        }
    }

    /// Whether an event that cannot be published is put aside: the policy says so, or somebody did,
    /// which is then noted in its letter.
    pub(super) async fn puts_aside(&mut self, event_id: Uuid, letter: &mut DeadLetter) -> bool {
        if self.dead_letters.on_poison == OnPoison::DeadLetter {
            return true;
        }
        self.heart.rest();
        letter.skip = self.dead_letters.skips.find(event_id).await;
        self.heart.beat();
        letter.skip.is_some()
    }

    /// Puts an event aside: its dead letter takes its place in the batch.
    ///
    /// Invariant: the dead letter is in the Kafka transaction of the events around it, so a position
    /// never passes an event that is neither published nor put aside
    /// (`suites::poison::what_can_never_be_published_is_put_aside_exactly_once`).
    pub(super) async fn dead_letter(
        &mut self,
        event: &Event<'_>,
        position: Position,
        letter: &DeadLetter,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let route = self.dead_letters.route(letter.topic.as_ref());
        let count = self.partition_count(&route.topic, stop).await?;
        let partition = route::partition(encode::key(event), count);
        let topic = &*route.topic;
        let (event_id, reason) = (event.id, letter.reason);
        if self.dead_letters.is_warning_due() {
            let error = &letter.error;
            tracing::warn!(%event_id, reason, topic, "an event became a dead letter: {error}");
        } else {
            tracing::debug!(%event_id, reason, topic, "an event became a dead letter");
        }
        let encoder = &self.encoder;
        let to = (&route, partition);
        self.batch
            .push(|arena| Ok::<_, Error>(encoder.dead_letter(event, position, letter, to, arena)))
    }
}
