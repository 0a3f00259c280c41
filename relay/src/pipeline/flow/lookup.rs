//! What an event needs to be known before it can be encoded: the partition count of its topic and
//! its schema. Both are asked for once, and then remembered.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Flow;
use crate::decode::Event;
use crate::encode::{self, RegisteredSchema};
use crate::error::{Action, Chain, Classify};
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

    /// The partition count by which the keys of `topic` are mapped from now on.
    ///
    /// Invariant: it stays what it was at the topic's first event, whatever partitions are added, so
    /// that no key moves behind its own earlier events.
    pub(super) async fn learn_partitions(&mut self, topic: &str) -> Result<u32, Error> {
        let count = self.publisher.partition_count(topic).await?;
        let missing = || publish::Error::TopicMissing {
            topic: topic.to_owned(),
        };
        let count = count.ok_or_else(missing)?;
        self.progress
            .partition_counts
            .insert(topic.to_owned(), count);
        Ok(count)
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
            self.heart.beat();
            let fetched = self
                .resolver
                .fetch(&route.subject, event.schema_ref, schema_ref)
                .await;
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
                tracing::warn!(error = %Chain(&error), "waiting for the schema registry");
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
