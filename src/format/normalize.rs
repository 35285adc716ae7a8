//! Which spellings are the same value: `normalise(value)` before keyed hashing.

use crate::crypto::ascii::Ascii;
use crate::error::{Error, Result};
use caseless::Caseless;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// How values are made alike before they are hashed. Fixed for ever: pseudonyms made with it exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// Byte for byte.
    None,
    /// `trim(NFKC(casefold(NFKC(casefold(NFD(value))))))`: `" Ｓｔｒａße "` and `STRASSE` are alike.
    Text,
    /// As text, and it must have one `@` with something on both sides. Dots and `+` parts stay: only the recipient's
    /// server knows what they mean.
    Email,
    /// The decimal digits alone, full-width ones made ASCII: `+49 (30) 1234` and `49301234` are alike.
    Digits,
}

impl Normalization {
    /// The normal form.
    ///
    /// # Errors
    /// [`Error::Value`] for an e-mail address without one `@` between two parts, or digits where there is none.
    pub fn apply(self, value: &str) -> Result<Cow<'_, str>> {
        match self {
            Normalization::None => Ok(Cow::Borrowed(value)),
            Normalization::Text => Ok(text(value)),
            Normalization::Email => {
                let address = text(value);
                check_address(address.as_bytes())?;
                Ok(address)
            }
            Normalization::Digits => {
                let digits: String = match value.is_ascii() {
                    true => value.chars().filter(char::is_ascii_digit).collect(),
                    false => value.nfkc().filter(char::is_ascii_digit).collect(),
                };
                match digits.is_empty() {
                    true => Err(NO_DIGIT),
                    false => Ok(Cow::Owned(digits)),
                }
            }
        }
    }

    /// Whether the normal form of ASCII without white space around it is in lower case, if there is no more to it.
    pub(crate) fn case_of_ascii(self) -> Option<bool> {
        match self {
            Normalization::None => Some(false),
            Normalization::Text => Some(true),
            Normalization::Email | Normalization::Digits => None,
        }
    }

    /// Writes the normal form of ASCII to the beginning of `out`, which has at least as many bytes as the value; how long it is. What
    /// lies behind, up to the 64th byte of `out`, may change.
    /// `None` for a value that is not ASCII: that is for [`apply`](Self::apply).
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    #[inline]
    pub(crate) fn write_ascii(self, ascii: Ascii, value: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
        let is_ascii = |yes: bool, len: usize| yes.then_some(len);
        match self {
            Normalization::None => Ok(is_ascii(ascii.copy(value, out), value.len())),
            Normalization::Text => {
                let value = trimmed(value);
                Ok(is_ascii(ascii.copy_in_lower_case(value, out), value.len()))
            }
            Normalization::Email => {
                let value = trimmed(value);
                if !ascii.copy_in_lower_case(value, out) {
                    return Ok(None);
                }
                check_address(&out[..value.len()])?;
                Ok(Some(value.len()))
            }
            Normalization::Digits => {
                let mut len = 0;
                for character in value {
                    out[len] = *character;
                    len += usize::from(character.is_ascii_digit());
                }
                match (value.is_ascii(), len) {
                    (false, _) => Ok(None),
                    (true, 0) => Err(NO_DIGIT),
                    (true, len) => Ok(Some(len)),
                }
            }
        }
    }
}

const NO_DIGIT: Error = Error::Value { problem: "has no digit" };

/// One `@`, and something on both sides.
fn check_address(address: &[u8]) -> Result<()> {
    let ats = address.iter().filter(|character| **character == b'@').count();
    match ats == 1 && !address.starts_with(b"@") && !address.ends_with(b"@") {
        true => Ok(()),
        false => Err(Error::Value { problem: "is no e-mail address: it needs one @ between two parts" }),
    }
}

/// What [`str::trim`] leaves of ASCII. (For `trim_ascii` the vertical tab is no white space.)
#[inline]
fn trimmed(mut ascii: &[u8]) -> &[u8] {
    while let [b'\t'..=b'\r' | b' ', rest @ ..] | [rest @ .., b'\t'..=b'\r' | b' '] = ascii {
        ascii = rest;
    }
    ascii
}

fn text(value: &str) -> Cow<'_, str> {
    if !value.is_ascii() {
        return Cow::Owned(folded(value));
    }
    let value = value.trim();
    match value.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(value.to_ascii_lowercase()),
        false => Cow::Borrowed(value),
    }
}

/// Unicode's compatibility caseless match (D146), composed. Trimmed last, because composing can make spaces.
fn folded(value: &str) -> String {
    let folded = value.nfd().default_case_fold().nfkc().default_case_fold().nfkc();
    let folded: Zeroizing<String> = Zeroizing::new(folded.collect());
    folded.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alike(how: Normalization, a: &str, b: &str) {
        assert_eq!(how.apply(a).unwrap(), how.apply(b).unwrap(), "{a} {b}");
    }

    // SPEC: NORM-1
    #[test]
    fn what_people_write_alike_is_alike() {
        alike(Normalization::Text, " Ann LEE\t", "ann lee");
        alike(Normalization::Text, "Straße", "STRASSE");
        alike(Normalization::Text, "Ｆｕｌｌ", "full");
        alike(Normalization::Text, "e\u{301}", "É");
        alike(Normalization::Text, "ΣΊΣΥΦΟΣ", "σίσυφος");
        alike(Normalization::Email, "Ann.Lee@Example.COM ", "ann.lee@example.com");
        alike(Normalization::Digits, "+49 (30) 12-34", "49301234");
        alike(Normalization::Digits, "１２", "12");
        assert_ne!(Normalization::None.apply("A").unwrap(), Normalization::None.apply("a").unwrap());
    }

    // SPEC: NORM-1
    #[test]
    fn what_cannot_be_normalised_is_refused() {
        for bad in ["", "ann", "@example.com", "ann@", "a@b@c"] {
            assert!(Normalization::Email.apply(bad).is_err(), "{bad}");
        }
        assert!(Normalization::Digits.apply("none").is_err());
    }

    proptest! {
        // SPEC: NORM-2
        #[test]
        fn a_normal_form_is_its_own(value: String) {
            for how in [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits] {
                if let Ok(once) = how.apply(&value) {
                    prop_assert_eq!(how.apply(&once).unwrap(), once.clone());
                }
            }
        }

        #[test]
        fn the_ascii_path_is_the_unicode_path(value in "[ -~]*") {
            prop_assert_eq!(text(&value), folded(&value));
        }

        // SPEC: NORM-1
        #[test]
        fn what_is_written_of_ascii_is_the_normal_form(
            value in prop_oneof![
                ".*",
                "[\\x00-\\x7f]*",
                "[@-\\[`-{]{0,40}",
                "[ \\t\\x0B]*[A-Za-z.]{0,9}@[A-Z]{0,9}[ \\x0B\\x1C]*",
                "[0-9 +]*",
            ],
        ) {
            for how in [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits] {
                let mut out = vec![0xEE; value.len().max(64) + 1];
                let written = how.write_ascii(Ascii::detect(), value.as_bytes(), &mut out);
                prop_assert_eq!(*out.last().unwrap(), 0xEE);
                match (how.apply(&value), written) {
                    (Ok(normal), Ok(Some(len))) => prop_assert_eq!(&out[..len], normal.as_bytes()),
                    (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
                    (_, written) => prop_assert!(!value.is_ascii() && matches!(written, Ok(None))),
                }
            }
        }
    }
}
