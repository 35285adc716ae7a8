//! `wrapped = commitment(32) ‖ nonce(24) ‖ encrypted data key(32) ‖ tag(16)`: a data key under a wrapping key.
//!
//! `wrapping key ‖ commitment = HKDF-SHA256(root secret, context, 64)`. AES-GCM alone lets an attacker craft one
//! ciphertext that opens under two keys; the commitment, compared in constant time before anything is opened, makes
//! that as hard as a SHA-256 collision, and tells a wrong key from a damaged ciphertext only to who holds the key.

use super::aead::{Aead, OVERHEAD, Suite};
use super::context::Context;
use super::kdf::{self, RootSecret};
use super::rng;
use super::secret::DataKey;
use crate::error::{Error, Result};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a wrapped data key.
pub const WRAPPED_LEN: usize = 32 + 32 + OVERHEAD;

/// A key that encrypts data keys and nothing else (a KEK).
pub struct WrapKey {
    aead: Aead,
    commitment: [u8; 32],
}

impl WrapKey {
    /// Derives the wrapping key and its commitment.
    pub fn derive(root: &impl RootSecret, context: &Context) -> Self {
        let mut okm = Zeroizing::new([0; 64]);
        kdf::expand(root, context, okm.as_mut());
        let (key, commitment) = okm.split_at(32);
        Self {
            aead: Aead::from_key_bytes(Suite::Xaes256Gcm, key.try_into().expect("32 of 64")),
            commitment: commitment.try_into().expect("32 of 64"),
        }
    }

    /// Appends the wrapped key to `out`.
    pub fn wrap(&self, aad: &Context, key: &DataKey, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.commitment);
        self.aead.seal(aad, key.expose(), out).expect("32 bytes are not too long");
    }

    /// The data key.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it was not wrapped by this key with this AAD, or was altered.
    pub fn unwrap(&self, aad: &Context, wrapped: &[u8]) -> Result<DataKey> {
        let (commitment, sealed) = wrapped.split_first_chunk::<32>().ok_or(Error::Rejected)?;
        if !bool::from(commitment.ct_eq(&self.commitment)) {
            return Err(Error::Rejected);
        }
        let plaintext = self.aead.open(aad, sealed)?;
        let mut bytes =
            Zeroizing::new(<[u8; 32]>::try_from(plaintext.expose()).map_err(|_| Error::Rejected)?);
        Ok(DataKey::from_bytes(&mut bytes))
    }
}

/// A fresh random data key.
pub fn generate() -> DataKey {
    DataKey::from_bytes(&mut rng::bytes())
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Label;
    use super::super::secret::VersionSecret;
    use super::*;

    fn wrap_key(byte: u8) -> WrapKey {
        WrapKey::derive(
            &VersionSecret::from_bytes(&mut [byte; 32]),
            &Context::new(Label::WrapKey).part("acme"),
        )
    }

    // SPEC: WRAP-1, WRAP-3
    #[test]
    fn only_the_right_key_and_context_unwrap_it() {
        let aad = |n| Context::new(Label::WrapAad).number(n);
        let key = generate();
        let mut wrapped = vec![];
        wrap_key(1).wrap(&aad(1), &key, &mut wrapped);
        assert_eq!(wrapped.len(), WRAPPED_LEN);
        assert!(wrap_key(1).unwrap(&aad(1), &wrapped).unwrap().ct_eq(&key));
        assert!(wrap_key(2).unwrap(&aad(1), &wrapped).is_err());
        assert!(wrap_key(1).unwrap(&aad(2), &wrapped).is_err());
        for i in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[i] ^= 1;
            assert!(matches!(wrap_key(1).unwrap(&aad(1), &altered), Err(Error::Rejected)), "byte {i}");
            assert!(wrap_key(1).unwrap(&aad(1), &wrapped[..i]).is_err());
        }
    }

    // SPEC: WRAP-2
    #[test]
    fn another_keys_commitment_in_front_does_not_help() {
        let aad = Context::new(Label::WrapAad);
        let mut wrapped = vec![];
        wrap_key(1).wrap(&aad, &generate(), &mut wrapped);
        wrapped[..32].copy_from_slice(&wrap_key(2).commitment);
        assert!(wrap_key(1).unwrap(&aad, &wrapped).is_err());
        assert!(wrap_key(2).unwrap(&aad, &wrapped).is_err());
    }
}
