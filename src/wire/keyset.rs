//! A keyset file:
//!
//! ```text
//!  0         4        5                  7+p                9+p+w            33+p+w              n-16   n
//!  ┌─────────┬────────┬──────────────────┬──────────────────┬────────────────┬───────────────────┬──────┐
//!  │ "CLKS"  │ format │ provider id      │ wrapped data key │ nonce          │ encrypted body    │ tag  │
//!  │ 4       │ 1      │ 2 + p            │ 2 + w            │ 24             │ 26 + 53 × versions│ 16   │
//!  └─────────┴────────┴──────────────────┴──────────────────┴────────────────┴───────────────────┴──────┘
//! ```
//!
//! The body is sealed with XAES-256-GCM under the data key; its AAD is every byte in front of the nonce, so no byte of
//! the file can change unnoticed. Only the provider can unwrap the data key. The body:
//!
//! ```text
//!  0            16              20        24         26 ...
//!  ┌────────────┬───────────────┬─────────┬──────────┬ for each version, ascending ────────────────────────┐
//!  │ keyset id  │ identity vers.│ primary │ versions │ number 4 │ state 1 │ created 8 │ changed 8 │ secret 32│
//!  └────────────┴───────────────┴─────────┴──────────┴──────────────────────────────────────────────────────┘
//! ```
//!
//! A destroyed version's secret is 32 zero bytes. Times are seconds since 1970.

use super::{Reader, Writer};
use crate::error::Result;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"CLKS";
const FORMAT: u8 = 1;

/// The outer layer of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct KeysetFile<'a> {
    /// Which provider wrapped the data key.
    pub provider: &'a str,
    /// The data key, wrapped.
    pub wrapped: &'a [u8],
    /// The AAD of the body: all bytes in front of it.
    pub header: &'a [u8],
    /// `nonce ‖ ciphertext ‖ tag` of the body.
    pub sealed: &'a [u8],
}

impl<'a> KeysetFile<'a> {
    /// Parses the outer layer; opens nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) for another magic or format, or too few bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("keyset file", bytes);
        r.expect(MAGIC, "is no keyset file")?;
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let provider = r.short_str()?;
        let wrapped = r.short()?;
        let header = r.consumed();
        let sealed = r.rest();
        if sealed.len() < 40 {
            return Err(r.malformed("ends too early"));
        }
        Ok(Self { provider, wrapped, header, sealed })
    }

    /// The bytes in front of the sealed body.
    ///
    /// # Errors
    /// [`Error::TooLong`](crate::Error::TooLong) when the id or the wrapped key is over 65,535 bytes.
    pub fn header(provider: &str, wrapped: &[u8]) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(MAGIC).u8(FORMAT).short(provider.as_bytes())?.short(wrapped)?;
        Ok(w.into_bytes())
    }
}

/// The body in the clear, its rules not yet checked: [`keys`](crate::keys) does that.
pub struct KeysetBody {
    /// Random, for telling keysets apart.
    pub id: [u8; 16],
    /// The version whose identity key pseudonyms are made with.
    pub identity: u32,
    /// The version that protects.
    pub primary: u32,
    /// The versions, ascending.
    pub versions: Vec<VersionRecord>,
}

/// One version of a [`KeysetBody`].
pub struct VersionRecord {
    /// Its number.
    pub number: u32,
    /// Its state's number.
    pub state: u8,
    /// When it was made.
    pub created: u64,
    /// When its state last changed.
    pub changed: u64,
    /// Its secret, or zeros once destroyed.
    pub secret: Zeroizing<[u8; 32]>,
}

impl KeysetBody {
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed).
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("keyset", bytes);
        let (id, identity, primary) = (r.array()?, r.u32()?, r.u32()?);
        let versions = (0..r.u16()?)
            .map(|_| {
                Ok(VersionRecord {
                    number: r.u32()?,
                    state: r.u8()?,
                    created: r.u64()?,
                    changed: r.u64()?,
                    secret: Zeroizing::new(r.array()?),
                })
            })
            .collect::<Result<_>>()?;
        r.finish()?;
        Ok(Self { id, identity, primary, versions })
    }

    /// The bytes, in a buffer that wipes itself.
    pub fn write(&self) -> Writer {
        let mut w = Writer::new();
        let count = u16::try_from(self.versions.len()).expect("a keyset is capped below 65,535 versions");
        w.bytes(&self.id).u32(self.identity).u32(self.primary).u16(count);
        for v in &self.versions {
            w.u32(v.number).u8(v.state).u64(v.created).u64(v.changed).bytes(v.secret.as_ref());
        }
        w
    }
}
