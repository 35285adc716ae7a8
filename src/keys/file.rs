//! Keyset files: written whole and durable, or not at all.

use super::keyset::Keyset;
use super::provider::KeyProvider;
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::context::{Context, Label};
use crate::crypto::secret::AeadKey;
use crate::crypto::{kdf, wrap};
use crate::error::{Error, Result};
use crate::whole_file::{Readers, WholeFile};
use crate::wire::keyset::{KeysetBody, KeysetFile};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// A keyset file over 1 MiB is none.
const LARGEST: u64 = 1 << 20;

impl Keyset {
    /// The bytes of a keyset file, locked by the provider with a fresh data key.
    ///
    /// # Errors
    /// The provider's; [`Error::TooLong`] when the names of its uses make it larger than a keyset file can be.
    pub fn lock(&self, provider: &dyn KeyProvider) -> Result<Vec<u8>> {
        let data_key = wrap::generate();
        let body = self.to_body();
        let mut file = KeysetFile::header(body.format, provider.id(), &provider.wrap(&data_key)?)?;
        let aad = Context::new(Label::KeysetBody).part(&file);
        let key: AeadKey = kdf::derive(&data_key, &Context::new(Label::KeysetBody));
        Aead::new(Suite::Xaes256Gcm, &key).seal(&aad, body.write()?.as_bytes(), &mut file)?;
        at_most_largest(file)
    }

    /// The keyset that [`lock`](Keyset::lock) locked.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no keyset file; [`Error::KeySource`] when another kind of provider locked it;
    /// [`Error::KeysetLocked`] for the wrong passphrase or key, or a single byte altered.
    pub fn unlock(bytes: &[u8], provider: &dyn KeyProvider) -> Result<Self> {
        let file = KeysetFile::parse(bytes)?;
        if file.provider != provider.id() {
            let problem =
                format!("was given, but the keyset is locked by a {}", known_provider(file.provider));
            return Err(Error::KeySource { what: given(provider.id()), problem });
        }
        let data_key = provider.unwrap(file.wrapped)?;
        let key: AeadKey = kdf::derive(&data_key, &Context::new(Label::KeysetBody));
        let aad = Context::new(Label::KeysetBody).part(file.header);
        let body =
            Aead::new(Suite::Xaes256Gcm, &key).open(&aad, file.sealed).map_err(|_| Error::KeysetLocked)?;
        Self::from_body(KeysetBody::parse(file.format, body.expose())?)
    }
}

fn at_most_largest(file: Vec<u8>) -> Result<Vec<u8>> {
    match file.len() as u64 > LARGEST {
        true => Err(Error::TooLong { what: "keyset file", actual: file.len(), limit: LARGEST as usize }),
        false => Ok(file),
    }
}

/// The name of the provider at hand.
fn given(id: &str) -> String {
    match id {
        "passphrase+key-file" => "a passphrase with a key file".into(),
        "shares" => "a key in shares".into(),
        "pkcs11" => "a key in a PKCS#11 token".into(),
        _ => format!("a {id}"),
    }
}

/// A provider's name out of an unauthenticated file, fit to be printed, and what it needs where that is several things.
fn known_provider(id: &str) -> &str {
    match id {
        "passphrase" | "key-file" => id,
        "passphrase+key-file" => "passphrase and a key file together; give both",
        "shares" => "key that is split into shares; give as many shares as are needed",
        "pkcs11" => "key in a PKCS#11 token; name the module, the token and the key",
        _ => "provider that this release does not know",
    }
}

/// Reads a keyset file.
///
/// # Errors
/// As for [`Keyset::unlock`], and [`Error::Io`].
pub fn load(path: impl AsRef<Path>, provider: &dyn KeyProvider) -> Result<Keyset> {
    Keyset::unlock(&read(path)?, provider)
}

/// Reads the bytes of a keyset file.
///
/// # Errors
/// [`Error::TooLong`] for what is too large to be one; [`Error::Io`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut bytes = vec![];
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    at_most_largest(bytes)
}

/// Writes a keyset file, replacing the old one in one step; durable on return.
///
/// # Errors
/// The provider's, and [`Error::Io`]; the old file is then as it was.
pub fn save(keyset: &Keyset, path: impl AsRef<Path>, provider: &dyn KeyProvider) -> Result<()> {
    write(keyset, WholeFile::create(path, Readers::Owner)?, provider)
}

/// Writes a keyset file where there is none.
///
/// # Errors
/// [`Error::Exists`]; as for [`save`].
pub fn save_new(keyset: &Keyset, path: impl AsRef<Path>, provider: &dyn KeyProvider) -> Result<()> {
    // Whoever else makes the same file is kept out from here on.
    let file = WholeFile::create(path, Readers::Owner)?;
    match file.place().exists() {
        true => Err(Error::Exists { path: file.place().to_owned() }),
        false => write(keyset, file, provider),
    }
}

