//! A topic name with placeholders for the event's types.

use std::str::FromStr;

/// A parsed template such as `shop.{aggregate_type}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    AggregateType,
    EventType,
}

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A placeholder that stands for nothing.
    #[error("{{{0}}} is no placeholder; known are {{aggregate_type}} and {{event_type}}")]
    UnknownPlaceholder(String),
    /// A brace without its partner.
    #[error("a brace has no partner")]
    UnbalancedBrace,
    /// Nothing at all.
    #[error("a topic needs a name")]
    Empty,
}

impl Template {
    /// The template with its placeholders filled in.
    pub fn fill(&self, aggregate_type: &str, event_type: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::AggregateType => aggregate_type,
            Part::EventType => event_type,
        });
        parts.collect()
    }
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(open);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let inside = brace
                .strip_prefix('{')
                .ok_or(InvalidTemplate::UnbalancedBrace)?;
            let (name, after) = inside
                .split_once('}')
                .ok_or(InvalidTemplate::UnbalancedBrace)?;
            parts.push(match name {
                "aggregate_type" => Part::AggregateType,
                "event_type" => Part::EventType,
                other => return Err(InvalidTemplate::UnknownPlaceholder(other.to_owned())),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            Err(InvalidTemplate::Empty)
        } else {
            Ok(Self(parts))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let template: Template = "shop.{aggregate_type}-{event_type}.v1".parse().unwrap();
        assert_eq!(template.fill("order", "Placed"), "shop.order-Placed.v1");
        // What was filled in is not a template.
        assert_eq!(template.fill("{event_type}", "x"), "shop.{event_type}-x.v1");
    }

    #[test]
    fn a_faulty_template_is_refused() {
        assert_eq!("".parse::<Template>(), Err(InvalidTemplate::Empty));
        for text in ["{", "}", "a{aggregate_type", "a}b"] {
            assert_eq!(
                text.parse::<Template>(),
                Err(InvalidTemplate::UnbalancedBrace),
                "{text}"
            );
        }
        assert_eq!(
            "{payload}".parse::<Template>(),
            Err(InvalidTemplate::UnknownPlaceholder("payload".to_owned()))
        );
    }
}
