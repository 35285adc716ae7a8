//! Names, texts, licence plates and passport numbers: a letter for a letter, a digit for a digit, the rest stays.

use super::classes::Class;
use super::positions::{Item, Scan};
use crate::error::{Error, Result};
use unicode_normalization::char::is_combining_mark;

/// A personal name: letters of one script, with case and diacritics in place; spaces, hyphens, apostrophes, full stops
/// and commas stay. A short one may become longer or shorter.
pub(super) fn name(text: &str, scan: &mut Scan) -> Result<()> {
    scan.grows = true;
    let mut script = None;
    for (at, c) in text.chars().enumerate() {
        match c {
            ' ' | '\u{A0}' | '-' | '‐' | '\'' | '’' | '.' | ',' | '·' => scan.items.push(Item::Keep),
            _ => {
                let (class, digit) = letter(c, at, "a letter, a space or one of - ' . ,")?;
                if class == Class::DIGITS {
                    return Err(Error::Character { at: at + 1, expected: "a letter" });
                }
                if script.replace(class.script()).is_some_and(|before| before != class.script()) {
                    return Err(Error::Character {
                        at: at + 1,
                        expected: "of the same script as those before it",
                    });
                }
                scan.items.push(Item::Token(class, digit));
            }
        }
    }
    something(scan)
}

/// Any text: letters and digits of known scripts take part, every other character stays.
pub(super) fn text(text: &str, scan: &mut Scan) -> Result<()> {
    for (at, c) in text.chars().enumerate() {
        match Class::of(c) {
            Some((class, digit)) => scan.items.push(Item::Token(class, digit)),
            None if is_plain(c) => scan.items.push(Item::Keep),
            None => {
                letter(c, at, "a letter or digit of a script that can be tokenized, or a plain separator")?;
            }
        }
    }
    something(scan)
}

/// A licence plate: 4 to 12 letters and digits, at least one of either.
pub(super) fn plate(text: &str, scan: &mut Scan) -> Result<()> {
    let expected = "a letter, a digit, a space or one of - . ·";
    for (at, c) in text.chars().enumerate() {
        match c {
            ' ' | '-' | '.' | '·' => scan.items.push(Item::Keep),
            _ => {
                let (class, digit) = letter(c, at, expected)?;
                scan.items.push(Item::Token(class, digit));
            }
        }
    }
    counts(scan, 4, 12)?;
    let digits = scan.items.iter().filter(|item| matches!(item, Item::Token(Class::DIGITS, _))).count();
    let letters = scan.items.iter().filter(|item| matches!(item, Item::Token(..))).count() - digits;
    match digits > 0 && letters > 0 {
        true => Ok(()),
        false => Err(Error::Value { problem: "is no licence plate: it needs letters and digits" }),
    }
}

/// A passport number: 6 to 12 ASCII letters and digits, with spaces and hyphens.
pub(super) fn passport(text: &str, scan: &mut Scan) -> Result<()> {
    for (at, c) in text.chars().enumerate() {
        match c {
            ' ' | '-' => scan.items.push(Item::Keep),
            _ => {
                let found = Class::of(c).filter(|_| c.is_ascii());
                let expected = "an ASCII letter, a digit, a space or a hyphen";
                let (class, digit) = found.ok_or(Error::Character { at: at + 1, expected })?;
                scan.items.push(Item::Token(class, digit));
            }
        }
    }
    counts(scan, 6, 12)
}

/// The class and digit of a character that has to be a letter or a digit.
fn letter(c: char, at: usize, expected: &'static str) -> Result<(Class, u16)> {
    let problem = |expected| Error::Character { at: at + 1, expected };
    if is_combining_mark(c) {
        return Err(problem("a whole character, but a combining mark: normalize the value to NFC"));
    }
    Class::of(c).ok_or_else(|| match c.is_alphabetic() {
        true => problem("a letter of the Latin, Greek or Cyrillic alphabets"),
        false => problem(expected),
    })
}

/// Whether a character says nothing: no letter or number of any script, no mark on another character, and no control
/// character but white space.
fn is_plain(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    !control && !c.is_alphanumeric() && !is_combining_mark(c)
}

fn counts(scan: &Scan, least: usize, most: usize) -> Result<()> {
    let count = scan.items.iter().filter(|item| matches!(item, Item::Token(..))).count();
    match (least..=most).contains(&count) {
        true => Ok(()),
        false => Err(Error::Value { problem: "has too few or too many letters and digits for its format" }),
    }
}

fn something(scan: &Scan) -> Result<()> {
    match scan.items.iter().any(|item| matches!(item, Item::Token(..))) {
        true => Ok(()),
        false => Err(Error::Value { problem: "has no letter or digit that could be tokenized" }),
    }
}
