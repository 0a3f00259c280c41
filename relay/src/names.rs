//! The names that follow from the relay's `name`, and names that PostgreSQL or Kafka must accept.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest name: `postrider_<name>` must fit PostgreSQL's 63 bytes for a replication slot.
const RELAY_NAME_BYTES_MAX: usize = 40;

/// Kafka refuses longer topic names (`org.apache.kafka.common.internals.Topic`).
const TOPIC_NAME_BYTES_MAX: usize = 249;

/// The name of an outbox and its relay; replicas of one relay share it.
///
/// Invariant: it matches `[a-z][a-z0-9_]{0,39}`, so every name made from it is valid in
/// PostgreSQL and Kafka without quoting (`tests::a_bad_name_is_refused`).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct RelayName(String);

impl RelayName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `postrider-<name>`: the producer id that fences every earlier relay of this name.
    pub fn transactional_id(&self) -> String {
        format!("postrider-{}", self.0)
    }

    /// `postrider.progress.<name>`: the topic that holds the relay's position.
    pub fn progress_topic(&self) -> String {
        format!("{PROGRESS_TOPIC_PREFIX}{}", self.0)
    }

    /// `postrider-<name>-dlt`: where the dead letters go that have no route.
    pub fn unrouted_dead_letter_topic(&self) -> String {
        dead_letter_topic(&self.transactional_id())
    }

    /// `postrider_<name>`: the replication slot, unless the configuration names another.
    pub fn default_replication_slot(&self) -> String {
        format!("postrider_{}", self.0)
    }
}

/// `<topic>-dlt`: where the relay puts the dead letters of a topic.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}-dlt")
}

/// What every progress topic's name begins with; no route may lead there.
pub const PROGRESS_TOPIC_PREFIX: &str = "postrider.progress.";

impl fmt::Display for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A text that cannot be a relay's name.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is not a name: use 1 to 40 of a-z, 0-9 and _, beginning with a letter")]
pub struct InvalidRelayName {
    name: String,
}

impl FromStr for RelayName {
    type Err = InvalidRelayName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let valid = name.len() <= RELAY_NAME_BYTES_MAX
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidRelayName {
                name: name.to_owned(),
            })
        }
    }
}

impl TryFrom<String> for RelayName {
    type Error = InvalidRelayName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<RelayName> for String {
    fn from(name: RelayName) -> Self {
        name.0
    }
}

/// Whether Kafka accepts `name` as a topic: 1 to 249 of letters, digits, `.`, `_` and `-`, and
/// neither `.` nor `..`.
pub fn is_valid_topic(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_refused() {
        let too_long = "a".repeat(41);
        for name in [
            "",
            "1a",
            "_a",
            "A",
            "a-b",
            "a.b",
            "a b",
            "é",
            too_long.as_str(),
        ] {
            assert!(name.parse::<RelayName>().is_err(), "{name:?} was accepted");
        }
        assert!("a".repeat(40).parse::<RelayName>().is_ok());
    }

    #[test]
    fn names_follow_from_the_relay_name() {
        let name: RelayName = "orders".parse().unwrap();
        assert_eq!(name.transactional_id(), "postrider-orders");
        assert_eq!(name.progress_topic(), "postrider.progress.orders");
        assert_eq!(name.default_replication_slot(), "postrider_orders");
    }

    #[test]
    fn a_topic_name_is_what_kafka_accepts() {
        assert!(is_valid_topic("shop.orders-1_x"));
        let too_long = "a".repeat(250);
        for name in ["", ".", "..", "a/b", "a b", "ä", too_long.as_str()] {
            assert!(!is_valid_topic(name), "{name:?} was accepted");
        }
    }
}
