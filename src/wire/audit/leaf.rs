//! A leaf of an audit log: what one operation did, to whom, for what purpose.
//!
//! ```text
//!  format 1 │ kind 2+k │ at 8 │ principal 2+p │ purpose 2+u │ rules version 4 │ note 4+n
//!  contexts 2 │ each: decision 1 │ reason 1 │ key version 4 │ fields 2 │ each field: id 8
//!  items 4    │ each: subject id 16 │ context 2
//!  details 4  │ each: item 4 │ sealed 4+s
//! ```
//!
//! An item is one data subject in the operation, by a blinded id, and its context says what was done to which of her
//! fields under which key version; subjects that were treated alike share a context. A detail is what only she may read
//! of it, sealed under her own key: when she is erased, the leaf stays as it is, and its details can no longer be opened.
//! No other part of a leaf is secret, and none is personal to those who cannot tell whose the ids are.

use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};

/// The format number written, and the only one so far.
const FORMAT: u8 = 1;

/// The most bytes of a leaf: about 3,700,000 items. A reader of audit files holds one leaf at a time.
pub const LONGEST: usize = 64 << 20;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// What was done: one or more of `a` to `z`, `0` to `9` and `-`, such as `reveal`.
    pub kind: &'a str,
    /// When.
    pub at: Timestamp,
    /// Who did it; empty when nobody was named.
    pub principal: &'a str,
    /// What for; empty when nothing was named.
    pub purpose: &'a str,
    /// The version of the rules that decided, 0 for none.
    pub rules_version: u32,
    /// Public text about the operation as a whole, such as `key version 3`.
    pub note: &'a str,
    /// What was done, to be referred to by items.
    pub contexts: Vec<Context>,
    /// To whom.
    pub items: Vec<Item>,
    /// What only the subjects may read of it.
    pub details: Vec<Detail<'a>>,
}

/// What was done to an item's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What was decided.
    pub decision: u8,
    /// Why, 0 for no reason.
    pub reason: u8,
    /// The key version that was used, 0 for none.
    pub key_version: u32,
    /// The fields, by blinded ids.
    pub fields: Vec<[u8; 8]>,
}

/// One data subject in the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Her blinded id.
    pub subject: [u8; 16],
    /// The number of the context, from 0.
    pub context: u16,
}

/// What only the subject may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail<'a> {
    /// The number of the item, from 0.
    pub item: u32,
    /// Sealed bytes.
    pub sealed: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// Parses; opens nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("audit leaf", bytes);
        if bytes.len() > LONGEST {
            return Err(r.malformed("is over 64 MiB"));
        }
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let kind = r.short_str()?;
        if !is_kind(kind) {
            return Err(r.malformed("has a kind that is not of small letters, digits and hyphens"));
        }
        let at = Timestamp(r.u64()?);
        let [principal, purpose] = [r.short_str()?, r.short_str()?];
        let rules_version = r.u32()?;
        let note = std::str::from_utf8(r.long()?).map_err(|_| r.malformed("has a note that is not UTF-8"))?;
        if [principal, purpose, note].into_iter().any(has_control) {
            return Err(r.malformed("has a text with a control character"));
        }
        let contexts = (0..r.u16()?).map(|_| Context::parse(&mut r)).collect::<Result<Vec<_>>>()?;
        let mut items = vec![];
        for _ in 0..r.u32()? {
            let item = Item { subject: r.array()?, context: r.u16()? };
            if usize::from(item.context) >= contexts.len() {
                return Err(r.malformed("has an item of a context that is not there"));
            }
            items.push(item);
        }
        let mut details = vec![];
        for _ in 0..r.u32()? {
            let detail = Detail { item: r.u32()?, sealed: r.long()? };
            if detail.item as usize >= items.len() {
                return Err(r.malformed("has a detail of an item that is not there"));
            }
            details.push(detail);
        }
        r.finish()?;
        Ok(Self { kind, at, principal, purpose, rules_version, note, contexts, items, details })
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a text or a list is longer than its length field can say, or all of it over [`LONGEST`];
    /// [`Error::Setting`] for a kind of other characters, a text with a control character, or a number of a context or
    /// item that is not there.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let setting = |problem: &str| Error::Setting { what: "audit leaf", problem: problem.into() };
        if !is_kind(self.kind) {
            return Err(setting("its kind must be of small letters, digits and hyphens"));
        }
        if [self.principal, self.purpose, self.note].into_iter().any(has_control) {
            return Err(setting("a text of it has a control character"));
        }
        if self.items.iter().any(|item| usize::from(item.context) >= self.contexts.len()) {
            return Err(setting("an item is of a context that is not there"));
        }
        if self.details.iter().any(|detail| detail.item as usize >= self.items.len()) {
            return Err(setting("a detail is of an item that is not there"));
        }
        let mut w = Writer::new();
        w.u8(FORMAT).short(self.kind.as_bytes())?.u64(self.at.0);
        w.short(self.principal.as_bytes())?.short(self.purpose.as_bytes())?;
        w.u32(self.rules_version).long(self.note.as_bytes())?;
        w.u16(count("contexts", self.contexts.len(), 0xFFFF)?);
        for context in &self.contexts {
            w.u8(context.decision).u8(context.reason).u32(context.key_version);
            w.u16(count("fields", context.fields.len(), 0xFFFF)?);
            for id in &context.fields {
                w.bytes(id);
            }
        }
        w.u32(count("items", self.items.len(), u32::MAX as usize)?);
        for item in &self.items {
            w.bytes(&item.subject).u16(item.context);
        }
        w.u32(count("details", self.details.len(), u32::MAX as usize)?);
        for detail in &self.details {
            w.u32(detail.item).long(detail.sealed)?;
        }
        match w.as_bytes().len() {
            ..=LONGEST => Ok(w.into_bytes()),
            actual => Err(Error::TooLong { what: "audit leaf", actual, limit: LONGEST }),
        }
    }
}

impl Context {
    fn parse(r: &mut Reader<'_>) -> Result<Self> {
        let (decision, reason, key_version) = (r.u8()?, r.u8()?, r.u32()?);
        let fields = (0..r.u16()?).map(|_| r.array()).collect::<Result<_>>()?;
        Ok(Self { decision, reason, key_version, fields })
    }
}

fn is_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn count<N: TryFrom<usize>>(what: &'static str, actual: usize, limit: usize) -> Result<N> {
    N::try_from(actual).map_err(|_| Error::TooLong { what, actual, limit })
}
