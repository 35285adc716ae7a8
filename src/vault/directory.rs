//! A vault in a directory: `keyset`, the keyset file, and `store/`.

#[cfg(feature = "sled")]
use super::open::Vault;
#[cfg(feature = "sled")]
use crate::error::{Error, Result};
#[cfg(feature = "sled")]
use crate::keys::{self, KeyProvider, Keyset};
#[cfg(feature = "sled")]
use crate::time::Timestamp;
#[cfg(feature = "sled")]
use std::path::Path;

pub(super) const KEYSET: &str = "keyset";
#[cfg(feature = "sled")]
const STORE: &str = "store";

/// How a vault in a directory is opened.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many bytes of pages the store keeps in memory. sled needs more memory, not less, when a large vault does
    /// not fit: see `benches/RESULTS.md`.
    pub cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache_bytes: 512 << 20 }
    }
}

#[cfg(feature = "sled")]
impl Vault {
    /// Makes a vault in a new directory, with a new keyset locked by the provider.
    ///
    /// # Errors
    /// [`Error::Exists`] when something is at `path`; the provider's; [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, provider: &dyn KeyProvider, now: Timestamp) -> Result<Self> {
        use crate::store::sled::SledStore;
        let path = path.as_ref();
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::io("create", path)(e),
        })?;
        let made = || {
            let keyset = Keyset::generate(now)?;
            let store = SledStore::create(path.join(STORE), Settings::default().into())?;
            let vault = Self::create_in(Box::new(store), keyset.clone())?;
            // The keyset comes last: a directory without one was never a vault.
            keys::save(&keyset, path.join(KEYSET), provider)?;
            crate::whole_file::sync_directory_of(path)?;
            Ok(vault)
        };
        match made() {
            Ok(mut vault) => {
                vault.home = Some(path.to_owned());
                Ok(vault)
            }
            Err(error) => {
                // So that the next attempt finds the place free; this directory did not exist before.
                let _ = std::fs::remove_dir_all(path);
                Err(error)
            }
        }
    }

    /// Opens the vault in a directory; one process at a time.
    ///
    /// # Errors
    /// [`Error::NotAVault`]; [`Error::KeysetLocked`] for the wrong passphrase or key; [`Error::Busy`]; as
    /// [`Vault::open_in`].
    pub fn open(path: impl AsRef<Path>, provider: &dyn KeyProvider) -> Result<Self> {
        Self::open_with(path, provider, Settings::default())
    }

    /// As [`open`](Vault::open), with settings.
    ///
    /// # Errors
    /// As [`open`](Vault::open).
    pub fn open_with(path: impl AsRef<Path>, provider: &dyn KeyProvider, settings: Settings) -> Result<Self> {
        use crate::store::sled::SledStore;
        let path = path.as_ref();
        let none = |problem: &str| Error::NotAVault { path: path.to_owned(), problem: problem.to_owned() };
        if !path.is_dir() {
            return Err(none(if path.exists() {
                "is no directory"
            } else {
                "does not exist; `cloakroom init` makes a vault"
            }));
        }
        if !path.join(KEYSET).is_file() || !path.join(STORE).is_dir() {
            return Err(none("is no vault: it has no keyset and store"));
        }
        let bytes = keys::read(path.join(KEYSET))?;
        let mut keyset = Keyset::unlock(&bytes, provider)?;
        let store = SledStore::open(path.join(STORE), settings.into())?;
        // Another process may have rotated since the file was read; now that the store is locked, nobody can.
        let again = keys::read(path.join(KEYSET))?;
        if again != bytes {
            keyset = Keyset::unlock(&again, provider)?;
        }
        let mut vault = Self::open_in(Box::new(store), keyset)?;
        vault.home = Some(path.to_owned());
        Ok(vault)
    }
}

#[cfg(feature = "sled")]
impl From<Settings> for crate::store::sled::Options {
    fn from(settings: Settings) -> Self {
        Self { cache_bytes: settings.cache_bytes, ..Self::default() }
    }
}
