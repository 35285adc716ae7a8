//! Coarser values: a date's year or month, a number's bucket, a text's first characters.

use super::{Cells, Column, Erasability, Failures};
use crate::error::{Error, Result};
use crate::format::DatePattern;
use std::io::Write;

/// Makes values coarser, so that many share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generalize {
    /// `1985-03-12` → `1985`.
    Year(DatePattern),
    /// `1985-03-12` → `1985-03`.
    Month(DatePattern),
    /// `37` → `30-39` for a width of 10; `low = floor(value / width) · width`. See [`Generalize::bucket`].
    Bucket(u32),
    /// `SW1A 2AA` → `SW1` for 3 characters.
    Prefix(usize),
}

impl Generalize {
    /// What is left is in the clear.
    pub const ERASABILITY: Erasability = Erasability::Clear;

    /// Buckets of whole numbers. A fraction is in the bucket of its floor: `39.7` is in `30-39`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a width of 0 or 1, which would leave whole numbers as they are.
    pub fn bucket(width: u32) -> Result<Self> {
        match width {
            0 | 1 => Err(Error::Setting { what: "bucket", problem: "must be at least 2 wide".into() }),
            _ => Ok(Generalize::Bucket(width)),
        }
    }

    /// The coarser value.
    ///
    /// # Errors
    /// [`Error::Value`] when it is no date in the pattern, or no number.
    pub fn generalize(&self, value: &str) -> Result<String> {
        let mut out = vec![];
        self.write(value, &mut out)?;
        Ok(String::from_utf8(out).expect("characters"))
    }

    /// Generalizes a column; see [`protect`](super) for blank and failed cells.
    pub fn generalize_column(&self, values: &Column, coarser: &mut Column, failures: &mut Failures) {
        values.map_into(coarser, failures, |value, out| self.write(value, out));
    }

    fn write(&self, value: &str, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Generalize::Year(pattern) => {
                let year = pattern.parse(value)?.year;
                // Several times as fast as formatting; a pattern has four digits of the year.
                out.extend([1000, 100, 10, 1].map(|power| b'0' + (year / power % 10) as u8));
                Ok(())
            }
            Generalize::Month(pattern) => {
                let date = pattern.parse(value)?;
                write!(out, "{:04}-{:02}", date.year, date.month)
            }
            Generalize::Bucket(width) => {
                let (width, floor) = (i64::from(*width), floor(value.trim())?);
                let low = floor.div_euclid(width) * width;
                write!(out, "{low}-{}", low + width - 1)
            }
            Generalize::Prefix(length) => {
                value.trim_start().chars().take(*length).try_for_each(|c| write!(out, "{c}"))
            }
        }
        .expect("writing to memory does not fail");
        Ok(())
    }
}

/// The greatest whole number not above a decimal number of up to 15 digits before the point.
fn floor(number: &str) -> Result<i64> {
    let bad = Error::Value { problem: "is no number of up to 15 digits" };
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.len() > 15 {
        return Err(bad);
    }
    let magnitude: i64 = whole.parse().map_err(|_| bad)?;
    let below = i64::from(fraction.bytes().any(|b| b != b'0'));
    Ok(if negative { -magnitude - below } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarser() {
        let iso = || DatePattern::new("YYYY-MM-DD").unwrap();
        let of = |g: Generalize, value| g.generalize(value).unwrap();
        assert_eq!(of(Generalize::Year(iso()), "1985-03-12"), "1985");
        assert_eq!(of(Generalize::Month(iso()), " 1985-03-12"), "1985-03");
        assert_eq!(of(Generalize::Prefix(3), " SW1A 2AA"), "SW1");
        assert_eq!(of(Generalize::Prefix(2), "Ødegård"), "Ød");
        for (value, bucket) in [
            ("37", "30-39"),
            ("30", "30-39"),
            ("39.7", "30-39"),
            ("0", "0-9"),
            ("-1", "-10--1"),
            ("-0.5", "-10--1"),
            ("-10.0", "-10--1"),
            ("+12", "10-19"),
            ("999999999999999", "999999999999990-999999999999999"),
        ] {
            assert_eq!(of(Generalize::bucket(10).unwrap(), value), bucket, "{value}");
        }
    }

    #[test]
    fn what_is_none_is_refused_without_showing_it() {
        let bucket = Generalize::bucket(5).unwrap();
        for bad in ["x", "1e3", "1.", ".5", "--1", "", "1,5", "1000000000000000", "NaN"] {
            assert!(matches!(bucket.generalize(bad), Err(Error::Value { .. })), "{bad}");
        }
        assert!(Generalize::bucket(1).is_err());
        let year = Generalize::Year(DatePattern::new("YYYYMMDD").unwrap());
        assert!(!year.generalize("19851399").unwrap_err().to_string().contains("1985"));
    }
}
