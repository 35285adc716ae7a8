//! 16 bytes as 22 characters of base64url, by three permutations of bytes.
//!
//! ```text
//! bytes    a b c   d e f   …        permuted to   b a c b   e d f e   …        a word of 32 bits for 4 characters
//! word     b ‖ c ‖ a ‖ b, from its top bit on
//! digits   6 bits each, from bit 10, 4, 22 and 16 of the word on
//! ```
//!
//! Source: RFC 4648, section 5. The alphabet is in a register: no address depends on the bytes.

use super::Avx512;
use core::arch::x86_64::*;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHARACTERS: u32 = 22;

/// Which byte goes where. Behind the sixteenth there are zeros: of them are the last four bits.
const ORDER: [u8; 64] = {
    let mut order = [63; 64];
    let mut word = 0;
    while 4 * word < CHARACTERS as usize {
        let first = 3 * word as u8;
        (order[4 * word], order[4 * word + 1]) = (first + 1, first);
        (order[4 * word + 2], order[4 * word + 3]) = (first + 2, first + 1);
        word += 1;
    }
    order
};

/// From which bit on the digits are, the first in the lowest byte, for two words.
const SHIFTS: i64 = i64::from_le_bytes([10, 4, 22, 16, 32 + 10, 32 + 4, 32 + 22, 32 + 16]);

/// The text of each number, as many as there are of both.
#[inline]
pub(in crate::crypto) fn write(proof: Avx512, numbers: &[[u8; 16]], texts: &mut [[u8; 22]]) {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F, BW, VL and VBMI.
    unsafe { write_all(numbers, texts) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn write_all(numbers: &[[u8; 16]], texts: &mut [[u8; 22]]) {
    let (alphabet, order, shifts) = (load(ALPHABET), load(&ORDER), _mm512_set1_epi64(SHIFTS));
    for (number, text) in numbers.iter().zip(texts) {
        let words = _mm512_permutexvar_epi8(order, load_16(number));
        // The permutation takes the lower six bits of each index, and so of each digit.
        let digits = _mm512_multishift_epi64_epi8(shifts, words);
        store(_mm512_permutexvar_epi8(digits, alphabet), text);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Zeros behind.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_16(bytes: &[u8; 16]) -> __m512i {
    // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
    _mm512_zextsi128_si512(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn store(characters: __m512i, text: &mut [u8; CHARACTERS as usize]) {
    let characters = _mm512_castsi512_si256(characters);
    // SAFETY: the mask has the lower 22 bits, so that the 22 writable bytes of the reference are written and no other.
    unsafe { _mm256_mask_storeu_epi8(text.as_mut_ptr().cast(), (1 << CHARACTERS) - 1, characters) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::radix_text;

    #[test]
    fn every_bit_and_any_bytes_are_as_the_arithmetic_has_them() {
        let Some(proof) = Avx512::detect_always() else { return };
        let mut numbers: Vec<[u8; 16]> = (0..128).map(|bit| (1u128 << bit).to_be_bytes()).collect();
        let mut number = 1u128;
        for i in 0..2000u128 {
            number = number.wrapping_mul(0xDA94_2042_E4DD_58B5_9E37_79B9_7F4A_7C15).rotate_left(29) ^ i;
            numbers.push(number.to_be_bytes());
        }
        for count in (0..20).chain([numbers.len()]) {
            let mut texts = vec![[0; 22]; count + 1];
            write(proof, &numbers[..count], &mut texts);
            for (number, text) in numbers[..count].iter().zip(&texts) {
                assert_eq!(*text, radix_text::base64url(number));
            }
            assert_eq!(texts[count], [0; 22], "nothing is written behind the last");
        }
    }
}
