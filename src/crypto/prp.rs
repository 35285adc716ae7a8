//! `y = AES-256(key, x)` on single 16-byte blocks: a keyed permutation, the second level of a pseudonym.
//!
//! Source: FIPS 197. This is the raw block permutation. It is right where the input is already uniform or unique and
//! exactly one block, so that equal outputs mean equal inputs on purpose; it is no way to encrypt data.

#[cfg(target_arch = "x86_64")]
use super::arch::{Avx512, aes::RoundKeys};
use super::secret::PrpKey;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use std::fmt;

/// AES-256 as a permutation under one key. Its round keys are on the heap, as keys are.
pub struct Prp {
    many: Box<aes::Aes256>,
    /// For one block: to spread all keys over vectors takes longer than its rounds.
    #[cfg(target_arch = "x86_64")]
    one: Option<RoundKeys<15>>,
}

impl Prp {
    /// Expands the key.
    pub fn new(key: &PrpKey) -> Self {
        Self {
            many: Box::new(aes::Aes256::new(key.expose().into())),
            #[cfg(target_arch = "x86_64")]
            one: Avx512::detect().map(|proof| RoundKeys::new(proof, key.expose())),
        }
    }

    /// Permutes each block in place; many at once fill the AES units.
    pub fn encrypt(&self, blocks: &mut [[u8; 16]]) {
        #[cfg(target_arch = "x86_64")]
        if let ([block], Some(keys)) = (&mut *blocks, &self.one) {
            return keys.encrypt(block);
        }
        self.many.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }

    /// The inverse of [`encrypt`](Prp::encrypt).
    pub fn decrypt(&self, blocks: &mut [[u8; 16]]) {
        self.many.decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }
}

impl fmt::Debug for Prp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prp(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fips_197_appendix_c3_and_back() {
        let mut key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let prp = Prp::new(&PrpKey::from_bytes(&mut key));
        let plain: [u8; 16] = std::array::from_fn(|i| (i * 0x11) as u8);
        let mut blocks = [plain; 67];
        prp.encrypt(&mut blocks);
        assert_eq!(blocks[66][..4], [0x8e, 0xa2, 0xb7, 0xca]);
        let mut one = [plain];
        prp.encrypt(&mut one);
        assert_eq!(one[0], blocks[66]);
        prp.decrypt(&mut blocks);
        assert_eq!(blocks, [plain; 67]);
    }
}
