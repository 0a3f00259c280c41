//! The levels of compatibility that a registry is set to.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html>.

use std::fmt;
use std::str::FromStr;

use super::{Incompatibility, incompatibilities};
use crate::schema::CompiledSchema;

/// What a new version of a schema must be able to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    /// Anything goes.
    None,
    /// Read what the latest version wrote: consumers are upgraded first.
    #[default]
    Backward,
    /// Read what every version wrote.
    BackwardTransitive,
    /// Be read by the latest version: producers are upgraded first.
    Forward,
    /// Be read by every version.
    ForwardTransitive,
    /// Both, with the latest version.
    Full,
    /// Both, with every version.
    FullTransitive,
}

/// Who cannot read what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The new version cannot read what the earlier one wrote.
    NewReadsEarlier,
    /// The earlier version cannot read what the new one writes.
    EarlierReadsNew,
}

/// A place at which a new version breaks its [`Level`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The earlier version.
    pub version: u32,
    /// Who cannot read what.
    pub direction: Direction,
    /// Why.
    pub incompatibility: Incompatibility,
}

impl Level {
    /// Every level, under the name that registries give it.
    const NAMES: [(Self, &str); 7] = [
        (Self::None, "NONE"),
        (Self::Backward, "BACKWARD"),
        (Self::BackwardTransitive, "BACKWARD_TRANSITIVE"),
        (Self::Forward, "FORWARD"),
        (Self::ForwardTransitive, "FORWARD_TRANSITIVE"),
        (Self::Full, "FULL"),
        (Self::FullTransitive, "FULL_TRANSITIVE"),
    ];

    fn directions(self) -> &'static [Direction] {
        match self {
            Self::None => &[],
            Self::Backward | Self::BackwardTransitive => &[Direction::NewReadsEarlier],
            Self::Forward | Self::ForwardTransitive => &[Direction::EarlierReadsNew],
            Self::Full | Self::FullTransitive => {
                &[Direction::NewReadsEarlier, Direction::EarlierReadsNew]
            }
        }
    }

    fn is_transitive(self) -> bool {
        match self {
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive => true,
            Self::None | Self::Backward | Self::Forward | Self::Full => false,
        }
    }

    /// Where `new` breaks this level after the `earlier` versions, the oldest first.
    pub fn check<'a>(
        self,
        new: &CompiledSchema,
        earlier: impl DoubleEndedIterator<Item = (u32, &'a CompiledSchema)>,
    ) -> Vec<Violation> {
        let compared = if self.is_transitive() { usize::MAX } else { 1 };
        let mut violations = Vec::new();
        for (version, earlier) in earlier.rev().take(compared) {
            for direction in self.directions() {
                let found = match direction {
                    Direction::NewReadsEarlier => incompatibilities(new, earlier),
                    Direction::EarlierReadsNew => incompatibilities(earlier, new),
                };
                violations.extend(found.into_iter().map(|incompatibility| Violation {
                    version,
                    direction: *direction,
                    incompatibility,
                }));
            }
        }
        violations
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            incompatibility,
            ..
        } = self;
        match self.direction {
            Direction::NewReadsEarlier => write!(
                f,
                "the new version cannot read events of version {version}: {incompatibility}"
            ),
            Direction::EarlierReadsNew => write!(
                f,
                "version {version} cannot read events of the new version: {incompatibility}"
            ),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(level, _)| level == self);
        f.write_str(named.expect("every level has a name").1)
    }
}

impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::NAMES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        let error = || ParseLevelError {
            text: text.chars().take(64).collect(),
        };
        named.map(|(level, _)| *level).ok_or_else(error)
    }
}

/// A text that is not a [`Level`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a compatibility level such as BACKWARD or FULL_TRANSITIVE")]
pub struct ParseLevelError {
    text: String,
}
