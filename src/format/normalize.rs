//! Which spellings are the same value: `normalise(value)` before keyed hashing.

use crate::crypto::secret;
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

    /// Appends the normal form of a value, which [`apply`](Self::apply) returns. ASCII takes no memory but that of `out`, and a
    /// buffer that has to grow is wiped where it was. On an error, part of it may have been appended.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`Error::Value`] for bytes that are not UTF-8.
    pub(crate) fn append(self, value: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !value.is_ascii() {
            let value = std::str::from_utf8(value).map_err(|_| Error::Value { problem: "is not UTF-8" })?;
            let normal = Zeroizing::new(self.apply(value)?.into_owned());
            secret::reserve(out, normal.len());
            out.extend_from_slice(normal.as_bytes());
            return Ok(());
        }
        secret::reserve(out, value.len());
        let start = out.len();
        match self {
            Normalization::None => out.extend_from_slice(value),
            Normalization::Text | Normalization::Email => {
                out.extend_from_slice(trimmed(value));
                out[start..].make_ascii_lowercase();
                if self == Normalization::Email {
                    check_address(&out[start..])?;
                }
            }
            Normalization::Digits => {
                out.extend(value.iter().filter(|character| character.is_ascii_digit()));
                if out.len() == start {
                    return Err(NO_DIGIT);
                }
            }
        }
        Ok(())
    }
}

const NO_DIGIT: Error = Error::Value { problem: "has no digit" };

/// One `@`, and something on both sides.
fn check_address(address: &[u8]) -> Result<()> {
    let mut parts = address.split(|character| *character == b'@');
    let whole = [parts.next(), parts.next()].iter().all(|part| part.is_some_and(|part| !part.is_empty()));
    match whole && parts.next().is_none() {
        true => Ok(()),
        false => Err(Error::Value { problem: "is no e-mail address: it needs one @ between two parts" }),
    }
}

/// What [`str::trim`] leaves of ASCII. (For `trim_ascii` the vertical tab is no white space.)
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
    let folded: String = value.nfd().default_case_fold().nfkc().default_case_fold().nfkc().collect();
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
        assert!(matches!(
            Normalization::None.append(b"\xFF", &mut vec![]),
            Err(Error::Value { problem: "is not UTF-8" })
        ));
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
        fn what_is_appended_is_the_normal_form(
            value in prop_oneof![".*", "[\\x00-\\x7f]*", "[ \\t\\x0B]*[A-Za-z.]{0,9}@[A-Z]{0,9}[ \\x0B\\x1C]*", "[0-9 +]*"],
            room in 0usize..40,
        ) {
            for how in [Normalization::None, Normalization::Text, Normalization::Email, Normalization::Digits] {
                let mut out = Vec::with_capacity(room);
                out.extend_from_slice(b"before");
                match (how.apply(&value), how.append(value.as_bytes(), &mut out)) {
                    (Ok(normal), Ok(())) => prop_assert_eq!(&out[..], [b"before", normal.as_bytes()].concat()),
                    (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
                    (a, b) => prop_assert!(false, "{:?} {:?}", a, b),
                }
            }
        }
    }
}
