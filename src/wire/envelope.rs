//! A sealed field:
//!
//! ```text
//!  0        1        2              6                        30               n-16     n
//!  ┌────────┬────────┬──────────────┬────────────────────────┬────────────────┬────────┐
//!  │ format │ suite  │ key version  │ nonce                  │ ciphertext     │ tag    │
//!  │ 1      │ 1      │ 4            │ 24                     │ any length     │ 16     │
//!  └────────┴────────┴──────────────┴────────────────────────┴────────────────┴────────┘
//! ```
//!
//! The key version is that of the key that seals: of the keyset for a field sealed without a vault, of the data
//! subject's own key (its generation) inside a vault. Format, key version and all names are in the AAD.

use super::{Reader, Writer};
use crate::error::Result;
use crate::name::KeyVersion;

/// The format number written, and the only one so far.
pub const FORMAT: u8 = 1;
/// Bytes in front of the nonce.
pub const HEADER_LEN: usize = 6;
const SHORTEST_BODY: usize = 24 + 16;

/// A parsed envelope, not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The suite's number.
    pub suite: u8,
    /// The version of the key that seals.
    pub key_version: KeyVersion,
    /// `nonce ‖ ciphertext ‖ tag`.
    pub sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Parses; opens nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) for an unknown format or suite, key version 0, or too few bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("envelope", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let suite = r.u8()?;
        if !(1..=2).contains(&suite) {
            return Err(r.malformed("has a suite that this release does not know"));
        }
        let version = r.u32()?;
        let key_version = KeyVersion::new(version).map_err(|_| r.malformed("has key version 0"))?;
        let sealed = r.rest();
        if sealed.len() < SHORTEST_BODY {
            return Err(r.malformed("ends too early"));
        }
        Ok(Self { suite, key_version, sealed })
    }

    /// The header; the sealed bytes go behind it.
    pub fn header(suite: u8, key_version: KeyVersion) -> [u8; HEADER_LEN] {
        let [a, b, c, d] = key_version.get().to_be_bytes();
        [FORMAT, suite, a, b, c, d]
    }

    /// Appends the header.
    pub fn write_header(suite: u8, key_version: KeyVersion, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::header(suite, key_version));
    }

    /// The same bytes that were parsed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).u8(self.suite).u32(self.key_version.get()).bytes(self.sealed);
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: WIRE-1, WIRE-2, WIRE-3, ENV-1, ENV-2
    #[test]
    fn parses_strictly_and_writes_the_same_bytes() {
        let mut bytes = vec![];
        Envelope::write_header(1, KeyVersion::new(7).unwrap(), &mut bytes);
        bytes.extend_from_slice(&[9; SHORTEST_BODY + 3]);
        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!((envelope.suite, envelope.key_version.get(), envelope.sealed.len()), (1, 7, 43));
        assert_eq!(envelope.to_bytes(), bytes);
        for length in 0..HEADER_LEN + SHORTEST_BODY {
            assert!(Envelope::parse(&bytes[..length]).is_err(), "{length} bytes");
        }
        for (at, wrong) in [(0, 0), (0, 2), (1, 0), (1, 3)] {
            let mut altered = bytes.clone();
            altered[at] = wrong;
            assert!(Envelope::parse(&altered).is_err());
        }
        bytes[2..6].fill(0);
        assert!(Envelope::parse(&bytes).is_err());
    }
}
