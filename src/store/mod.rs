//! Where bytes are kept: named ordered maps, atomic batches, durable when told so. Nothing here knows keys.
//!
//! | backend | kept | for |
//! |---|---|---|
//! | [`memory::MemoryStore`] | in memory | tests, and throw-away vaults |
//! | [`sled::SledStore`] | in a directory, by one process at a time | the default |
//!
//! Every backend passes `tests/store_conformance.rs`; a backend on disk passes `tests/store_crash.rs` as well.
//!
//! ```
//! use cloakroom::store::{Batch, Map, Store, memory::MemoryStore};
//!
//! const FIELDS: Map = Map::new(1, "fields");
//! const COUNTS: Map = Map::new(2, "counts");
//!
//! let store = MemoryStore::new();
//! let mut batch = Batch::new();
//! batch.expect(COUNTS, b"email", None); // no one else has counted yet
//! batch.put(COUNTS, b"email", b"1");
//! batch.put(FIELDS, b"row", b"envelope");
//! store.apply(batch)?;
//! assert_eq!(store.get(COUNTS, b"email")?.as_deref(), Some(&b"1"[..]));
//! # Ok::<(), cloakroom::Error>(())
//! ```

pub mod memory;
#[cfg(feature = "sled")]
pub mod sled;

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};

/// The longest key, in bytes: an inner page of the default backend holds 256 keys and must fit its log buffer.
pub const MAX_KEY: usize = 255;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1 << 20;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Named ordered maps of bytes.
///
/// Keys sort as bytes do, shorter first. Empty keys and empty values are allowed; [`MAX_KEY`] and [`MAX_VALUE`] bound
/// both in every backend.
///
/// After a failed write, sync or close the store answers every call with an error, since nobody can tell what reached
/// the disk: drop it and open it again. What was acknowledged is there; a batch whose write or sync failed is there
/// entirely or not at all.
pub trait Store: Send + Sync {
    /// The value under `key`, if any.
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Up to `limit` entries whose keys start with `prefix`, in key order, beginning strictly after `after` if given.
    ///
    /// One call sees one state, never half a batch. The next page sees the state of its own time.
    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>>;

    /// Applies a batch atomically. Readers see it on return, batches keep their order, and it is durable once
    /// [`sync`](Self::sync) has returned for it, or for any later one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an expectation fails, [`Error::TooLong`] if a key or value is over the limit: nothing is
    /// written and the store stays usable.
    fn write(&self, batch: Batch) -> Result<Commit>;

    /// Waits until the commit and all before it survive a power cut. One sync serves all who wait for it.
    fn sync(&self, commit: Commit) -> Result<()>;

    /// Atomic and durable on return: [`write`](Self::write), then [`sync`](Self::sync).
    fn apply(&self, batch: Batch) -> Result<()> {
        let commit = self.write(batch)?;
        self.sync(commit)
    }

    /// Bytes in use, on disk or in memory: a figure for reports, not an exact one.
    fn size(&self) -> Result<u64>;
}

/// One of the ordered maps of a store: the id is its place on disk, the name is for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map {
    id: u8,
    name: &'static str,
}

impl Map {
    /// A map, meant for a `const`. Ids must differ: two maps of one id are one map.
    ///
    /// # Panics
    /// For the ids 0 and 255, which the stores keep for themselves; in a `const`, the compiler says so.
    pub const fn new(id: u8, name: &'static str) -> Self {
        assert!(id != 0 && id != u8::MAX, "map ids 0 and 255 belong to the store");
        Self { id, name }
    }

    /// The byte that stands for the map on disk.
    pub const fn id(self) -> u8 {
        self.id
    }

    /// The name for people.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Writes over any of the maps that happen together or not at all, and what must hold before them.
///
/// A batch is in memory several times over while it is written: up to some 2,000 entries is a good size, 10,000 cost
/// the default store half a gigabyte.
///
/// The last write to a key counts. Expectations are about the store before the batch, never about the batch itself.
#[derive(Clone, Default)]
pub struct Batch {
    expects: Vec<(Map, Vec<u8>, Option<Vec<u8>>)>,
    writes: BTreeMap<(Map, Vec<u8>), Option<Vec<u8>>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, map: Map, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.writes.insert((map, key.into()), Some(value.into()));
        self
    }

    /// Removes `key`; no matter if it is not there.
    pub fn delete(&mut self, map: Map, key: impl Into<Vec<u8>>) -> &mut Self {
        self.writes.insert((map, key.into()), None);
        self
    }

    /// Demands that `key` have this value, or none, for the batch to be written.
    pub fn expect(&mut self, map: Map, key: impl Into<Vec<u8>>, value: Option<&[u8]>) -> &mut Self {
        self.expects.push((map, key.into(), value.map(<[u8]>::to_vec)));
        self
    }

    /// What the batch does to `key`: sets it, removes it, or nothing.
    pub fn get(&self, map: Map, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes.get(&(map, key.to_vec())).map(Option::as_deref)
    }

    /// The number of keys written.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing is written. Expectations of an empty batch are checked all the same.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The bytes of all keys and values written.
    pub fn bytes(&self) -> usize {
        self.writes.iter().map(|((_, key), value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    fn check_limits(&self) -> Result<()> {
        for ((_, key), value) in &self.writes {
            limit("a store key", key.len(), MAX_KEY)?;
            limit("a store value", value.as_ref().map_or(0, Vec::len), MAX_VALUE)?;
        }
        Ok(())
    }

    /// Compares every expectation with what `get` finds.
    fn check_expectations<E: From<Error>>(
        &self,
        get: impl Fn(Map, &[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        for (map, key, value) in &self.expects {
            if get(*map, key)? != *value {
                return Err(Error::Conflict.into());
            }
        }
        Ok(())
    }
}

/// Sizes only: the contents are not for logs.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} expectations, {} writes, {} bytes)", self.expects.len(), self.len(), self.bytes())
    }
}

/// A written batch's place in the order of batches: later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit(u64);

fn limit(what: &'static str, actual: usize, limit: usize) -> Result<()> {
    if actual > limit { Err(Error::TooLong { what, actual, limit }) } else { Ok(()) }
}
