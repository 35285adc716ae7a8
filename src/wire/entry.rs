//! What a vault's store holds. Keys are blinded or random; nothing here is readable without the keyset.
//!
//! ```text
//!  map      key                              value
//!  index    blind(16)                        format 1 │ key version 4 │ locator 12
//!  entry    locator(12) │ record number(4)   record 0: head and first record; others: a further record
//! ```
//!
//! `blind` is the PRF of the subject's id under the row key; `locator` is random and stays for the subject's life.
//! A head, then a record:
//!
//! ```text
//!  ┌──────────┬────────┬────────┬──────────────┬────────────┬─────────────┬─────────────┬────────────┬────────┐
//!  │ format 1 │ kind 1 │ tenant │ wrap version │ generation │ next record │ wrapped DEK │ subject id │ fields │
//!  │ 1        │ 1      │ 2 + t  │ 4            │ 4          │ 4           │ 2 + 104     │ 2 + e      │ ...    │
//!  └──────────┴────────┴────────┴──────────────┴────────────┴─────────────┴─────────────┴────────────┴────────┘
//!  ┌──────────┬────────┬────────┐        fields:  ┌─────────┬ for each ──────────────────┐
//!  │ format 1 │ kind 2 │ fields │                 │ count 2 │ name 2 + n │ envelope 4 + e│
//!  └──────────┴────────┴────────┘                 └─────────┴────────────────────────────┘
//! ```
//!
//! Kind 3 is a head that ends in front of the fields: the first record was taken back, while further ones stay.
//!
//! Format 2 is an entry with blind indexes, which follow the fields, or one that refers to a random token:
//!
//! ```text
//!  indexes: ┌─────────┬ for each, at least one ─────────────────────┐   ┌──────────┬────────┬────────────────────┐
//!           │ count 2 │ name 2 + n │ key version 4 │ tag 8 │ value 16│   │ format 2 │ kind 4 │ key of the token 16│
//!           └─────────┴─────────────────────────────────────────────┘   └──────────┴────────┴────────────────────┘
//! ```
//!
//! Format 3 says when a record was put, and when the first of its fields is to be purged (0: never). Both stand in front of
//! the fields, and `count` of the indexes may be 0:
//!
//! ```text
//!  ┌──────────┬──────────────────────┬─────────┬───────┬────────┬─────────┐   ┌──────────┬────────┬──────────────┐
//!  │ format 3 │ kind 1 …, or kind 2  │ since 8 │ due 8 │ fields │ indexes │   │ format 3 │ kind 5 │ sealed 4 + s │
//!  └──────────┴──────────────────────┴─────────┴───────┴────────┴─────────┘   └──────────┴────────┴──────────────┘
//! ```
//!
//! Kind 5 is what is known of the subject herself: consents, restriction, holds. Its number is the highest, which no
//! record has.

use super::token::TokenKey;
use super::{Reader, Writer};
use crate::error::{Error, Result};

const FORMAT: u8 = 1;
const INDEXED: u8 = 2;
const DATED: u8 = 3;
const HEAD: u8 = 1;
const RECORD: u8 = 2;
const BARE_HEAD: u8 = 3;
const LINK: u8 = 4;
const STATE: u8 = 5;

/// The number of the entry with what is known of the subject herself.
pub const STATE_NUMBER: u32 = u32::MAX;

/// Bytes of a blinded subject id.
pub const BLIND_LEN: usize = 16;
/// Bytes of a locator.
pub const LOCATOR_LEN: usize = 12;
/// A blinded subject id.
pub type Blind = [u8; BLIND_LEN];
/// Where a subject's entries are.
pub type Locator = [u8; LOCATOR_LEN];
/// `locator ‖ record number`.
pub type EntryKey = [u8; 16];

/// The key of a subject's record.
pub fn entry_key(locator: &Locator, record: u32) -> EntryKey {
    let mut key = [0; 16];
    key[..LOCATOR_LEN].copy_from_slice(locator);
    key[LOCATOR_LEN..].copy_from_slice(&record.to_be_bytes());
    key
}

/// The parts of an entry's key.
pub fn split_entry_key(key: &EntryKey) -> (Locator, u32) {
    let (locator, record) = key.split_at(LOCATOR_LEN);
    (locator.try_into().expect("12 of 16"), u32::from_be_bytes(record.try_into().expect("4 of 16")))
}

/// An index entry: whose row key blinded it, and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The version of the row key.
    pub key_version: u32,
    /// Where the subject's entries are.
    pub locator: Locator,
}

