//! `local@domain`: letters and digits of the local part take part, and on request those of the domain but for its last
//! label. Every other character stays.
//!
//! Letters and digits take each other's places. The letters of a token are in lower case where the value's are; a value
//! with upper case has a token with some, so that case comes back. A short local part may become longer or shorter.
//!
//! Source: RFC 5321, section 4.1.2 (`Dot-string`); ASCII only, no quoted strings, no address literals.

use super::classes::Class;
use super::look::keep;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};

/// With more characters that stay, an address of four that take part could have a label of more than 63 characters.
const MOST_KEPT: usize = 59;

pub(super) fn scan(domain_takes_part: bool, text: &str, scan: &mut Scan) -> Result<()> {
    if let Some(at) = text.bytes().position(|b| !b.is_ascii()) {
        // All before it is ASCII, so bytes are characters.
        return Err(Error::Character { at: at + 1, expected: "ASCII" });
    }
    let split = text.split_once('@').filter(|(_, domain)| !domain.contains('@'));
    let problem = "is no e-mail address: it needs one @ between two parts";
    let (local, domain) = split.ok_or(Error::Value { problem })?;
    if !is_dot_string(local) || local.len() > 64 {
        return Err(Error::Value { problem: "is no e-mail address: its local part has an empty part or over 64 characters" });
    }
    if let Some(at) = local.bytes().position(|b| !is_atom(b)) {
        return Err(Error::Character { at: at + 1, expected: "one that an e-mail address has before the @" });
    }
    check_domain(local.len() + 1, domain)?;
    let takes_part = match domain_takes_part {
        true => &text[..text.rfind('.').unwrap_or(local.len())],
        false => local,
    };
    let class = match takes_part.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Class::MIXED_62,
        false => Class::LOWER_36,
    };
    scan.marked = class == Class::MIXED_62;
    for c in takes_part.chars() {
        scan.items.push(class.digit(c).map_or(Item::Keep, |digit| Item::Token(class, digit)));
    }
    let kept = scan.items.iter().filter(|item| **item == Item::Keep).count();
    scan.grows = kept <= MOST_KEPT;
    keep(&text[takes_part.len()..], scan);
    match scan.items.iter().any(|item| matches!(item, Item::Token(..))) {
        true => Ok(()),
        false => Err(Error::Value { problem: "has no letter or digit that could be tokenized" }),
    }
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|part| !part.is_empty())
}

fn is_atom(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b)
}

/// `at` is how many characters stand before the domain.
fn check_domain(at: usize, domain: &str) -> Result<()> {
    let bad = Err(Error::Value { problem: "is no e-mail address: its domain is none" });
    let labels = || domain.split('.');
    if domain.len() > 253 || labels().count() < 2 || labels().any(|l| l.is_empty() || l.len() > 63) {
        return bad;
    }
    if let Some(i) = domain.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'.')) {
        return Err(Error::Character { at: at + i + 1, expected: "one that a domain has" });
    }
    match labels().any(|label| label.starts_with('-') || label.ends_with('-')) {
        true => bad,
        false => Ok(()),
    }
}
