//! What one event has of its own, beside what its type and the context say.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use outbox_contract::limits;

use crate::{Context, EventId};

/// What [`emit_with`](crate::emit_with) writes in place of what the type and the
/// [context](crate::context) say. Without anything set it does as [`emit`](crate::emit).
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use outbox_sdk::EmitOptions;
///
/// # fn read(clock: SystemTime) {
/// let late = EmitOptions::new()
///     .with_occurred_at(clock - Duration::from_secs(5))
///     .with_header("tenant", "acme")
///     .with_key("customer-9");
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmitOptions {
    /// The event's id, for an event that had one before; a new one otherwise. Nothing keeps it
    /// unique: consumers take a second event of the same id for a repetition.
    pub event_id: Option<EventId>,
    /// The Kafka key, in place of [`Event::key`](crate::Event::key).
    pub key: Option<String>,
    /// In place of that of the context.
    pub correlation_id: Option<String>,
    /// In place of that of the context.
    pub causation_id: Option<String>,
    /// Beside those of the context, and in place of those of the same name.
    pub headers: BTreeMap<String, String>,
    /// When it happened, in the years 1 to 9999, to the microsecond; the time of the transaction
    /// otherwise.
    pub occurred_at: Option<SystemTime>,
}

impl EmitOptions {
    /// Options that say nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this event id.
    #[must_use]
    pub fn with_event_id(mut self, event_id: EventId) -> Self {
        self.event_id = Some(event_id);
        self
    }

    /// The same with this Kafka key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same with this correlation id.
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }

    /// The same with this causation id.
    #[must_use]
    pub fn with_causation_id(mut self, causation_id: impl Into<String>) -> Self {
        self.causation_id = Some(causation_id.into());
        self
    }

    /// The same with this header, in place of one of that name.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The same with this time.
    #[must_use]
    pub fn with_occurred_at(mut self, occurred_at: impl Into<SystemTime>) -> Self {
        self.occurred_at = Some(occurred_at.into());
        self
    }

    /// `context` with what these options say.
    pub(super) fn over(&self, mut context: Context) -> Context {
        if self.correlation_id.is_some() {
            context.correlation_id.clone_from(&self.correlation_id);
        }
        if self.causation_id.is_some() {
            context.causation_id.clone_from(&self.causation_id);
        }
        let headers = self.headers.iter();
        context
            .headers
            .extend(headers.map(|(name, value)| (name.clone(), value.clone())));
        context
    }
}

/// Microseconds since 1970, rounded down as PostgreSQL's own clock is.
pub(super) fn microseconds(time: SystemTime) -> Result<i64, limits::Error> {
    let microseconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()),
        Err(before) => i64::try_from(before.duration().as_nanos().div_ceil(1000)).map(|ago| -ago),
    };
    let microseconds = microseconds.map_err(|_| limits::Error::OccurredAtOutOfRange)?;
    limits::check_occurred_at(microseconds)?;
    Ok(microseconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options_go_before_the_context_and_leave_the_rest_of_it() {
        let context = Context::new()
            .with_correlation_id("outer")
            .with_causation_id("cause")
            .with_header("tenant", "acme")
            .with_header("reply-to", "here");
        let options = EmitOptions::new()
            .with_correlation_id("own")
            .with_header("tenant", "other");
        let expected = Context::new()
            .with_correlation_id("own")
            .with_causation_id("cause")
            .with_header("tenant", "other")
            .with_header("reply-to", "here");
        assert_eq!(options.over(context.clone()), expected);
        assert_eq!(EmitOptions::new().over(context.clone()), context);
    }

    #[test]
    fn a_time_is_rounded_down_on_both_sides_of_1970() {
        let nanosecond = Duration::from_nanos(1);
        assert_eq!(microseconds(UNIX_EPOCH), Ok(0));
        assert_eq!(microseconds(UNIX_EPOCH + nanosecond), Ok(0));
        assert_eq!(microseconds(UNIX_EPOCH - nanosecond), Ok(-1));
        assert_eq!(microseconds(UNIX_EPOCH - 1000 * nanosecond), Ok(-1));
    }

    #[test]
    fn a_time_that_no_text_can_show_is_refused() {
        let year = Duration::from_hours(366 * 24);
        for far in [UNIX_EPOCH + 9000 * year, UNIX_EPOCH - 2000 * year] {
            assert_eq!(microseconds(far), Err(limits::Error::OccurredAtOutOfRange));
        }
    }

    proptest! {
        #[test]
        fn a_later_time_is_never_fewer_microseconds(
            seconds in 0..100_000_000_000_u64, nanoseconds in 0..2_000_000_000_u64, back: bool,
        ) {
            let at = |offset: Duration| if back { UNIX_EPOCH - offset } else { UNIX_EPOCH + offset };
            let one = at(Duration::from_secs(seconds));
            let next = one + Duration::from_nanos(nanoseconds);
            if let (Ok(one), Ok(next)) = (microseconds(one), microseconds(next)) {
                let passed = u64::try_from(next - one).unwrap();
                prop_assert!(passed * 1000 <= nanoseconds && nanoseconds < (passed + 1) * 1000);
            }
        }
    }
}
