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

use super::calendar::DateTimePattern;
use super::date::{Date, DatePattern};
use super::space::{Limit, Rank, Reading, Space};
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
        let empty = || Error::Setting { what: "range", problem: "is empty: the least value comes first".into() };
        let size = most.checked_sub(least).filter(|difference| *difference >= 0).ok_or_else(empty)?;
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
            Kind::DateTime(pattern) => pattern.write(number as u64, out),
            Kind::Ssn => write_ssn(shape, rank as u32, out),
            Kind::Ipv4 => write!(out, "{}", Ipv4Addr::from(rank as u32)).expect(memory),
            Kind::Ipv6 => write!(out, "{}", Ipv6Addr::from(rank)).expect(memory),
        }
    }
}

const NO_IPV4: Error = Error::Value { problem: "is no IPv4 address in four decimal numbers" };
const NO_IPV6: Error = Error::Value { problem: "is no IPv6 address" };
const NOT_SHORTEST: Error =
    Error::Value { problem: "is an IPv6 address in another spelling than the shortest, in lower case (RFC 5952)" };

/// A decimal number as it is written here: a minus sign where it is negative, no zero in front that is not needed, and
/// exactly so many places.
pub(super) fn decimal(text: &str, places: u32) -> Result<i128> {
    let bad = |at: usize| Error::Character { at: at + 1, expected: "a digit, or the sign or point of a number" };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let sign = usize::from(negative);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) if places > 0 => (whole, fraction),
        Some((whole, _)) => return Err(bad(sign + whole.len())),
        None => (digits, ""),
    };
    if let Some(at) = whole.bytes().position(|b| !b.is_ascii_digit()) {
        return Err(bad(sign + at));
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
        return Err(Error::Value { problem: "has a zero in front: take format digits for numbers of a fixed width" });
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
    let (mut number, mut count) = (0u32, 0);
    for (at, c) in text.bytes().enumerate() {
        match c {
            b'0'..=b'9' if count < 9 => {
                number = number * 10 + u32::from(c - b'0');
                count += 1;
            }
            b'0'..=b'9' => return Err(NO_SSN),
            b' ' | b'-' => {}
            // All before it is ASCII.
            _ => return Err(Error::Character { at: at + 1, expected: "a digit, a space or a hyphen" }),
        }
    }
    if count != 9 {
        return Err(NO_SSN);
    }
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
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
    let number = (area + u32::from(area >= 666)) * 1_000_000 + group * 10_000 + serial;
    let mut digits = [0; 9];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut next = digits.iter();
    for c in shape.bytes() {
        let digit = if c.is_ascii_digit() { next.next() } else { None };
        out.push(*digit.unwrap_or(&c));
    }
}
