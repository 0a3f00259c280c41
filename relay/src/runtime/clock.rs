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

/// `micros` since 1970-01-01T00:00:00Z as RFC 3339 with microseconds; `None` outside of the years 1
/// to 9999, which RFC 3339 cannot write.
pub fn rfc3339(micros: i64) -> Option<String> {
    const DAY_MICROS: i64 = 86_400 * 1_000_000;
    let (days, of_day) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let (year, month, day) = civil(days);
    if !(1..=9_999).contains(&year) {
        return None;
    }
    let (seconds, micros) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
    ))
}

/// Year, month and day of the `days`-th day after 1970-01-01 in the Gregorian calendar, counted in
/// eras of 400 years that begin in March, so that a leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA_DAYS: i64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_based = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 {
        march_based + 3
    } else {
        march_based - 9
    };
    (era * 400 + year + i64::from(month <= 2), month, day)
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
        for (micros, written) in [
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(rfc3339(micros).as_deref(), Some(written));
        }
        for micros in [
            -62_135_596_800_000_001,
            253_402_300_800_000_000,
            i64::MIN,
            i64::MAX,
        ] {
            assert_eq!(rfc3339(micros), None);
        }
    }
}
