//! Stage 3: from an event to its topic, key and partition. Pure: no I/O, no clock.
//!
//! A route depends on the event's aggregate type and event type only, so each pair is worked out
//! once. The partition depends on the key and on a partition count that the *progress record*
//! holds, not on the cluster's present one: partitions added later move no key until
//! `postrider repartition`, so the order per key survives.

mod murmur2;
mod template;

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{RouteConfig, RouteRule, SubjectStrategy};
use crate::decode::Event;
use crate::error::{Action, Classify};
use crate::names::{PROGRESS_TOPIC_PREFIX, is_valid_topic};

pub use murmur2::partition;
pub use template::{InvalidTemplate, Template};

/// Pairs of types that are remembered. A service has dozens; rows with invented types must not
/// fill the memory.
const ROUTES_MAX: usize = 10_000;

/// Where the events of one pair of aggregate type and event type go.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The topic.
    pub topic: Arc<str>,
    /// The registry subject that holds the schema.
    pub subject: Arc<str>,
}

/// Why an event has no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The template gave a name that Kafka refuses.
    #[error(
        "aggregate type {aggregate_type:?} and event type {event_type:?} lead to {topic:?}, which is no topic name"
    )]
    InvalidTopic {
        /// The event's aggregate type.
        aggregate_type: String,
        /// The event's type.
        event_type: String,
        /// What the template gave.
        topic: String,
    },
    /// The topic is not on the allow list, or belongs to Kafka or to Postrider.
    #[error(
        "aggregate type {aggregate_type:?} and event type {event_type:?} lead to topic {topic:?}, which is not allowed"
    )]
    TopicNotAllowed {
        /// The event's aggregate type.
        aggregate_type: String,
        /// The event's type.
        event_type: String,
        /// The topic.
        topic: String,
    },
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::InvalidTopic { .. } | Self::TopicNotAllowed { .. } => Action::Poison,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::InvalidTopic { .. } => {
                "add a [[route.rules]] entry for this type that names a valid topic".to_owned()
            }
            Self::TopicNotAllowed { topic, .. } => {
                format!(
                    "add {topic:?} to route.allow, or a [[route.rules]] entry that leads elsewhere"
                )
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::InvalidTopic { .. } => "invalid_topic",
            Self::TopicNotAllowed { .. } => "topic_not_allowed",
        }
    }
}

/// Finds routes, and remembers them.
#[derive(Debug)]
pub struct Router {
    default: Template,
    rules: Vec<Rule>,
    allow: Vec<Pattern>,
    strategy: SubjectStrategy,
    /// By aggregate type, then event type.
    known: HashMap<Box<str>, HashMap<Box<str>, Arc<Route>>>,
    known_count: usize,
}

#[derive(Debug)]
struct Rule {
    aggregate_type: Option<Pattern>,
    event_type: Option<Pattern>,
    topic: Option<Template>,
    subject: Option<Arc<str>>,
}

impl Router {
    /// Reads the configured templates. The error carries the key of the faulty one.
    pub fn new(
        config: &RouteConfig,
        strategy: SubjectStrategy,
    ) -> Result<Self, (String, InvalidTemplate)> {
        let default = config
            .topic
            .parse()
            .map_err(|error| ("route.topic".to_owned(), error))?;
        let rules = config.rules.iter().enumerate().map(|(index, rule)| {
            Rule::new(rule).map_err(|error| (format!("route.rules[{index}].topic"), error))
        });
        Ok(Self {
            default,
            rules: rules.collect::<Result<_, _>>()?,
            allow: config
                .allow
                .iter()
                .map(|pattern| Pattern::new(pattern))
                .collect(),
            strategy,
            known: HashMap::new(),
            known_count: 0,
        })
    }

    /// The route of an event.
    pub fn route(&mut self, event: &Event<'_>) -> Result<Arc<Route>, Error> {
        let known = self.known.get(event.aggregate_type);
        if let Some(route) = known.and_then(|events| events.get(event.event_type)) {
            return Ok(Arc::clone(route));
        }
        let route = Arc::new(self.find(event.aggregate_type, event.event_type)?);
        if self.known_count >= ROUTES_MAX {
            self.known.clear();
            self.known_count = 0;
        }
        self.known_count += 1;
        let events = self.known.entry(event.aggregate_type.into()).or_default();
        events.insert(event.event_type.into(), Arc::clone(&route));
        Ok(route)
    }

