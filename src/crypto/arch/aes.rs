//! `w[i] = w[i − N_k] ⊕ f(w[i − 1])`: the round keys of AES, for kernels that do the rounds themselves, and the rounds of one block.
//!
//! Source: FIPS 197, algorithm 2 (key expansion). The substitution is done by the processor's last-round instruction, not by a table,
//! so no address depends on the key.

use super::Avx512;
use core::arch::x86_64::*;
use zeroize::Zeroizing;

/// `N_r + 1` round keys of 16 bytes: 11 for AES-128, 13 for AES-192, 15 for AES-256. Wiped when dropped; on the heap, since a move would
/// leave a copy behind.
#[derive(Clone)]
pub(crate) struct RoundKeys<const N: usize>(Box<Zeroizing<[[u8; 16]; N]>>);

impl<const N: usize> RoundKeys<N> {
    /// Expands a key of `4·(N − 7)` bytes.
    pub(crate) fn new(proof: Avx512, key: &[u8]) -> Self {
        const { assert!(N == 11 || N == 13 || N == 15) };
        assert_eq!(key.len(), 4 * (N - 7), "the key is as long as its type says");
        let _ = proof;
        // SAFETY: the proof says that the processor has AES instructions.
        unsafe { Self::expand(key) }
    }

    /// The round keys, in order.
    pub(crate) fn keys(&self) -> &[[u8; 16]; N] {
        &self.0
    }

    /// `block ← AES(key, block)`, of one block: each round waits for the one before.
    #[inline]
    pub(crate) fn encrypt(&self, block: &mut [u8; 16]) {
        // SAFETY: round keys are made with a proof alone, which says that the processor has AES instructions.
        unsafe { self.rounds(block) }
    }

    #[target_feature(enable = "aes")]
    fn rounds(&self, block: &mut [u8; 16]) {
        let keys = self.keys();
        let mut state = _mm_xor_si128(load(block), load(&keys[0]));
        for key in &keys[1..N - 1] {
            state = _mm_aesenc_si128(state, load(key));
        }
        store(block, _mm_aesenclast_si128(state, load(&keys[N - 1])));
    }

    #[target_feature(enable = "aes")]
    fn expand(key: &[u8]) -> Self {
        // The last N_k words, in registers. N_k is known to the compiler: divisions by it cost nothing.
        let nk = const { N - 7 };
        let mut window = Zeroizing::new([0; 8]);
        for (word, bytes) in window.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let mut keys = Box::new(Zeroizing::new([[0; 16]; N]));
        let mut rcon = 1u8;
        for (i, bytes) in keys.as_flattened_mut().as_chunks_mut().0.iter_mut().enumerate() {
            if i >= nk {
                let mut temp = window[(i - 1) % nk];
                if i % nk == 0 {
                    temp = sub_word(temp).rotate_right(8) ^ u32::from(rcon);
                    rcon = (rcon << 1) ^ (0x1B & (rcon >> 7).wrapping_neg());
                } else if nk > 6 && i % nk == 4 {
                    temp = sub_word(temp);
                }
                window[i % nk] ^= temp;
            }
            *bytes = window[i % nk].to_le_bytes();
        }
        Self(keys)
    }
}

/// The round keys of AES-256, in order, in registers.
#[inline]
#[target_feature(enable = "aes,ssse3,avx")]
pub(super) fn keys_of_256(k0: __m128i, k1: __m128i) -> [__m128i; 15] {
    let k2 = after_rotated(k0, k1, 0x01);
    let k3 = after(k1, k2);
    let k4 = after_rotated(k2, k3, 0x02);
    let k5 = after(k3, k4);
    let k6 = after_rotated(k4, k5, 0x04);
    let k7 = after(k5, k6);
    let k8 = after_rotated(k6, k7, 0x08);
    let k9 = after(k7, k8);
    let k10 = after_rotated(k8, k9, 0x10);
    let k11 = after(k9, k10);
    let k12 = after_rotated(k10, k11, 0x20);
    let k13 = after(k11, k12);
    let k14 = after_rotated(k12, k13, 0x40);
    [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14]
}

/// `SUBWORD(ROTWORD(w)) ⊕ RCON` of the last word, added to the sums of the words of the round key two before. (With four equal columns
/// SHIFTROWS changes nothing, and the round key is added behind the substitution.)
#[inline]
#[target_feature(enable = "aes,ssse3,avx")]
fn after_rotated(two_before: __m128i, last: __m128i, rcon: i32) -> __m128i {
    let rotated = _mm_shuffle_epi8(last, _mm_set1_epi32(0x0C0F_0E0D));
    _mm_xor_si128(sums(two_before), _mm_aesenclast_si128(rotated, _mm_set1_epi32(rcon)))
}

/// `SUBWORD(w)` of the last word, added likewise.
#[inline]
#[target_feature(enable = "aes,ssse3,avx")]
fn after(two_before: __m128i, last: __m128i) -> __m128i {
    let word = _mm_shuffle_epi32(last, 0xFF);
    _mm_xor_si128(sums(two_before), _mm_aesenclast_si128(word, _mm_setzero_si128()))
}

