//! FF1, format-preserving encryption: a keyed, tweaked permutation of the strings of one length over one alphabet.
//!
//! ```text
//! A ‖ B = X,  |A| = u = ⌊n/2⌋,  |B| = v = n − u
//! for i = 0..9:   C = (NUM(A) + NUM(S_i(B))) mod radix^m,   m = u for even i, v for odd i
//!                 A = B,  B = C
//! S_i(B) = the first d bytes of R ‖ CIPH(R ⊕ [1]) ‖ CIPH(R ⊕ [2]) ‖ …
//! R      = PRF(P ‖ Q),   PRF = CBC-MAC with AES
//! P      = [1,2,1] ‖ [radix]³ ‖ [10] ‖ [u mod 256] ‖ [n]⁴ ‖ [t]⁴
//! Q      = T ‖ [0]^((−t−b−1) mod 16) ‖ [i] ‖ [NUM(B)]^b
//! b      = the bytes of radix^v − 1,   d = 4⌈b/4⌉ + 4
//! ```
//!
//! Source: NIST SP 800-38G (March 2016), algorithms 7 and 8, as tightened by the second public draft of Revision 1
//! (February 2025): at least 1,000,000 values in a domain. FF3 and FF3-1 are withdrawn and are not here.
//!
//! # Reading order
//!
//! | file | |
//! |---|---|
//! | `domain.rs` | which radices and lengths there are, and P |
//! | `numeral.rs` | the algorithms word for word: the general path, and the oracle of the tests |
//! | `plan.rs` | the public calls; what a key, domain and tweak fix; the choice of arithmetic |
//! | `plan/tweaked.rs` | the same with a tweak for each value |
//! | `reduce.rs` | (a ± y) mod radix^m without branches, with the proofs of the bounds |
//! | `lanes.rs` | the ten rounds, in lockstep and for one value |
//! | `bulk.rs` | records in, records out |
//! | `vectors.rs`, `vectors/long.rs` | the same by the kernels of `arch`: halves below 2^32, and below 2^96 |
//! | `digits.rs`, `words.rs`, `decimal.rs`, `pieces.rs` | numerals to integers and back, of 16 bits, of 8, and digits |
//! | `alphabet.rs` | symbols to numerals and back |
//!
//! # Security
//! FF1 is deterministic: equal values give equal tokens under one key, tweak and domain. It is not authenticated:
//! every string of the domain decrypts to some other. Use one key for one domain, since keys shared between domains of
//! different radix or length invite related-domain attacks, and put into the tweak whatever tells columns apart.
//!
//! # Example
//! ```
//! use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Plan};
//!
//! let plan = Plan::new(&[7; 32], Domain::new(10, 16)?, b"acme/card")?;
//! let (mut token, mut back) = ([0; 16], [0; 16]);
//! plan.encrypt_ascii(&AsciiAlphabet::digits(), b"4111111111111111", &mut token)?;
//! plan.decrypt_ascii(&AsciiAlphabet::digits(), &token, &mut back)?;
//! assert_eq!(&back, b"4111111111111111");
//! # Ok::<(), cloakroom::Error>(())
//! ```

use std::fmt;

use aes::cipher::KeyInit;
use sealed::Expand;

pub use alphabet::AsciiAlphabet;
pub use bulk::BulkError;
pub use domain::Domain;
pub use plan::{Plan, TweakedPlan};

use crate::error::Result;

mod alphabet;
mod bulk;
mod decimal;
mod digits;
mod domain;
mod lanes;
mod numeral;
#[cfg(feature = "threads")]
mod parallel;
mod pieces;
mod plan;
mod reduce;
#[cfg(target_arch = "x86_64")]
mod vectors;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_vectors.rs"]
mod vectors;
mod words;

/// An expanded AES key, from which plans are made.
///
/// # Security
/// Wiped when dropped; not cloned, compared or shown.
pub struct Ff1Key<K: KeySize = Aes256> {
    cipher: K::Cipher,
    vector_keys: Option<K::VectorKeys>,
}

