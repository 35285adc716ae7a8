//! The access index: what the audit leaves say, packed into [segments](super::access_segment), so that what somebody saw is
//! found out in seconds among millions of accesses.
//!
//! ```text
//!  access  number of the first leaf  →  a segment of that leaf and those after it
//!  meta    "access"                  →  format 1 │ size 8 │ peaks 1 │ peak 32 each │ tag 32
//! ```
//!
//! Everything in it follows from the leaves. It is brought up to date before it is asked, and each leaf is verified against
//! the audit tree on its way in: `size` and `peaks` are of the tree as it was after the last leaf in a segment. Leaves that do
//! not fill a segment are read from the log each time.

use super::access_segment::{Packer, Segment};
use super::log::Ids;
use super::open::Vault;
use super::pages::Pages;
use super::{ACCESS, META};
use crate::crypto::context::{Context, Label};
use crate::crypto::merkle::{Frontier, Hash, leaf_hash};
use crate::error::{Error, Result};
use crate::store::Batch;
use crate::wire::audit::Leaf;
use crate::wire::{Reader, Writer};

const STATE: &[u8] = b"access";
const FORMAT: u8 = 1;
/// Bytes of segments that are written at once.
const AT_ONCE: usize = 4 << 20;

/// The index, up to date with the log as it was a moment ago.
pub(super) struct Accesses<'v> {
    vault: &'v Vault,
    /// Leaves that fill no segment yet.
    tail: Packer,
    /// The tree.
    pub(super) tree: Frontier,
}

impl Vault {
    /// Brings the access index up to date with the audit log. Whatever asks the index does so itself; after millions of leaves
    /// it takes some time. How many leaves there are.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a leaf is missing or is not the one that was written; the store's.
    pub fn index_accesses(&self) -> Result<u64> {
        Ok(self.accesses()?.tree.size())
    }

