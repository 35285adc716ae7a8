//! A vault over a store: what is true of the vault as a whole.

use super::census::Census;
use super::keyring::Keyring;
use super::tenant::Tenant;
use super::{META, OUTPUT};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{KeyVersion, TenantId};
use crate::store::{Batch, Commit, Store};
use crate::wire::{Reader, Writer};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

const CENSUS: &[u8] = b"census";
const ANCHOR: &[u8] = b"anchor";
const ANCHOR_FORMAT: u8 = 1;

/// Data subjects and their sealed fields, in a store, under a keyset. Shareable among threads.
///
/// [`Vault::create`] and [`Vault::open`] keep one in a directory; [`Vault::create_in`] and [`Vault::open_in`] in any
/// [`Store`].
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    pub(super) keyring: RwLock<Arc<Keyring>>,
    /// Held from reading what an operation depends on until its batch is written: operations happen one after the
    /// other, and the census always fits the data. Waiting for the disk happens outside, so that one sync serves all.
    writer: Mutex<Census>,
    /// Where the keyset file is, for a vault in a directory.
    pub(super) home: Option<PathBuf>,
}

/// One operation in the making: the batch, and the census as it will be.
pub(super) struct Operation<'v> {
    vault: &'v Vault,
    current: MutexGuard<'v, Census>,
    pub(super) census: Census,
    pub(super) batch: Batch,
    pub(super) keyring: Arc<Keyring>,
    pub(super) primary: UsableKey,
}

impl Vault {
    /// Makes a vault in an empty store.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the keyset's primary cannot protect; the store's.
    pub fn create_in(store: Box<dyn Store>, keyset: Keyset) -> Result<Self> {
        let vault = Self::over(store, keyset, Census::default());
        let operation = vault.operation()?;
        vault.finish(operation)?;
        Ok(vault)
    }

    /// Opens the vault in a store. Runs that were cut off are rolled back.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the keyset is another vault's, or older than the data, or when the anchor or the census is
    /// missing or was altered; the store's.
    pub fn open_in(store: Box<dyn Store>, keyset: Keyset) -> Result<Self> {
        let missing = |what: &str| Error::Corrupt { problem: format!("its {what} is missing") };
        let anchor = store.get(META, ANCHOR)?.ok_or_else(|| missing("anchor"))?;
        check_anchor(&keyset, &anchor)?;
        let census = store.get(META, CENSUS)?.ok_or_else(|| missing("census"))?;
        let census = Census::open(&keyset, &census)?;
        let vault = Self::over(store, keyset, census);
        vault.roll_back_runs()?;
        Ok(vault)
    }

    fn over(store: Box<dyn Store>, keyset: Keyset, census: Census) -> Self {
        let keyring = RwLock::new(Arc::new(Keyring::new(keyset)));
        Self { store, keyring, writer: Mutex::new(census), home: None }
    }

    /// The keyset as it is now.
    pub fn keyset(&self) -> Keyset {
        self.keyring().keyset.clone()
    }

    /// The counts as they are now.
    pub fn census(&self) -> Census {
        self.lock().clone()
    }

