//! `rank = number − least`: values that are one number, each spelled in one way.
//!
//! | kind | number | values |
//! |---|---|---|
//! | integer | itself | least..=most |
//! | decimal with s places | value · 10^s | least..=most |
//! | date | days since 0000-01-01 | first..=last |
//! | date and time | seconds (or minutes) since 0000-01-01T00:00 | first..=last |
//! | social security number | (area · 99 + group − 1) · 9999 + serial − 1, areas 666 and 900 to 999 left out | 898 · 99 · 9999 |
//! | IPv4, IPv6 | the address, big-endian | 2^32, 2^128 |
//!
//! A value in another spelling than the one that is written is refused, since it would not come back as it was.

use super::date::{Date, DatePattern};
use super::date_time::DateTimePattern;
use super::rank::Rank;
use super::space::{Limit, Reading, Space};
use crate::error::{Error, Result};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// One number in a range, and how it is spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    kind: Kind,
    /// The least number.
    least: i128,
    /// How many there are; 0 for 2^128.
    size: u128,
    space: Space,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With so many decimal places.
    Decimal(u32),
    Date(DatePattern),
    DateTime(DateTimePattern),
    Ssn,
    Ipv4,
    Ipv6,
}

/// Area numbers: 001 to 899 without 666.
const AREAS: u32 = 898;
const GROUPS: u32 = 99;
const SERIALS: u32 = 9999;

impl Number {
    /// The most decimal places.
    pub(super) const MOST_PLACES: u32 = 30;

    /// Numbers from the least to the most.
    ///
    /// # Errors
    /// [`Error::Setting`] when there is none.
    pub(super) fn range(kind: Kind, least: i128, most: i128) -> Result<Self> {
        let bad = |problem: &str| Err(Error::Setting { what: "range", problem: problem.into() });
        if least > most {
            return bad("is empty: the least value comes first");
        }
        let (Some(size), Some(_)) = (most.checked_sub(least), least.checked_neg()) else {
            return bad("has 2^127 values or more: leave some out");
        };
        Ok(Self::of(kind, least, size as u128 + 1))
    }

    pub(super) fn ssn() -> Self {
        Self::of(Kind::Ssn, 0, u128::from(AREAS * GROUPS) * u128::from(SERIALS))
    }

    pub(super) fn ipv4() -> Self {
        Self::of(Kind::Ipv4, 0, 1 << 32)
    }

    pub(super) fn ipv6() -> Self {
        let space = Space { radix: 1 << 16, length: 8, limit: Limit::All };
        Self { kind: Kind::Ipv6, least: 0, size: 0, space }
    }

    fn of(kind: Kind, least: i128, size: u128) -> Self {
        let space = Space::of_small(size);
        Self { kind, least, size, space }
    }

    /// The space of all values.
    pub(super) fn space(&self) -> Space {
        self.space
    }

