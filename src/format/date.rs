//! Calendar dates in a declared spelling, such as `YYYY-MM-DD`.

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
    fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(Self { year, month, day })
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

    /// The date that a value spells.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow the pattern or is no day of the calendar.
    pub fn parse(&self, value: &str) -> Result<Date> {
        let bad = Error::Value { problem: "is no calendar date in the declared pattern" };
        let pattern = self.0.as_bytes();
        let value = value.trim().as_bytes();
        if value.len() != pattern.len() {
            return Err(bad);
        }
        let (mut year, mut month, mut day) = (0u16, 0u8, 0u8);
        for (p, v) in pattern.iter().zip(value) {
            let digit = v.wrapping_sub(b'0');
            match p {
                b'Y' | b'M' | b'D' if digit > 9 => return Err(bad),
                b'Y' => year = year * 10 + u16::from(digit),
                b'M' => month = month * 10 + digit,
                b'D' => day = day * 10 + digit,
                _ if p == v => {}
                _ => return Err(bad),
            }
        }
        Date::new(year, month, day).ok_or(bad)
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
}