/// `w₀, w₀ ⊕ w₁, w₀ ⊕ w₁ ⊕ w₂, w₀ ⊕ w₁ ⊕ w₂ ⊕ w₃`.
#[inline]
#[target_feature(enable = "aes,ssse3,avx")]
fn sums(words: __m128i) -> __m128i {
    let pairs = _mm_xor_si128(words, _mm_slli_si128(words, 4));
    _mm_xor_si128(pairs, _mm_slli_si128(pairs, 8))
}

#[inline]
#[target_feature(enable = "aes")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes, and the instruction takes any alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "aes")]
fn store(bytes: &mut [u8; 16], vector: __m128i) {
    // SAFETY: the reference is to 16 bytes, and the instruction takes any alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}

/// SUBWORD. With four equal columns SHIFTROWS changes nothing, and the round key is 0, so the last round is SUBBYTES alone.
#[inline]
#[target_feature(enable = "aes")]
fn sub_word(word: u32) -> u32 {
    let state = _mm_set1_epi32(word as i32);
    _mm_cvtsi128_si32(_mm_aesenclast_si128(state, _mm_setzero_si128())) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

    fn encrypt<const N: usize>(keys: &RoundKeys<N>, mut block: [u8; 16]) -> [u8; 16] {
        keys.encrypt(&mut block);
        block
    }

    #[test]
    fn what_moves_is_not_the_keys() {
        assert_eq!(size_of::<RoundKeys<15>>(), size_of::<usize>());
    }

    // Source: FIPS 197, appendix A.
    #[test]
    fn the_last_words_of_the_standard_s_examples() {
        let Some(proof) = Avx512::detect_always() else { return };
        let hex = |text: &str| {
            (0..text.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
                .collect::<Vec<_>>()
        };
        let k128 = RoundKeys::<11>::new(proof, &hex("2b7e151628aed2a6abf7158809cf4f3c"));
        assert_eq!(k128.keys()[10][12..], hex("b6630ca6"));
        let k192 = RoundKeys::<13>::new(proof, &hex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"));
        assert_eq!(k192.keys()[12][12..], hex("01002202"));
        let k256 = RoundKeys::<15>::new(
            proof,
            &hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        );
        assert_eq!(k256.keys()[14][12..], hex("706c631e"));
    }

    #[test]
    fn the_keys_in_registers_are_the_same() {
        #[target_feature(enable = "aes,ssse3,avx,sse4.1")]
        fn in_registers(key: &[u8; 32]) -> [[u8; 16]; 15] {
            let half = |bytes: &[u8]| {
                let words: [[u8; 8]; 2] = std::array::from_fn(|i| bytes[8 * i..][..8].try_into().unwrap());
                _mm_set_epi64x(i64::from_le_bytes(words[1]), i64::from_le_bytes(words[0]))
            };
            let words = |x| [_mm_extract_epi64(x, 0).to_le_bytes(), _mm_extract_epi64(x, 1).to_le_bytes()];
            keys_of_256(half(&key[..16]), half(&key[16..])).map(|x| words(x).concat().try_into().unwrap())
        }
        let Some(proof) = Avx512::detect_always() else { return };
        for i in 0..100u8 {
            let key: [u8; 32] = std::array::from_fn(|j| i.wrapping_mul(31) ^ (j * 7) as u8);
            // SAFETY: the proof says that the processor has these features.
            let keys = unsafe { in_registers(&key) };
            assert_eq!(&keys, RoundKeys::<15>::new(proof, &key).keys());
        }
    }

    #[test]
    fn the_rounds_with_them_are_the_cipher() {
        let Some(proof) = Avx512::detect_always() else { return };
        for i in 0..100u8 {
            let key: Vec<u8> = (0..32).map(|j| i.wrapping_mul(31) ^ (j * 7)).collect();
            let block = [i ^ 0x5A; 16];
            let by_crate = |cipher: &dyn Fn(&mut Array<u8, aes::cipher::consts::U16>)| {
                let mut b = Array::from(block);
                cipher(&mut b);
                b.0
            };
            let c128 = aes::Aes128Enc::new_from_slice(&key[..16]).unwrap();
            assert_eq!(
                encrypt(&RoundKeys::<11>::new(proof, &key[..16]), block),
                by_crate(&|b| c128.encrypt_block(b))
            );
            let c192 = aes::Aes192Enc::new_from_slice(&key[..24]).unwrap();
            assert_eq!(
                encrypt(&RoundKeys::<13>::new(proof, &key[..24]), block),
                by_crate(&|b| c192.encrypt_block(b))
            );
            let c256 = aes::Aes256Enc::new_from_slice(&key).unwrap();
            assert_eq!(
                encrypt(&RoundKeys::<15>::new(proof, &key), block),
                by_crate(&|b| c256.encrypt_block(b))
            );
        }
    }
}
