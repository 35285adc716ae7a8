//! `K_x = E(K, 0x0001 ‖ "X" ‖ 0 ‖ N[0..12] ⊕ K1) ‖ E(K, 0x0002 ‖ …)`: the sub-keys of XAES-256-GCM, derived and expanded without a copy.
//!
//! Source: C2SP XAES-256-GCM; NIST SP 800-38B, section 6.1, for K1.

use super::super::Avx512;
use super::super::aes::keys_of_256;
use super::lanes::*;
use super::{Gcm, encrypt};
use core::arch::x86_64::*;
use zeroize::Zeroize;

/// A key of XAES-256-GCM, expanded.
pub(crate) struct Xaes {
    proof: Avx512,
    keys: [[u64; 2]; 15],
    k1: [u64; 2],
}

impl Xaes {
    /// Expands a key, where the processor has the instructions.
    pub(crate) fn detect(key: &[u8; 32]) -> Option<Box<Self>> {
        Avx512::detect().map(|proof| Self::new(proof, key))
    }

    /// Expands a key, in the place where it stays.
    pub(super) fn new(proof: Avx512, key: &[u8; 32]) -> Box<Self> {
        let mut xaes = Box::new(Self { proof, keys: [[0; 2]; 15], k1: [0; 2] });
        // SAFETY: the proof says that the processor has the instructions.
        unsafe { xaes.expand(key) };
        xaes
    }

    /// The sub-key that the first half of a nonce selects.
    pub(crate) fn sub_key(&self, prefix: &[u8; 12]) -> Box<Gcm> {
        let mut gcm = Gcm::empty(self.proof);
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.derive(prefix, &mut gcm) };
        gcm
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn expand(&mut self, key: &[u8; 32]) {
        let (first, second) = load_key(key);
        for (words, key) in self.keys.iter_mut().zip(keys_of_256(first, second)) {
            store_pair(words, key);
        }
        // K1 = L·x in GF(2^128), L = AES-256(K, 0^128): CMAC's first sub-key.
        let [l] = encrypt(&self.keys, [_mm512_setzero_si512()]);
        let mut bytes = [0; 16];
        store(&mut bytes, _mm512_castsi512_si128(l));
        let l = u128::from_be_bytes(bytes);
        bytes.zeroize();
        let k1 = ((l << 1) ^ (0x87 & (l >> 127).wrapping_neg())).swap_bytes();
        self.k1 = [k1 as u64, (k1 >> 64) as u64];
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn derive(&self, prefix: &[u8; 12], gcm: &mut Gcm) {
        let ([a, b, c, d, rest @ ..], k1) = (prefix, load_pair(&self.k1));
        let half = |number: u8| {
            let front = u64::from_le_bytes([0, number, b'X', 0, *a, *b, *c, *d]);
            _mm_xor_si128(_mm_set_epi64x(i64::from_le_bytes(*rest), front as i64), k1)
        };
        let halves = _mm512_inserti32x4(_mm512_castsi128_si512(half(1)), half(2), 1);
        let [sub_key] = encrypt(&self.keys, [halves]);
        let [first, second, ..] = apart(sub_key);
        gcm.expand(first, second);
    }
}

impl Drop for Xaes {
    fn drop(&mut self) {
        self.keys.as_flattened_mut().zeroize();
        self.k1.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::bytes;
    use super::super::{Sealing, TAG};
    use super::*;
    use aes::cipher::{BlockCipherEncrypt, KeyInit};
    use aes_gcm::aead::inout::InOutBuf;
    use aes_gcm::{AeadInOut, Aes256Gcm};

    /// As the formula says it.
    fn sub_key(key: &[u8; 32], prefix: &[u8; 12]) -> [u8; 32] {
        let cipher = aes::Aes256Enc::new(key.into());
        let encrypt = |block: u128| {
            let mut block = aes::Block::from(block.to_be_bytes());
            cipher.encrypt_block(&mut block);
            u128::from_be_bytes(block.0)
        };
        let l = encrypt(0);
        let k1 = l << 1 ^ if l >> 127 == 1 { 0x87 } else { 0 };
        let prefix = prefix.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        let half = |number: u128| encrypt((number << 112 | u128::from(b'X') << 104 | prefix) ^ k1);
        [half(1), half(2)].map(u128::to_be_bytes).concat().try_into().unwrap()
    }

    #[test]
    fn sub_keys_are_those_of_the_formula() {
        let Some(proof) = Avx512::detect_always() else { return };
        for seed in 0..200 {
            let key = bytes(seed, 32).try_into().unwrap();
            let (prefix, text) = (bytes(seed + 1000, 12).try_into().unwrap(), bytes(seed, 40));
            let mut out = vec![0; text.len() + TAG];
            let field = Sealing { nonce: 0, part: b"aad", plaintext: &text, out: &mut out };
            Xaes::new(proof, &key).sub_key(&prefix).seal_one(field);
            let mut expected = text.clone();
            let cipher = Aes256Gcm::new(&sub_key(&key, &prefix).into());
            let buffer = InOutBuf::from(&mut expected[..]);
            let tag = cipher.encrypt_inout_detached(&[0; 12].into(), b"aad", buffer).unwrap();
            expected.extend_from_slice(&tag);
            assert_eq!(out, expected);
        }
    }
}
