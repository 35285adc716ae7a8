//! Instants, passed in by the caller and never read here, so that every outcome can be repeated; and spans, like `90d`.

use crate::error::{Error, Result};
use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl From<std::time::SystemTime> for Timestamp {
    /// An instant before 1970 becomes 1970.
    fn from(time: std::time::SystemTime) -> Self {
        Self(time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs()))
    }
}

impl Timestamp {
    /// Reads a time of RFC 3339 with its offset (`2026-11-25T10:00:00+02:00`, `2026-11-25T08:00:00Z`), or a date, which
    /// begins at midnight UTC. A space may stand for the `T`; fractions of a second are cut off.
    ///
    /// # Errors
    /// [`Error::Setting`], which does not show the text: for a time without an offset, since nobody could say which instant
    /// it is; for a leap second, which timestamps do not count; before 1970; and for anything else.
    ///
    /// # Example
    /// ```
    /// use cloakroom::time::Timestamp;
    /// let time = Timestamp::parse("2026-11-25T10:00:00+02:00")?;
    /// assert_eq!(time.to_string(), "2026-11-25T08:00:00Z");
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    ///
    /// Source: RFC 3339, section 5.6.
    pub fn parse(text: &str) -> Result<Self> {
        let other = "is none: write it like 2026-11-25T10:00:00+02:00, 2026-11-25T08:00:00Z or 2026-11-25";
        let wrong = |problem: &str| Error::Setting { what: "time", problem: problem.into() };
        let mut text = Text(text.as_bytes());
        let date = (|| {
            Some((text.number(4)?, text.one_of(b"-")?, text.number(2)?, text.one_of(b"-")?, text.number(2)?))
        })();
        let (year, _, month, _, day) = date.ok_or_else(|| wrong(other))?;
        if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
            return Err(wrong("is of no day that there is"));
        }
        let midnight = days_before(year, month, day) * 86_400;
        if text.0.is_empty() {
            return u64::try_from(midnight).map(Self).map_err(|_| wrong("is before 1970"));
        }
        let time = (|| {
            text.one_of(b"Tt ")?;
            Some((text.number(2)?, text.one_of(b":")?, text.number(2)?, text.one_of(b":")?, text.number(2)?))
        })();
        let (hour, _, minute, _, second) = time.ok_or_else(|| wrong(other))?;
        if (minute, second) == (59, 60) {
            return Err(wrong("is a leap second, which timestamps do not count: write second 59"));
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(wrong("is of no hour, minute or second that there is"));
        }
        if text.one_of(b".").is_some() && text.digits() == 0 {
            return Err(wrong(other));
        }
        if text.0.is_empty() {
            return Err(wrong("has no offset: append Z for UTC, or the zone's offset, like +02:00"));
        }
        let offset = (|| match text.one_of(b"Zz+-")? {
            sign @ (b'+' | b'-') => {
                let (hours, _, minutes) = (text.number(2)?, text.one_of(b":")?, text.number(2)?);
                let east = if sign == b'+' { 1 } else { -1 };
                (hours < 24 && minutes < 60).then_some(east * (hours * 3600 + minutes * 60))
            }
            _ => Some(0),
        })();
        let offset = offset.filter(|_| text.0.is_empty()).ok_or_else(|| wrong(other))?;
        let seconds = midnight + hour * 3600 + minute * 60 + second - offset;
        u64::try_from(seconds).map(Self).map_err(|_| wrong("is before 1970"))
    }
}

/// What is left to read.
struct Text<'t>(&'t [u8]);

impl Text<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |n, byte| byte.is_ascii_digit().then(|| 10 * n + i64::from(byte - b'0')))
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| bytes.contains(first))?;
        self.0 = rest;
        Some(*first)
    }

    /// Skips digits, and says how many.
    fn digits(&mut self) -> usize {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = &self.0[count..];
        count
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01, counted in years that begin on 1 March.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (y, mp) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    365 * y + leap_days + (153 * mp + 2) / 5 + day - 1 - 719_468
}

