//! What the vault signs, and the public keys that verify it.
//!
//! ```text
//! signing key of a version = Ed25519 of the seed HKDF(version secret, encode(SigningKey))
//! ```
//!
//! A public key is worth handing out before it is needed: once its version is destroyed, the vault can name it no more, while
//! what was signed with it still verifies.

use super::log::Log;
use super::open::Vault;
use crate::audit;
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::secret::PrfKey;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::error::Result;
use crate::keys::{Keyset, UsableKey};
use crate::name::KeyVersion;
use crate::time::Timestamp;
use crate::wire::audit::{Head, SignedHead};
use zeroize::Zeroizing;

impl Vault {
    /// What others call the vault in heads, receipts and approvals: the id of its keyset.
    pub fn id(&self) -> [u8; 16] {
        self.keyring().keyset.id().0
    }

    /// The audit log as it is now, signed with the primary version's key. Whoever keeps it can tell later whether the log was
    /// rewritten or cut off. Every leaf in it is durable.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_head(&self, now: Timestamp) -> Result<SignedHead> {
        let log = self.durable_log("audit-head")?;
        self.sign_head_of(&log, now)
    }

    /// The head of a log that is at hand.
    pub(super) fn sign_head_of(&self, log: &Log, now: Timestamp) -> Result<SignedHead> {
        let keyring = self.keyring();
        let (version, key) = signing_key(&keyring.keyset)?;
        let (frontier, vault) = (&log.frontier, keyring.keyset.id().0);
        let head =
            Head { vault, key_version: version.get(), size: frontier.size(), root: frontier.root(), at: now };
        Ok(audit::sign_head(&head, &key))
    }

    /// The public keys of every version whose secret is still there, ascending.
    pub fn verifying_keys(&self) -> Vec<(KeyVersion, VerifyingKey)> {
        let keyset = &self.keyring().keyset;
        let numbers = keyset.versions().iter().map(|version| version.number());
        let keys = numbers.filter_map(|number| keyset.for_bookkeeping(number).ok());
        keys.map(|key| (key.number(), of_version(&key).verifying_key())).collect()
    }
}

/// The key that signs now, and its version: the primary's. A suspended or compromised primary signs all the same, because an
/// erasure does not wait for a rotation.
///
/// # Errors
/// None: a primary is never destroyed.
pub(super) fn signing_key(keyset: &Keyset) -> Result<(KeyVersion, SigningKey)> {
    let key = keyset.for_bookkeeping(keyset.primary_number())?;
    Ok((key.number(), of_version(&key)))
}

fn of_version(key: &UsableKey) -> SigningKey {
    let seed: PrfKey = kdf::derive(key.secret(), &Context::new(Label::SigningKey));
    SigningKey::from_seed(&mut Zeroizing::new(*seed.expose()))
}

#[cfg(test)]
mod tests {
    use super::super::log::Draft;
    use super::*;
    use crate::store::memory::MemoryStore;

    // SPEC: RET-1
    #[test]
    fn a_head_is_signed_by_the_primary_and_verifies_after_a_rotation() {
        let keyset = Keyset::generate(Timestamp(0)).unwrap();
        let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset.clone()).unwrap();
        let first = vault.signed_head(Timestamp(5)).unwrap();
        assert_eq!((first.head.vault, first.head.key_version), (vault.id(), 1));
        vault.adopt(keyset.rotated(Timestamp(1)).unwrap()).unwrap();
        vault.noted(Draft::new("reveal")).unwrap();
        let second = vault.signed_head(Timestamp(6)).unwrap();
        assert_eq!((second.head.key_version, second.head.at), (2, Timestamp(6)));
        assert!(second.head.size > first.head.size);
        let keys = vault.verifying_keys();
        assert_eq!(keys.iter().map(|(version, _)| version.get()).collect::<Vec<_>>(), [1, 2]);
        let (one, two) = (&keys[..1], &keys[1..]);
        let public =
            |keys: &[(KeyVersion, VerifyingKey)]| keys.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>();
        audit::verify_head(&first, &public(one)).unwrap();
        audit::verify_head(&second, &public(two)).unwrap();
        audit::verify_head(&second, &public(one)).unwrap_err();
        let other = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap());
        audit::verify_head(&first, &public(&other.unwrap().verifying_keys())).unwrap_err();
    }
}
