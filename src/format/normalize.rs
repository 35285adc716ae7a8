//! Which spellings are the same value: `normalise(value)` before keyed hashing.

use crate::error::{Error, Result};
use caseless::Caseless;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

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
                let mut parts = address.split('@');
                let whole = [parts.next(), parts.next()].iter().all(|p| p.is_some_and(|p| !p.is_empty()));
                if whole && parts.next().is_none() {
                    Ok(address)
                } else {
                    Err(Error::Value { problem: "is no e-mail address: it needs one @ between two parts" })
                }
            }
            Normalization::Digits => {
                let digits: String = match value.is_ascii() {
                    true => value.chars().filter(char::is_ascii_digit).collect(),
                    false => value.nfkc().filter(char::is_ascii_digit).collect(),
                };
                match digits.is_empty() {
                    true => Err(Error::Value { problem: "has no digit" }),
                    false => Ok(Cow::Owned(digits)),
                }
            }
        }
    }
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
    }
}
