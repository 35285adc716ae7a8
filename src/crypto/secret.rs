//! Secrets: 32-byte keys and revealed plaintexts.
//!
//! Each type is zeroized on drop, cannot be cloned, compared with `==`, serialized or printed, and is made public by
//! one named method. Keys live on the heap, so that moving one leaves no copy behind.

use super::wiped::WipedVec;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

macro_rules! key {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        pub struct $type(Box<[u8; 32]>);

        impl $type {
            /// Takes over 32 secret bytes; the caller's copy is overwritten.
            pub fn from_bytes(bytes: &mut [u8; 32]) -> Self {
                let key = Self(Box::new(*bytes));
                bytes.zeroize();
                key
            }

            /// The bytes in the clear.
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// Equality in constant time.
            pub fn ct_eq(&self, other: &Self) -> bool {
                self.0.as_slice().ct_eq(other.0.as_slice()).into()
            }
        }

        impl Drop for $type {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(..)"))
            }
        }
    };
}

key!(
    /// The root secret of one key version; every sub-key of the version comes from it (see [`kdf`](super::kdf)).
    VersionSecret
);
key!(
    /// A random key that encrypts data: one for each data subject, one for each keyset file.
    DataKey
);
key!(
    /// A key of [`ff1`](super::ff1), for one (tenant, field, radix, length).
    Ff1Secret
);
key!(
    /// A key of [`prf`](super::prf).
    PrfKey
);
key!(
    /// A key of [`prp`](super::prp).
    PrpKey
);
key!(
    /// A key of [`aead`](super::aead).
    AeadKey
);

/// A plaintext that was revealed: zeroized on drop, not printed by `Debug`.
///
/// `PartialEq` is left out on purpose; compare what [`expose`](Plaintext::expose) returns, knowing that it leaks timing.
pub struct Plaintext(WipedVec<u8>);

impl Plaintext {
    /// Takes over the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The bytes in the clear.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text in the clear, or `None` when the bytes are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: SECRET-1
    #[test]
    fn debug_shows_no_byte() {
        let mut bytes = [0xAB; 32];
        let key = DataKey::from_bytes(&mut bytes);
        assert_eq!(bytes, [0; 32], "the caller's copy is gone");
        assert_eq!(format!("{key:?} {:?}", Plaintext::new(vec![0xAB])), "DataKey(..) Plaintext(..)");
        assert!(key.ct_eq(&DataKey::from_bytes(&mut [0xAB; 32])));
        assert!(!key.ct_eq(&DataKey::from_bytes(&mut [0xAC; 32])));
    }
}
