//! `local@domain`: letters and digits of the local part take part, and on request those of the domain but for its last
//! label. Every other character stays.
//!
//! Letters and digits take each other's places. The letters of a token are in lower case where the value's are; a value
//! with upper case has a token with some, so that case comes back. A short local part may become longer or shorter.
//!
//! Source: RFC 5321, section 4.1.2 (`Dot-string`); ASCII only, no quoted strings, no address literals.

use super::classes::Class;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};

/// With more characters that stay, an address of four that take part could have a label of more than 63 characters.
const MOST_KEPT: usize = 59;

pub(super) fn scan(domain_takes_part: bool, text: &str, scan: &mut Scan) -> Result<()> {
    let takes_part = taking_part(domain_takes_part, text)?;
    let upper = has_upper(takes_part);
    let class = if upper { Class::MIXED_62 } else { Class::LOWER_36 };
    scan.marked = upper;
    let mut kept = 0;
    for &b in takes_part {
        let digit = class.digit(char::from(b));
        kept += usize::from(digit.is_none());
        scan.items.push(digit.map_or(Item::Keep, |digit| Item::Token(class, digit)));
    }
    scan.grows = kept <= MOST_KEPT;
    match kept < takes_part.len() {
        true => Ok(()),
        false => Err(Error::Value { problem: "has no letter or digit that could be tokenized" }),
    }
}

/// Appends the digits of an address in lower case of which five characters or more take part: it does not grow, so
/// these are its numerals. Otherwise nothing is appended, and the answer is no.
///
/// # Errors
/// As [`scan`].
pub(super) fn read_plain(domain_takes_part: bool, text: &str, numerals: &mut Vec<u16>) -> Result<bool> {
    let takes_part = taking_part(domain_takes_part, text)?;
    let start = numerals.len();
    if !has_upper(takes_part) {
        numerals.extend(takes_part.iter().filter_map(|b| Class::LOWER_36.digit(char::from(*b))));
        if numerals.len() - start >= 5 {
            return Ok(true);
        }
        numerals.truncate(start);
    }
    Ok(false)
}

/// Appends an address that [`read_plain`] read, with other digits.
pub(super) fn write_plain(domain_takes_part: bool, shape: &str, numerals: &[u16], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(shape.as_bytes());
    let end = if domain_takes_part { shape.rfind('.') } else { shape.find('@') };
    let mut next = numerals.iter();
    for b in &mut out[start..start + end.unwrap_or(0)] {
        if Class::LOWER_36.digit(char::from(*b)).is_some()
            && let Some(digit) = next.next()
        {
            *b = Class::LOWER_36.character(*digit) as u8;
        }
    }
}

/// The characters up to the last that can take part.
fn taking_part(domain_takes_part: bool, text: &str) -> Result<&[u8]> {
    let bytes = text.as_bytes();
    let at = local_part(bytes)?;
    let last_dot = domain(bytes, at + 1)?;
    Ok(&bytes[..if domain_takes_part { last_dot } else { at }])
}

fn has_upper(text: &[u8]) -> bool {
    // No early exit: eight bytes at a time are looked at.
    text.iter().fold(false, |any, b| any | b.is_ascii_uppercase())
}

const ATOM: u8 = 1;
const DOMAIN: u8 = 2;

/// Which part of an address each byte can be in, besides full stops.
const PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut b = 0;
    while b < 128u8 {
        parts[b as usize] = match b {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => ATOM | DOMAIN,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~' => ATOM,
            _ => 0,
        };
        b += 1;
    }
    parts
};

/// Where the @ is.
fn local_part(text: &[u8]) -> Result<usize> {
    const LONGEST: usize = 64;
    let mut empty = true;
    for (i, &b) in text.iter().enumerate() {
        let is_atom = PARTS[usize::from(b)] & ATOM != 0;
        match b {
            _ if is_atom => empty = false,
            b'.' | b'@' if empty => {
                return Err(Error::Value {
                    problem: "is no e-mail address: it has an empty part before the @",
                });
            }
            b'.' => empty = true,
            b'@' if i > LONGEST => {
                return Err(Error::Value {
                    problem: "is no e-mail address: it has over 64 characters before the @",
                });
            }
            b'@' => return Ok(i),
            // All before it is ASCII, so bytes are characters.
            _ => {
                return Err(Error::Character {
                    at: i + 1,
                    expected: "one that an e-mail address has before the @",
                });
            }
        }
    }
    Err(Error::Value { problem: "is no e-mail address: it has no @" })
}

/// Where the domain's last full stop is.
fn domain(text: &[u8], start: usize) -> Result<usize> {
    const BAD: Error = Error::Value { problem: "is no e-mail address: its domain is none" };
    let (mut label, mut last_dot, mut before) = (0, None, b'.');
    for (i, &b) in text.iter().enumerate().skip(start) {
        let ends_badly = label == 0 || label > 63 || before == b'-';
        match b {
            b'.' if ends_badly => return Err(BAD),
            b'.' => (label, last_dot) = (0, Some(i)),
            b'-' if label == 0 => return Err(BAD),
            _ if PARTS[usize::from(b)] & DOMAIN != 0 => label += 1,
            _ => return Err(Error::Character { at: i + 1, expected: "one that a domain has" }),
        }
        before = b;
    }
    match last_dot {
        Some(dot) if label > 0 && label <= 63 && before != b'-' && text.len() - start <= 253 => Ok(dot),
        _ => Err(BAD),
    }
}

#[cfg(test)]
mod tests {
    use crate::format::{Format, Natural};

    fn last_member_is_one(format: &Format, address: &str) {
        let like = format.members(address).unwrap();
        let last = like.size().sub(&Natural::from(1)).unwrap();
        let member = like.unrank(&last).unwrap();
        assert_eq!(format.members(&member).unwrap().rank(&member).unwrap(), last, "{address}");
    }

    #[test]
    fn a_short_address_never_becomes_too_long() {
        for kept in 0..=63 {
            let (local, label) = ("_".repeat(kept), "-".repeat(kept.min(61)));
            for letters in ["a", "aB", "abc", "abcd"].into_iter().filter(|letters| letters.len() + kept <= 64)
            {
                last_member_is_one(&Format::email(), &format!("{local}{letters}@b.example"));
            }
            last_member_is_one(&Format::email_with_domain(), &format!("_@a{label}b.example"));
            last_member_is_one(&Format::email_with_domain(), &format!("{local}a@b.example"));
        }
    }

    #[test]
    fn a_long_mixed_address_with_a_late_full_stop_is_counted() {
        for length in 15..=62 {
            last_member_is_one(&Format::email(), &format!("{}.Z@b.example", "A".repeat(length)));
        }
    }
}