    /// A value; of a range, the one at its golden section.
    pub(super) fn example(&self) -> String {
        match self.kind {
            Kind::Ssn => "123-45-6789".into(),
            Kind::Ipv4 => "192.0.2.17".into(),
            Kind::Ipv6 => "2001:db8::17".into(),
            Kind::Decimal(_) | Kind::Date(_) | Kind::DateTime(_) => {
                let rank = self.size / 1000 * 618 + self.size % 1000 * 618 / 1000;
                let mut out = vec![];
                self.unrank("", rank, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }

    /// Reads a text, and appends the numerals of its rank.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`].
    #[inline]
    pub(super) fn read(&self, text: &str, numerals: &mut Vec<u16>) -> Result<Reading> {
        self.space.spell(&Rank::Small(self.rank(text)?), numerals);
        Ok(self.space.into())
    }

    /// The rank of a value.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`].
    pub(super) fn rank(&self, text: &str) -> Result<u128> {
        let number = match &self.kind {
            Kind::Decimal(places) => decimal(text, *places)?,
            Kind::Date(pattern) => pattern.parse_exact(text)?.to_days().into(),
            Kind::DateTime(pattern) => pattern.parse(text)?.into(),
            Kind::Ssn => return ssn(text),
            Kind::Ipv4 => {
                let address: Ipv4Addr = text.parse().map_err(|_| NO_IPV4)?;
                return Ok(u32::from(address).into());
            }
            Kind::Ipv6 => {
                let address: Ipv6Addr = text.parse().map_err(|_| NO_IPV6)?;
                return match address.to_string() == text {
                    true => Ok(u128::from(address)),
                    false => Err(NOT_SHORTEST),
                };
            }
        };
        match number.checked_sub(self.least).map(u128::try_from) {
            Some(Ok(rank)) if rank < self.size => Ok(rank),
            _ => Err(Error::Value { problem: "is outside the range of its format" }),
        }
    }

    /// Appends the text of the rank that the numerals spell.
    pub(super) fn write(&self, shape: &str, reading: &Reading, numerals: &[u16], out: &mut Vec<u8>) {
        self.unrank(shape, reading.space.small_rank(numerals), out);
    }

    /// Appends the text of a rank; where there are separators, with those of the shape.
    pub(super) fn unrank(&self, shape: &str, rank: u128, out: &mut Vec<u8>) {
        let number = self.least.wrapping_add(rank as i128);
        let memory = "writing to memory does not fail";
        match &self.kind {
            Kind::Decimal(0) => write!(out, "{number}").expect(memory),
            Kind::Decimal(places) => {
                let one = 10u128.pow(*places);
                let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
                let width = *places as usize;
                write!(out, "{sign}{}.{:0width$}", size / one, size % one).expect(memory);
            }
            Kind::Date(pattern) => {
                let date = Date::from_days(number as u32).expect("a day of the range is one of the calendar");
                pattern.write(date, out);
            }
            Kind::DateTime(pattern) => {
                pattern.write(number as u64, out).expect("a time of the range is one of the calendar");
            }
            Kind::Ssn => write_ssn(shape, rank as u32, out),
            Kind::Ipv4 => write!(out, "{}", Ipv4Addr::from(rank as u32)).expect(memory),
            Kind::Ipv6 => write!(out, "{}", Ipv6Addr::from(rank)).expect(memory),
        }
    }
}

const NO_IPV4: Error = Error::Value { problem: "is no IPv4 address in four decimal numbers" };
const NO_IPV6: Error = Error::Value { problem: "is no IPv6 address" };
const NOT_SHORTEST: Error = Error::Value {
    problem: "is an IPv6 address in another spelling than the shortest, in lower case (RFC 5952)",
};

/// A decimal number as it is written here: a minus sign where it is negative, no zero in front that is not needed, and
/// exactly so many places.
pub(super) fn decimal(text: &str, places: u32) -> Result<i128> {
    let bad =
        |at: usize| Error::Character { at: at + 1, expected: "a digit, or the sign or point of a number" };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let sign = usize::from(negative);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if let Some(at) = whole.bytes().position(|b| !b.is_ascii_digit()) {
        return Err(bad(sign + at));
    }
    if places == 0 && whole.len() < digits.len() {
        return Err(bad(sign + whole.len()));
    }
    if let Some(at) = fraction.bytes().position(|b| !b.is_ascii_digit()) {
        return Err(bad(sign + whole.len() + 1 + at));
    }
    if whole.is_empty() {
        return Err(Error::Value { problem: "is no number" });
    }
    if fraction.len() != places as usize {
        return Err(Error::Value { problem: "has more or fewer decimal places than its format" });
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Error::Value {
            problem: "has a zero in front: take format digits for numbers of a fixed width",
        });
    }
    let mut number = 0i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(i128::from(digit - b'0')));
        number = next.ok_or(Error::Value { problem: "is outside the range of its format" })?;
    }
    match (negative, number) {
        (true, 0) => Err(Error::Value { problem: "is a zero with a minus sign" }),
        (true, _) => Ok(-number),
        (false, _) => Ok(number),
    }
}

/// Nine digits, spaces and hyphens between them; areas 000, 666 and 900 to 999, group 00 and serial 0000 were never
/// issued.
///
/// Source: Social Security Administration, POMS RM 10201.035.
fn ssn(text: &str) -> Result<u128> {
    // Where the digits usually are, they are read side by side.
    let digits = match *text.as_bytes() {
        [a, b, c, d, e, f, g, h, i] | [a, b, c, b'-' | b' ', d, e, b'-' | b' ', f, g, h, i] => {
            [a, b, c, d, e, f, g, h, i]
        }
        _ => return ssn_of(nine_digits(text)?),
    };
    match digits.iter().all(u8::is_ascii_digit) {
        true => ssn_of(digits),
        false => ssn_of(nine_digits(text)?),
    }
}

