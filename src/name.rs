//! Checked names: once one of these exists, nothing checks it again.
//!
//! `TenantId`, `FieldName`, `Scope`, `Purpose`, `Principal` and `RoleName` are 1 to 255 bytes of UTF-8 without control characters and without white space
//! at either end, because they come from headers and policy files where a stray space would split one column into two.
//! `SubjectId` is personal data: its `Debug` shows no content.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;

const LONGEST_NAME: usize = 255;
const LONGEST_SUBJECT: usize = 1024;
const LONGEST_NOTE: usize = 1024;

fn checked(kind: &'static str, name: &str, longest: usize) -> Result<String> {
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > longest {
        "is too long (255 bytes; a subject id or a text 1024)"
    } else if name.chars().any(char::is_control) {
        "contains a control character"
    } else if name.trim() != name {
        "begins or ends with white space"
    } else {
        return Ok(name.to_owned());
    };
    Err(Error::Name { kind, problem })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $longest:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the name.
            ///
            /// # Errors
            /// [`Error::Name`] when it is empty, too long, has a control character, or white space at an end.
            pub fn new(name: &str) -> Result<Self> {
                checked($kind, name, $longest).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(name: String) -> Result<Self> {
                Self::new(&name)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Whose data it is. Tenants share no key: the same value under two tenants gives unrelated tokens.
    TenantId,
    "tenant",
    LONGEST_NAME
);
name!(
    /// What is protected: a column or attribute. Fields share no key.
    FieldName,
    "field",
    LONGEST_NAME
);
name!(
    /// Within one scope pseudonyms join; between two scopes they share nothing.
    Scope,
    "scope",
    LONGEST_NAME
);

name!(
    /// What data is used for: `support`. Each has its legal basis (GDPR Art. 6).
    Purpose,
    "purpose",
    LONGEST_NAME
);
name!(
    /// Who asks: a person or a service. Duties of several are told apart by it.
    Principal,
    "principal",
    LONGEST_NAME
);
name!(
    /// What a principal may do goes by roles.
    RoleName,
    "role",
    LONGEST_NAME
);
name!(
    /// A short text for the record, of at most 1,024 bytes: why a restriction, from where a consent.
    Note,
    "text",
    LONGEST_NOTE
);

/// Whose row it is: the data subject's identifier, itself personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(String);

impl SubjectId {
    /// Takes an identifier, white space at both ends removed (files pad their cells).
    ///
    /// # Errors
    /// [`Error::Name`] when nothing is left, over 1,024 bytes, or with a control character.
    pub fn new(id: &str) -> Result<Self> {
        checked("subject id", id.trim(), LONGEST_SUBJECT).map(Self)
    }

    /// The identifier in the clear.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectId(..)")
    }
}

impl Drop for SubjectId {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// The number of a key version, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(NonZeroU32);

impl KeyVersion {
    /// The first version of every keyset.
    pub const FIRST: KeyVersion = KeyVersion(NonZeroU32::MIN);

    /// # Errors
    /// [`Error::KeyVersionUnknown`] for 0, which no keyset has.
    pub fn new(number: u32) -> Result<Self> {
        NonZeroU32::new(number).map(Self).ok_or(Error::KeyVersionUnknown { version: number })
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The version after this one, or `None` after the last number there is.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: NAME-1
    #[test]
    fn names_are_checked_once() {
        assert_eq!(TenantId::new("acme").unwrap().as_str(), "acme");
        assert_eq!(FieldName::new("Straße & Nr.").unwrap().as_str(), "Straße & Nr.");
        for bad in ["", " a", "a ", "a\nb", &"x".repeat(256)] {
            assert!(matches!(FieldName::new(bad), Err(Error::Name { kind: "field", .. })), "{bad:?}");
        }
    }

    // SPEC: NAME-1, SECRET-1
    #[test]
    fn a_subject_id_is_trimmed_and_never_shown() {
        let id = SubjectId::new("  10423 ").unwrap();
        assert_eq!(id.expose(), "10423");
        assert_eq!(format!("{id:?}"), "SubjectId(..)");
        assert!(SubjectId::new("   ").is_err());
        assert!(SubjectId::new(&"9".repeat(1025)).is_err());
    }

    // SPEC: NAME-1
    #[test]
    fn a_name_in_json_is_checked_too() {
        let purpose: Purpose = serde_json::from_str("\"support\"").unwrap();
        assert_eq!(purpose, Purpose::new("support").unwrap());
        assert_eq!(serde_json::to_string(&purpose).unwrap(), "\"support\"");
        assert!(serde_json::from_str::<Principal>("\" alice\"").is_err());
        assert!(Note::new(&"x".repeat(1024)).is_ok() && Note::new(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn versions_count_from_one() {
        assert!(KeyVersion::new(0).is_err());
        assert_eq!(KeyVersion::FIRST.next().unwrap().get(), 2);
        assert_eq!(KeyVersion::new(u32::MAX).unwrap().next(), None);
    }
}
