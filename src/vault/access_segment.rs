//! A segment of the access index: what a run of consecutive leaves says, packed so that it is read fast.
//!
//! ```text
//!  access  number of its first leaf 8  →
//!   format 1 │ leaves 4 │ earliest 8 │ latest 8
//!   deeds 2    │ each: kind 2+k │ principal 2+p │ purpose 2+u
//!   contexts 2 │ each: decision 1 │ key version 4 │ fields 2 │ each field: id 8
//!   each leaf: at 8 │ deed 2 │ items 4
//!   items 4    │ each: subject id 16 │ and then each: context 2
//!   tag 32 = HMAC-SHA256(K, encode(first leaf) ‖ length 4 ‖ all that stands in front)
//! ```
//!
//! `K` is the key of the ids in leaves. A segment ends before the leaf with which it would be over 4,096 leaves, or over
//! 256 KiB, and after 4,096 items: where it ends depends on the leaves alone, so that whoever packs them again gets the same
//! bytes.

use super::log::Ids;
use crate::crypto::context::{Context, Label};
use crate::crypto::prf::Tag;
use crate::error::{Error, Result};
use crate::store::MAX_VALUE;
use crate::time::Timestamp;
use crate::wire::audit::Leaf;
use crate::wire::{Reader, Writer};
use std::collections::HashMap;
use std::ops::Range;

const FORMAT: u8 = 1;
/// Leaves of a segment at the most, and items after which it ends.
const MOST: usize = 4096;
/// Bytes of leaves in a segment at the most, if they are several.
const LONG: usize = 256 << 10;
/// Bytes of a leaf at the most: a segment of it alone is hardly longer, and must fit a value of the store.
pub(super) const LONGEST_LEAF: usize = MAX_VALUE - 1024;

/// A segment in the making.
#[derive(Default)]
pub(super) struct Packer {
    first: u64,
    leaves: usize,
    /// Of the leaves as they are in the log.
    length: usize,
    span: Option<(Timestamp, Timestamp)>,
    deeds: Numbered,
    contexts: Numbered,
    rows: Vec<u8>,
    subjects: Vec<u8>,
    of_items: Vec<u8>,
}

/// Different byte strings, numbered as they come.
#[derive(Default)]
struct Numbered {
    numbers: HashMap<Vec<u8>, u16>,
    bytes: Vec<u8>,
}

impl Numbered {
    fn number(&mut self, bytes: Vec<u8>) -> Result<u16> {
        if let Some(number) = self.numbers.get(&bytes) {
            return Ok(*number);
        }
        let number = u16::try_from(self.numbers.len()).map_err(|_| TOO_MANY)?;
        self.bytes.extend_from_slice(&bytes);
        self.numbers.insert(bytes, number);
        Ok(number)
    }

    fn count(&self) -> u16 {
        u16::try_from(self.numbers.len()).unwrap_or(u16::MAX)
    }
}

const TOO_MANY: Error =
    Error::TooLong { what: "number of contexts in a segment", actual: 65_536, limit: 65_535 };

