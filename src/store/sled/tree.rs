//! What stands in sled's one tree: keys with their map in front, values whole or in chunks.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::super::{Batch, Entry, MAX_VALUE, Map};
use super::guard::Failure;

pub(super) const CHUNKS: u8 = u8::MAX;
const WHOLE: u8 = 0;
const CHUNKED: u8 = 1;

/// The longest value kept whole: a leaf of 17 such and their keys is 74 KiB.
const CHUNK: usize = 4096;

/// sled's one tree, read by any thread and written by the writer.
#[derive(Clone)]
pub(super) struct Tree {
    pub(super) db: ::sled::Db,
    /// Held while a batch is applied, and by whoever reads more than one key. A single key needs no gate: sled keeps
    /// its readers out of the middle of a batch.
    pub(super) gate: Arc<RwLock<()>>,
    /// Whether any value is chunked: as long as none is, a write need not look at what it replaces.
    pub(super) chunked: Arc<AtomicBool>,
}

impl Tree {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match self.db.get(key)?.as_deref().map(Stored::parse).transpose()? {
            None => Ok(None),
            Some(Stored::Whole(value)) => Ok(Some(value.to_vec())),
            Some(Stored::Chunked { .. }) => {
                let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
                self.db.get(key)?.map(|stored| self.value(&stored)).transpose()
            }
        }
    }

    pub(super) fn scan(
        &self,
        map: Map,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, Failure> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(tree_key(map, after)),
            _ => Bound::Included(tree_key(map, prefix)),
        };
        let prefix = tree_key(map, prefix);
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        for entry in self.db.range::<Vec<u8>, _>((start, Bound::Unbounded)).take(limit) {
            let (key, stored) = entry?;
            if !key.starts_with(&prefix) {
                break;
            }
            entries.push((key[1..].to_vec(), self.value(&stored)?));
        }
        Ok(entries)
    }

    /// The value that was stored so. The gate is held: its chunks belong to it.
    fn value(&self, stored: &[u8]) -> Result<Vec<u8>, Failure> {
        match Stored::parse(stored)? {
            Stored::Whole(value) => Ok(value.to_vec()),
            Stored::Chunked { id, length } => {
                let mut value = Vec::with_capacity(length.min(MAX_VALUE));
                for n in 0..length.div_ceil(CHUNK) {
                    let chunk = self.db.get(chunk_key(id, n))?;
                    value.extend_from_slice(&chunk.ok_or(Failure::damage("part of a value is missing"))?);
                }
                if value.len() != length {
                    return Err(Failure::damage("part of a value is missing"));
                }
                Ok(value)
            }
        }
    }

    pub(super) fn apply(&self, batch: Batch, next_chunks: &mut u64) -> Result<(), Failure> {
        let mut writes = ::sled::Batch::default();
        for ((map, key), value) in batch.writes {
            let key = tree_key(map, &key);
            if self.chunked.load(Ordering::Relaxed)
                && let Some(old) = self.db.get(&key)?
                && let Stored::Chunked { id, length } = Stored::parse(&old)?
            {
                (0..length.div_ceil(CHUNK)).for_each(|n| writes.remove(chunk_key(id, n)));
            }
            match value {
                None => writes.remove(key),
                Some(mut value) if value.len() <= CHUNK => {
                    value.push(WHOLE);
                    writes.insert(key, value);
                }
                Some(value) => {
                    self.chunked.store(true, Ordering::Relaxed);
                    let id = *next_chunks;
                    *next_chunks += 1;
                    for (n, chunk) in value.chunks(CHUNK).enumerate() {
                        writes.insert(chunk_key(id, n), chunk);
                    }
                    let mut head = id.to_be_bytes().to_vec();
                    head.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    head.push(CHUNKED);
                    writes.insert(key, head);
                }
            }
        }
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.db.apply_batch(writes)?;
        drop(gate);
        self.db.flush()?;
        Ok(())
    }
}

/// What sled holds under a caller's key.
enum Stored<'a> {
    Whole(&'a [u8]),
    Chunked { id: u64, length: usize },
}

impl<'a> Stored<'a> {
    fn parse(stored: &'a [u8]) -> Result<Self, Failure> {
        match stored {
            [value @ .., WHOLE] => Ok(Self::Whole(value)),
            &[a, b, c, d, e, f, g, h, i, j, k, l, CHUNKED] => Ok(Self::Chunked {
                id: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                length: u32::from_be_bytes([i, j, k, l]) as usize,
            }),
            _ => Err(Failure::damage("a value is malformed")),
        }
    }
}

pub(super) fn tree_key(map: Map, key: &[u8]) -> Vec<u8> {
    [&[map.id()], key].concat()
}

fn chunk_key(id: u64, n: usize) -> Vec<u8> {
    [&[CHUNKS][..], &id.to_be_bytes(), &(n as u32).to_be_bytes()].concat()
}
