//! An IBAN's country stays, its check digits are computed, and its BBAN takes part: a digit for a digit, and letters and
//! digits as the country's structure has them. Spaces stay where they stand.
//!
//! Where letters and digits can take each other's places, the case of the country code is that of the whole. National
//! check digits inside a BBAN are not recomputed.

use super::classes::Class;
use super::iban::{self, check_digits, country};
use super::look::Case;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};

/// What of an IBAN stays in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IbanKeep {
    /// The country, which the length and the kinds of characters follow from.
    Country,
    /// The country, and the bank's identifier.
    Bank,
}

/// The longest IBAN allowed.
const LONGEST: usize = 34;

pub(super) fn scan(keep: IbanKeep, text: &str, scan: &mut Scan) -> Result<()> {
    let (compact, length) = compact(text)?;
    let case = match Case::of(text) {
        Case::Mixed => {
            return Err(Error::Value { problem: "mixes upper and lower case: an IBAN has one of them" });
        }
        case => case,
    };
    let known =
        country(&compact[..2]).ok_or(Error::Value { problem: "begins with no country that has IBANs" })?;
    if length != known.length {
        return Err(Error::Value { problem: "has more or fewer characters than an IBAN of its country" });
    }
    let mut classes = known.classes();
    let mut place = 0;
    for (at, c) in text.chars().enumerate() {
        if c == ' ' {
            scan.items.push(Item::Keep);
            continue;
        }
        match place {
            0 | 1 => scan.items.push(Item::Keep),
            2 | 3 => scan.items.push(Item::Check),
            _ => {
                let class = classes.next().unwrap_or(iban::Class::Digit);
                let (class, expected) = match (class, case) {
                    (iban::Class::Digit, _) => (Class::DIGITS, "a digit"),
                    (iban::Class::Upper, Case::Upper) => (Class::UPPER, "a letter"),
                    (iban::Class::Upper, _) => (Class::LOWER, "a letter"),
                    (iban::Class::Either, Case::Upper) => (Class::UPPER_36, "a letter or digit"),
                    (iban::Class::Either, _) => (Class::LOWER_36, "a letter or digit"),
                };
                scan.token(class, c, at, expected)?;
                if keep == IbanKeep::Bank && known.bank.contains(&(place - 4)) {
                    scan.items.pop();
                    scan.items.push(Item::Keep);
                }
            }
        }
        place += 1;
    }
    match iban::verify(&compact[..length]) {
        true => Ok(()),
        false => Err(Error::Value { problem: "fails the check of an IBAN" }),
    }
}

/// Computes the check digits of a text that is an IBAN but for them.
pub(super) fn finish(text: &mut [u8]) {
    let Ok((compact, length)) =
        std::str::from_utf8(text).map_err(|_| ()).and_then(|t| compact(t).map_err(|_| ()))
    else {
        return;
    };
    if let Some(check) = check_digits([compact[0], compact[1]], &compact[4..length]) {
        let mut check = check.iter();
        for (_, c) in
            text.iter_mut().filter(|c| **c != b' ').enumerate().filter(|(place, _)| matches!(place, 2 | 3))
        {
            *c = *check.next().unwrap_or(c);
        }
    }
}

/// The characters but for spaces, in upper case, and how many they are: 5 at least.
fn compact(text: &str) -> Result<([u8; LONGEST], usize)> {
    let (mut compact, mut length) = ([0; LONGEST], 0);
    for (at, c) in text.chars().enumerate().filter(|(_, c)| *c != ' ') {
        if !c.is_ascii_alphanumeric() {
            return Err(Error::Character { at: at + 1, expected: "a letter, a digit or a space" });
        }
        let problem = "has more or fewer characters than an IBAN of its country";
        *compact.get_mut(length).ok_or(Error::Value { problem })? = c.to_ascii_uppercase() as u8;
        length += 1;
    }
    match length > 4 {
        true => Ok((compact, length)),
        false => Err(Error::Value { problem: "has too few characters for an IBAN" }),
    }
}
