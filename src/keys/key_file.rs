//! A key in a file of its own, for machines: `cloakroom-key-1:` and 32 random bytes in base64url, readable by its owner
//! only.

use super::owner_file;
use super::provider::KeyProvider;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf::RootSecret;
use crate::crypto::rng;
use crate::crypto::secret::{AeadKey, DataKey};
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use std::path::Path;
use zeroize::Zeroizing;

const PREFIX: &str = "cloakroom-key-1:";
const FORMAT: u8 = 1;

/// A key read from a file. Its wrapped form is `format(1) ‖ wrapped(104)`.
#[derive(Debug)]
pub struct KeyFile(AeadKey);

impl RootSecret for KeyFile {
    fn keying_material(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl KeyFile {
    /// Makes a new random key and writes it to a new file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng::fill_from_system(bytes.as_mut())?;
        let text = Zeroizing::new(format!("{PREFIX}{}\n", &*Zeroizing::new(BASE64.encode(bytes.as_slice()))));
        owner_file::create(path.as_ref(), &text)?;
        Ok(Self(AeadKey::from_bytes(&mut bytes)))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`Error::KeySource`] when anyone but its owner can read it, or it holds no key; [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bad = |problem| owner_file::bad(path, problem);
        let text = owner_file::read(path, 128)?;
        let encoded = std::str::from_utf8(&text)
            .ok()
            .and_then(|t| t.trim_end().strip_prefix(PREFIX))
            .ok_or_else(|| bad("is no Cloakroom key file"))?;
        let decoded = Zeroizing::new(BASE64.decode(encoded).map_err(|_| bad("is damaged: not base64url"))?);
        let mut bytes =
            Zeroizing::new(<[u8; 32]>::try_from(&decoded[..]).map_err(|_| bad("is damaged: not 32 bytes"))?);
        Ok(Self(AeadKey::from_bytes(&mut bytes)))
    }

    fn wrap_key(&self) -> WrapKey {
        WrapKey::derive(self, &Context::new(Label::KeyFileKey))
    }
}

/// Nothing to bind but the use: the file's header is bound by the keyset's own AAD.
fn aad() -> Context {
    Context::new(Label::KeyFileKey)
}

impl KeyProvider for KeyFile {
    fn id(&self) -> &str {
        "key-file"
    }

    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        let mut out = vec![FORMAT];
        self.wrap_key().wrap(&aad(), key, &mut out);
        Ok(out)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        match wrapped.split_first() {
            Some((&FORMAT, wrapped)) => {
                self.wrap_key().unwrap(&aad(), wrapped).map_err(|_| Error::KeysetLocked)
            }
            _ => Err(Error::KeysetLocked),
        }
    }
}
