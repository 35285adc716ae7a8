//! Calendar dates in a declared spelling, such as `YYYY-MM-DD`.

use super::digit_fields;
use crate::error::{Error, Result};

/// A day of the proleptic Gregorian calendar, years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// 0..=9999.
    pub year: u16,
    /// 1..=12.
    pub month: u8,
    /// 1..=28, 29, 30 or 31.
    pub day: u8,
}

impl Date {
    pub(super) fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        (1..=days_in_month(year, month)).contains(&day).then_some(Self { year, month, day })
    }
}

/// 0 for what is no month.
pub(super) fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        1..=12 => 31,
        _ => 0,
    }
}

/// How dates are written: `YYYY`, `MM` and `DD` once each, anything else as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatePattern(String);

impl DatePattern {
    /// ISO 8601's extended form.
    pub const ISO: &'static str = "YYYY-MM-DD";

    /// Checks the pattern.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `YYYY`, `MM` and `DD` stand in it once each, with no digit or further letter.
    pub fn new(pattern: &str) -> Result<Self> {
        let rest = ["YYYY", "MM", "DD"].iter().try_fold(pattern.to_owned(), |rest, part| {
            rest.contains(part).then(|| rest.replacen(part, "", 1))
        });
        match rest {
            Some(rest) if !rest.chars().any(char::is_alphanumeric) => Ok(Self(pattern.to_owned())),
            _ => Err(Error::Setting {
                what: "date pattern",
                problem: "must have YYYY, MM and DD once each, and only punctuation or spaces between".into(),
            }),
        }
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The date that a value spells, whatever white space is around it.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow the pattern or is no day of the calendar.
    pub fn parse(&self, value: &str) -> Result<Date> {
        self.parse_exact(value.trim())
    }

    /// The date that a value spells to the byte: [`write`](DatePattern::write) gives the value back.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow the pattern or is no day of the calendar.
    pub fn parse_exact(&self, value: &str) -> Result<Date> {
        let numbers = digit_fields::read(&self.0, value);
        let date = numbers.and_then(|[year, month, day, ..]| Date::new(year, month as u8, day as u8));
        date.ok_or(Error::Value { problem: "is no calendar date in the declared pattern" })
    }

    /// Appends the date.
    pub fn write(&self, date: Date, out: &mut Vec<u8>) {
        digit_fields::write(&self.0, [date.year, date.month.into(), date.day.into(), 0, 0, 0], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_days_only() {
        let iso = DatePattern::new(DatePattern::ISO).unwrap();
        assert_eq!(iso.parse("2024-02-29").unwrap(), Date { year: 2024, month: 2, day: 29 });
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-04-31",
            "2024-1-01",
            "20240101",
            "",
            "2024-0é-1",
        ] {
            assert!(iso.parse(bad).is_err(), "{bad}");
        }
        assert!(iso.parse("2000-02-29").is_ok());
        assert_eq!(DatePattern::new("DD.MM.YYYY").unwrap().parse("03.12.1999").unwrap().month, 12);
        assert_eq!(DatePattern::new("YYYYMMDD").unwrap().parse(" 19991203").unwrap().day, 3);
    }

    #[test]
    fn patterns_are_checked() {
        for bad in ["", "YYYY-MM", "YYYY-MM-DD-DD", "YYYY-MM-DDThh", "YY-MM-DD", "YYYYYYYY-MM-DD"] {
            assert!(DatePattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_read_exactly_is_written_back() {
        for (pattern, value) in [
            ("YYYY-MM-DD", "0007-02-03"),
            ("DD.MM.YYYY", "29.02.2024"),
            ("MMDDYYYY", "12319999"),
            ("YYYY · MM/DD ", "2024 · 01/09 "),
        ] {
            let pattern = DatePattern::new(pattern).unwrap();
            let date = pattern.parse_exact(value).unwrap();
            let mut out = b"-".to_vec();
            pattern.write(date, &mut out);
            assert_eq!(out[1..], *value.as_bytes());
        }
        let iso = DatePattern::new(DatePattern::ISO).unwrap();
        for bad in [" 2024-01-09", "2024-01-09 ", "2024-01-09\n", "2024-01-32"] {
            assert!(iso.parse_exact(bad).is_err(), "{bad:?}");
        }
        assert!(iso.parse(" 2024-01-09\n").is_ok());
    }
}
