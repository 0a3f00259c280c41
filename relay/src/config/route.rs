//! `[route]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which topic an event goes to.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// Template of the topic's name; `{aggregate_type}` and `{event_type}` stand for the event's
    /// columns.
    pub topic: String,
    /// Topics that may be written to, as names or with a trailing `*`. Without it every topic
    /// that exists, except Kafka's own (`__…`) and the progress topics.
    pub allow: Vec<String>,
    /// Exceptions, tried in order; the first that matches wins.
    pub rules: Vec<RouteRule>,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self {
            topic: "{aggregate_type}".to_owned(),
            allow: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// An exception to the template. Every condition that is given must match.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteRule {
    /// Matches the event's aggregate type; a trailing `*` matches any rest.
    pub aggregate_type: Option<String>,
    /// Matches the event's type; a trailing `*` matches any rest.
    pub event_type: Option<String>,
    /// Template of the topic's name; that of `[route]` without it.
    pub topic: Option<String>,
    /// The registry subject; the one of `contracts.subject` without it.
    pub subject: Option<String>,
}
