//! Bytes as text and back, by permutations of bytes: base64url of any bytes, 22 characters of 16, or 32 of hex.
//!
//! ```text
//! base64url
//! bytes    a b c   d e f   …        permuted to   b a c b   e d f e   …        a word of 32 bits for 4 characters
//! word     b ‖ c ‖ a ‖ b, from its top bit on
//! digits   6 bits each, from bit 10, 4, 22 and 16 of the word on
//!
//! base64url, back
//! characters   64 at once, each the index of its digit in a table of 128; 128 where there is none, and more in those that are not ASCII
//! digits       a b c d joined to a‖b and c‖d, and to a‖b‖c‖d, 24 bits of 32, which a permutation puts side by side
//!
//! copy
//! upper case   c − A ≤ Z − A without sign, for 64 characters at once
//!
//! hex
//! bytes    a b …        widened to   a 0 b 0 …      shifted and joined to   a>>4 a&15 b>>4 b&15 …
//! ```
//!
//! Source: RFC 4648, sections 5 and 8. The alphabets are in registers: no address depends on the bytes.

use super::Avx512;
use super::memory::{load_some, store_bytes, store_some};
use core::arch::x86_64::*;

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &[u8; 16] = b"0123456789abcdef";
const CHARACTERS: u32 = 22;

/// Which byte goes where, for 48 bytes and 64 characters. Behind the last byte there are zeros: of them are its digits' last bits.
const ORDER: [u8; 64] = {
    let mut order = [0; 64];
    let mut word = 0;
    while word < 16 {
        let first = 3 * word as u8;
        (order[4 * word], order[4 * word + 1]) = (first + 1, first);
        (order[4 * word + 2], order[4 * word + 3]) = (first + 2, first + 1);
        word += 1;
    }
    order
};

/// The digit of each ASCII character, and [`NONE`].
const DIGITS: [[u8; 64]; 2] = {
    let mut digits = [[NONE; 64]; 2];
    let mut digit = 0;
    while digit < 64 {
        let character = BASE64URL[digit] as usize;
        digits[character / 64][character % 64] = digit as u8;
        digit += 1;
    }
    digits
};
/// Its top bit is what no digit has.
const NONE: u8 = 0x80;

/// Which byte of the joined digits goes where: of each word the third, second and first.
const JOINED: [u8; 64] = {
    let mut order = [63; 64]; // the top of the last word: always zero
    let mut byte = 0;
    while byte < 48 {
        order[byte] = (4 * (byte / 3) + 2 - byte % 3) as u8;
        byte += 1;
    }
    order
};

/// From which bit on the digits are, the first in the lowest byte, for two words.
const SHIFTS: i64 = i64::from_le_bytes([10, 4, 22, 16, 32 + 10, 32 + 4, 32 + 22, 32 + 16]);

/// The most bytes of [`copy`].
pub(in crate::crypto) const VECTOR: usize = 64;

/// Copies at most 64 bytes, zeros behind them, in lower case if told; whether they are ASCII.
///
/// # Panics
/// When there are more.
#[inline]
pub(in crate::crypto) fn copy<const LOWER: bool>(
    proof: Avx512,
    value: &[u8],
    out: &mut [u8; VECTOR],
) -> bool {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F and BW, and BMI2.
    unsafe { copy_some::<LOWER>(value, out) }
}

#[target_feature(enable = "avx512f,avx512bw,bmi2")]
fn copy_some<const LOWER: bool>(value: &[u8], out: &mut [u8; VECTOR]) -> bool {
    let mut characters = load_some(value, _mm512_setzero_si512());
    let is_ascii = _mm512_movepi8_mask(characters) == 0;
    if LOWER {
        let from_a = _mm512_sub_epi8(characters, _mm512_set1_epi8(b'A' as i8));
        let upper = _mm512_cmple_epu8_mask(from_a, _mm512_set1_epi8((b'Z' - b'A') as i8));
        let case = _mm512_set1_epi8((b'a' - b'A') as i8);
        characters = _mm512_mask_add_epi8(characters, upper, characters, case);
    }
    store_bytes(out, characters);
    is_ascii
}

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

