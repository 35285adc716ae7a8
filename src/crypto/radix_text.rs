//! 16 bytes as text, by arithmetic: no branch and no address depends on them.
//!
//! ```text
//! digits of b bits, eight at a time in a word:   8b bits ──halved three times──► 8 bytes, a digit each ──► 8 characters
//!
//! character = digit + c₀ + Σ cᵢ·[digit ≥ kᵢ]     c₀ that of digit 0, and a step of cᵢ wherever the alphabet is not contiguous
//! ```
//!
//! Source: RFC 4648, sections 5 and 8, for base64url and hex; Crockford's base 32 for the other.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

const ONES: u64 = 0x0101_0101_0101_0101;

/// The low `8·BITS` bits as eight digits, the first in the highest byte.
#[inline]
fn digits<const BITS: u32>(bits: u64) -> u64 {
    let halve = |x: u64, bits: u32, each: u64| {
        let low = each * ((1 << bits) - 1);
        let width = 64 / each.count_ones() / 2;
        ((x >> bits) & low) << width | (x & low)
    };
    let fours = halve(bits, 4 * BITS, 1);
    let twos = halve(fours, 2 * BITS, 1 << 32 | 1);
    halve(twos, BITS, 0x0001_0001_0001_0001)
}

/// Eight digits below 64 as characters. Each sum stays within its byte: the steps are those of an ASCII alphabet, and
/// what may be negative in between is in the end not, so that modulo 2^64 nothing is borrowed.
#[inline]
fn characters(digits: u64, first: u8, steps: &[(u8, i8)]) -> [u8; 8] {
    let at_least = |k: u8| ((digits + u64::from(0x80 - k) * ONES) >> 7) & ONES;
    let sum = steps.iter().fold(digits + u64::from(first) * ONES, |sum, (from, step)| {
        sum.wrapping_add(at_least(*from).wrapping_mul(i64::from(*step) as u64))
    });
    sum.to_be_bytes()
}

#[inline]
fn base64url_digits(bits: u64) -> [u8; 8] {
    // A–Z, a–z, 0–9, - and _.
    characters(digits::<6>(bits), b'A', &[(26, 6), (52, -75), (62, -13), (63, 49)])
}

#[inline]
fn hex_digits(bits: u64) -> [u8; 8] {
    characters(digits::<4>(bits), b'0', &[(10, 39)])
}

#[inline]
fn crockford_digits(bits: u64) -> [u8; 8] {
    // 0–9, A–H, J, K, M, N, P–T and V–Z.
    characters(digits::<5>(bits), b'0', &[(10, 7), (18, 1), (20, 1), (22, 1), (27, 1)])
}

/// 22 characters, of which the last has two bits and four zeros.
#[inline]
pub(crate) fn base64url(bytes: &[u8; 16]) -> [u8; 22] {
    let number = u128::from_be_bytes(*bytes);
    let mut text = [0; 22];
    text[..8].copy_from_slice(&base64url_digits((number >> 80) as u64));
    text[8..16].copy_from_slice(&base64url_digits((number >> 32) as u64 & LOW_48));
    text[16..].copy_from_slice(&base64url_digits((number as u64) << 16 & LOW_48)[..6]);
    text
}

/// The texts of many, each at the place of its number.
#[inline]
pub(crate) fn all_base64url(numbers: &[[u8; 16]], texts: &mut [[u8; 22]]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = super::arch::Avx512::detect() {
        return super::arch::text::base64url(proof, numbers, texts);
    }
    numbers.iter().zip(texts).for_each(|(number, text)| *text = base64url(number));
}

/// The characters that base64url without padding takes for so many bytes.
pub(crate) fn base64url_len(bytes: usize) -> usize {
    bytes / 3 * 4 + (bytes % 3 * 8).div_ceil(6)
}

/// The base64url of any bytes, without padding, into exactly the room it takes.
#[inline]
pub(crate) fn encode_base64url(bytes: &[u8], text: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = super::arch::Avx512::detect() {
        return super::arch::text::encode_base64url(proof, bytes, text);
    }
    encode_portably(bytes, text);
}

