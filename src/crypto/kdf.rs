//! `sub-key = HKDF-SHA256(salt = none, ikm = secret, info = context, L = 32 or 64)`.
//!
//! Source: RFC 5869. The info is an injective [`Context`] whose label is the sub-key's own, so a sub-key made for one
//! use cannot equal one made for another.

use super::context::Context;
use super::secret::{AeadKey, DataKey, Ff1Secret, PrfKey, PrpKey, VersionSecret};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// A secret that sub-keys are derived from.
pub trait RootSecret {
    /// The input keying material: uniformly random, or stretched from a passphrase already.
    fn keying_material(&self) -> &[u8; 32];
}

impl RootSecret for VersionSecret {
    fn keying_material(&self) -> &[u8; 32] {
        self.expose()
    }
}

impl RootSecret for DataKey {
    fn keying_material(&self) -> &[u8; 32] {
        self.expose()
    }
}

/// Fills `okm` from the secret and the context.
///
/// # Security
/// For the crate's own typed sub-keys; use [`derive`] where one fits.
pub(crate) fn expand(secret: &impl RootSecret, context: &Context, okm: &mut [u8]) {
    Hkdf::<Sha256>::new(None, secret.keying_material())
        .expand(context.as_bytes(), okm)
        .expect("64 bytes at most are asked for, and HKDF-SHA256 gives 8,160");
}

/// A key type that can be a sub-key.
pub trait SubKey {
    /// From 32 bytes of output keying material, which are overwritten.
    fn from_okm(okm: &mut [u8; 32]) -> Self;
}

macro_rules! sub_keys {
    ($($type:ident),*) => { $(
        impl SubKey for $type {
            fn from_okm(okm: &mut [u8; 32]) -> Self {
                Self::from_bytes(okm)
            }
        }
    )* };
}
sub_keys!(Ff1Secret, PrfKey, PrpKey, AeadKey);

/// The sub-key of this type for this context.
pub fn derive<K: SubKey>(secret: &impl RootSecret, context: &Context) -> K {
    let mut okm = Zeroizing::new([0; 32]);
    expand(secret, context, okm.as_mut());
    K::from_okm(&mut okm)
}

#[cfg(test)]
mod tests {
    use super::super::context::Label;
    use super::*;

    // SPEC: KDF-2
    #[test]
    fn labels_and_parts_separate_keys() {
        let secret = VersionSecret::from_bytes(&mut [7; 32]);
        let key = |label, part: &str| derive::<PrfKey>(&secret, &Context::new(label).part(part));
        assert!(key(Label::RowKey, "acme").ct_eq(&key(Label::RowKey, "acme")));
        assert!(!key(Label::RowKey, "acme").ct_eq(&key(Label::RowKey, "acme2")));
        assert!(!key(Label::RowKey, "acme").ct_eq(&key(Label::WrapKey, "acme")));
    }
}
