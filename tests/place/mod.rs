//! Vaults that can be closed and opened again, in memory and in a directory.
#![allow(dead_code, reason = "each test takes what it needs")]

#[path = "../shared_store/mod.rs"]
mod shared_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

#[cfg(feature = "sled")]
use cloakroom::keys::KeyFile;
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Commit, Entry, Map, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Tenant, Vault};
use cloakroom::{Error, Result};
pub use shared_store::*;

pub const NOW: Timestamp = Timestamp(1_000);

/// A store that outlives its vault, counts what is written, and refuses to write when told to.
#[derive(Clone)]
pub struct Watched(Arc<Inner>);

struct Inner {
    store: MemoryStore,
    written: AtomicUsize,
    /// Batches until every further one is refused.
    left: AtomicI64,
}

impl Default for Watched {
    fn default() -> Self {
        let (store, written, left) = (MemoryStore::new(), AtomicUsize::new(0), AtomicI64::new(i64::MAX));
        Self(Arc::new(Inner { store, written, left }))
    }
}

impl Watched {
    /// Takes so many batches more, and no further one.
    pub fn refuse_after(&self, batches: i64) {
        self.0.left.store(batches, Ordering::SeqCst);
    }

    pub fn refuse_nothing(&self) {
        self.refuse_after(i64::MAX);
    }

    /// How many entries were put or deleted.
    pub fn written(&self) -> usize {
        self.0.written.load(Ordering::SeqCst)
    }

    pub fn all(&self, map: Map) -> Vec<Entry> {
        self.scan(map, b"", None, usize::MAX).unwrap()
    }

    pub fn count(&self, map: Map) -> usize {
        self.all(map).len()
    }

    /// Sets or removes an entry behind the vault's back.
    pub fn set(&self, map: Map, key: &[u8], value: Option<&[u8]>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(map, key, value),
            None => batch.delete(map, key),
        };
        self.0.store.apply(batch).unwrap();
    }
}

impl Store for Watched {
    fn get(&self, map: Map, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.store.get(map, key)
    }

    fn scan(&self, map: Map, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.0.store.scan(map, prefix, after, limit)
    }

    fn write(&self, batch: Batch) -> Result<Commit> {
        if self.0.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Error::io("write", "test")(std::io::Error::other("no more")));
        }
        let entries = batch.len();
        let commit = self.0.store.write(batch)?;
        self.0.written.fetch_add(entries, Ordering::SeqCst);
        Ok(commit)
    }

    fn sync(&self, commit: Commit) -> Result<()> {
        self.0.store.sync(commit)
    }

    fn size(&self) -> Result<u64> {
        self.0.store.size()
    }
}

/// A vault that can be closed and opened again, wherever it is.
pub trait Place {
    fn vault(&self) -> &Vault;
    fn edit(&mut self, edit: &dyn Fn(&Keyset) -> Result<Keyset>) -> Result<()>;
    fn reopen(&mut self);
    /// Every byte that is kept.
    fn bytes(&self) -> Vec<u8>;

    fn rotate(&mut self) -> KeyVersion {
        self.edit(&|keyset| keyset.rotated(NOW)).unwrap();
        self.vault().keyset().primary_number()
    }
}

pub struct InMemory {
    pub store: Watched,
    pub keyset: Keyset,
    pub vault: Vault,
}

impl InMemory {
    pub fn new() -> Self {
        let (store, keyset) = (Watched::default(), Keyset::generate(NOW).unwrap());
        let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
        Self { store, keyset, vault }
    }
}

impl Place for InMemory {
    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn edit(&mut self, edit: &dyn Fn(&Keyset) -> Result<Keyset>) -> Result<()> {
        let edited = edit(&self.keyset)?;
        self.vault.adopt(edited.clone())?;
        self.keyset = edited;
        Ok(())
    }

    fn reopen(&mut self) {
        self.vault = Vault::open_in(Box::new(self.store.clone()), self.keyset.clone()).unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        let pairs = MAPS.iter().flat_map(|map| self.store.all(*map));
        pairs.flat_map(|(key, value)| [key, value].concat()).collect()
    }
}

#[cfg(feature = "sled")]
pub struct InDirectory {
    pub dir: tempfile::TempDir,
    pub provider: KeyFile,
    vault: Option<Vault>,
}

#[cfg(feature = "sled")]
impl InDirectory {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let provider = KeyFile::create(dir.path().join("key")).unwrap();
        let vault = Some(Vault::create(dir.path().join("vault"), &provider, NOW).unwrap());
        Self { dir, provider, vault }
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("vault")
    }

    pub fn close(&mut self) {
        self.vault = None;
    }

    /// Closes the vault, and opens it as it then is.
    pub fn try_reopen(&mut self) -> Result<()> {
        self.close();
        self.vault = Some(Vault::open(self.path(), &self.provider)?);
        Ok(())
    }
}

#[cfg(feature = "sled")]
impl Place for InDirectory {
    fn vault(&self) -> &Vault {
        self.vault.as_ref().unwrap()
    }

    fn edit(&mut self, edit: &dyn Fn(&Keyset) -> Result<Keyset>) -> Result<()> {
        self.vault().edit_keyset(&self.provider, edit)
    }

    fn rotate(&mut self) -> KeyVersion {
        self.vault().rotate(&self.provider, NOW).unwrap()
    }

    fn reopen(&mut self) {
        self.try_reopen().unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        fn of(path: &std::path::Path, all: &mut Vec<u8>) {
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => of(&path, all),
                    false => all.extend(std::fs::read(path).unwrap()),
                }
            }
        }
        let mut all = vec![];
        of(&self.path(), &mut all);
        all
    }
}

pub fn everywhere(test: impl Fn(&mut dyn Place)) {
    test(&mut InMemory::new());
    #[cfg(feature = "sled")]
    test(&mut InDirectory::new());
}

pub fn tenant<'v>(vault: &'v Vault, name: &str) -> Tenant<'v> {
    vault.tenant(&TenantId::new(name).unwrap())
}

pub fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

pub fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

pub fn version(number: u32) -> KeyVersion {
    KeyVersion::new(number).unwrap()
}

pub fn put(tenant: &Tenant<'_>, id: &str, values: &[(&str, &str)]) -> cloakroom::vault::RecordId {
    let names: Vec<FieldName> = values.iter().map(|(name, _)| field(name)).collect();
    let fields: Vec<_> =
        names.iter().zip(values).map(|(name, (_, value))| (name, value.as_bytes())).collect();
    tenant.put(&subject(id), &fields).unwrap()
}

pub fn assert_clean(vault: &Vault) -> cloakroom::vault::CheckReport {
    let report = vault.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    report
}