/// Replaces a keyset file by its edited keyset, locked by `new` (which may be the same provider). Of two edits at once
/// the second is refused: otherwise one would overwrite the other's key version, and what that version protected.
///
/// # Errors
/// [`Error::Busy`] while another edit is under way; as for [`load`] and [`save`]; what `edit` refuses.
pub fn edit(
    path: impl AsRef<Path>,
    provider: &dyn KeyProvider,
    new: &dyn KeyProvider,
    edit: impl FnOnce(Keyset) -> Result<Keyset>,
) -> Result<Keyset> {
    let file = WholeFile::create(&path, Readers::Owner)?;
    let keyset = edit(load(path, provider)?)?;
    write(&keyset, file, new)?;
    Ok(keyset)
}

fn write(keyset: &Keyset, mut file: WholeFile, provider: &dyn KeyProvider) -> Result<()> {
    let bytes = keyset.lock(provider)?;
    file.write_all(&bytes).map_err(Error::io("write", file.place()))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::super::{KeyFile, KeyState, KeyUse};
    use super::*;
    use crate::name::{FieldName, TenantId};
    use crate::time::Timestamp;

    // SPEC: KEY-3, KEY-6
    #[test]
    fn saved_is_loaded_and_no_altered_byte_passes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keyset");
        let provider = KeyFile::create(dir.path().join("key")).unwrap();
        let other = KeyFile::create(dir.path().join("other")).unwrap();
        let keyset = Keyset::generate(Timestamp(5))
            .unwrap()
            .rotated(Timestamp(6))
            .unwrap()
            .rotated(Timestamp(7))
            .unwrap();
        let first = keyset.versions()[0].number();
        let keyset = keyset.with_state(first, KeyState::Destroyed, Timestamp(8)).unwrap();
        let use_ = KeyUse::Field { tenant: TenantId::new("a").unwrap(), field: FieldName::new("f").unwrap() };
        let keyset = keyset.rotated_for(&use_, Timestamp(9)).unwrap().with_period(Some(90)).unwrap();
        save(&keyset, &path, &provider).unwrap();
        let loaded = load(&path, &provider).unwrap();
        let body = |keyset: &Keyset| keyset.to_body().write().unwrap().as_bytes().to_vec();
        assert_eq!(body(&loaded), body(&keyset));
        assert!(matches!(load(&path, &other), Err(Error::KeysetLocked)));

        let bytes = std::fs::read(&path).unwrap();
        for i in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[i] ^= 0x10;
            assert!(Keyset::unlock(&altered, &provider).is_err(), "byte {i}");
            assert!(Keyset::unlock(&bytes[..i], &provider).is_err(), "{i} bytes");
        }
        assert!(Keyset::unlock(&[&bytes[..], b"x"].concat(), &provider).is_err());
    }

    // SPEC: PASS-1, PASS-2, PASS-3, PASS-4
    #[cfg(feature = "passphrase")]
    #[test]
    fn a_passphrase_stores_its_cost_and_refuses_absurd_ones() {
        use super::super::{Argon2Cost, Passphrase};
        let cheap = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 1 };
        let right = || Passphrase::new("correct horse".into()).unwrap();
        let keyset = Keyset::generate(Timestamp(5)).unwrap();
        let locked = keyset.lock(&right().with_cost(cheap).unwrap()).unwrap();
        // The cost comes from the file, not from the passphrase at hand.
        assert_eq!(Keyset::unlock(&locked, &right()).unwrap().id(), keyset.id());
        let wrong = Passphrase::new("Correct horse".into()).unwrap();
        assert!(matches!(Keyset::unlock(&locked, &wrong), Err(Error::KeysetLocked)));
        assert_eq!(Passphrase::cost_of(KeysetFile::parse(&locked).unwrap().wrapped).unwrap(), cheap);
        for (at, length) in (5..locked.len()).map(|i| (i, locked.len())).step_by(3) {
            let mut altered = locked[..length].to_vec();
            altered[at] ^= 0x80; // the top bits of the cost among them
            assert!(Keyset::unlock(&altered, &right()).is_err(), "byte {at}");
        }
        assert!(right().with_cost(Argon2Cost { memory_kib: u32::MAX, ..cheap }).is_err());
        assert!(right().with_cost(Argon2Cost { iterations: u32::MAX, ..cheap }).is_err());
        assert!(right().with_cost(Argon2Cost { memory_kib: 1, ..cheap }).is_err());
        assert!(Passphrase::new(String::new()).is_err());
    }

    // SPEC: KFILE-1, KFILE-2
    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        KeyFile::create(&path).unwrap();
        assert!(matches!(KeyFile::create(&path), Err(Error::Exists { .. })));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(KeyFile::read(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for damaged in ["", "cloakroom-key-1:", "cloakroom-key-1:AAAA", "something else"] {
            std::fs::write(&path, damaged).unwrap();
            assert!(matches!(KeyFile::read(&path), Err(Error::KeySource { .. })), "{damaged:?}");
        }
        assert!(matches!(KeyFile::read(dir.path().join("none")), Err(Error::Io { .. })));
    }
}
