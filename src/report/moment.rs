//! Instants and days as text, in JSON and on paper.
//!
//! ```text
//! Moment = YYYY-MM-DDThh:mm:ssZ     RFC 3339, in UTC
//! Day    = YYYY-MM-DD
//! ```

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

const SECONDS_PER_DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z: four digits for the year are all that RFC 3339 has.
const LAST: u64 = 253_402_300_799;

/// An instant, to the second. After the year 9999 it is the last second of that year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Moment(u64);

impl Moment {
    /// So many hours later.
    pub fn plus_hours(self, hours: u64) -> Self {
        Timestamp(self.0.saturating_add(hours.saturating_mul(3600))).into()
    }

    /// For people: `2026-11-22 08:00 UTC`.
    pub(super) fn for_people(self) -> String {
        let text = self.to_string();
        format!("{} {} UTC", &text[..10], &text[11..16])
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at.0.min(LAST))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp(self.0).fmt(f)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse(&text).ok_or("an instant is written YYYY-MM-DDThh:mm:ssZ")
    }
}

fn parse(text: &str) -> Option<Moment> {
    let (date, time) = text.split_once('T')?;
    let mut seconds = u64::from(Day::parse(date)?.0) * SECONDS_PER_DAY;
    let parts: Vec<&str> = time.strip_suffix('Z')?.split(':').collect();
    let [hour, minute, second] = parts[..] else { return None };
    for (part, unit) in [(hour, 3600), (minute, 60), (second, 1)] {
        seconds += part.parse::<u64>().ok()?.checked_mul(unit).filter(|s| *s < SECONDS_PER_DAY)?;
    }
    // Whatever is not written as it would be printed is refused: `+8`, minute 60, one digit.
    Some(Timestamp(seconds).into()).filter(|moment: &Moment| moment.to_string() == text)
}

/// A day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(u32);

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return None };
        let number = |part: &str| part.parse::<u32>().ok().filter(|n| *n <= 9999);
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        // A day has one number only, and days grow with it: the number is searched for.
        let (mut low, mut high) = (0, (LAST / SECONDS_PER_DAY) as u32);
        let wanted = format!("{year:04}-{month:02}-{day:02}");
        while low < high {
            let middle = low.midpoint(high);
            match Day(middle).to_string() < wanted {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Some(Day(low)).filter(|day| day.to_string() == text)
    }

    /// So many days later.
    pub(super) fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days).min((LAST / SECONDS_PER_DAY) as u32))
    }

    /// So many days earlier; 1970-01-01 is the first that there is.
    pub(super) fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// How many days after `other` it is, or 0.
    pub(super) fn since(self, other: Day) -> u32 {
        self.0.saturating_sub(other.0)
    }

    /// 0 for Monday. 1970-01-01 was a Thursday.
    pub(super) fn weekday(self) -> u32 {
        (self.0 % 7 + 3) % 7
    }
}

impl From<Timestamp> for Day {
    fn from(at: Timestamp) -> Self {
        Self((at.0.min(LAST) / SECONDS_PER_DAY) as u32)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Timestamp(u64::from(self.0) * SECONDS_PER_DAY).to_string()[..10])
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Day::parse(&text).ok_or("a day is written YYYY-MM-DD")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST) {
            let (moment, day) = (Moment::from(Timestamp(seconds)), Day::from(Timestamp(seconds)));
            prop_assert_eq!(Moment::try_from(moment.to_string()), Ok(moment));
            prop_assert_eq!(Day::try_from(day.to_string()), Ok(day));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:+-]{0,24}|.{0,12}") {
            let _ = (Moment::try_from(text.clone()), Day::try_from(text));
        }
    }

    #[test]
    fn only_the_one_spelling_is_read() {
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T08:00:00",
            "2026-02-29T08:00:00Z",
            "2026-11-22T08:60:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T+8:00:00Z",
            "1969-12-31T00:00:00Z",
            "2026-11-22t08:00:00Z",
        ] {
            assert!(Moment::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for bad in ["", "2026-13-01", "2026-2-1", "26-02-01", "10000-01-01", "2026-02-29"] {
            assert!(Day::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_far_future_is_the_last_second_that_can_be_written() {
        assert_eq!(Moment::from(Timestamp(u64::MAX)).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Moment::from(Timestamp(LAST)).plus_hours(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn known_weekdays() {
        let weekday = |day: &str| Day::parse(day).unwrap().weekday();
        assert_eq!([weekday("1970-01-01"), weekday("2026-11-22"), weekday("2026-11-23")], [3, 6, 0]);
    }
}