impl IndexEntry {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("index entry", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let entry = Self { key_version: r.u32()?, locator: r.array()? };
        r.finish()?;
        Ok(entry)
    }

    /// The bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(FORMAT).u32(self.key_version).bytes(&self.locator);
        w.into_bytes()
    }
}

/// Where a record stands in a blind index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed<'a> {
    /// The index's name.
    pub name: &'a str,
    /// The version of the index key.
    pub key_version: u32,
    /// What tells this index's entries, under this key version, from others'.
    pub tag: [u8; 8],
    /// The value's keyed hash, truncated, and zeros.
    pub value: [u8; 16],
}

/// A record: its sealed fields, and where blind indexes have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// When the record was put, in seconds since 1970; 0 when nobody knows.
    pub since: u64,
    /// When the first of its fields is to be purged; 0 for never.
    pub due: u64,
    /// Name and envelope.
    pub sealed: Vec<(&'a str, &'a [u8])>,
    /// The entries of blind indexes that lead here.
    pub indexes: Vec<Indexed<'a>>,
}

impl<'a> Fields<'a> {
    fn parse(r: &mut Reader<'a>, format: u8) -> Result<Self> {
        let (since, due) = if format == DATED { (r.u64()?, r.u64()?) } else { (0, 0) };
        if format == DATED && since == 0 {
            return Err(r.malformed("is of the format with dates and has none"));
        }
        let sealed = (0..r.u16()?).map(|_| Ok((r.short_str()?, r.long()?))).collect::<Result<_>>()?;
        let mut indexes = vec![];
        if matches!(format, INDEXED | DATED) {
            for _ in 0..r.u16()? {
                let (name, key_version) = (r.short_str()?, r.u32()?);
                indexes.push(Indexed { name, key_version, tag: r.array()?, value: r.array()? });
            }
            if indexes.is_empty() && format == INDEXED {
                return Err(r.malformed("is of the format with indexes and has none"));
            }
        }
        Ok(Self { since, due, sealed, indexes })
    }

    fn format(&self) -> u8 {
        match (self.since, self.indexes.is_empty()) {
            (1.., _) => DATED,
            (0, false) => INDEXED,
            (0, true) => FORMAT,
        }
    }

    fn write(&self, w: &mut Writer) -> Result<()> {
        let count = |actual: usize, what| {
            u16::try_from(actual).map_err(|_| Error::TooLong { what, actual, limit: 65_535 })
        };
        if self.since != 0 {
            w.u64(self.since).u64(self.due);
        }
        w.u16(count(self.sealed.len(), "record's fields")?);
        for (name, envelope) in &self.sealed {
            w.short(name.as_bytes())?.long(envelope)?;
        }
        if self.format() != FORMAT {
            w.u16(count(self.indexes.len(), "record's indexes")?);
            for Indexed { name, key_version, tag, value } in &self.indexes {
                w.short(name.as_bytes())?.u32(*key_version).bytes(tag).bytes(value);
            }
        }
        Ok(())
    }

    /// The envelope of this field.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.sealed.iter().find(|(n, _)| *n == name).map(|(_, envelope)| *envelope)
    }
}

/// A subject's head, with the first record's fields unless that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Whose data it is.
    pub tenant: &'a str,
    /// The keyset version that wraps the subject's data key.
    pub wrap_version: u32,
    /// Which of the subject's data keys this is, from 1.
    pub generation: u32,
    /// The number of the next record.
    pub next_record: u32,
    /// The subject's data key, wrapped.
    pub wrapped: &'a [u8],
    /// The subject's id, as an envelope.
    pub subject: &'a [u8],
    /// The first record.
    pub first: Option<Fields<'a>>,
}