impl Packer {
    pub(super) fn new(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// The number of its first leaf.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// Whether the segment ends before a leaf of so many bytes.
    pub(super) fn ends_before(&self, length: usize) -> bool {
        let items = self.subjects.len() / 16;
        self.leaves > 0 && (self.leaves >= MOST || items >= MOST || self.length + length > LONG)
    }

    pub(super) fn push(&mut self, leaf: &Leaf<'_>, length: usize) -> Result<()> {
        let mut deed = Writer::new();
        deed.short(leaf.kind.as_bytes())?.short(leaf.principal.as_bytes())?.short(leaf.purpose.as_bytes())?;
        let deed = self.deeds.number(deed.into_bytes())?;
        let mut numbers = Vec::with_capacity(leaf.contexts.len());
        for context in &leaf.contexts {
            let mut w = Writer::new();
            let fields = u16::try_from(context.fields.len()).map_err(|_| TOO_MANY)?;
            w.u8(context.decision).u32(context.key_version).u16(fields).bytes(context.fields.as_flattened());
            numbers.push(self.contexts.number(w.into_bytes())?);
        }
        for item in &leaf.items {
            self.subjects.extend_from_slice(&item.subject);
            // A leaf that parsed has items of contexts that are there.
            let number = numbers.get(usize::from(item.context)).copied().unwrap_or(u16::MAX);
            self.of_items.extend_from_slice(&number.to_be_bytes());
        }
        self.rows.extend_from_slice(&leaf.at.0.to_be_bytes());
        self.rows.extend_from_slice(&deed.to_be_bytes());
        self.rows.extend_from_slice(&(leaf.items.len() as u32).to_be_bytes());
        let (from, to) = self.span.unwrap_or((leaf.at, leaf.at));
        self.span = Some((from.min(leaf.at), to.max(leaf.at)));
        self.leaves += 1;
        self.length += length;
        Ok(())
    }

    /// The bytes in front of the tag.
    pub(super) fn body(&self) -> Vec<u8> {
        let (from, to) = self.span.unwrap_or((Timestamp(0), Timestamp(0)));
        let mut w = Writer::new();
        w.u8(FORMAT).u32(self.leaves as u32).u64(from.0).u64(to.0);
        w.u16(self.deeds.count()).bytes(&self.deeds.bytes);
        w.u16(self.contexts.count()).bytes(&self.contexts.bytes);
        w.bytes(&self.rows);
        w.u32((self.subjects.len() / 16) as u32).bytes(&self.subjects).bytes(&self.of_items);
        w.into_bytes()
    }

    /// The bytes as they are stored.
    pub(super) fn seal(&self, ids: &Ids) -> Vec<u8> {
        let mut bytes = self.body();
        let tag: [u8; 32] = tag(ids, self.first, &bytes).into_public();
        bytes.extend_from_slice(&tag);
        bytes
    }
}

/// A segment, read.
pub(super) struct Segment<'a> {
    pub(super) leaves: u32,
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
    pub(super) deeds: Vec<Deed<'a>>,
    pub(super) contexts: Vec<Treated<'a>>,
    rows: &'a [[u8; 14]],
    pub(super) subjects: &'a [[u8; 16]],
    pub(super) of_items: &'a [[u8; 2]],
}

/// What was done, by whom and what for.
#[derive(Clone, Copy)]
pub(super) struct Deed<'a> {
    pub(super) kind: &'a str,
    pub(super) principal: &'a str,
    pub(super) purpose: &'a str,
}

/// How an item was treated.
#[derive(Clone, Copy)]
pub(super) struct Treated<'a> {
    pub(super) decision: u8,
    pub(super) key_version: u32,
    pub(super) fields: &'a [[u8; 8]],
}

/// What a segment has of a leaf.
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) deed: usize,
    pub(super) items: Range<usize>,
}

impl<'a> Segment<'a> {
    /// Reads what [`Packer::seal`] wrote for this place.
    ///
    /// # Errors
    /// [`Error::Corrupt`] unless it is the very one.
    pub(super) fn open(ids: &Ids, first: u64, bytes: &'a [u8]) -> Result<Self> {
        let altered = || Error::Corrupt {
            problem: format!(
                "the access index was altered from leaf {first} on; `check` says what else is wrong"
            ),
        };
        let (body, found) = bytes.split_last_chunk::<32>().ok_or_else(altered)?;
        if !tag(ids, first, body).verifies(found) {
            return Err(altered());
        }
        Self::parse(body)
    }

    /// Reads what stands in front of the tag.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("segment of the access index", body);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let leaves = r.u32()?;
        let (earliest, latest) = (Timestamp(r.u64()?), Timestamp(r.u64()?));
        let deeds = (0..r.u16()?)
            .map(|_| Ok(Deed { kind: r.short_str()?, principal: r.short_str()?, purpose: r.short_str()? }))
            .collect::<Result<Vec<_>>>()?;
        let contexts = (0..r.u16()?)
            .map(|_| {
                let (decision, key_version, fields) = (r.u8()?, r.u32()?, r.u16()?);
                let fields = r.take(8 * usize::from(fields))?.as_chunks().0;
                Ok(Treated { decision, key_version, fields })
            })
            .collect::<Result<Vec<_>>>()?;
        let rows: &[[u8; 14]] = r.take(14 * leaves as usize)?.as_chunks().0;
        let items = r.u32()? as usize;
        let subjects = r.take(16 * items)?.as_chunks().0;
        let of_items: &[[u8; 2]] = r.take(2 * items)?.as_chunks().0;
        let segment = Self { leaves, earliest, latest, deeds, contexts, rows, subjects, of_items };
        let all_known = segment.rows().all(|row| row.deed < segment.deeds.len())
            && of_items.iter().all(|of| usize::from(u16::from_be_bytes(*of)) < segment.contexts.len());
        if leaves == 0 || !all_known || segment.rows().map(|row| row.items.len()).sum::<usize>() != items {
            return Err(r.malformed("does not fit together"));
        }
        r.finish()?;
        Ok(segment)
    }

    /// Its leaves, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let mut next = 0;
        self.rows.iter().map(move |row| {
            let [at @ .., _, _, _, _, _, _] = *row;
            let [_, _, _, _, _, _, _, _, d0, d1, i0, i1, i2, i3] = *row;
            let start = next;
            next += u32::from_be_bytes([i0, i1, i2, i3]) as usize;
            Row {
                at: Timestamp(u64::from_be_bytes(at)),
                deed: u16::from_be_bytes([d0, d1]).into(),
                items: start..next,
            }
        })
    }
}

