//! Dates and times of the payload dialect: RFC 3339 text to the integer that Avro's logical types
//! hold.
//!
//! Written for the oracle alone, after RFC 3339 section 5.6
//! (<https://www.rfc-editor.org/rfc/rfc3339#section-5.6>) and the calendar arithmetic of
//! the proleptic Gregorian calendar, so that an error of the transcoder's clock arithmetic cannot
//! hide here as well.

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Whether a timestamp names its offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    /// `2024-05-01T12:00:00Z`, an instant.
    Given,
    /// `2024-05-01T12:00:00`, a local time.
    Absent,
}

/// Days from 1970-01-01 to `2024-05-01`.
pub(super) fn days(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let valid = parts.next().is_none()
        && (1..=12).contains(&month)
        && day >= 1
        && day <= length(year, month);
    valid.then(|| {
        days_before_year(year) - days_before_year(1970) + day_of_year(year, month) + day - 1
    })
}

/// Nanoseconds from midnight to `12:34:56.789`.
pub(super) fn nanoseconds_of_day(text: &str) -> Option<i128> {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(w, f)| (w, Some(f)));
    let mut parts = whole.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i128::from(hour * 3600 + minute * 60 + second);
    Some(seconds * NANOSECONDS_PER_SECOND + fraction.map_or(Some(0), nanoseconds)?)
}

/// Nanoseconds from the epoch to `2024-05-01T12:34:56.789+02:00`.
pub(super) fn nanoseconds_since_epoch(text: &str, offset: Offset) -> Option<i128> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (time, east) = match offset {
        Offset::Given => split_offset(rest)?,
        Offset::Absent => (rest, 0),
    };
    let midnight = i128::from(days(date)? * SECONDS_PER_DAY - east) * NANOSECONDS_PER_SECOND;
    Some(midnight + nanoseconds_of_day(time)?)
}

/// The time without its offset, and the offset in seconds east of UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (hour, minute) = text[at + 1..].split_once(':')?;
    let east = digits(hour, 2)? * 3600 + digits(minute, 2)? * 60;
    Some((
        &text[..at],
        if text[at..].starts_with('-') {
            -east
        } else {
            east
        },
    ))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let valid = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

fn nanoseconds(fraction: &str) -> Option<i128> {
    let valid = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    valid
        .then(|| format!("{fraction:0<9}").parse().ok())
        .flatten()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn day_of_year(year: i64, month: i64) -> i64 {
    (1..month).map(|earlier| length(year, earlier)).sum()
}

/// Days from 0001-01-01 to the first of January of `year`.
fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected numbers come from `date -u -d … +%s`.
    #[test]
    fn instants_are_counted_as_date_counts_them() {
        let instant = |text| nanoseconds_since_epoch(text, Offset::Given);
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            instant("2024-02-29T23:59:59Z"),
            Some(1_709_251_199_000_000_000)
        );
        assert_eq!(
            instant("2024-02-29T23:59:59.000001+01:30"),
            Some(1_709_245_799_000_001_000)
        );
        assert_eq!(instant("1969-12-31T23:59:59.5Z"), Some(-500_000_000));
        assert_eq!(
            instant("1900-03-01T00:00:00-00:30"),
            Some(-2_203_889_400_000_000_000)
        );
        assert_eq!(days("2024-05-01"), Some(19_844));
        assert_eq!(nanoseconds_of_day("01:00:00.25"), Some(3_600_250_000_000));
    }

    #[test]
    fn a_text_that_is_no_time_is_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-1-1",
            "24-01-01",
            "",
        ] {
            assert_eq!(days(text), None, "{text:?}");
        }
        for text in [
            "2024-01-01T00:00:00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00Z",
        ] {
            assert_eq!(
                nanoseconds_since_epoch(text, Offset::Given),
                None,
                "{text:?}"
            );
        }
        assert_eq!(
            nanoseconds_since_epoch("2024-01-01T00:00:00Z", Offset::Absent),
            None
        );
    }
}
