//! The keys that never change, so that an input does the same thing each time. They protect nothing.

use cloakroom::crypto::secret::DataKey;
use cloakroom::keys::{KeyFile, Keyset};
use cloakroom::name::{FieldName, SubjectId, TenantId};
use std::fs;
use std::io::Write;
use std::sync::LazyLock;

/// A keyset file with three versions: deactivated, destroyed, active.
pub const KEYSET_FILE: &[u8] = include_bytes!("fixed.keyset");

const KEY: &str = "cloakroom-key-1:7zaqIAssudM_MXVvd3bSJtEVEUswDUFeYPU93B9jlrc";

/// What locks [`KEYSET_FILE`].
pub static PROVIDER: LazyLock<KeyFile> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("cloakroom-fuzz-{}.key", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| file.write_all(KEY.as_bytes()));
    let provider = KeyFile::read(&path);
    let _ = fs::remove_file(&path);
    written.expect("the directory for temporary files can be written to");
    provider.expect("the key was just written")
});

/// What is in [`KEYSET_FILE`].
pub static KEYSET: LazyLock<Keyset> =
    LazyLock::new(|| Keyset::unlock(KEYSET_FILE, &*PROVIDER).expect("an old format stays readable"));

/// A subject's key.
pub fn data_key() -> DataKey {
    DataKey::from_bytes(&mut [7; 32])
}

pub fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

pub fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}
