//! What an event needs to be known before it can be encoded: the partition count of its topic and
//! its schema. Both are asked for once, and then remembered.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Flow;
use crate::decode::Event;
use crate::encode::{self, RegisteredSchema};
use crate::error::{Action, Chain, Classify, runbook};
use crate::failpoints::{Sabotage, sabotaged};
use crate::pipeline::Error;
use crate::publish;
use crate::route;

/// Between two questions to a registry that does not answer.
const REGISTRY_RETRY: Duration = Duration::from_secs(1);

impl Flow<'_> {
    /// The schema of an event with a payload.
    pub(super) async fn schema(
        &mut self,
        event: &Event<'_>,
        route: &route::Route,
        stop: &CancellationToken,
    ) -> Result<Arc<RegisteredSchema>, Error> {
        match self.resolver.known(&route.subject, event.schema_ref) {
            Some(schema) => Ok(schema),
            None => self.fetch_schema(event, route, stop).await,
        }
    }

    /// The partition count by which the keys of `topic` are mapped.
    pub(super) async fn partition_count(
        &mut self,
        topic: &str,
        stop: &CancellationToken,
    ) -> Result<u32, Error> {
        match self.partition_counts.get(topic) {
            Some(count) => Ok(*count),
            None => self.learn_partitions(topic, stop).await,
        }
    }

    /// The partition count by which the keys of `topic` are mapped. Asked for once in a session, so
    /// that a topic that was deleted is missed before a record is produced to it.
    ///
    /// Invariant: only a topic that has never carried an event is created here; a new one in place
    /// of one that did would hide what was lost with it
    /// (`suites::bad_input::a_topic_that_is_gone_halts_although_topics_may_be_created`).
    ///
    /// Invariant: the count stays what it was at the topic's first event, whatever partitions are added, so
    /// that no key moves behind its own earlier events.
    async fn learn_partitions(
        &mut self,
        topic: &str,
        stop: &CancellationToken,
    ) -> Result<u32, Error> {
        // A failure of the batch under way comes first, and the publisher's queue is empty then.
        self.outcome().await?;
        let mut found = self.publisher.partition_count(topic).await?;
        let recorded = self.progress.partition_counts.get(topic).copied();
        let recorded = recorded.filter(|_| !sabotaged(Sabotage::RemapKeys));
        if found.is_none()
            && recorded.is_none()
            && let Some(missing_topics) = &self.missing_topics
        {
            self.heart.rest();
            found = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    let doing = "creating a topic";
                    return Err(publish::Error::Stopped { doing }.into());
                }
                created = missing_topics.create(topic, &self.publisher) => created?,
            };
            self.heart.beat();
        }
        let mapped = publish::mapped_partitions(topic, recorded, found)?;
        let counts = &mut self.progress.partition_counts;
        counts.insert(topic.to_owned(), mapped);
        self.partition_counts.insert(topic.to_owned(), mapped);
        Ok(mapped)
    }

    /// Asks the registry until it answers; the stream waits, and keepalives go on. What is whole
    /// does not wait with it.
    async fn fetch_schema(
        &mut self,
        event: &Event<'_>,
        route: &route::Route,
        stop: &CancellationToken,
    ) -> Result<Arc<RegisteredSchema>, Error> {
        let schema_ref = event.schema_ref.map(str::parse).transpose();
        let schema_ref = schema_ref.map_err(|source| encode::Error::SchemaRef {
            event_id: event.id,
            source,
        })?;
        let mut has_warned = false;
        loop {
            // Each question has its own limit, and one look may need many.
            self.heart.rest();
            let fetched = self
                .resolver
                .fetch(&route.subject, event.schema_ref, schema_ref)
                .await;
            self.heart.beat();
            let error = match fetched {
                Ok(schema) => return Ok(schema),
                Err(error) => error,
            };
            if error.action() != Action::Retry || stop.is_cancelled() {
                let event_type = event.event_type.to_owned();
                let failed = encode::Error::Schema {
                    event_id: event.id,
                    event_type,
                    source: Box::new(error),
                };
                return Err(failed.into());
            }
            self.vitals.waiting(&error);
            if !has_warned {
                let (reason, runbook) = (error.reason(), runbook(error.reason()));
                tracing::warn!(reason, runbook, error = %Chain(&error), "waiting for the schema registry");
                has_warned = true;
            }
            self.finish().await?;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(REGISTRY_RETRY) => {}
            }
        }
    }
}
