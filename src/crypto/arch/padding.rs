//! `rest ‖ 0 0 0 len ‖ value ‖ 0x80 ‖ 0 … 0 ‖ length in bits`, of short values: one block of SHA-256 each, or two.
//!
//! ```text
//! block 0   rest │ 0 0 0 len │ value …        64 bytes at once, loaded from as many bytes in front of the value
//! block 1   … value │ 0x80 │ 0 …
//!
//! byte i of the blocks is byte i − at of the value:   i − at < len   is of it,   i − at = len   the mark
//! ```
//!
//! Both blocks are always written, the second to be written over where it is not needed: no branch waits for a length.
//!
//! Source: FIPS 180-4, section 5.1.1.

use super::Avx512;
use super::memory::{load_bytes, store_bytes};
use crate::crypto::sha256::{BLOCK, LEAST_PADDING};
use core::arch::x86_64::*;

/// What messages have in common.
pub(in crate::crypto) struct Frame<'r> {
    /// What stands in front of all, with zeros behind it, and how much that is.
    pub(in crate::crypto) rest: &'r [u8; BLOCK],
    pub(in crate::crypto) rest_len: usize,
    /// The bits of a message with an empty value.
    pub(in crate::crypto) bits: u64,
}

/// What goes on the way from values to messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::crypto) enum Values {
    /// Bytes as they are, without their length in front.
    Bytes,
    /// ASCII as it is.
    Ascii,
    /// ASCII to lower case.
    LowerCase,
}

/// The bytes of a value's length in front of it.
const LENGTH: usize = 4;
/// The most bytes of a value.
const MOST: usize = 64;

