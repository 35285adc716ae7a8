//! A disk under a vault, which can fail at any write.

use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Commit, Entry, Map, Store};
use cloakroom::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// A store that outlives its vault, and can fail.
#[derive(Clone, Default)]
pub struct Disk {
    store: Arc<MemoryStore>,
    writes_left: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
    written: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
}

impl Disk {
    fn io() -> Error {
        Error::io("use", "the disk")(std::io::Error::other("pulled out"))
    }

    fn alive(&self) -> Result<()> {
        if self.failed.load(Relaxed) { Err(Self::io()) } else { Ok(()) }
    }

    /// So many writes succeed, and then no more; whether the one that fails is on the disk all the same.
    pub fn fail_after(&self, writes: u32, written: bool) {
        self.writes_left.store(writes, Relaxed);
        self.written.store(written, Relaxed);
        self.fails.store(true, Relaxed);
    }

    pub fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    pub fn repair(&self) {
        self.fails.store(false, Relaxed);
        self.failed.store(false, Relaxed);
    }
}

impl Store for Disk {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.alive()?;
        self.store.get(map, key)
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.alive()?;
        self.store.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        self.alive()?;
        // A read writes its leaf and the state of the tree alone. The model reads as it likes, to compare.
        let is_read = batch.len() == 2;
        if self.fails.load(Relaxed) && !is_read {
            let left = self.writes_left.load(Relaxed);
            if left == 0 {
                self.failed.store(true, Relaxed);
                if self.written.load(Relaxed) {
                    self.store.write(batch)?;
                }
                return Err(Self::io());
            }
            self.writes_left.store(left - 1, Relaxed);
        }
        self.store.write(batch)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.alive()?;
        self.store.sync(commit)
    }

    fn size(&self) -> Result<u64> {
        self.store.size()
    }
}
