//! `tag = HMAC-SHA256(key, message)`, with the two key-dependent compressions done once.
//!
//! Source: RFC 2104, FIPS 198-1. A [`Prf`] holds the hash states after the padded key, so a short message costs two
//! compressions and no key set-up.

use super::secret::PrfKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// HMAC-SHA256 under one key.
pub struct Prf(Hmac<Sha256>);

impl Prf {
    /// Expands the key.
    pub fn new(key: &PrfKey) -> Self {
        Self::from_key_bytes(key.expose())
    }

    pub(crate) fn from_key_bytes(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// The tag of the message that the parts form, joined without separator: encode them injectively first.
    pub fn tag(&self, parts: &[&[u8]]) -> Tag {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        Tag(mac.finalize().into_bytes().into())
    }

    /// The tags of many messages, in order: `f(i, tag)` for message `i`.
    pub fn tags<'m>(&self, messages: impl IntoIterator<Item = &'m [u8]>, mut f: impl FnMut(usize, Tag)) {
        messages.into_iter().enumerate().for_each(|(i, message)| f(i, self.tag(&[message])));
    }
}

impl fmt::Debug for Prf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prf(..)")
    }
}

/// 32 bytes of PRF output. Verified in constant time; usable as data only through [`Tag::into_public`].
pub struct Tag([u8; 32]);

impl Tag {
    /// Whether `expected` (1 to 32 bytes: a whole or truncated tag) is this tag, in constant time.
    pub fn verifies(&self, expected: &[u8]) -> bool {
        !expected.is_empty() && expected.len() <= 32 && self.0[..expected.len()].ct_eq(expected).into()
    }

    /// The first `N` bytes, from now on public data: an identifier, not a secret to compare with.
    pub fn into_public<const N: usize>(self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.0[..N].try_into().expect("N <= 32")
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_is_one_by_one_and_parts_join() {
        let prf = Prf::from_key_bytes(b"key");
        let messages: Vec<Vec<u8>> = (0..200).map(|i| vec![i as u8; i]).collect();
        let mut seen = 0;
        prf.tags(messages.iter().map(Vec::as_slice), |i, tag| {
            assert!(
                prf.tag(&[&messages[i][..i / 2], &messages[i][i / 2..]]).verifies(&tag.into_public::<32>())
            );
            seen += 1;
        });
        assert_eq!(seen, 200);
    }

    // SPEC: PRF-1, PRF-2
    #[test]
    fn a_truncated_tag_verifies_and_an_empty_one_never() {
        let tag = || Prf::from_key_bytes(b"key").tag(&[b"message"]);
        let mut short = tag().into_public::<16>();
        assert!(tag().verifies(&short));
        short[15] ^= 1;
        assert!(!tag().verifies(&short));
        assert!(!tag().verifies(&[]));
        assert!(!tag().verifies(&[0; 33]));
    }
}
