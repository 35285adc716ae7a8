//! `count(time) = 86,400 · days + seconds of the day`, or `1,440 · days + minutes`, for times in a declared spelling.
//!
//! Time as clocks show it: no zone is read or converted, and a leap second has no count.

use super::date::Date;
use super::digit_fields;
use crate::error::{Error, Result};

/// How times are written: `YYYY`, `MM`, `DD`, `hh`, `mm` once each and `ss` if wanted, anything else as it stands.
///
/// # Example
/// `YYYY-MM-DDThh:mm:ss` counts seconds, and `DD.MM.YYYY hh:mm` minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateTimePattern {
    pattern: String,
    seconds: bool,
}

impl DateTimePattern {
    /// ISO 8601's extended form without a zone.
    pub const ISO: &'static str = "YYYY-MM-DDThh:mm:ss";

    /// Checks the pattern.
    ///
    /// # Errors
    /// [`Error::Setting`] unless every part stands in it once, with no digit or further letter but `T` and `Z`.
    pub fn new(pattern: &str) -> Result<Self> {
        let seconds = pattern.contains("ss");
        // A mark in each part's place keeps what stands around it from becoming a part.
        let rest =
            ["YYYY", "MM", "DD", "hh", "mm"].iter().try_fold(pattern.replacen("ss", "-", 1), |rest, part| {
                rest.contains(part).then(|| rest.replacen(part, "-", 1))
            });
        match rest {
            Some(rest) if rest.chars().all(|c| c == 'T' || c == 'Z' || !c.is_alphanumeric()) => {
                Ok(Self { pattern: pattern.to_owned(), seconds })
            }
            _ => Err(Error::Setting {
                what: "date-time pattern",
                problem: "must have YYYY, MM, DD, hh and mm once each, ss once or not at all, and only punctuation, \
                          spaces, T or Z between"
                    .into(),
            }),
        }
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// How many times there are: every count is below.
    pub fn count(&self) -> u64 {
        u64::from(Date::DAYS) * self.per_day()
    }

    fn per_day(&self) -> u64 {
        if self.seconds { 86_400 } else { 1_440 }
    }

    /// The seconds since 0000-01-01T00:00:00, or the minutes when the pattern has no `ss`.
    ///
    /// # Errors
    /// [`Error::Value`] when the value does not follow the pattern to the byte, or is no time of the calendar.
    pub fn parse(&self, value: &str) -> Result<u64> {
        self.counted(value).ok_or(Error::Value { problem: "is no calendar time in the declared pattern" })
    }

    fn counted(&self, value: &str) -> Option<u64> {
        let [year, month, day, hour, minute, second] = digit_fields::read(&self.pattern, value)?;
        let date = Date::new(year, month as u8, day as u8)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let minutes = u64::from(hour) * 60 + u64::from(minute);
        let of_day = if self.seconds { minutes * 60 + u64::from(second) } else { minutes };
        Some(u64::from(date.to_days()) * self.per_day() + of_day)
    }

    /// Appends the time of this count.
    ///
    /// # Errors
    /// [`Error::Value`] when it is not below [`count`](DateTimePattern::count). Then nothing is appended.
    pub fn write(&self, count: u64, out: &mut Vec<u8>) -> Result<()> {
        let days = u32::try_from(count / self.per_day()).ok().and_then(Date::from_days);
        let date = days.ok_or(Error::Value { problem: "is a time after the year 9999" })?;
        let of_day = count % self.per_day();
        let (minutes, second) = if self.seconds { (of_day / 60, of_day % 60) } else { (of_day, 0) };
        let clock = [minutes / 60, minutes % 60, second].map(|number| number as u16);
        let [hour, minute, second] = clock;
        let numbers = [date.year, date.month.into(), date.day.into(), hour, minute, second];
        digit_fields::write(&self.pattern, numbers, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pattern: &DateTimePattern, count: u64) -> String {
        let mut out = vec![];
        pattern.write(count, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times() {
        let iso = DateTimePattern::new(DateTimePattern::ISO).unwrap();
        assert_eq!(iso.parse("0000-01-01T00:00:00").unwrap(), 0);
        let epoch = iso.parse("1970-01-01T00:00:00").unwrap();
        assert_eq!(epoch, 719_528 * 86_400);
        assert_eq!(iso.parse("2001-09-09T01:46:40").unwrap() - epoch, 1_000_000_000);
        assert_eq!(iso.parse("2038-01-19T03:14:07").unwrap() - epoch, i32::MAX as u64);
        assert_eq!(iso.parse("9999-12-31T23:59:59").unwrap(), iso.count() - 1);
        let minutes = DateTimePattern::new("hh:mm DD.MM.YYYY Z").unwrap();
        assert_eq!(minutes.parse("00:01 02.01.0000 Z").unwrap(), 1_441);
        assert_eq!(minutes.parse("23:59 31.12.9999 Z").unwrap(), minutes.count() - 1);
        assert_eq!(written(&minutes, 1_441), "00:01 02.01.0000 Z");
    }

    #[test]
    fn every_minute_of_a_leap_day_comes_back() {
        let pattern = DateTimePattern::new("YYYYMMDDhhmm").unwrap();
        let start = pattern.parse("202402290000").unwrap();
        for minute in 0..1_440 {
            let value = written(&pattern, start + minute);
            assert_eq!(value, format!("20240229{:02}{:02}", minute / 60, minute % 60));
            assert_eq!(pattern.parse(&value).unwrap(), start + minute);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let iso = DateTimePattern::new(DateTimePattern::ISO).unwrap();
        for bad in [
            "",
            "2023-02-29T00:00:00",
            "2024-02-29T24:00:00",
            "2024-02-29T23:60:00",
            "2016-12-31T23:59:60",
            "2024-02-29 00:00:00",
            " 2024-02-29T00:00:00",
            "2024-02-29T00:00:00 ",
            "2024-02-29T00:00:00Z",
            "2024-02-29T00:00",
            "2024-02-29T00:00:0x",
            "2024-02-29T00:00:é",
        ] {
            assert!(iso.parse(bad).is_err(), "{bad}");
        }
        let mut out = vec![7];
        for count in [iso.count(), u64::MAX] {
            assert!(iso.write(count, &mut out).is_err());
        }
        assert_eq!(out, [7]);
    }

    #[test]
    fn patterns_are_checked() {
        for bad in [
            "",
            "YYYY-MM-DD",
            "YYYY-MM-DDThh",
            "YYYY-MM-DDThh:mm:ss:ss",
            "YYYY-MM-DDThh:mm:mm",
            "YYYY-MM-DDThh:mm:ssX",
            "YYYY-MM-DDThh:mm:s",
            "YYYY-MM-DDThh:mm:00",
            "MYYYYM-DDThh:mm",
            "YYYY-MM-DDThh:msssm",
        ] {
            assert!(DateTimePattern::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn counts_and_spellings_are_inverse_and_in_order(a in 0..3_652_425u64 * 86_400, b in 0..3_652_425u64 * 86_400) {
            let pattern = DateTimePattern::new("YYYY-MM-DD hh:mm:ss").unwrap();
            let (x, y) = (written(&pattern, a), written(&pattern, b));
            prop_assert_eq!(pattern.parse(&x).unwrap(), a);
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        }
    }
}
