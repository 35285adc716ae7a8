//! A store that a test can read and write behind the back of the vault that owns it.
#![allow(dead_code, reason = "each test program uses its part of this")]

use cloakroom::Result;
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Commit, Entry, Map, Store};
use std::sync::Arc;

pub const INDEX: Map = Map::new(1, "index");
pub const ENTRY: Map = Map::new(2, "entry");
pub const META: Map = Map::new(3, "meta");
pub const RUN: Map = Map::new(4, "run");
pub const OUTPUT: Map = Map::new(5, "output");
pub const TOKEN: Map = Map::new(6, "token");
pub const VALUE: Map = Map::new(7, "value");
pub const SPACE: Map = Map::new(8, "space");
pub const BLIND: Map = Map::new(9, "blind");
pub const EVENT: Map = Map::new(10, "event");
pub const AUDIT: Map = Map::new(11, "audit");
pub const DUE: Map = Map::new(12, "due");
pub const ACCESS: Map = Map::new(13, "access");
pub const APPROVAL: Map = Map::new(14, "approval");

/// Every map of a vault.
pub const MAPS: [Map; 14] =
    [INDEX, ENTRY, META, RUN, OUTPUT, TOKEN, VALUE, SPACE, BLIND, EVENT, AUDIT, DUE, ACCESS, APPROVAL];

#[derive(Clone, Default)]
pub struct Shared(Arc<MemoryStore>);

impl Shared {
    /// All entries of a map.
    pub fn all(&self, map: Map) -> Vec<Entry> {
        self.scan(map, &[], None, usize::MAX).unwrap()
    }
}

impl Store for Shared {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(map, key)
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.0.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        self.0.write(batch)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.0.sync(commit)
    }

    fn size(&self) -> Result<u64> {
        self.0.size()
    }
}
