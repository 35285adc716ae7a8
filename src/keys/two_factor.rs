//! A passphrase and a key file together: neither alone opens anything.
//!
//! ```text
//!  0        1            5            9        13           29               133
//!  ┌────────┬────────────┬────────────┬────────┬────────────┬────────────────┐
//!  │ format │ memory KiB │ iterations │ lanes  │ salt       │ wrapped        │
//!  │ 1      │ 4          │ 4          │ 4      │ 16         │ 104            │
//!  └────────┴────────────┴────────────┴────────┴────────────┴────────────────┘
//! ```
//!
//! `derive(the key file's 32 bytes, context(TwoFactorKey, header, S), 64)`, with `S` Argon2id's output for the
//! passphrase and the header's cost and salt. Who has the key file still pays Argon2id for every guess of the
//! passphrase; who has the passphrase still has 2^256 key files to try.
//!
//! Source: RFC 9106; RFC 5869.

use super::key_file::KeyFile;
use super::passphrase::{Passphrase, split_header};
use super::provider::KeyProvider;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf::RootSecret;
use crate::crypto::secret::DataKey;
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};

/// Both factors. A wrong passphrase and a wrong key file are one error: which of them was wrong is told to nobody.
///
/// # Example
/// ```
/// use cloakroom::keys::{Argon2Cost, KeyFile, Keyset, Passphrase, TwoFactors};
/// # fn main() -> cloakroom::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("key");
/// # let cost = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 1 };
/// let passphrase = || Passphrase::new("correct horse".into());
/// let both = TwoFactors::new(passphrase()?.with_cost(cost)?, KeyFile::create(&path)?);
/// let locked = Keyset::generate(cloakroom::time::Timestamp(0))?.lock(&both)?;
/// assert!(Keyset::unlock(&locked, &both).is_ok());
/// assert!(Keyset::unlock(&locked, &passphrase()?).is_err());
/// assert!(Keyset::unlock(&locked, &KeyFile::read(&path)?).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TwoFactors {
    passphrase: Passphrase,
    key_file: KeyFile,
}

impl TwoFactors {
    /// Takes over both.
    pub fn new(passphrase: Passphrase, key_file: KeyFile) -> Self {
        Self { passphrase, key_file }
    }

    fn wrap_key(&self, header: &[u8]) -> Result<WrapKey> {
        let stretched = self.passphrase.stretched(header)?;
        // The secret part comes last: nothing is appended after it that could move it and leave a copy behind.
        let context = Context::new(Label::TwoFactorKey).part(header).part(stretched.keying_material());
        Ok(WrapKey::derive(&self.key_file, &context))
    }
}

fn aad() -> Context {
    Context::new(Label::TwoFactorKey)
}

impl KeyProvider for TwoFactors {
    fn id(&self) -> &str {
        "passphrase+key-file"
    }

    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        let mut out = self.passphrase.new_header()?;
        let wrap_key = self.wrap_key(&out)?;
        wrap_key.wrap(&aad(), key, &mut out);
        Ok(out)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        let (header, wrapped) = split_header(wrapped)?;
        self.wrap_key(header)?.unwrap(&aad(), wrapped).map_err(|_| Error::KeysetLocked)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Argon2Cost, Keyset};
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::keyset::KeysetFile;

    fn words(text: &str) -> Passphrase {
        let cost = Argon2Cost { memory_kib: 64, iterations: 1, lanes: 1 };
        Passphrase::new(text.into()).unwrap().with_cost(cost).unwrap()
    }

    // SPEC: TWOF-1, TWOF-2, TWOF-3
    #[test]
    fn both_open_it_and_neither_alone_does() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (dir.path().join("mine"), dir.path().join("other"));
        KeyFile::create(&mine).unwrap();
        KeyFile::create(&other).unwrap();
        let both = |text: &str, path| TwoFactors::new(words(text), KeyFile::read(path).unwrap());

        let keyset = Keyset::generate(Timestamp(5)).unwrap();
        let locked = keyset.lock(&both("correct horse", &mine)).unwrap();
        assert_eq!(Keyset::unlock(&locked, &both("correct horse", &mine)).unwrap().id(), keyset.id());
        // The cost comes from the file, not from the passphrase at hand.
        let costly =
            TwoFactors::new(Passphrase::new("correct horse".into()).unwrap(), KeyFile::read(&mine).unwrap());
        assert_eq!(Keyset::unlock(&locked, &costly).unwrap().id(), keyset.id());

        let wrong = [both("Correct horse", &mine), both("correct horse", &other), both("no", &other)];
        let messages: Vec<String> =
            wrong.iter().map(|p| Keyset::unlock(&locked, p).unwrap_err().to_string()).collect();
        assert!(matches!(Keyset::unlock(&locked, &wrong[0]), Err(Error::KeysetLocked)));
        assert!(messages.iter().all(|m| *m == messages[0]), "{messages:?}");

        // One factor alone: by its own provider, and where a forger renames the provider, by its key.
        for alone in [&words("correct horse") as &dyn KeyProvider, &KeyFile::read(&mine).unwrap()] {
            let says = Keyset::unlock(&locked, alone).unwrap_err().to_string();
            assert!(says.contains("locked by a passphrase and a key file together; give both"), "{says}");
            let wrapped = KeysetFile::parse(&locked).unwrap().wrapped;
            assert!(matches!(alone.unwrap(wrapped), Err(Error::KeysetLocked)));
        }
    }

    // SPEC: TWOF-1, TWOF-4
    #[test]
    fn no_byte_of_it_can_change() {
        let dir = tempfile::tempdir().unwrap();
        let both = TwoFactors::new(words("w"), KeyFile::create(dir.path().join("key")).unwrap());
        let key = crate::crypto::wrap::generate();
        let wrapped = both.wrap(&key).unwrap();
        assert_eq!(wrapped.len(), 133);
        assert!(both.unwrap(&wrapped).unwrap().ct_eq(&key));
        for i in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[i] ^= 0x80; // the top bits of the cost among them
            assert!(matches!(both.unwrap(&altered), Err(Error::KeysetLocked)), "byte {i}");
            assert!(matches!(both.unwrap(&wrapped[..i]), Err(Error::KeysetLocked)), "{i} bytes");
        }
    }
}