fn encode_portably(bytes: &[u8], text: &mut [u8]) {
    BASE64.encode_slice(bytes, text).expect("there is room");
}

/// Appends the bytes of which this is the base64url, without padding and with zeros for the bits that are too many. Appends nothing,
/// and returns false, if it is not that.
pub(crate) fn decode_base64url(text: &[u8], bytes: &mut Vec<u8>) -> bool {
    let start = bytes.len();
    bytes.resize(start + decoded_len(text), 0);
    let is_read = decode_into(text, &mut bytes[start..]);
    if !is_read {
        bytes.truncate(start);
    }
    is_read
}

fn decoded_len(text: &[u8]) -> usize {
    text.len() / 4 * 3 + text.len() % 4 * 3 / 4
}

#[inline]
fn decode_into(text: &[u8], bytes: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = super::arch::Avx512::detect() {
        return super::arch::text::decode_base64url(proof, text, bytes);
    }
    decode_portably(text, bytes)
}

fn decode_portably(text: &[u8], bytes: &mut [u8]) -> bool {
    BASE64.decode_slice(text, bytes).is_ok()
}

const LOW_48: u64 = (1 << 48) - 1;

/// 32 lower-case characters.
#[inline]
pub(crate) fn hex(bytes: &[u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    for (text, bytes) in text.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        *text = hex_digits(u32::from_be_bytes(*bytes).into());
    }
    text
}

/// The texts of many, each at the place of its number.
#[inline]
pub(crate) fn all_hex(numbers: &[[u8; 16]], texts: &mut [[u8; 32]]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = super::arch::Avx512::detect() {
        return super::arch::text::hex(proof, numbers, texts);
    }
    numbers.iter().zip(texts).for_each(|(number, text)| *text = hex(number));
}

/// 32 lower-case characters, in groups of 8, 4, 4, 4 and 12.
#[inline]
pub(crate) fn uuid(bytes: &[u8; 16]) -> [u8; 36] {
    let hex = hex(bytes);
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&hex[..8]);
    text[9..13].copy_from_slice(&hex[8..12]);
    text[14..18].copy_from_slice(&hex[12..16]);
    text[19..23].copy_from_slice(&hex[16..20]);
    text[24..].copy_from_slice(&hex[20..]);
    text
}

/// 26 upper-case characters of the big-endian number; the first has three bits.
#[inline]
pub(crate) fn crockford(bytes: &[u8; 16]) -> [u8; 26] {
    let number = u128::from_be_bytes(*bytes);
    let mut text = [0; 26];
    text[..2].copy_from_slice(&crockford_digits((number >> 120) as u64)[6..]);
    for (text, shift) in text[2..].as_chunks_mut().0.iter_mut().zip([80, 40, 0]) {
        *text = crockford_digits((number >> shift) as u64 & LOW_40);
    }
    text
}

const LOW_40: u64 = (1 << 40) - 1;

/// A number below 10^19 in decimal, and how many zeros stand in front. How long it takes depends on that alone.
#[inline]
pub(crate) fn decimal(number: u64) -> ([u8; 19], usize) {
    const EIGHT: u64 = 100_000_000;
    let mut text = [0; 19];
    let [_, _, _, _, _, first @ ..] = decimal_digits(number / (EIGHT * EIGHT));
    text[..3].copy_from_slice(&first);
    text[3..11].copy_from_slice(&decimal_digits(number / EIGHT % EIGHT));
    text[11..].copy_from_slice(&decimal_digits(number % EIGHT));
    (text, 18 - number.checked_ilog10().unwrap_or(0) as usize)
}