/// The seconds of a span: a number and `h`, `d`, `w` or `y`, which is 365 days. `"24h"`, `"90d"`, `"2y"`.
///
/// # Errors
/// [`Error::Setting`] for anything else, for none at all, and for over 1,000 years.
pub fn parse_span(text: &str) -> Result<u64> {
    let unit = [('h', 3_600), ('d', 86_400), ('w', 7 * 86_400), ('y', YEAR)];
    let split = unit.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let number = split.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let span = number.and_then(|(number, seconds)| number.parse::<u64>().ok()?.checked_mul(seconds));
    span.filter(|span| (1..=1_000 * YEAR).contains(span)).ok_or_else(|| Error::Setting {
        what: "span",
        problem: "must be a number of hours, days, weeks or years, like \"24h\", \"90d\", \"6w\" or \"2y\", up to \"1000y\""
            .into(),
    })
}

const YEAR: u64 = 365 * 86_400;

impl fmt::Display for Timestamp {
    /// RFC 3339, in UTC: `2026-11-22T08:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // Days to a civil date, counted in 400-year eras of 146,097 days that begin on 1 March.
        let day = days + 719_468;
        let (era, doe) = (day / 146_097, day % 146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
        let y = yoe + era * 400 + u64::from(m <= 2);
        write!(f, "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_334_405, "2026-11-22T08:00:05Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
    }

    // SPEC: TIME-1
    #[test]
    fn times_are_read_with_their_offset() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:00:00-01:00", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-22T10:00:05+02:00", 1_795_334_405),
            ("2026-11-22 08:00:05.999Z", 1_795_334_405),
            ("2026-11-22T13:30:05+05:30", 1_795_334_405),
            ("2026-11-21T22:00:05-10:00", 1_795_334_405),
            ("2026-11-22T08:00:05-00:00", 1_795_334_405),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap(), Timestamp(seconds), "{text}");
        }
    }

    // SPEC: TIME-1
    #[test]
    fn what_names_no_instant_is_refused_and_not_shown() {
        for (text, why) in [
            ("", "is none"),
            ("yesterday", "is none"),
            ("25.11.2026", "is none"),
            ("2026-11-5", "is none"),
            ("+026-11-25", "is none"),
            ("2026-11-25T10:00", "is none"),
            ("2026-11-25T10:00Z", "is none"),
            ("2026-11-25T10:00:00", "has no offset"),
            ("2026-11-25T10:00:00.5", "has no offset"),
            ("2026-11-25T10:00:00.Z", "is none"),
            ("2026-11-25T10:00:00+2", "is none"),
            ("2026-11-25T10:00:00+0200", "is none"),
            ("2026-11-25T10:00:00+24:00", "is none"),
            ("2026-11-25T10:00:00+02:60", "is none"),
            ("2026-11-25T10:00:00 CET", "is none"),
            ("2026-11-25T10:00:00Z ", "is none"),
            ("2026-11-25Z", "is none"),
            ("1900-02-29", "no day"),
            ("2026-02-29", "no day"),
            ("2026-00-10", "no day"),
            ("2026-13-10", "no day"),
            ("2026-11-31", "no day"),
            ("2026-11-00", "no day"),
            ("2026-11-25T24:00:00Z", "no hour"),
            ("2026-11-25T10:60:00Z", "no hour"),
            ("2026-11-25T10:00:60Z", "no hour"),
            ("2016-12-31T23:59:60Z", "leap second"),
            ("2017-01-01T00:59:60+01:00", "leap second"),
            ("1969-12-31", "before 1970"),
            ("1970-01-01T00:59:59+01:00", "before 1970"),
            ("0000-01-01T00:00:00Z", "before 1970"),
        ] {
            let error = Timestamp::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn every_day_until_2400_is_read_as_it_is_written() {
        for day in 0..157_054 {
            let time = Timestamp(day * 86_400 + day % 86_400);
            let text = time.to_string();
            assert_eq!(Timestamp::parse(&text).unwrap(), time);
            assert_eq!(Timestamp::parse(&text[..10]).unwrap(), Timestamp(day * 86_400));
        }
    }

    #[test]
    fn spans_are_numbers_with_a_unit() {
        for (text, seconds) in
            [("1h", 3_600), ("24h", 86_400), ("90d", 7_776_000), ("6w", 3_628_800), ("2y", 63_072_000)]
        {
            assert_eq!(parse_span(text).unwrap(), seconds, "{text}");
        }
        assert!(parse_span("1000y").is_ok());
        for bad in [
            "",
            "d",
            "0d",
            "90",
            "90D",
            "+9d",
            "-9d",
            "9 d",
            " 9d",
            "1.5d",
            "1001y",
            "9m",
            "18446744073709551615y",
            "99999999999999999999h",
        ] {
            assert!(parse_span(bad).is_err(), "{bad:?}");
        }
    }
}
