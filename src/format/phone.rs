//! `+CC AREA NUMBER`: the digits take part; the country code, and so many digits after it, can stay.
//!
//! With the country code kept, the digits of a North American number stay what its numbering plan has in their place: the
//! area code and the exchange begin with 2 to 9. With nothing kept, a number with a `+` still begins with 1 to 9.
//!
//! Source: ITU-T E.164 (15 digits at most), and its list of assigned country codes.

use super::calling_codes::country_code_length;
use super::classes::Class;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};

/// What of a telephone number stays in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneKeep {
    /// No digit.
    Nothing,
    /// The country code; numbers must begin with `+`.
    Country,
    /// The country code and so many digits after it: an area code.
    Area(u8),
}

/// ITU-T E.164, section 6.1.
const MOST_DIGITS: usize = 15;
/// The shortest subscriber numbers with their country code.
const LEAST_DIGITS: usize = 7;

pub(super) fn scan(keep: PhoneKeep, text: &str, scan: &mut Scan) -> Result<()> {
    let international = text.starts_with('+');
    let mut digits = [0u8; MOST_DIGITS];
    let mut count = 0;
    for (at, c) in text.chars().enumerate() {
        match c {
            '0'..='9' => {
                *digits.get_mut(count).ok_or(WRONG_LENGTH)? = c as u8;
                count += 1;
            }
            '+' if at == 0 => {}
            ' ' | '\u{A0}' | '(' | ')' | '-' | '.' | '/' => {}
            _ => {
                return Err(Error::Character {
                    at: at + 1,
                    expected: "a digit, a space or one of ( ) - . /",
                });
            }
        }
    }
    if count < LEAST_DIGITS {
        return Err(WRONG_LENGTH);
    }
    let kept = match keep {
        PhoneKeep::Nothing => 0,
        _ if !international => {
            let problem = "does not begin with + and a country code, which its format keeps";
            return Err(Error::Value { problem });
        }
        _ => {
            let unassigned = Error::Value { problem: "has a country code that is not assigned" };
            let country = country_code_length(&digits[..count]).ok_or(unassigned)?;
            country + if let PhoneKeep::Area(area) = keep { usize::from(area) } else { 0 }
        }
    };
    let north_american = kept > 0 && digits[0] == b'1';
    let mut place = 0;
    for (at, c) in text.chars().enumerate() {
        if !c.is_ascii_digit() {
            scan.items.push(Item::Keep);
            continue;
        }
        let class = match place {
            0 if international => Class::ONE_TO_NINE,
            1 | 4 if north_american && c >= '2' => Class::TWO_TO_NINE,
            1 | 4 if north_american => Class::ZERO_OR_ONE,
            _ => Class::DIGITS,
        };
        match place < kept {
            true => scan.items.push(Item::Keep),
            false => scan.token(class, c, at, "a digit that a telephone number has there")?,
        }
        place += 1;
    }
    Ok(())
}

const WRONG_LENGTH: Error = Error::Value { problem: "has fewer than 7 or more than 15 digits" };