    /// The route of every event of these types.
    pub fn find(&self, aggregate_type: &str, event_type: &str) -> Result<Route, Error> {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.matches(aggregate_type, event_type));
        let template = rule
            .and_then(|rule| rule.topic.as_ref())
            .unwrap_or(&self.default);
        let topic = template.fill(aggregate_type, event_type);
        if !is_valid_topic(&topic) {
            return Err(Error::InvalidTopic {
                aggregate_type: aggregate_type.to_owned(),
                event_type: event_type.to_owned(),
                topic,
            });
        }
        if !self.allows(&topic) {
            return Err(Error::TopicNotAllowed {
                aggregate_type: aggregate_type.to_owned(),
                event_type: event_type.to_owned(),
                topic,
            });
        }
        let subject = match (rule.and_then(|rule| rule.subject.clone()), self.strategy) {
            (Some(subject), _) => subject,
            (None, SubjectStrategy::RecordNameStrategy) => event_type.into(),
            (None, SubjectStrategy::TopicNameStrategy) => format!("{topic}-value").into(),
            (None, SubjectStrategy::TopicRecordNameStrategy) => {
                format!("{topic}-{event_type}").into()
            }
        };
        Ok(Route {
            topic: topic.into(),
            subject,
        })
    }

    /// Invariant: no event is ever routed to a topic of Kafka's own or to a progress topic, so a
    /// hostile row cannot forge a position (`tests::an_event_cannot_reach_an_internal_topic`).
    fn allows(&self, topic: &str) -> bool {
        let internal = topic.starts_with("__") || topic.starts_with(PROGRESS_TOPIC_PREFIX);
        let listed =
            self.allow.is_empty() || self.allow.iter().any(|allowed| allowed.matches(topic));
        listed && !internal
    }
}

impl Rule {
    fn new(config: &RouteRule) -> Result<Self, InvalidTemplate> {
        Ok(Self {
            aggregate_type: config.aggregate_type.as_deref().map(Pattern::new),
            event_type: config.event_type.as_deref().map(Pattern::new),
            topic: config.topic.as_deref().map(str::parse).transpose()?,
            subject: config.subject.as_deref().map(Arc::from),
        })
    }

    fn matches(&self, aggregate_type: &str, event_type: &str) -> bool {
        self.aggregate_type
            .as_ref()
            .is_none_or(|pattern| pattern.matches(aggregate_type))
            && self
                .event_type
                .as_ref()
                .is_none_or(|pattern| pattern.matches(event_type))
    }
}

/// A name, or the beginning of one followed by `*`.
#[derive(Debug)]
enum Pattern {
    Name(String),
    Prefix(String),
}

impl Pattern {
    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Name(text.to_owned()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Name(name) => name == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(config: &RouteConfig, strategy: SubjectStrategy) -> Router {
        Router::new(config, strategy).unwrap()
    }

    fn rule(event_type: &str, topic: Option<&str>, subject: Option<&str>) -> RouteRule {
        RouteRule {
            aggregate_type: None,
            event_type: Some(event_type.to_owned()),
            topic: topic.map(str::to_owned),
            subject: subject.map(str::to_owned),
        }
    }

    #[test]
    fn the_first_matching_rule_wins_over_the_template() {
        let config = RouteConfig {
            rules: vec![
                rule("shop.Order*", Some("orders-{event_type}"), Some("custom")),
                rule("shop.OrderPlaced", Some("never"), None),
            ],
            ..RouteConfig::default()
        };
        let router = router(&config, SubjectStrategy::RecordNameStrategy);
        let route = router.find("order", "shop.OrderPlaced").unwrap();
        assert_eq!(
            (&*route.topic, &*route.subject),
            ("orders-shop.OrderPlaced", "custom")
        );
        let route = router.find("order", "shop.Other").unwrap();
        assert_eq!((&*route.topic, &*route.subject), ("order", "shop.Other"));
    }

    #[test]
    fn the_subject_follows_the_strategy() {
        for (strategy, subject) in [
            (SubjectStrategy::RecordNameStrategy, "shop.Placed"),
            (SubjectStrategy::TopicNameStrategy, "order-value"),
            (
                SubjectStrategy::TopicRecordNameStrategy,
                "order-shop.Placed",
            ),
        ] {
            let router = router(&RouteConfig::default(), strategy);
            assert_eq!(
                &*router.find("order", "shop.Placed").unwrap().subject,
                subject
            );
        }
    }

    #[test]
    fn an_event_cannot_reach_an_internal_topic() {
        let router = router(&RouteConfig::default(), SubjectStrategy::RecordNameStrategy);
        for topic in ["__consumer_offsets", "postrider.progress.orders"] {
            let error = router.find(topic, "x").unwrap_err();
            assert!(matches!(error, Error::TopicNotAllowed { .. }), "{error}");
        }
        for topic in ["", "a b", "../x", ".."] {
            let error = router.find(topic, "x").unwrap_err();
            assert!(matches!(error, Error::InvalidTopic { .. }), "{error}");
        }
    }

    #[test]
    fn only_topics_on_the_allow_list_are_reached() {
        let config = RouteConfig {
            allow: vec!["orders".to_owned(), "shop.*".to_owned()],
            ..RouteConfig::default()
        };
        let router = router(&config, SubjectStrategy::RecordNameStrategy);
        assert!(router.find("orders", "x").is_ok());
        assert!(router.find("shop.stock", "x").is_ok());
        let error = router.find("payments", "x").unwrap_err();
        assert_eq!(error.action(), Action::Poison);
        assert!(error.remedy().contains("payments"), "{}", error.remedy());
    }
}
