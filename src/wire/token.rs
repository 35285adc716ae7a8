//! What a vault keeps of a random token.
//!
//! ```text
//! token entry
//!  ┌──────────┬─────────────┬────────┬────────┬───────┬─────────┬───────┬───────┬───────┬─────────┐
//!  │ format 1 │ key version │ tenant │ field  │ flags │ expires │ value │ space │ token │ holders │
//!  │ 1        │ 4           │ 2 + t  │ 2 + f  │ 1     │ 8       │ 16    │ 16    │ 2 + s │ ...     │
//!  └──────────┴─────────────┴────────┴────────┴───────┴─────────┴───────┴───────┴───────┴─────────┘
//!  holders: ┌─────────┬ for each ────────────────────────────────────────────────────────┐
//!           │ count 2 │ kind 1 = 1 │ envelope 4 + e        (the tenant)                    │
//!           │         │ kind 1 = 2 │ locator 12 │ number 4 │ envelope 4 + e  (a subject)   │
//!           │         │ kind 1 = 3 │ the same, with run 16 in front of the envelope          │
//!           └─────────┴──────────────────────────────────────────────────────────────────┘
//! fingerprint entry:  format 1 │ key version 4 │ key of the token entry 16
//! space entry:        format 1 │ tokens in it 8
//! ```
//!
//! Flags: 1, the token is good for one use. `expires` is seconds since 1970, or 0 for never. `value` is the key of the
//! fingerprint entry that leads here, so that the value gets no other token, or zeros; `space` that of the space entry
//! which counts the token, or zeros.

use super::entry::EntryKey;
use super::{Reader, Writer};
use crate::error::{Error, Result};

const FORMAT: u8 = 1;
const ONCE: u8 = 1;
/// In the place of a key that there is none of.
pub const NO_KEY: TokenKey = [0; 16];
const TENANT: u8 = 1;
const SUBJECT: u8 = 2;
const SUBJECT_BY_RUN: u8 = 3;

/// The key of a token entry, a fingerprint entry or a space entry.
pub type TokenKey = [u8; 16];

/// Who can have the value of a token, and the value sealed for her.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The subject's entry that refers to the token; the tenant has none.
    pub link: Option<EntryKey>,
    /// The run that put it, ended or not; only a subject is put by one.
    pub run: Option<[u8; 16]>,
    /// The value.
    pub envelope: Vec<u8>,
}

/// A random token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry<'a> {
    /// The version of the keys that made the entry's key and sealed the token.
    pub key_version: u32,
    /// Whose.
    pub tenant: &'a str,
    /// Of which field.
    pub field: &'a str,
    /// Whether it is good for one use.
    pub is_once: bool,
    /// When it ends, in seconds since 1970, or 0.
    pub expires: u64,
    /// The key of the fingerprint entry that leads to it, or [`NO_KEY`].
    pub value: TokenKey,
    /// Which space counts it, or [`NO_KEY`].
    pub space: TokenKey,
    /// The token, sealed.
    pub token: Vec<u8>,
    /// Never empty.
    pub holders: Vec<Holder>,
}