/// Writes the blocks of the values, one message behind the other, and where each ends, counted in blocks; how many it wrote. It stops
/// in front of a value that is longer than 64 bytes, or than two blocks have room for; where `blocks` has no room for two more, or `ends`
/// for one; and, of ASCII, in front of a value that is not, that is empty or begins with white space; or ends with it, for lower case.
#[inline]
pub(in crate::crypto) fn write<'v>(
    proof: Avx512,
    values: Values,
    frame: &Frame<'_>,
    value: impl Fn(usize) -> &'v [u8],
    blocks: &mut [[u8; BLOCK]],
    ends: &mut [usize],
) -> usize {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F and BW.
    unsafe {
        match values {
            Values::Bytes => write_blocks::<true, false>(frame, value, blocks, ends),
            Values::Ascii => write_blocks::<false, false>(frame, value, blocks, ends),
            Values::LowerCase => write_blocks::<false, true>(frame, value, blocks, ends),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn write_blocks<'v, const BYTES: bool, const LOWER: bool>(
    frame: &Frame<'_>,
    value: impl Fn(usize) -> &'v [u8],
    blocks: &mut [[u8; BLOCK]],
    ends: &mut [usize],
) -> usize {
    let at = if BYTES { frame.rest_len } else { frame.rest_len + LENGTH };
    if at >= BLOCK {
        return 0;
    }
    let rest = load_bytes(frame.rest);
    // Behind 191 where i < at, since at < 64; and at most 127 behind.
    let first_places = _mm512_sub_epi8(load_bytes(&PLACES), _mm512_set1_epi8(at as i8));
    let second_places = _mm512_add_epi8(first_places, _mm512_set1_epi8(BLOCK as i8));
    let mark = _mm512_set1_epi8(0x80u8 as i8);
    let mut used = 0;
    for (i, end) in ends.iter_mut().enumerate() {
        let value = value(i);
        let is_plain = match value {
            [first, ..] if !LOWER => *first > b' ',
            [first, .., last] => *first > b' ' && *last > b' ',
            [one] => *one > b' ',
            [] => false,
        };
        let length_fits = value.len() <= MOST && at + value.len() + LEAST_PADDING <= 2 * BLOCK;
        if !(BYTES || is_plain) || !length_fits {
            return i;
        }
        let Some([first_out, second_out]) =
            blocks.get_mut(used..).and_then(|blocks| blocks.first_chunk_mut())
        else {
            return i;
        };
        let len = _mm512_set1_epi8(value.len() as i8);
        let first_of_it = _mm512_cmplt_epu8_mask(first_places, len);
        let second_of_it = _mm512_cmplt_epu8_mask(second_places, len);
        let start = value.as_ptr().wrapping_sub(at);
        // SAFETY: byte i of both blocks is byte i − at of the value. Only bytes of the masks are read, for which 0 ≤ i − at < len, as
        // bytes without sign: at most 64. The others are not accessed, wherever the pointers lead there.
        let (mut first, mut second) = unsafe {
            (
                _mm512_maskz_loadu_epi8(first_of_it, start.cast()),
                _mm512_maskz_loadu_epi8(second_of_it, start.wrapping_add(BLOCK).cast()),
            )
        };
        if !BYTES && _mm512_movepi8_mask(_mm512_or_si512(first, second)) != 0 {
            return i;
        }
        if LOWER {
            (first, second) = (lower(first), lower(second));
        }
        first = _mm512_or_si512(first, rest);
        if !BYTES {
            first = _mm512_mask_mov_epi8(first, 1 << (at - 1), len);
        }
        first = _mm512_mask_mov_epi8(first, _mm512_cmpeq_epu8_mask(first_places, len), mark);
        second = _mm512_mask_mov_epi8(second, _mm512_cmpeq_epu8_mask(second_places, len), mark);
        // The last eight bytes of the block that is the last.
        let is_one = at + value.len() + LEAST_PADDING <= BLOCK;
        let bits = _mm512_set1_epi64((frame.bits + 8 * value.len() as u64).swap_bytes() as i64);
        store_bytes(first_out, _mm512_mask_mov_epi64(first, u8::from(is_one) << 7, bits));
        store_bytes(second_out, _mm512_mask_mov_epi64(second, u8::from(!is_one) << 7, bits));
        used += if is_one { 1 } else { 2 };
        *end = used;
    }
    ends.len()
}

const PLACES: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        places[i] = i as u8;
        i += 1;
    }
    places
};

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn lower(characters: __m512i) -> __m512i {
    let from_a = _mm512_sub_epi8(characters, _mm512_set1_epi8(b'A' as i8));
    let upper = _mm512_cmple_epu8_mask(from_a, _mm512_set1_epi8((b'Z' - b'A') as i8));
    _mm512_mask_add_epi8(characters, upper, characters, _mm512_set1_epi8((b'a' - b'A') as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u64 = 0x0123_4567_89AB_CDE8;

    fn all(values: Values, frame: &Frame<'_>, texts: &[Box<[u8]>], blocks: &mut [[u8; BLOCK]]) -> Vec<usize> {
        let proof = Avx512::detect_always().unwrap();
        let mut ends = vec![0; texts.len()];
        let count = write(proof, values, frame, |i| &texts[i], blocks, &mut ends);
        ends.truncate(count);
        ends
    }

    #[test]
    fn any_value_at_any_place_is_padded_as_the_standard_says() {
        let Some(_) = Avx512::detect_always() else { return };
        for rest_len in 0..BLOCK {
            let rest = std::array::from_fn(|i| if i < rest_len { i as u8 ^ 0xA5 } else { 0 });
            let frame = Frame { rest: &rest, rest_len, bits: BITS };
            // Slices of just their length, so that an interpreter sees each access beyond them.
            let value = |len: usize| (0..len).map(|i| b'!' + (i * 5 + rest_len) as u8 % 94).collect();
            for (values, shortest) in [(Values::Bytes, 0), (Values::Ascii, 1), (Values::LowerCase, 1)] {
                let texts: Vec<Box<[u8]>> = (shortest..=66).map(value).collect();
                let mut blocks = vec![[0xEE; BLOCK]; 140];
                let ends = all(values, &frame, &texts, &mut blocks);
                let at = if values == Values::Bytes { rest_len } else { rest_len + LENGTH };
                let fits = |len: &usize| at < BLOCK && *len <= 64 && at + len + 9 <= 2 * BLOCK;
                assert_eq!(ends.len(), (shortest..=66).take_while(fits).count());
                let mut start = 0;
                for (text, end) in texts.iter().zip(&ends) {
                    let mut expected = rest[..rest_len].to_vec();
                    if values != Values::Bytes {
                        expected.extend([0, 0, 0, text.len() as u8]);
                    }
                    match values {
                        Values::LowerCase => expected.extend(text.to_ascii_lowercase()),
                        _ => expected.extend_from_slice(text),
                    }
                    expected.push(0x80);
                    expected.resize((expected.len() + 8).next_multiple_of(BLOCK) - 8, 0);
                    expected.extend((BITS + 8 * text.len() as u64).to_be_bytes());
                    assert_eq!(*blocks[start..*end].as_flattened(), expected, "{} at {rest_len}", text.len());
                    start = *end;
                }
            }
        }
    }

    #[test]
    fn it_stops_in_front_of_what_it_does_not_take_and_writes_where_there_is_room() {
        let Some(_) = Avx512::detect_always() else { return };
        let frame = Frame { rest: &[0; BLOCK], rest_len: 0, bits: 0 };
        let of = |text: &[u8]| -> Box<[u8]> { text.into() };
        for (other, none, lower) in [
            (&b""[..], 1, 1),
            (b" x", 1, 1),
            (b"\x0Bx", 1, 1),
            (b"x ", 3, 1),
            (b"x\x0B", 3, 1),
            (b"x y", 3, 3),
            (&[b'x'; 64], 3, 3),
            (&[b'x'; 65], 1, 1),
        ] {
            let values = [of(b"a"), of(other), of(b"b")];
            let mut blocks = [[0; BLOCK]; 8];
            assert_eq!(all(Values::Ascii, &frame, &values, &mut blocks).len(), none);
            assert_eq!(all(Values::LowerCase, &frame, &values, &mut blocks).len(), lower);
        }
        for len in 1..=64 {
            for place in 0..len {
                let mut value = vec![b'x'; len];
                value[place] = 0x80;
                assert!(all(Values::Ascii, &frame, &[of(&value)], &mut [[0; BLOCK]; 2]).is_empty());
                assert!(all(Values::LowerCase, &frame, &[of(&value)], &mut [[0; BLOCK]; 2]).is_empty());
                assert_eq!(all(Values::Bytes, &frame, &[of(&value)], &mut [[0; BLOCK]; 2]).len(), 1);
            }
        }
        let values = vec![of(b"x"); 9];
        for room in 0..=10 {
            assert_eq!(
                all(Values::LowerCase, &frame, &values, &mut vec![[0; BLOCK]; room]).len(),
                room.saturating_sub(1)
            );
        }
    }
}