impl Ff1Key<Aes256> {
    /// FF1 with AES-256, the only key size outside of `hazmat`.
    pub fn new(key: &[u8; 32]) -> Self {
        Ff1Key { cipher: Aes256::expand(key), vector_keys: Aes256::vector_keys(key) }
    }
}

#[cfg(any(test, feature = "hazmat"))]
impl Ff1Key<Aes128> {
    /// FF1 with AES-128: for test vectors and the review of old data.
    pub fn hazmat_128(key: &[u8; 16]) -> Self {
        Ff1Key { cipher: Aes128::expand(key), vector_keys: Aes128::vector_keys(key) }
    }
}

#[cfg(any(test, feature = "hazmat"))]
impl Ff1Key<Aes192> {
    /// FF1 with AES-192: for test vectors and the review of old data.
    pub fn hazmat_192(key: &[u8; 24]) -> Self {
        Ff1Key { cipher: Aes192::expand(key), vector_keys: Aes192::vector_keys(key) }
    }
}

impl<K: KeySize> Ff1Key<K> {
    /// The plan for one domain and tweak; it keeps its own copy of the expanded key.
    ///
    /// # Errors
    /// [`Error::TooLong`](crate::error::Error::TooLong) for a tweak over [`Plan::MAX_TWEAK`].
    pub fn plan(&self, domain: Domain, tweak: &[u8]) -> Result<Plan<K>> {
        Plan::with_keys(self.cipher.clone(), self.vector_keys.clone(), domain, tweak)
    }

    /// The plan for one domain, for values that have a tweak each.
    pub fn tweaked_plan(&self, domain: Domain) -> TweakedPlan<K> {
        TweakedPlan::with_keys(self.cipher.clone(), self.vector_keys.clone(), domain)
    }
}

impl<K: KeySize> fmt::Debug for Ff1Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ff1Key").finish_non_exhaustive()
    }
}

/// A size of AES key.
pub trait KeySize: sealed::Expand {}

/// AES-256.
#[derive(Debug)]
pub enum Aes256 {}
/// AES-192.
#[cfg(any(test, feature = "hazmat"))]
#[derive(Debug)]
pub enum Aes192 {}
/// AES-128.
#[cfg(any(test, feature = "hazmat"))]
#[derive(Debug)]
pub enum Aes128 {}

mod sealed {
    use super::numeral::Aes;
    use super::vectors::VectorKeys;
    use zeroize::ZeroizeOnDrop;

    pub trait Expand {
        type Key;
        type Cipher: Aes + Clone + ZeroizeOnDrop + Send + Sync + 'static;
        type VectorKeys: VectorKeys + Clone + Send + Sync + 'static;
        fn expand(key: &Self::Key) -> Self::Cipher;
        fn vector_keys(key: &Self::Key) -> Option<Self::VectorKeys>;
    }
}

macro_rules! key_size {
    ($name:ident, $bytes:literal, $cipher:ty, $round_keys:literal) => {
        impl KeySize for $name {}
        impl sealed::Expand for $name {
            type Key = [u8; $bytes];
            type Cipher = $cipher;
            type VectorKeys = vectors::Keys<$round_keys>;
            fn expand(key: &[u8; $bytes]) -> $cipher {
                <$cipher>::new(key.into())
            }
            fn vector_keys(key: &[u8; $bytes]) -> Option<Self::VectorKeys> {
                vectors::Keys::expand(key)
            }
        }
    };
}

key_size!(Aes256, 32, aes::Aes256Enc, 15);
#[cfg(any(test, feature = "hazmat"))]
key_size!(Aes192, 24, aes::Aes192Enc, 13);
#[cfg(any(test, feature = "hazmat"))]
key_size!(Aes128, 16, aes::Aes128Enc, 11);
