//! A store in memory: the model the others are tested against, and enough for a vault that need not outlive its
//! process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::{Batch, Commit, Entry, Map, Store};
use crate::error::{Error, Result};

/// Maps in memory. Nothing in it is durable, so [`sync`](Store::sync) has nothing to wait for.
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    commits: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing panics while the lock is held for writing, so a poisoned lock still guards a whole state.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.read().entries.get(&(map.id(), key.to_vec())).cloned())
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded((map.id(), after.to_vec())),
            _ => Bound::Included((map.id(), prefix.to_vec())),
        };
        let state = self.read();
        let entries = state.entries.range((start, Bound::Unbounded));
        let entries = entries.take_while(|((id, key), _)| *id == map.id() && key.starts_with(prefix));
        Ok(entries.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        batch.check_limits()?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        batch.check_expectations(|map, key| {
            Ok::<_, Error>(state.entries.get(&(map.id(), key.to_vec())).cloned())
        })?;
        for ((map, key), value) in batch.writes {
            match value {
                Some(value) => state.entries.insert((map.id(), key), value),
                None => state.entries.remove(&(map.id(), key)),
            };
        }
        state.commits += 1;
        Ok(Commit(state.commits))
    }

    fn sync(&self, _: Commit) -> Result<()> {
        Ok(())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.read().entries.iter().map(|((_, key), value)| (key.len() + value.len()) as u64).sum())
    }
}
