//! `days(date) = the days from 0000-01-01 to it`: the dates of the proleptic Gregorian calendar in order, counted.
//!
//! Source: ISO 8601-1, which has a year 0 and the Gregorian rule for all years.

use super::date::{Date, days_in_month};

impl Date {
    /// How many days the years 0000 to 9999 have.
    pub const DAYS: u32 = before(10_000);

    /// The days from 0000-01-01.
    pub fn to_days(self) -> u32 {
        let months: u32 = (1..self.month).map(|month| u32::from(days_in_month(self.year, month))).sum();
        before(self.year.into()) + months + u32::from(self.day).saturating_sub(1)
    }

    /// The date so many days after 0000-01-01; `None` from [`DAYS`](Date::DAYS) on.
    pub fn from_days(days: u32) -> Option<Date> {
        if days >= Self::DAYS {
            return None;
        }
        // 400 years have 146,097 days. The leap days within them are uneven, so this is a year off at most.
        let near = days * 400 / 146_097;
        let year = (near.saturating_sub(1)..=near + 1).rev().find(|year| before(*year) <= days)?;
        let (year, mut rest) = (year as u16, days - before(year));
        for month in 1..=12 {
            let length = u32::from(days_in_month(year, month));
            if rest < length {
                return Some(Date { year, month, day: rest as u8 + 1 });
            }
            rest -= length;
        }
        None
    }
}

/// The days of the years before this one, year 0 being a leap year.
const fn before(year: u32) -> u32 {
    365 * year + year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse_and_in_order() {
        let mut days = 0;
        for year in 0..10_000 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    let date = Date { year, month, day };
                    assert_eq!(date.to_days(), days, "{date:?}");
                    assert_eq!(Date::from_days(days), Some(date));
                    days += 1;
                }
            }
        }
        assert_eq!(days, 3_652_425);
        assert_eq!(days, Date::DAYS);
        assert_eq!(Date::from_days(days), None);
        assert_eq!(Date::from_days(u32::MAX), None);
    }

    #[test]
    fn known_days() {
        let days = |year, month, day| Date { year, month, day }.to_days();
        assert_eq!(days(0, 1, 1), 0);
        assert_eq!(days(1, 1, 1), 366);
        // The Unix epoch, the first day of the modified Julian date, and the first Gregorian day.
        assert_eq!(days(1970, 1, 1), 719_528);
        assert_eq!(days(1970, 1, 1) - days(1858, 11, 17), 40_587);
        assert_eq!(days(1970, 1, 1) - days(1582, 10, 15), 141_427);
        assert_eq!(days(2000, 3, 1) - days(1970, 1, 1), 11_017);
    }

    #[test]
    fn what_is_no_date_is_counted_without_a_panic() {
        let largest = Date { year: u16::MAX, month: u8::MAX, day: u8::MAX };
        assert!(largest.to_days() > Date::DAYS);
        assert_eq!(Date { year: 0, month: 0, day: 0 }.to_days(), 0);
    }
}
