//! What the events in the outbox need, by the very rules of a session: a route, a topic, a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::events::Kind;
use super::{Finding, System};
use crate::pipeline::Settings;

/// Everything that is needed, each once.
#[derive(Default)]
pub(super) struct Needs {
    /// Events without a route.
    pub(super) findings: Vec<Finding>,
    /// The topics, and whether a session may still meet an event that goes there.
    pub(super) topics: BTreeMap<Arc<str>, bool>,
    /// The schemas.
    pub(super) schemas: Vec<Schema>,
}

/// A schema that is needed.
pub(super) struct Schema {
    pub(super) subject: Arc<str>,
    /// Events that are written with it.
    pub(super) kind: Kind,
}

impl Needs {
    /// What events of these kinds need; those that a session may meet come first.
    pub(super) fn of(settings: &Settings, kinds: Vec<Kind>) -> Self {
        let router = settings.router();
        let mut needs = Self::default();
        let (mut refused, mut known) = (BTreeSet::new(), BTreeSet::new());
        for kind in kinds {
            let route = match router.find(&kind.aggregate_type, &kind.event_type) {
                Ok(route) => route,
                Err(error) => {
                    let finding = Finding::failure(System::Route, &error).if_ahead(kind.is_ahead);
                    if refused.insert((kind.aggregate_type, kind.event_type)) {
                        needs.findings.push(finding);
                    }
                    continue;
                }
            };
            let is_ahead = needs.topics.entry(route.topic).or_default();
            *is_ahead |= kind.is_ahead;
            let schema = (Arc::clone(&route.subject), kind.schema_ref.clone());
            if kind.has_payload && known.insert(schema) {
                let subject = route.subject;
                needs.schemas.push(Schema { subject, kind });
            }
        }
        needs
    }
}