/// The base64url of any bytes, without padding.
///
/// # Panics
/// When there is not exactly the room it takes: `⌈8n/6⌉` characters for n bytes.
#[inline]
pub(in crate::crypto) fn encode_base64url(proof: Avx512, bytes: &[u8], text: &mut [u8]) {
    let _ = proof;
    assert_eq!(text.len(), bytes.len().div_ceil(3) * 4 - (3 - bytes.len() % 3) % 3, "there is room for it");
    // SAFETY: the proof says that the processor has AVX-512 F, BW, VL and VBMI, and BMI2.
    unsafe { write_any(bytes, text) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,bmi2")]
fn write_any(bytes: &[u8], text: &mut [u8]) {
    let (alphabet, order, shifts) = (load(BASE64URL), load(&ORDER), _mm512_set1_epi64(SHIFTS));
    for (bytes, text) in bytes.chunks(48).zip(text.chunks_mut(64)) {
        let words = _mm512_permutexvar_epi8(order, load_some(bytes, _mm512_setzero_si512()));
        let digits = _mm512_multishift_epi64_epi8(shifts, words);
        store_some(text, _mm512_permutexvar_epi8(digits, alphabet));
    }
}

/// The bytes of which this is the base64url, without padding and with zeros for the bits that are too many, and whether it is that.
/// If not, what the bytes are is not said.
///
/// # Panics
/// When there is not exactly the room it takes: `⌊6n/8⌋` bytes for n characters.
#[inline]
pub(in crate::crypto) fn decode_base64url(proof: Avx512, text: &[u8], bytes: &mut [u8]) -> bool {
    let _ = proof;
    assert_eq!(bytes.len(), text.len() / 4 * 3 + text.len() % 4 * 3 / 4, "there is room for it");
    // SAFETY: the proof says that the processor has AVX-512 F, BW, VL and VBMI, and BMI2.
    text.len() % 4 != 1 && unsafe { read_any(text, bytes) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,bmi2")]
fn read_any(text: &[u8], bytes: &mut [u8]) -> bool {
    let (low, high, order) = (load(&DIGITS[0]), load(&DIGITS[1]), load(&JOINED));
    let zero_digits = _mm512_set1_epi8(b'A' as i8);
    let (by_two, by_four) = (_mm512_set1_epi32(0x0140_0140), _mm512_set1_epi32(0x0001_1000));
    let (mut wrong, mut too_many) = (_mm512_setzero_si512(), 0);
    // Behind two or three characters stands what is less than a byte, and so a chunk of bytes for each of characters.
    for (text, bytes) in text.chunks(64).zip(bytes.chunks_mut(48)) {
        let characters = load_some(text, zero_digits);
        let digits = _mm512_permutex2var_epi8(low, characters, high);
        wrong = _mm512_or_si512(wrong, _mm512_or_si512(characters, digits));
        let joined = _mm512_madd_epi16(_mm512_maddubs_epi16(digits, by_two), by_four);
        let joined = _mm512_permutexvar_epi8(order, joined);
        too_many |= _mm512_test_epi8_mask(joined, joined) & !_bzhi_u64(u64::MAX, bytes.len() as u32);
        store_some(bytes, joined);
    }
    _mm512_movepi8_mask(wrong) == 0 && too_many == 0
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
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

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

    #[test]
    fn base64url_of_any_bytes_is_the_crate_s_and_back() {
        let Some(proof) = Avx512::detect_always() else { return };
        for length in 0..=200 {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 167 + length * 31 + i * i) as u8).collect();
            let expected = BASE64.encode(&bytes);
            let mut text = vec![0; expected.len()];
            encode_base64url(proof, &bytes, &mut text);
            assert_eq!(text, expected.as_bytes());
            let mut back = vec![0xEE; length];
            assert!(decode_base64url(proof, &text, &mut back) && back == bytes);
        }
    }

    #[test]
    fn what_the_crate_refuses_is_refused() {
        let Some(proof) = Avx512::detect_always() else { return };
        for length in (0..=70).chain(126..=132) {
            let text: Vec<u8> = (0..length).map(|i| BASE64URL[(i * 41 + length) % 64]).collect();
            let places = [0, length / 2, length.saturating_sub(5), length.saturating_sub(1)];
            for place in if length == 0 { vec![0] } else { places.to_vec() } {
                for byte in 0..=255 {
                    let mut text = text.clone();
                    text.iter_mut().skip(place).take(1).for_each(|character| *character = byte);
                    let mut bytes = vec![0; length / 4 * 3 + length % 4 * 3 / 4];
                    let genuine = decode_base64url(proof, &text, &mut bytes);
                    match BASE64.decode(&text) {
                        Ok(expected) => assert!(genuine && bytes == expected, "{length} characters"),
                        Err(_) => assert!(!genuine, "{length} characters, {byte} at {place}"),
                    }
                }
            }
        }
    }
}
