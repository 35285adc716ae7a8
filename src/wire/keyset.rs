//! A keyset file:
//!
//! ```text
//!  0         4        5                  7+p                9+p+w            33+p+w           n-16   n
//!  ┌─────────┬────────┬──────────────────┬──────────────────┬────────────────┬────────────────┬──────┐
//!  │ "CLKS"  │ format │ provider id      │ wrapped data key │ nonce          │ encrypted body │ tag  │
//!  │ 4       │ 1      │ 2 + p            │ 2 + w            │ 24             │ b              │ 16   │
//!  └─────────┴────────┴──────────────────┴──────────────────┴────────────────┴────────────────┴──────┘
//! ```
//!
//! The body is sealed with XAES-256-GCM under the data key; its AAD is every byte in front of the nonce, so no byte of
//! the file can change unnoticed. Only the provider can unwrap the data key. The body of format 2, which is written:
//!
//! ```text
//!  0            16      24              28        32       36
//!  ┌────────────┬───────┬───────────────┬─────────┬────────┬──────────┬──────────────────┬────────┬───────────┐
//!  │ keyset id  │ edits │ identity vers.│ primary │ period │ versions │ each version     │ uses   │ each use  │
//!  │ 16         │ 8     │ 4             │ 4       │ 4      │ 4        │ 53               │ 4      │ 9 + t + n │
//!  └────────────┴───────┴───────────────┴─────────┴────────┴──────────┴──────────────────┴────────┴───────────┘
//!  version: number 4 │ state 1 │ created 8 │ changed 8 │ secret 32
//!  use:     kind 1 │ tenant 2 + t │ name 2 + n │ its primary 4
//! ```
//!
//! The period is in days, 0 for the default. A use of kind 1 is a field's, of kind 2 a scope's. Versions ascend by
//! number, uses by kind, tenant and name. A destroyed version's secret is 32 zero bytes. Times are seconds since 1970.
//! The body of format 1, which stays readable:
//!
//! ```text
//!  0            16              20        24         26
//!  ┌────────────┬───────────────┬─────────┬──────────┬──────────────────┐
//!  │ keyset id  │ identity vers.│ primary │ versions │ each version     │
//!  │ 16         │ 4             │ 4       │ 2        │ 53               │
//!  └────────────┴───────────────┴─────────┴──────────┴──────────────────┘
//! ```

use super::{Reader, Writer};
use crate::error::{Error, Result};
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"CLKS";

/// The file's format number, which says how its body is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeysetFormat {
    /// Read only.
    One = 1,
    /// Read and written.
    Two = 2,
}

/// The outer layer of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct KeysetFile<'a> {
    /// How the body is laid out.
    pub format: KeysetFormat,
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
    /// [`Error::Malformed`] for another magic or format, or too few bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("keyset file", bytes);
        r.expect(MAGIC, "is no keyset file")?;
        let unknown = r.malformed("has a format that this release does not know");
        let format = match r.u8()? {
            1 => KeysetFormat::One,
            2 => KeysetFormat::Two,
            _ => return Err(unknown),
        };
        let provider = r.short_str()?;
        let wrapped = r.short()?;
        let header = r.consumed();
        let sealed = r.rest();
        if sealed.len() < 40 {
            return Err(r.malformed("ends too early"));
        }
        Ok(Self { format, provider, wrapped, header, sealed })
    }

    /// The bytes in front of the sealed body.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the id or the wrapped key is over 65,535 bytes.
    pub fn header(format: KeysetFormat, provider: &str, wrapped: &[u8]) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(MAGIC).u8(format as u8).short(provider.as_bytes())?.short(wrapped)?;
        Ok(w.into_bytes())
    }
}

/// The body in the clear, its rules not yet checked: [`keys`](crate::keys) does that.
pub struct KeysetBody {
    /// Format 1 has no edits, period and uses: they are read as 0 and none, and not written.
    pub format: KeysetFormat,
    /// Random, for telling keysets apart.
    pub id: [u8; 16],
    /// How often it was edited.
    pub edits: u64,
    /// The version whose identity key pseudonyms are made with.
    pub identity: u32,
    /// The version that protects all that has no primary of its own.
    pub primary: u32,
    /// The cryptoperiod in days, 0 for the default.
    pub period: u32,
    /// The versions, ascending.
    pub versions: Vec<VersionRecord>,
    /// The uses that have a primary of their own, ascending.
    pub uses: Vec<UseRecord>,
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

/// One use of a [`KeysetBody`].
pub struct UseRecord {
    /// 1 for a field's, 2 for a scope's.
    pub kind: u8,
    /// Whose.
    pub tenant: String,
    /// Of the field or the scope.
    pub name: String,
    /// The number of the use's primary.
    pub version: u32,
}

impl KeysetBody {
    /// The body of a file of this format.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(format: KeysetFormat, bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("keyset", bytes);
        let two = format == KeysetFormat::Two;
        let id = r.array()?;
        let edits = if two { r.u64()? } else { 0 };
        let (identity, primary) = (r.u32()?, r.u32()?);
        let period = if two { r.u32()? } else { 0 };
        let versions = if two { r.u32()? } else { r.u16()?.into() };
        let versions = (0..versions)
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
        let uses = if two { r.u32()? } else { 0 };
        let uses = (0..uses)
            .map(|_| {
                Ok(UseRecord {
                    kind: r.u8()?,
                    tenant: r.short_str()?.to_owned(),
                    name: r.short_str()?.to_owned(),
                    version: r.u32()?,
                })
            })
            .collect::<Result<_>>()?;
        r.finish()?;
        Ok(Self { format, id, edits, identity, primary, period, versions, uses })
    }

