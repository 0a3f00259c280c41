//! Dates and times, exactly: RFC 3339 texts to counts of days or of a unit.
//!
//! Source: <https://www.rfc-editor.org/rfc/rfc3339#section-5.6>, and for what is counted
//! <https://avro.apache.org/docs/1.12.0/specification/#logical-types>. A fraction with digits
//! below the unit is refused unless they are zero: to round would change what was said. There is one
//! exception: of a fraction in nanoseconds, microseconds are kept, cut and not rounded. Clocks of
//! programs give nanoseconds, and nobody means them; PostgreSQL keeps microseconds, too (ADR 0005). A
//! leap second is refused, for the counts have no place for it.

use crate::schema::TimeUnit;

/// The rule that a text breaks, as the end of "the value …".
pub(super) type Rule = &'static str;

const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 1970-01-01 to `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Result<i32, Rule> {
    let mut reader = Reader {
        rest: text.as_bytes(),
        form: "is not a date such as 2026-01-31",
    };
    let days = reader.date()?;
    reader.end()?;
    i32::try_from(days).map_err(|_| reader.form)
}

/// Units from midnight to `HH:MM:SS`, with a fraction if there is one.
pub(super) fn time_of_day(text: &str, unit: TimeUnit) -> Result<i64, Rule> {
    let mut reader = Reader {
        rest: text.as_bytes(),
        form: "is not a time such as 23:59:59.999",
    };
    let (seconds, fraction) = reader.time(unit)?;
    reader.end()?;
    Ok(seconds * units_per_second(unit) + fraction)
}

/// How many units a day has; a time of day is below it.
pub(super) fn units_per_day(unit: TimeUnit) -> i64 {
    SECONDS_PER_DAY * units_per_second(unit)
}

/// Units from 1970-01-01T00:00:00Z to a date and time with its offset; with `is_local` without
/// one, and counted from the same reading of a clock on the wall.
pub(super) fn timestamp(text: &str, unit: TimeUnit, is_local: bool) -> Result<i64, Rule> {
    let form = if is_local {
        "is not a date and time without offset, such as 2026-01-31T23:59:59"
    } else {
        "is not an RFC 3339 date and time such as 2026-01-31T23:59:59Z"
    };
    let mut reader = Reader {
        rest: text.as_bytes(),
        form,
    };
    let days = reader.date()?;
    reader.one_of(b"Tt")?;
    let (seconds, fraction) = reader.time(unit)?;
    let offset = if is_local { 0 } else { reader.offset()? };
    reader.end()?;
    let seconds = days * SECONDS_PER_DAY + seconds - offset;
    seconds
        .checked_mul(units_per_second(unit))
        .and_then(|units| units.checked_add(fraction))
        .ok_or("is outside the range of the unit")
}

fn units_per_second(unit: TimeUnit) -> i64 {
    10_i64.pow(unit.fraction_digits())
}

/// Reads a text from left to right; whatever does not follow breaks the rule `form`.
struct Reader<'t> {
    rest: &'t [u8],
    form: Rule,
}

impl Reader<'_> {
    /// Days since 1970-01-01.
    fn date(&mut self) -> Result<i64, Rule> {
        let year = self.number::<4>()?;
        self.one_of(b"-")?;
        let month = self.number::<2>()?;
        self.one_of(b"-")?;
        let day = self.number::<2>()?;
        let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of_month = match month {
            2 => 28 + i64::from(is_leap_year),
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return Err("is not a date of the calendar"),
        };
        if !(1..=days_of_month).contains(&day) {
            return Err("is not a date of the calendar");
        }
        // A year from March to February ends with the leap day, so the days before a month follow
        // one formula: 153 days in every five months from March on.
        let (year, months_since_march) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days_before_month = (153 * months_since_march + 2) / 5;
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        Ok(365 * year + leap_days + days_before_month + day - 1 - 719_468)
    }

    /// Seconds since midnight, and the fraction in units.
    fn time(&mut self, unit: TimeUnit) -> Result<(i64, i64), Rule> {
        let hour = self.number::<2>()?;
        self.one_of(b":")?;
        let minute = self.number::<2>()?;
        self.one_of(b":")?;
        let second = self.number::<2>()?;
        if second == 60 {
            return Err("is a leap second, which has no count");
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err("is not a time of the day");
        }
        Ok((hour * 3600 + minute * 60 + second, self.fraction(unit)?))
    }

    /// What follows a point, in units; none is 0.
    fn fraction(&mut self, unit: TimeUnit) -> Result<i64, Rule> {
        let Some((b'.', digits)) = self.rest.split_first() else {
            return Ok(0);
        };
        let count = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = digits.split_at(count);
        if digits.is_empty() {
            return Err(self.form);
        }
        self.rest = rest;
        let kept = unit.fraction_digits() as usize;
        let said = match unit {
            TimeUnit::Micros => TimeUnit::Nanos.fraction_digits() as usize,
            TimeUnit::Millis | TimeUnit::Nanos => kept,
        };
        if digits.iter().skip(said).any(|digit| *digit != b'0') {
            return Err("has a finer fraction of a second than the unit");
        }
        let padded = digits
            .iter()
            .copied()
            .chain(std::iter::repeat(b'0'))
            .take(kept);
        Ok(padded.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Result<i64, Rule> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Ok(0),
        };
        let hours = self.number::<2>()?;
        self.one_of(b":")?;
        let minutes = self.number::<2>()?;
        if hours > 23 || minutes > 59 {
            return Err(self.form);
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }

    fn number<const DIGITS: usize>(&mut self) -> Result<i64, Rule> {
        let (digits, rest) = self.rest.split_first_chunk::<DIGITS>().ok_or(self.form)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| match digit {
            b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
            _ => Err(self.form),
        })
    }

    fn one_of(&mut self, expected: &[u8]) -> Result<u8, Rule> {
        let (first, rest) = self.rest.split_first().ok_or(self.form)?;
        self.rest = rest;
        if expected.contains(first) {
            Ok(*first)
        } else {
            Err(self.form)
        }
    }

    fn end(&self) -> Result<(), Rule> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.form)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_days_from_1970() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-07-01", 20_635),
            ("0000-01-01", -719_528),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(date(text), Ok(days), "{text}");
        }
    }

    #[test]
    fn every_day_of_two_eras_follows_its_predecessor() {
        let mut expected = date("1600-01-01").unwrap();
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Ok(days) = date(&format!("{year}-{month:02}-{day:02}")) {
                        assert_eq!(days, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(date("2400-01-01"), Ok(expected));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1970-1-1",
            "1970-01-01T00:00:00Z",
            "1970-13-01",
            "1970-00-01",
            "1970-01-00",
            "1970-04-31",
            "1900-02-29",
            "2001-02-29",
            "+970-01-01",
            "19700101",
            "1970-01-0\u{661}",
        ] {
            assert!(date(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn timestamps_count_from_the_epoch_whatever_the_offset() {
        let micros = |text| timestamp(text, TimeUnit::Micros, false);
        assert_eq!(micros("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(micros("1970-01-01t01:00:00.000001+01:00"), Ok(1));
        assert_eq!(micros("1969-12-31T23:59:59.999999z"), Ok(-1));
        assert_eq!(
            micros("2026-07-01T12:30:00-05:30"),
            micros("2026-07-01T18:00:00+00:00")
        );
        assert_eq!(micros("2001-09-09T01:46:40.5Z"), Ok(1_000_000_000_500_000));
        let nanos = |text| timestamp(text, TimeUnit::Nanos, false);
        assert_eq!(nanos("1970-01-01T00:00:00.123456789Z"), Ok(123_456_789));
        assert_eq!(
            nanos("9999-12-31T23:59:59Z"),
            Err("is outside the range of the unit")
        );
        assert_eq!(
            timestamp("1970-01-01T00:00:01", TimeUnit::Millis, true),
            Ok(1000)
        );
    }

    #[test]
    fn nothing_is_rounded() {
        let millis = |text| timestamp(text, TimeUnit::Millis, false);
        assert_eq!(millis("1970-01-01T00:00:00.123000Z"), Ok(123));
        let too_fine = Err("has a finer fraction of a second than the unit");
        assert_eq!(millis("1970-01-01T00:00:00.1230001Z"), too_fine);
        assert_eq!(time_of_day("00:00:00.0009", TimeUnit::Millis), too_fine);
        assert_eq!(
            time_of_day("23:59:59.999999", TimeUnit::Micros),
            Ok(86_399_999_999)
        );
    }

    #[test]
    fn of_nanoseconds_whole_microseconds_are_kept() {
        let micros = |text| timestamp(text, TimeUnit::Micros, false);
        assert_eq!(micros("1970-01-01T00:00:00.000001999Z"), Ok(1));
        assert_eq!(micros("1969-12-31T23:59:59.999999999Z"), Ok(-1));
        assert_eq!(time_of_day("00:00:00.0000009", TimeUnit::Micros), Ok(0));
        let too_fine = Err("has a finer fraction of a second than the unit");
        assert_eq!(micros("1970-01-01T00:00:00.0000000001Z"), too_fine);
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T23:60:00Z",
            "1990-12-31T23:59:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00Zx",
            "1970-01-01T00:00:00+01",
            "1970-01-01T00:00:00,5Z",
        ] {
            assert!(
                timestamp(text, TimeUnit::Micros, false).is_err(),
                "{text:?} was accepted"
            );
        }
        assert!(timestamp("1970-01-01T00:00:00Z", TimeUnit::Micros, true).is_err());
    }
}
