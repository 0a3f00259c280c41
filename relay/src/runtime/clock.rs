//! Wall-clock time. Order never depends on it; only record timestamps and what people read do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z, by this machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub fn now_micros() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// `micros` since 1970-01-01T00:00:00Z as RFC 3339 with microseconds; `None` before 1970 or beyond
/// the year 9999, which RFC 3339 cannot write.
pub fn rfc3339(micros: i64) -> Option<String> {
    const YEAR_10000_MICROS: u64 = 253_402_300_800_000_000;
    let micros = u64::try_from(micros)
        .ok()
        .filter(|micros| *micros < YEAR_10000_MICROS)?;
    let time = UNIX_EPOCH + Duration::from_micros(micros);
    Some(humantime::format_rfc3339_micros(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339() {
        assert_eq!(
            rfc3339(1_763_727_600_123_456).unwrap(),
            "2025-11-21T12:20:00.123456Z"
        );
        assert_eq!(rfc3339(-1), None);
        assert_eq!(rfc3339(i64::MAX), None);
    }
}