impl<'a> TokenEntry<'a> {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("token entry", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let (key_version, tenant, field) = (r.u32()?, r.short_str()?, r.short_str()?);
        let flags = r.u8()?;
        if flags & !ONCE != 0 {
            return Err(r.malformed("has flags that this release does not know"));
        }
        let (expires, value, space, token) = (r.u64()?, r.array()?, r.array()?, r.short()?.to_vec());
        let holders: Vec<Holder> = (0..r.u16()?)
            .map(|_| {
                let (link, run) = match r.u8()? {
                    TENANT => (None, None),
                    SUBJECT => (Some(r.array()?), None),
                    SUBJECT_BY_RUN => (Some(r.array()?), Some(r.array()?)),
                    _ => return Err(r.malformed("has a kind of holder that this release does not know")),
                };
                Ok(Holder { link, run, envelope: r.long()?.to_vec() })
            })
            .collect::<Result<_>>()?;
        if holders.is_empty() {
            return Err(r.malformed("has no holder"));
        }
        r.finish()?;
        let is_once = flags & ONCE != 0;
        Ok(Self { key_version, tenant, field, is_once, expires, value, space, token, holders })
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] past the widths of the lengths.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.u8(FORMAT).u32(self.key_version).short(self.tenant.as_bytes())?.short(self.field.as_bytes())?;
        w.u8(u8::from(self.is_once) * ONCE).u64(self.expires).bytes(&self.value).bytes(&self.space);
        w.short(&self.token)?;
        let (actual, limit) = (self.holders.len(), usize::from(u16::MAX));
        let too_many = |_| Error::TooLong { what: "number of subjects that share a token", actual, limit };
        w.u16(u16::try_from(actual).map_err(too_many)?);
        for holder in &self.holders {
            match (&holder.link, &holder.run) {
                (None, _) => w.u8(TENANT),
                (Some(link), None) => w.u8(SUBJECT).bytes(link),
                (Some(link), Some(run)) => w.u8(SUBJECT_BY_RUN).bytes(link).bytes(run),
            };
            w.long(&holder.envelope)?;
        }
        Ok(w.into_bytes())
    }
}

/// Which token a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FingerprintEntry {
    /// The version of the key that made the entry's key.
    pub key_version: u32,
    /// The key of the token's entry.
    pub token: TokenKey,
}

impl FingerprintEntry {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("fingerprint entry", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let entry = Self { key_version: r.u32()?, token: r.array()? };
        r.finish()?;
        Ok(entry)
    }

    /// The bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).u32(self.key_version).bytes(&self.token);
        w.into_bytes()
    }
}

/// How many tokens of a space are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceEntry {
    /// As many.
    pub used: u64,
}

impl SpaceEntry {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("space entry", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let entry = Self { used: r.u64()? };
        r.finish()?;
        Ok(entry)
    }

    /// The bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).u64(self.used);
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // SPEC: WIRE-2, RTOK-2
    #[test]
    fn entries_come_back_and_truncations_do_not_parse() {
        let mut entry = TokenEntry {
            key_version: 3,
            tenant: "acme",
            field: "card",
            is_once: false,
            expires: 1_800_000_000,
            value: NO_KEY,
            space: [9; 16],
            token: vec![1; 56],
            holders: vec![
                Holder { link: None, run: None, envelope: vec![2; 50] },
                Holder { link: Some([4; 16]), run: None, envelope: vec![5; 60] },
                Holder { link: Some([5; 16]), run: Some([6; 16]), envelope: vec![7; 60] },
            ],
        };
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(TokenEntry::parse(&bytes).unwrap(), entry);
        (0..bytes.len()).for_each(|n| assert!(TokenEntry::parse(&bytes[..n]).is_err()));
        assert!(TokenEntry::parse(&[&bytes[..], b"x"].concat()).is_err());
        entry.holders.clear();
        assert!(TokenEntry::parse(&entry.to_bytes().unwrap()).is_err(), "nobody holds it");
        let fingerprint = FingerprintEntry { key_version: 2, token: [7; 16] };
        assert_eq!(FingerprintEntry::parse(&fingerprint.to_bytes()).unwrap(), fingerprint);
        let space = SpaceEntry { used: 900_000 };
        assert_eq!(SpaceEntry::parse(&space.to_bytes()).unwrap(), space);
    }

    proptest! {
        // SPEC: WIRE-3
        #[test]
        fn what_parses_is_written_as_the_same_bytes(bytes: Vec<u8>, holders in 1u16..3) {
            let head = [&[1, 0, 0, 0, 1, 0, 1, b'a', 0, 1, b'b', 1][..], &[0; 8], &[6; 32], &[0, 2, 1, 2]].concat();
            let bytes = [&head[..], &holders.to_be_bytes(), &[1, 0, 0, 0, 1, 9], &bytes].concat();
            if let Ok(entry) = TokenEntry::parse(&bytes) {
                prop_assert_eq!(entry.to_bytes().unwrap(), bytes);
            }
        }
    }
}
