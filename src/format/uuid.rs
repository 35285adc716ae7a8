//! `xxxxxxxx-xxxx-Vxxx-Nxxx-xxxxxxxxxxxx`: 30 hexadecimal digits take part; version `V` and variant `N` stay, and so do
//! hyphens and braces. A value in upper case has a token in upper case.
//!
//! Source: RFC 9562.

use super::classes::Class;
use super::look::Case;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};

pub(super) fn scan(text: &str, scan: &mut Scan) -> Result<()> {
    let class = match Case::of(text) {
        Case::Lower => Class::LOWER_HEX,
        Case::Upper => Class::UPPER_HEX,
        Case::Mixed => {
            return Err(Error::Value { problem: "mixes upper and lower case: a UUID has one of them" });
        }
    };
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let hyphens = inner.len() == 36;
    let braces = usize::from(inner.len() < text.len());
    if !(hyphens || inner.len() == 32) {
        return Err(Error::Value {
            problem: "is no UUID: it needs 32 hexadecimal digits, with four hyphens or none",
        });
    }
    if braces == 1 {
        scan.items.push(Item::Keep);
    }
    let mut kept_letter = false;
    let mut place = 0;
    for (i, c) in inner.chars().enumerate() {
        let at = i + braces;
        if hyphens && matches!(i, 8 | 13 | 18 | 23) {
            if c != '-' {
                return Err(Error::Character { at: at + 1, expected: "a hyphen" });
            }
            scan.items.push(Item::Keep);
            continue;
        }
        scan.token(class, c, at, "a hexadecimal digit")?;
        if place == 12 || place == 16 {
            kept_letter |= c.is_ascii_alphabetic();
            scan.items.pop();
            scan.items.push(Item::Keep);
        }
        place += 1;
    }
    if braces == 1 {
        scan.items.push(Item::Keep);
    }
    // Where a letter stays it shows the case; else one that takes part has to.
    scan.marked = class == Class::UPPER_HEX && !kept_letter;
    Ok(())
}
