//! How a role sees a field: `full`, `mask 0+4` or `token`.

use crate::error::{Error, Result};
use crate::protect::Mask;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// How a role sees a field. A wider one is greater: token < mask < full; of two masks the one that keeps more, or as many
/// but more of the first characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Permission {
    /// A token in place of the value.
    Token,
    /// The value, masked.
    Masked(Mask),
    /// The value.
    Full,
}

impl Permission {
    /// Reads `full`, `token`, or `mask 0+4`: so many first and last characters stay.
    ///
    /// # Errors
    /// [`Error::Setting`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "full" => return Ok(Permission::Full),
            "token" => return Ok(Permission::Token),
            _ => {}
        }
        let count = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|_| plain).map(usize::from)
        };
        let kept = text.strip_prefix("mask ").and_then(|keep| keep.split_once('+'));
        let kept = kept.and_then(|(first, last)| Some((count(first)?, count(last)?)));
        let (first, last) = kept.ok_or_else(|| Error::Setting {
            what: "reveal",
            problem:
                "must be full, token, or a mask like \"mask 0+4\" (the first and last that stay, up to 255)"
                    .into(),
        })?;
        Mask::new(first, last, '*').map(Permission::Masked)
    }

    fn width(&self) -> (u8, usize, usize) {
        match self {
            Permission::Token => (0, 0, 0),
            Permission::Masked(mask) => {
                let (first, last) = mask.keeps();
                (1, first.saturating_add(last), first)
            }
            Permission::Full => (2, 0, 0),
        }
    }
}

impl Ord for Permission {
    fn cmp(&self, other: &Self) -> Ordering {
        self.width().cmp(&other.width())
    }
}

impl PartialOrd for Permission {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Permission::Token => f.write_str("token"),
            Permission::Masked(mask) => {
                let (first, last) = mask.keeps();
                write!(f, "mask {first}+{last}")
            }
            Permission::Full => f.write_str("full"),
        }
    }
}

impl TryFrom<String> for Permission {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> String {
        permission.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_read_as_it_is_written() {
        for text in ["full", "token", "mask 0+4", "mask 6+4", "mask 255+0"] {
            assert_eq!(Permission::parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", "Full", "mask", "mask 4", "mask 0++4", "mask +0+4", "mask 0+256", "mask 0+4 ", "mask  0+4"]
        {
            assert!(Permission::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn wider_is_greater() {
        let wider = ["token", "mask 0+0", "mask 0+4", "mask 4+0", "mask 0+5", "full"];
        let wider = wider.map(|text| Permission::parse(text).unwrap());
        assert!(wider.is_sorted() && wider.windows(2).all(|two| two[0] < two[1]));
    }
}