/// Eight digits of a number below 10^8: halved three times, all halves of a word at once.
///
/// ⌊x·10486 / 2^20⌋ = ⌊x/100⌋ below 10^4: 10486 = (2^20 + 24)/100, and x·24 < 2^20. ⌊x·103 / 2^10⌋ = ⌊x/10⌋ below 100, as
/// 103 = (2^10 + 6)/10, and x·6 < 2^10. No product leaves its part of the word: 10^4·10486 < 2^32, 100·103 < 2^16.
#[inline]
fn decimal_digits(number: u64) -> [u8; 8] {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    let digits = tens | ((twos - tens * 10) << 8);
    (digits + u64::from(b'0') * ONES).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_digit_has_its_character_at_every_place() {
        for place in 0..8 {
            let at = |bits: u32, digit: u64| digit << (bits * (7 - place as u32));
            for digit in 0..64 {
                let expected = |zero, character| {
                    let mut text = [zero; 8];
                    text[place] = character;
                    text
                };
                let i = digit as usize;
                assert_eq!(base64url_digits(at(6, digit)), expected(b'A', BASE64URL[i]));
                if let Some(character) = b"0123456789abcdef".get(i) {
                    assert_eq!(hex_digits(at(4, digit)), expected(b'0', *character));
                }
                if let Some(character) = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".get(i) {
                    assert_eq!(crockford_digits(at(5, digit)), expected(b'0', *character));
                }
            }
        }
    }

    #[test]
    fn texts_are_those_of_others() {
        let mut number = 1u128;
        for i in 0..2000u128 {
            number = number.wrapping_mul(0xDA94_2042_E4DD_58B5_9E37_79B9_7F4A_7C15).rotate_left(29) ^ i;
            let bytes = number.to_be_bytes();
            assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(bytes).as_bytes(), base64url(&bytes));
            let mut all = [[0; 22]; 3];
            all_base64url(&[[0; 16], bytes, [0; 16]], &mut all);
            assert_eq!(all, [base64url(&[0; 16]), base64url(&bytes), base64url(&[0; 16])]);
            let mut all_digits = [[0; 32]; 3];
            all_hex(&[[0; 16], bytes, [0; 16]], &mut all_digits);
            assert_eq!(all_digits, [hex(&[0; 16]), hex(&bytes), hex(&[0; 16])]);
            assert_eq!(format!("{number:032x}").as_bytes(), hex(&bytes));
            let integer = number as u64 >> (i % 64).max(1);
            let (text, zeros) = decimal(integer);
            assert_eq!(integer.to_string().as_bytes(), &text[zeros..]);
        }
        assert_eq!(decimal(0).1, 18);
    }

    #[test]
    fn every_quotient_of_a_decimal_is_exact() {
        for number in
            (0..10_000).flat_map(|half| [half, 10_000 * half, 99_990_000 + half, 10_000 * half + 9_999])
        {
            assert_eq!(decimal_digits(number), format!("{number:08}").as_bytes());
        }
        let powers = (0..19).map(|i| 10u64.pow(i));
        for number in powers.flat_map(|power| [power - 1, power, power + 1]).chain([10u64.pow(19) - 1]) {
            let (text, zeros) = decimal(number);
            assert_eq!(&text[zeros..], number.to_string().as_bytes());
            assert_eq!(text[..], *format!("{number:019}").as_bytes());
        }
    }

    #[test]
    fn base64url_of_any_length_comes_back_by_either_code() {
        for length in 0..150 {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 89 + length) as u8).collect();
            let (mut text, mut portable) = (vec![0; base64url_len(length)], vec![0; base64url_len(length)]);
            encode_base64url(&bytes, &mut text);
            encode_portably(&bytes, &mut portable);
            assert!(text == portable && decoded_len(&text) == length);
            let mut back = b"before".to_vec();
            assert!(decode_base64url(&text, &mut back) && back == [b"before", &bytes[..]].concat());
            let mut back = vec![0; length];
            assert!(decode_portably(&text, &mut back) && back == bytes);
            if let Some(last) = text.last_mut() {
                *last = b'=';
                let mut back = b"before".to_vec();
                assert!(!decode_base64url(&text, &mut back) && back == b"before");
                assert!(!decode_portably(&text, &mut vec![0; decoded_len(&text)]));
            }
        }
    }
}