fn nine_digits(text: &str) -> Result<[u8; 9]> {
    let (mut digits, mut count) = ([0; 9], 0);
    for (at, c) in text.bytes().enumerate() {
        match c {
            b'0'..=b'9' if count < 9 => {
                digits[count] = c;
                count += 1;
            }
            b'0'..=b'9' => return Err(NO_SSN),
            b' ' | b'-' => {}
            // All before it is ASCII.
            _ => return Err(Error::Character { at: at + 1, expected: "a digit, a space or a hyphen" }),
        }
    }
    if count == 9 { Ok(digits) } else { Err(NO_SSN) }
}

fn ssn_of(digits: [u8; 9]) -> Result<u128> {
    let [a, b, c, d, e, f, g, h, i] = digits.map(|digit| u32::from(digit - b'0'));
    let (area, group, serial) = (100 * a + 10 * b + c, 10 * d + e, 1000 * f + 100 * g + 10 * h + i);
    if area == 0 || area == 666 || area > 899 || group == 0 || serial == 0 {
        return Err(Error::Value { problem: "is a social security number that was never issued" });
    }
    let area = area - 1 - u32::from(area > 666);
    Ok(u128::from((area * GROUPS + group - 1) * SERIALS + serial - 1))
}

const NO_SSN: Error = Error::Value { problem: "is no social security number: it needs nine digits" };

