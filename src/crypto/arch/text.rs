//! 16 bytes as text, by permutations of bytes: 22 characters of base64url, or 32 of hex.
//!
//! ```text
//! base64url
//! bytes    a b c   d e f   …        permuted to   b a c b   e d f e   …        a word of 32 bits for 4 characters
//! word     b ‖ c ‖ a ‖ b, from its top bit on
//! digits   6 bits each, from bit 10, 4, 22 and 16 of the word on
//!
//! hex
//! bytes    a b …        widened to   a 0 b 0 …      shifted and joined to   a>>4 a&15 b>>4 b&15 …
//! ```
//!
//! Source: RFC 4648, sections 5 and 8. The alphabets are in registers: no address depends on the bytes.

use super::Avx512;
use core::arch::x86_64::*;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &[u8; 16] = b"0123456789abcdef";
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

/// The base64url of each number, as many as there are of both.
#[inline]
pub(in crate::crypto) fn base64url(proof: Avx512, numbers: &[[u8; 16]], texts: &mut [[u8; 22]]) {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F, BW, VL and VBMI.
    unsafe { write_base64url(numbers, texts) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn write_base64url(numbers: &[[u8; 16]], texts: &mut [[u8; 22]]) {
    let (alphabet, order, shifts) = (load(BASE64URL), load(&ORDER), _mm512_set1_epi64(SHIFTS));
    for (number, text) in numbers.iter().zip(texts) {
        let words = _mm512_permutexvar_epi8(order, load_16(number));
        // The permutation takes the lower six bits of each index, and so of each digit.
        let digits = _mm512_multishift_epi64_epi8(shifts, words);
        store(_mm512_permutexvar_epi8(digits, alphabet), text);
    }
}

/// The hex of each number, as many as there are of both.
#[inline]
pub(in crate::crypto) fn hex(proof: Avx512, numbers: &[[u8; 16]], texts: &mut [[u8; 32]]) {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F, BW and VL, and so AVX2.
    unsafe { write_hex(numbers, texts) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn write_hex(numbers: &[[u8; 16]], texts: &mut [[u8; 32]]) {
    let alphabet = _mm256_broadcastsi128_si256(_mm512_castsi512_si128(load_16(HEX)));
    for (number, text) in numbers.iter().zip(texts) {
        // Each byte in 16 bits: its upper half comes to stand in the first byte, its lower half in the second.
        let bytes = _mm256_cvtepu8_epi16(_mm512_castsi512_si128(load_16(number)));
        let (upper, lower) = (_mm256_srli_epi16::<4>(bytes), _mm256_slli_epi16::<8>(bytes));
        let digits = _mm256_and_si256(_mm256_or_si256(upper, lower), _mm256_set1_epi8(0x0F));
        store_32(_mm256_shuffle_epi8(alphabet, digits), text);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_32(characters: __m256i, text: &mut [u8; 32]) {
    // SAFETY: the reference is to 32 writable bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(text.as_mut_ptr().cast(), characters) }
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
            base64url(proof, &numbers[..count], &mut texts);
            let mut hexes = vec![[0; 32]; count + 1];
            hex(proof, &numbers[..count], &mut hexes);
            for ((number, text), digits) in numbers[..count].iter().zip(&texts).zip(&hexes) {
                assert_eq!(*text, radix_text::base64url(number));
                assert_eq!(*digits, radix_text::hex(number));
            }
            assert_eq!(texts[count], [0; 22], "nothing is written behind the last");
            assert_eq!(hexes[count], [0; 32]);
        }
    }
}
