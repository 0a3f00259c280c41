//! The identity of an event.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The identity of an event, by which consumers recognise one that they have seen.
///
/// A UUID of version 7 (<https://www.rfc-editor.org/rfc/rfc9562#section-5.7>): ids of one process
/// grow in the order in which they were made, which keeps the table's index compact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id, greater than all that this process made before.
    #[expect(
        clippy::new_without_default,
        reason = "two defaults would not be equal"
    )]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that `uuid` is, such as one read from the table.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<EventId> for Uuid {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(ParseEventIdError)
    }
}

/// A text that is not an [`EventId`].
#[derive(Debug, thiserror::Error)]
#[error("an event id is a UUID")]
pub struct ParseEventIdError(#[source] uuid::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_are_greater_and_of_version_7() {
        let ids: Vec<_> = (0..10_000).map(|_| EventId::new()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert_eq!(ids[0].as_uuid().get_version_num(), 7);
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = EventId::new();
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        assert!("42".parse::<EventId>().is_err());
    }
}