fn write_ssn(shape: &str, rank: u32, out: &mut Vec<u8>) {
    let (rest, serial) = (rank / SERIALS, rank % SERIALS + 1);
    let (area, group) = (rest / GROUPS + 1, rest % GROUPS + 1);
    let area = area + u32::from(area >= 666);
    let digit = |number: u32, power: u32| b'0' + (number / power % 10) as u8;
    let [a, b, c] = [100, 10, 1].map(|power| digit(area, power));
    let [d, e] = [10, 1].map(|power| digit(group, power));
    let [f, g, h, i] = [1000, 100, 10, 1].map(|power| digit(serial, power));
    match *shape.as_bytes() {
        [_, _, _, x @ (b'-' | b' '), _, _, y @ (b'-' | b' '), _, _, _, _] => {
            out.extend_from_slice(&[a, b, c, x, d, e, y, f, g, h, i]);
        }
        [_, _, _, _, _, _, _, _, _] => out.extend_from_slice(&[a, b, c, d, e, f, g, h, i]),
        _ => {
            let mut next = [a, b, c, d, e, f, g, h, i].into_iter();
            let digit = |c: u8| if c.is_ascii_digit() { next.next().unwrap_or(c) } else { c };
            out.extend(shape.bytes().map(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Format, Natural};

    fn rank(format: &Format, value: &str) -> u128 {
        format.members(value).unwrap().rank(value).unwrap().to_u128().unwrap()
    }

    /// Every rank of a small space, and some of a large one, comes back.
    fn assert_bijection(format: &Format, shape: &str) {
        let members = format.members(shape).unwrap();
        let size = members.size().to_u128().unwrap_or(u128::MAX);
        let step = (size / 50_000).max(1);
        let mut i = 0;
        while i < size {
            let value = members.unrank(&Natural::from(i)).unwrap();
            assert_eq!(members.rank(&value).unwrap(), Natural::from(i), "{i}");
            i = i.saturating_add(step);
        }
        assert_eq!(members.unrank(&members.size()), None);
    }

    // SPEC: NUM-1
    #[test]
    fn ranks_count_from_the_least() {
        let integer = Format::integer(-50, 949).unwrap();
        assert_eq!((rank(&integer, "-50"), rank(&integer, "0"), rank(&integer, "949")), (0, 50, 999));
        let decimal = Format::decimal(2, "-1.50", "10.00").unwrap();
        assert_eq!((rank(&decimal, "-1.50"), rank(&decimal, "-0.01"), rank(&decimal, "0.00")), (0, 149, 150));
        let date = Format::date_range("2024-02-28", "2024-03-01").unwrap();
        assert_eq!((rank(&date, "2024-02-29"), rank(&date, "2024-03-01")), (1, 2));
        assert_eq!(rank(&Format::ssn(), "001-01-0001"), 0);
        assert_eq!(rank(&Format::ssn(), "667 01 0001") - rank(&Format::ssn(), "665999999"), 1);
        assert_eq!(rank(&Format::ssn(), "899999999"), 898 * 99 * 9999 - 1);
        assert_eq!(rank(&Format::ipv4(), "1.0.0.2"), 16_777_218);
        assert_eq!(rank(&Format::ipv6(), "::1:2"), 65_538);
        for (format, shape) in [
            (integer, "0"),
            (decimal, "0.00"),
            (date, "2024-02-29"),
            (Format::ssn(), "123-45-6789"),
            (Format::ipv4(), "0.0.0.0"),
            (Format::ipv6(), "::"),
            (Format::integer(i64::MIN.into(), i64::MAX.into()).unwrap(), "0"),
        ] {
            assert_bijection(&format, shape);
        }
    }

    // SPEC: NUM-1
    #[test]
    fn dates_in_any_pattern_cross_leap_days() {
        let pattern = DatePattern::new("DD.MM.YYYY").unwrap();
        let day = |y, m, d| Date { year: y, month: m, day: d };
        let dates = Format::date(pattern, day(1896, 2, 28), day(2004, 3, 1)).unwrap();
        assert_eq!(rank(&dates, "29.02.1896"), 1);
        assert_bijection(&dates, "01.01.1900");
        let pattern = DateTimePattern::new("YYYY-MM-DD hh:mm").unwrap();
        let times = Format::date_time(pattern, "2023-12-31 23:00", "2024-01-01 01:00").unwrap();
        assert_eq!(rank(&times, "2024-01-01 00:00"), 60);
        assert_bijection(&times, "2024-01-01 00:00");
    }

    // SPEC: NUM-1, NUM-2
    #[test]
    fn other_numbers_and_other_spellings_are_refused() {
        let integer = Format::integer(-1000, 1_000_000).unwrap();
        for bad in
            ["", "-", "+1", "01", "-0", "1.0", "1e3", " 1", "1 ", "1000001", "-1001", "١", &"9".repeat(60)]
        {
            assert!(integer.members(bad).is_err(), "{bad:?}");
        }
        let decimal = Format::decimal(2, "0.00", "99999.99").unwrap();
        for bad in ["1", "1.0", "1.000", ".50", "1,00", "-0.00", "1.0x", "1.0.0", "-1.00"] {
            assert!(decimal.members(bad).is_err(), "{bad:?}");
        }
        for bad in ["2023-02-29", "2023-2-28", "1899-12-31", "2100-01-01", " 2000-01-01", "2000-01-01\0"] {
            assert!(Format::date_range("1900-01-01", "2099-12-31").unwrap().members(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "12345678",
            "1234567890",
        ] {
            assert!(Format::ssn().members(bad).is_err(), "{bad:?}");
        }
        for bad in ["1.2.3", "01.2.3.4", "1.2.3.256", "1.2.3.4 "] {
            assert!(Format::ipv4().members(bad).is_err(), "{bad:?}");
        }
        for bad in ["2001:DB8::1", "0:0:0:0:0:0:0:1", "::g", "fe80::1%eth0"] {
            assert!(Format::ipv6().members(bad).is_err(), "{bad:?}");
        }
        let no_day = Date { year: 60_000, month: 1, day: 1 };
        let iso = DatePattern::new(DatePattern::ISO).unwrap();
        assert!(Format::date(iso, Date { year: 1, month: 1, day: 1 }, no_day).is_err());
        for range in [
            Format::integer(1, 0),
            Format::integer(i128::MIN, 0),
            Format::decimal(31, "0", "1"),
            Format::date_range("2000-01-02", "2000-01-01"),
        ] {
            assert!(range.is_err());
        }
        assert!(
            Format::date_range("1900-01-01", "2099-12-31")
                .unwrap()
                .check()
                .unwrap_err()
                .to_string()
                .contains("73049")
        );
    }

    #[test]
    fn the_first_character_that_is_none_of_a_number_is_named() {
        for (text, places, place) in
            [("é1.5", 0, 1), ("-12.5", 0, 4), ("-1x.5", 1, 3), ("1.é", 1, 3), ("1.2.3", 1, 4)]
        {
            let at = |error| if let Error::Character { at, .. } = error { at } else { 0 };
            assert_eq!(decimal(text, places).map_err(at), Err(place), "{text}");
        }
    }
}