/// A parsed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Record 0.
    Head(Head<'a>),
    /// Any other record.
    Record(Fields<'a>),
    /// In the place of a record: a random token that the subject holds, by the key of its entry.
    Link(TokenKey),
    /// What is known of the subject herself, sealed.
    State(&'a [u8]),
}

impl<'a> Entry<'a> {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("vault entry", bytes);
        let format = r.u8()?;
        if !matches!(format, FORMAT | INDEXED | DATED) {
            return Err(r.malformed("has a format that this release does not know"));
        }
        let entry = match (r.u8()?, format) {
            (kind @ HEAD, _) | (kind @ BARE_HEAD, FORMAT) => Entry::Head(Head {
                tenant: r.short_str()?,
                wrap_version: r.u32()?,
                generation: r.u32()?,
                next_record: r.u32()?,
                wrapped: r.short()?,
                subject: r.short()?,
                first: (kind == HEAD).then(|| Fields::parse(&mut r, format)).transpose()?,
            }),
            (RECORD, _) => Entry::Record(Fields::parse(&mut r, format)?),
            (LINK, INDEXED) => Entry::Link(r.array()?),
            (STATE, DATED) => Entry::State(r.long()?),
            _ => return Err(r.malformed("has a kind that this release does not know")),
        };
        r.finish()?;
        Ok(entry)
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] past the widths of the lengths.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        let format = self.record().map_or(FORMAT, Fields::format);
        match self {
            Entry::Head(head) => {
                let kind = if head.first.is_some() { HEAD } else { BARE_HEAD };
                w.u8(format).u8(kind).short(head.tenant.as_bytes())?;
                w.u32(head.wrap_version).u32(head.generation).u32(head.next_record);
                w.short(head.wrapped)?.short(head.subject)?;
                head.first.as_ref().map_or(Ok(()), |fields| fields.write(&mut w))?;
            }
            Entry::Record(fields) => {
                w.u8(format).u8(RECORD);
                fields.write(&mut w)?;
            }
            Entry::Link(token) => {
                w.u8(INDEXED).u8(LINK).bytes(token);
            }
            Entry::State(sealed) => {
                w.u8(DATED).u8(STATE).long(sealed)?;
            }
        }
        Ok(w.into_bytes())
    }

    /// The record that the entry holds: a bare head holds none, nor do a link and what is known of the subject.
    pub fn record(&self) -> Option<&Fields<'a>> {
        match self {
            Entry::Head(head) => head.first.as_ref(),
            Entry::Record(fields) => Some(fields),
            Entry::Link(_) | Entry::State(_) => None,
        }
    }

    /// The head, or an error for a further record.
    pub fn into_head(self) -> Result<Head<'a>> {
        match self {
            Entry::Head(head) => Ok(head),
            _ => Err(Error::Corrupt { problem: "a subject's first entry is no head".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // SPEC: WIRE-2, VAULT-4
    #[test]
    fn entries_come_back_and_truncations_do_not_parse() {
        let sealed = vec![("email", &b"sealed"[..]), ("phone", b"")];
        let fields = Fields { sealed, ..Fields::default() };
        let indexed = Indexed { name: "email", key_version: 2, tag: [3; 8], value: [6; 16] };
        let indexed = Fields { indexes: vec![indexed], ..fields.clone() };
        let head = |first| {
            Entry::Head(Head {
                tenant: "acme",
                wrap_version: 2,
                generation: 1,
                next_record: 5,
                wrapped: &[7; 104],
                subject: &[8; 50],
                first,
            })
        };
        assert_eq!(fields.get("phone"), Some(&b""[..]));
        assert_eq!(fields.get("fax"), None);
        let dated = Fields { since: 1_795_600_000, due: 0, ..fields.clone() };
        let dated_and_indexed = Fields { since: 1, due: 1_800_000_000, ..indexed.clone() };
        let records = [fields, indexed, dated, dated_and_indexed, Fields::default()];
        let heads = records.iter().map(|record| head(Some(record.clone()))).chain([head(None)]);
        let entries = heads.chain(records.iter().map(|record| Entry::Record(record.clone())));
        for entry in entries.chain([Entry::Link([5; 16]), Entry::State(b"sealed"), Entry::State(b"")]) {
            let bytes = entry.to_bytes().unwrap();
            assert_eq!(Entry::parse(&bytes).unwrap(), entry);
            (0..bytes.len()).for_each(|n| assert!(Entry::parse(&bytes[..n]).is_err()));
            assert!(Entry::parse(&[&bytes[..], b"x"].concat()).is_err());
        }
        let index = IndexEntry { key_version: 3, locator: [4; 12] };
        assert_eq!(IndexEntry::parse(&index.to_bytes()).unwrap(), index);
        assert_eq!(split_entry_key(&entry_key(&[4; 12], 9)), ([4; 12], 9));
    }

    proptest! {
        // SPEC: WIRE-3
        #[test]
        fn what_parses_is_written_as_the_same_bytes(format in 1_u8..4, kind in 1_u8..6, bytes: Vec<u8>) {
            let bytes = [&[format, kind][..], &bytes].concat();
            if let Ok(entry) = Entry::parse(&bytes) {
                prop_assert_eq!(entry.to_bytes().unwrap(), bytes);
            }
        }
    }
}