    /// The bytes, in a buffer that wipes itself.
    ///
    /// # Errors
    /// [`Error::TooLong`] for more versions, uses or bytes of a name than the format has room for.
    pub fn write(&self) -> Result<Writer> {
        let two = self.format == KeysetFormat::Two;
        let mut w = Writer::new();
        w.bytes(&self.id);
        if two {
            w.u64(self.edits);
        }
        w.u32(self.identity).u32(self.primary);
        if two {
            w.u32(self.period).u32(count("number of key versions", self.versions.len(), u32::MAX)?);
        } else {
            w.u16(count("number of key versions", self.versions.len(), u16::MAX)?);
        }
        for v in &self.versions {
            w.u32(v.number).u8(v.state).u64(v.created).u64(v.changed).bytes(v.secret.as_ref());
        }
        if two {
            w.u32(count("number of uses", self.uses.len(), u32::MAX)?);
            for u in &self.uses {
                w.u8(u.kind).short(u.tenant.as_bytes())?.short(u.name.as_bytes())?.u32(u.version);
            }
        }
        Ok(w)
    }
}

/// The count in as many bytes as there are for it.
fn count<N: TryFrom<usize> + Into<u64>>(what: &'static str, actual: usize, limit: N) -> Result<N> {
    let limit = usize::try_from(limit.into()).unwrap_or(usize::MAX);
    N::try_from(actual).map_err(|_| Error::TooLong { what, actual, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &[u8] = &[0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6];

    fn one() -> Vec<u8> {
        [&[9; 16][..], &[0, 0, 0, 1, 0, 0, 0, 3, 0, 1], VERSION, &[4; 32]].concat()
    }

    fn two() -> Vec<u8> {
        let head = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 90, 0, 0, 0, 1];
        let uses = b"\0\0\0\x02\x01\0\x04acme\0\x04card\0\0\0\x03\x02\0\x01a\0\0\0\0\0\x09";
        [&[9; 16][..], &head, VERSION, &[4; 32], uses].concat()
    }

    // SPEC: KEY-1, WIRE-2, WIRE-3
    #[test]
    fn both_formats_are_written_back_as_they_were_read() {
        for (format, bytes) in [(KeysetFormat::One, one()), (KeysetFormat::Two, two())] {
            let body = KeysetBody::parse(format, &bytes).unwrap();
            assert_eq!(body.write().unwrap().as_bytes(), bytes);
            assert_eq!((body.identity, body.primary, body.versions.len()), (1, 3, 1));
            for length in 0..bytes.len() {
                assert!(KeysetBody::parse(format, &bytes[..length]).is_err(), "{format:?}, {length} bytes");
            }
            assert!(KeysetBody::parse(format, &[&bytes[..], &[0]].concat()).is_err());
        }
        let body = KeysetBody::parse(KeysetFormat::Two, &two()).unwrap();
        assert_eq!((body.edits, body.period), (7, 90));
        let uses: Vec<_> =
            body.uses.iter().map(|u| (u.kind, u.tenant.as_str(), u.name.as_str(), u.version)).collect();
        assert_eq!(uses, [(1, "acme", "card", 3), (2, "a", "", 9)]);
    }

    // SPEC: WIRE-2
    #[test]
    fn counts_that_nothing_follows_cost_nothing() {
        for at in [36, 40 + 53] {
            let mut bytes = two();
            bytes[at..at + 4].copy_from_slice(&[255; 4]);
            assert!(matches!(KeysetBody::parse(KeysetFormat::Two, &bytes), Err(Error::Malformed { .. })));
        }
    }

    #[test]
    fn what_a_format_has_no_room_for_is_not_written() {
        let mut body = KeysetBody::parse(KeysetFormat::Two, &two()).unwrap();
        body.uses[0].tenant = "t".repeat(0x1_0000);
        assert!(matches!(body.write(), Err(Error::TooLong { limit: 0xFFFF, .. })));
        let mut body = KeysetBody::parse(KeysetFormat::One, &one()).unwrap();
        let blank =
            |number| VersionRecord { number, state: 4, created: 0, changed: 0, secret: Zeroizing::default() };
        body.versions = (0..0x1_0000).map(blank).collect();
        assert!(matches!(body.write(), Err(Error::TooLong { actual: 0x1_0000, limit: 0xFFFF, .. })));
    }

    // SPEC: WIRE-1
    #[test]
    fn an_unknown_format_is_refused() {
        for format in 0..=255_u8 {
            let file = [&b"CLKS"[..], &[format], &[0, 1, b'p', 0, 0], &[0; 40]].concat();
            assert_eq!(KeysetFile::parse(&file).is_ok(), matches!(format, 1 | 2), "{format}");
        }
        let header = KeysetFile::header(KeysetFormat::One, "p", b"w").unwrap();
        assert_eq!(header, b"CLKS\x01\0\x01p\0\x01w");
    }
}