fn tag(ids: &Ids, first: u64, body: &[u8]) -> Tag {
    ids.tag(&Context::new(Label::AccessSegment).number(first), body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::audit::{self, Item};

    fn leaf(at: u64, items: usize) -> Leaf<'static> {
        let context = |key_version| audit::Context {
            decision: 1,
            reason: 0,
            key_version,
            fields: vec![[7; 8], [key_version as u8; 8]],
        };
        let item = |i: usize| Item { subject: [i as u8; 16], context: (i % 2) as u16 };
        Leaf {
            kind: "reveal",
            at: Timestamp(at),
            principal: "alice",
            purpose: "support",
            rules_version: 1,
            note: "",
            contexts: vec![context(1), context(2)],
            items: (0..items).map(item).collect(),
            details: vec![],
        }
    }

    #[test]
    fn a_segment_comes_back_and_no_altered_byte_or_other_place_passes() {
        let ids = Ids::generate();
        let mut packer = Packer::new(9);
        packer.push(&leaf(50, 3), 100).unwrap();
        packer.push(&leaf(40, 0), 100).unwrap();
        packer.push(&leaf(60, 2), 100).unwrap();
        let bytes = packer.seal(&ids);
        let segment = Segment::open(&ids, 9, &bytes).unwrap();
        assert_eq!((segment.leaves, segment.earliest, segment.latest), (3, Timestamp(40), Timestamp(60)));
        let rows: Vec<_> = segment.rows().map(|row| (row.at.0, row.items)).collect();
        assert_eq!(rows, [(50, 0..3), (40, 3..3), (60, 3..5)]);
        assert_eq!((segment.deeds.len(), segment.contexts.len()), (1, 2));
        assert_eq!(segment.contexts[1].fields, [[7; 8], [2; 8]]);
        assert_eq!((segment.subjects[4], segment.of_items[4]), ([1; 16], [0, 1]));
        assert!(Segment::open(&ids, 8, &bytes).is_err(), "another place");
        assert!(Segment::open(&Ids::generate(), 9, &bytes).is_err(), "another vault's key");
        for i in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[i] ^= 1;
            assert!(Segment::open(&ids, 9, &altered).is_err(), "byte {i}");
            assert!(Segment::open(&ids, 9, &bytes[..i]).is_err(), "{i} bytes");
        }
    }

    #[test]
    fn a_segment_ends_by_leaves_items_or_bytes_and_holds_one_leaf_at_least() {
        let mut packer = Packer::new(0);
        assert!(!packer.ends_before(LONGEST_LEAF));
        packer.push(&leaf(1, MOST - 1), 10).unwrap();
        assert!(!packer.ends_before(LONG - 10) && packer.ends_before(LONG - 9));
        packer.push(&leaf(1, 1), 10).unwrap();
        assert!(packer.ends_before(0));
        let mut packer = Packer::new(0);
        (0..MOST).for_each(|_| packer.push(&leaf(1, 0), 0).unwrap());
        assert!(packer.ends_before(0));
    }

    #[test]
    fn the_longest_leaf_fits_a_value_of_the_store() {
        let ids = Ids::generate();
        let mut leaf = leaf(1, 0);
        leaf.contexts[0].fields = vec![[1; 8]; 65_000];
        leaf.contexts[1].fields = vec![[2; 8]; 65_000];
        let length = leaf.to_bytes().unwrap().len();
        assert!(length < LONGEST_LEAF);
        let mut packer = Packer::new(0);
        packer.push(&leaf, length).unwrap();
        assert!(packer.seal(&ids).len() <= length + 1024);
    }
}