    /// The part of the vault that is one tenant's.
    pub fn tenant(&self, tenant: &TenantId) -> Tenant<'_> {
        Tenant::new(self, tenant.clone())
    }

    /// Bytes that the vault takes up in its store.
    ///
    /// # Errors
    /// The store's.
    pub fn size(&self) -> Result<u64> {
        self.store.size()
    }

    /// Whether a file with this SHA-256 was made by this vault's [runs](Vault::begin_run).
    ///
    /// # Errors
    /// The store's.
    pub fn made(&self, sha256: &[u8; 32]) -> Result<bool> {
        Ok(self.store.get(OUTPUT, sha256)?.is_some())
    }

    /// Goes on with an edited keyset, which the caller has saved durably: the same keyset with the same versions or
    /// more. A vault in a directory does both with [`rotate`](Vault::rotate).
    ///
    /// # Errors
    /// [`Error::Setting`] for another keyset, or one that lacks a version.
    pub fn adopt(&self, keyset: Keyset) -> Result<()> {
        let current = self.keyset();
        let kept = |v: &crate::keys::Version| keyset.version(v.number()).is_ok();
        if keyset.id() != current.id() || !current.versions().iter().all(kept) {
            let problem = "is not an edit of this vault's keyset".into();
            return Err(Error::Setting { what: "keyset", problem });
        }
        {
            let _writer = self.lock();
            let mut keyring = self.keyring.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            *keyring = Arc::new(Keyring::new(keyset));
        }
        // The anchor and the census go over to the new primary.
        match self.operation() {
            Ok(operation) => self.finish(operation),
            Err(Error::KeyState { .. }) => Ok(()), // a compromised primary writes nothing until the next rotation
            Err(error) => Err(error),
        }
    }

    pub(super) fn keyring(&self) -> Arc<Keyring> {
        self.keyring.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// A panic while the lock was held cannot have left a census that does not fit: it is replaced last, at once.
    fn lock(&self) -> MutexGuard<'_, Census> {
        self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The census, and no other operation while it is held.
    pub(super) fn hold(&self) -> MutexGuard<'_, Census> {
        self.lock()
    }

    pub(super) fn operation(&self) -> Result<Operation<'_>> {
        let current = self.lock();
        let keyring = self.keyring();
        let primary = keyring.keyset.primary()?;
        Ok(Operation { vault: self, census: current.clone(), current, batch: Batch::new(), keyring, primary })
    }

    /// Writes the operation and waits until it is durable.
    pub(super) fn finish(&self, operation: Operation<'_>) -> Result<()> {
        let commit = operation.write()?;
        self.store.sync(commit)
    }
}

impl Operation<'_> {
    /// Writes the batch with the census, and lets the next operation in.
    pub(super) fn write(mut self) -> Result<Commit> {
        let anchor = seal_anchor(&self.keyring.keyset, &self.primary);
        self.batch.put(META, CENSUS, self.census.seal(&self.primary)?);
        self.batch.put(META, ANCHOR, anchor);
        let commit = self.vault.store.write(self.batch)?;
        *self.current = self.census;
        Ok(commit)
    }
}

/// `format 1 │ key version 4 │ keyset id 16 │ highest version 4 │ tag 32`.
fn seal_anchor(keyset: &Keyset, key: &UsableKey) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(ANCHOR_FORMAT).u32(key.number().get()).bytes(&keyset.id().0).u32(highest(keyset));
    let tag = anchor_prf(key).tag(&[w.as_bytes()]).into_public::<32>();
    w.bytes(&tag);
    w.into_bytes()
}

fn check_anchor(keyset: &Keyset, bytes: &[u8]) -> Result<()> {
    let corrupt = |problem: &str| Error::Corrupt { problem: problem.into() };
    let (body, tag) = bytes.split_last_chunk::<32>().ok_or_else(|| corrupt("its anchor is cut short"))?;
    let mut r = Reader::new("anchor", body);
    r.expect(&[ANCHOR_FORMAT], "has a format that this release does not know")?;
    let (version, id, seen) = (r.u32()?, r.array::<16>()?, r.u32()?);
    r.finish()?;
    if id != keyset.id().0 {
        return Err(Error::Corrupt { problem: "its keyset file belongs to another vault".into() });
    }
    if seen > highest(keyset) {
        let problem = format!("its keyset file is older than its data, which has seen key version {seen}");
        return Err(Error::Corrupt { problem });
    }
    let key = keyset.for_bookkeeping(KeyVersion::new(version)?)?;
    match anchor_prf(&key).tag(&[body]).verifies(tag) {
        true => Ok(()),
        false => Err(corrupt("its anchor was altered")),
    }
}

fn anchor_prf(key: &UsableKey) -> Prf {
    Prf::new(&kdf::derive(key.secret(), &Context::new(Label::Anchor)))
}

fn highest(keyset: &Keyset) -> u32 {
    keyset.versions().last().expect("a keyset is never empty").number().get()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({:?}, ..)", self.keyring().keyset)
    }
}
