//! Files of every format number ever released stay readable, and reveal what went into them.
//!
//! A folder is what one release wrote, and the module of its name reads it. It is never changed and never made again:
//! when a format gets a new number, `cargo test --test golden -- --ignored --exact v3::make` writes such a folder as
//! `tests/golden/new`, which becomes the next one, and the old ones stay.

#[path = "../shared_store/mod.rs"]
mod shared_store;

#[cfg(all(feature = "pipeline", feature = "passphrase"))]
mod v1;
#[cfg(feature = "pipeline")]
mod v2;
mod v3;

use cloakroom::keys::{KeyFile, Keyset};
use cloakroom::name::FieldName;
use cloakroom::store::memory::MemoryStore;
use cloakroom::store::{Batch, Store};
use cloakroom::vault::Vault;
use shared_store::{MAPS, Shared};
use std::fs;
use std::path::PathBuf;

/// The folder of a release.
struct Golden(&'static str);

impl Golden {
    fn path(&self, file: &str) -> PathBuf {
        folder(self.0).join(file)
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        let path = self.path(file);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn text(&self, file: &str) -> String {
        String::from_utf8(self.bytes(file)).unwrap()
    }

    /// A keyset that `key-file` locks.
    fn keyset(&self, file: &str) -> Keyset {
        // Git does not keep the mode that a key file must have.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, self.bytes("key-file")).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Keyset::unlock(&self.bytes(file), &KeyFile::read(&path).unwrap()).unwrap()
    }

    /// The vault whose entries are in the dump `vault.txt`, in a new store.
    fn vault(&self, keyset: Keyset) -> Vault {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        for line in self.text("vault.txt").lines() {
            let [map, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let map = MAPS.iter().find(|m| m.name() == map).unwrap();
            batch.put(*map, unhex(key), unhex(value));
        }
        store.apply(batch).unwrap();
        Vault::open_in(Box::new(store), keyset).unwrap()
    }
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Every entry of a store, as [`Golden::vault`] reads them.
fn dump(store: &Shared) -> String {
    let mut dump = String::new();
    for map in MAPS {
        for (key, value) in store.all(map) {
            dump += &format!("{} {} {}\n", map.name(), hex(&key), hex(&value));
        }
    }
    dump
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}