    pub(super) fn accesses(&self) -> Result<Accesses<'_>> {
        // The tree comes second: another thread may be at it, and the index is never ahead of the tree.
        let mut packed = self.packed()?;
        let tree = self.log_guard().frontier.clone();
        let altered = || Error::Corrupt {
            problem: "the audit leaves are not those that the vault has written; `check` says which".into(),
        };
        if packed.size() > tree.size() {
            return Err(altered());
        }
        let (mut seen, mut tail, mut batch) = (packed.clone(), Packer::new(packed.size()), Batch::new());
        self.each_leaf(packed.size(), tree.size(), |bytes| {
            if tail.ends_before(bytes.len()) {
                batch.put(ACCESS, tail.first().to_be_bytes(), tail.seal(&self.ids));
                (packed, tail) = (seen.clone(), Packer::new(seen.size()));
                if batch.bytes() > AT_ONCE {
                    self.write_packed(std::mem::take(&mut batch), &packed)?;
                }
            }
            tail.push(&Leaf::parse(bytes)?, bytes.len())?;
            seen.push(leaf_hash(bytes));
            Ok(())
        })?;
        if seen.root() != tree.root() {
            // Segments of other leaves are not to be believed once the right ones are back.
            self.forget_accesses()?;
            return Err(altered());
        }
        if !batch.is_empty() {
            self.write_packed(batch, &packed)?;
        }
        Ok(Accesses { vault: self, tail, tree })
    }

    /// Nothing waits for the disk: what is lost is packed again.
    fn write_packed(&self, mut batch: Batch, packed: &Frontier) -> Result<()> {
        batch.put(META, STATE, seal_state(&self.ids, packed));
        self.store().write(batch).map(|_| ())
    }

    /// The tree over the leaves that are in segments.
    fn packed(&self) -> Result<Frontier> {
        match self.store().get(META, STATE)? {
            Some(bytes) => open_state(&self.ids, &bytes),
            None => Ok(Frontier::new()),
        }
    }

    fn forget_accesses(&self) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(META, STATE);
        self.store().write(batch)?;
        let mut pages = Pages::new(self.store(), ACCESS, &[], None);
        while let Some(page) = pages.next()? {
            let mut batch = Batch::new();
            for (key, _) in page {
                batch.delete(ACCESS, key);
            }
            self.store().write(batch)?;
        }
        Ok(())
    }

    /// Packs all leaves again, and `problem` for each segment that is not what comes out.
    pub(super) fn check_accesses(&self, mut problem: impl FnMut(String) -> Result<()>) -> Result<()> {
        let packed = match self.packed() {
            Ok(packed) => packed,
            Err(error) => return problem(error.to_string()),
        };
        let (mut tail, mut seen, mut segments) = (Packer::new(0), Frontier::new(), 0u64);
        let mut compare = |tail: &Packer| {
            segments += 1;
            match self.store().get(ACCESS, &tail.first().to_be_bytes())? {
                Some(found) if found == tail.seal(&self.ids) => Ok(()),
                found => {
                    let what = if found.is_some() { "is not what its leaves say" } else { "is missing" };
                    problem(format!("access index: the segment from leaf {} on {what}", tail.first()))
                }
            }
        };
        let walked = self.each_leaf(0, packed.size(), |bytes| {
            if tail.ends_before(bytes.len()) {
                compare(&tail)?;
                tail = Packer::new(seen.size());
            }
            tail.push(&Leaf::parse(bytes)?, bytes.len())?;
            seen.push(leaf_hash(bytes));
            Ok(())
        });
        match walked {
            Ok(()) if !tail.is_empty() => compare(&tail)?,
            // What is wrong with the leaves themselves is told where they are hashed.
            Ok(()) | Err(Error::Corrupt { .. } | Error::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
        if seen.size() == packed.size() && seen.root() != packed.root() {
            problem("access index: it is not of the leaves that are there".into())?;
        }
        // Those behind its end are written over before they are read.
        let mut found = 0u64;
        Pages::new(self.store(), ACCESS, &[], None).each(|key, _| {
            found += u64::from(key.len() != 8 || *key < packed.size().to_be_bytes()[..]);
            Ok(())
        })?;
        if found != segments && seen.size() == packed.size() {
            problem(format!("access index: it has {found} segments in place of {segments}"))?;
        }
        Ok(())
    }
}

impl Accesses<'_> {
    /// `f` for each segment, in order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when one is missing or was altered; what `f` refuses; the store's.
    pub(super) fn each(&self, mut f: impl FnMut(&Segment<'_>) -> Result<()>) -> Result<()> {
        let missing = |first: u64| Error::Corrupt {
            problem: format!(
                "the access index lacks what is from leaf {first} on; `check` says what else is wrong"
            ),
        };
        let mut next = 0;
        while next < self.tail.first() {
            let bytes = self.vault.store().get(ACCESS, &next.to_be_bytes())?.ok_or_else(|| missing(next))?;
            let segment = Segment::open(&self.vault.ids, next, &bytes)?;
            f(&segment)?;
            next += u64::from(segment.leaves);
        }
        if next != self.tail.first() {
            return Err(missing(self.tail.first()));
        }
        match self.tail.is_empty() {
            true => Ok(()),
            false => f(&Segment::parse(&self.tail.body())?),
        }
    }
}

fn seal_state(ids: &Ids, packed: &Frontier) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(FORMAT).u64(packed.size());
    w.u8(u8::try_from(packed.peaks().len()).expect("a tree of 2^64 leaves has 64 peaks at most"));
    w.bytes(packed.peaks().as_flattened());
    let tag: [u8; 32] = ids.tag(&Context::new(Label::AccessState), w.as_bytes()).into_public();
    w.bytes(&tag);
    w.into_bytes()
}

fn open_state(ids: &Ids, bytes: &[u8]) -> Result<Frontier> {
    let altered = || Error::Corrupt {
        problem: "how far the access index is was altered; `check` says what else is wrong".into(),
    };
    let (body, tag) = bytes.split_last_chunk::<32>().ok_or_else(altered)?;
    if !ids.tag(&Context::new(Label::AccessState), body).verifies(tag) {
        return Err(altered());
    }
    let mut r = Reader::new("state of the access index", body);
    r.expect(&[FORMAT], "has a format that this release does not know")?;
    let size = r.u64()?;
    let peaks = (0..r.u8()?).map(|_| r.array()).collect::<Result<Vec<Hash>>>()?;
    r.finish()?;
    Frontier::from_parts(size, peaks)
}
