//! Blocks in the four 128-bit lanes of a register, in and out of memory.

use super::{BLOCK, LANES, PIECE};
use core::arch::x86_64::*;

/// What gives the values is done here, and what needs them behind.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn in_this_order<const N: usize>(values: &mut [__m512i; N]) {
    for value in values {
        // SAFETY: there is no instruction in it.
        unsafe {
            core::arch::asm!("/* {0} */", inout(zmm_reg) * value, options(nomem, nostack, preserves_flags))
        }
    }
}

/// Two bits for each lane that is the same in both: both halves are compared, whatever the first one says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn equal_lanes(a: __m512i, b: __m512i) -> __mmask8 {
    let halves = _mm512_cmpeq_epi64_mask(a, b);
    let both = halves & (halves >> 1) & 0b0101_0101;
    both | both << 1
}

/// Whether the bits of this lane are set.
#[inline]
pub(super) fn is_set(mask: __mmask8, lane: usize) -> bool {
    mask & 1 << (2 * lane) != 0
}

/// The first block of each text, with zeros from where it ends.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn first_blocks([a, b, c, d]: [&[u8]; LANES]) -> __m512i {
    side_by_side([load_part(a), load_part(b), load_part(c), load_part(d)])
}

/// A bit for each byte that there is in the first block of each text.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn bytes_of_blocks([a, b, c, d]: [usize; LANES]) -> __mmask64 {
    let lane = |length: usize| u64::from(bytes_of_block(length));
    lane(a) | lane(b) << 16 | lane(c) << 32 | lane(d) << 48
}

/// A bit for each of the first `length` bytes of a block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn bytes_of_block(length: usize) -> __mmask16 {
    _bzhi_u32(0xFFFF, length.min(BLOCK) as u32) as __mmask16
}

/// A bit for each of the first `length` bytes of a piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn bytes_of_piece(length: usize) -> __mmask64 {
    _bzhi_u64(u64::MAX, length.min(PIECE) as u32)
}

/// The bytes of each lane in reverse.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn reverse(x: __m512i) -> __m512i {
    let order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_shuffle_epi8(x, in_all(order))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn in_all(lane: __m128i) -> __m512i {
    _mm512_broadcast_i32x4(lane)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn side_by_side([a, b, c, d]: [__m128i; LANES]) -> __m512i {
    let x = _mm512_inserti32x4(_mm512_castsi128_si512(a), b, 1);
    _mm512_inserti32x4(_mm512_inserti32x4(x, c, 2), d, 3)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn apart(x: __m512i) -> [__m128i; LANES] {
    [
        _mm512_castsi512_si128(x),
        _mm512_extracti32x4_epi32(x, 1),
        _mm512_extracti32x4_epi32(x, 2),
        _mm512_extracti32x4_epi32(x, 3),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load(bytes: &[u8; BLOCK]) -> __m128i {
    // SAFETY: 16 bytes are there to be read, at any alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Both halves of a key.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_key(key: &[u8; 2 * BLOCK]) -> (__m128i, __m128i) {
    // SAFETY: 32 bytes are there to be read, at any alignment.
    let both = unsafe { _mm256_loadu_si256(key.as_ptr().cast()) };
    (_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_pair(words: &[u64; 2]) -> __m128i {
    // SAFETY: 16 bytes are there to be read, at any alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_wide(words: &[u64; 8]) -> __m512i {
    // SAFETY: 64 bytes are there to be read, at any alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_row(bytes: &[u8; PIECE]) -> __m512i {
    // SAFETY: 64 bytes are there to be read, at any alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The first 16 bytes, or as many as there are and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_part(bytes: &[u8]) -> __m128i {
    if bytes.is_empty() {
        return _mm_setzero_si128();
    }
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not read.
    unsafe { _mm_maskz_loadu_epi8(bytes_of_block(bytes.len()), bytes.as_ptr().cast()) }
}

/// The first 64 bytes, or as many as there are and zeros. (To read nothing by a mask is slow where there is no memory.)
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn load_piece(bytes: &[u8]) -> __m512i {
    if bytes.is_empty() {
        return _mm512_setzero_si512();
    }
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not read.
    unsafe { _mm512_maskz_loadu_epi8(bytes_of_piece(bytes.len()), bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store(bytes: &mut [u8; BLOCK], x: __m128i) {
    // SAFETY: 16 bytes are there to be written, at any alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), x) }
}

/// In the first 16 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_first(out: &mut [u8], x: __m128i) {
    store(out.first_chunk_mut().expect("it was checked to have room for a tag"), x);
}

/// In the last 16 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_last(out: &mut [u8], x: __m128i) {
    store(out.last_chunk_mut().expect("it was checked to have room for a tag"), x);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_pair(words: &mut [u64; 2], x: __m128i) {
    // SAFETY: 16 bytes are there to be written, at any alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_wide(words: &mut [u64; 8], x: __m512i) {
    // SAFETY: 64 bytes are there to be written, at any alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_row(bytes: &mut [u8; PIECE], x: __m512i) {
    // SAFETY: 64 bytes are there to be written, at any alignment.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), x) }
}

/// The first 16 bytes, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_part(bytes: &mut [u8], x: __m128i) {
    if bytes.is_empty() {
        return;
    }
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not written.
    unsafe { _mm_mask_storeu_epi8(bytes.as_mut_ptr().cast(), bytes_of_block(bytes.len()), x) }
}

/// The first 64 bytes, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn store_piece(bytes: &mut [u8], x: __m512i) {
    if bytes.is_empty() {
        return;
    }
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not written.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), bytes_of_piece(bytes.len()), x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::arch::Avx512;

    // Slices of just their length, so that an interpreter sees each access beyond them; and of more, to see what is written.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2,avx512vbmi")]
    fn every_length() {
        let bytes: Vec<u8> = (1..=PIECE as u8 + 2).collect();
        for length in 0..=bytes.len() {
            let some: Box<[u8]> = bytes[..length].into();
            let (mut part, mut piece) = ([0; BLOCK], [0; 8]);
            store(&mut part, load_part(&some));
            store_wide(&mut piece, load_piece(&some));
            let filled = |room: usize| {
                let mut filled = vec![0; room];
                filled[..length.min(room)].copy_from_slice(&some[..length.min(room)]);
                filled
            };
            assert_eq!(part[..], filled(BLOCK));
            assert_eq!(piece.map(u64::to_le_bytes).as_flattened(), filled(PIECE));
            let mut out: Box<[u8]> = vec![0; length].into();
            store_part(&mut out, load_part(&bytes));
            assert_eq!(out[..length.min(BLOCK)], some[..length.min(BLOCK)]);
            assert!(out.iter().skip(BLOCK).all(|byte| *byte == 0));
            store_piece(&mut out, load_piece(&bytes));
            assert_eq!(out[..length.min(PIECE)], some[..length.min(PIECE)]);
            if let Ok(row) = <&[u8; PIECE]>::try_from(&some[..]) {
                let mut out = Box::new([0; PIECE]);
                store_row(&mut out, load_row(row));
                assert_eq!(*out, *row);
            }
            if let Ok(key) = <&[u8; 2 * BLOCK]>::try_from(&some[..]) {
                let mut out = [[0; BLOCK]; 2];
                let (first, second) = load_key(key);
                store(&mut out[0], first);
                store(&mut out[1], second);
                assert_eq!(out.as_flattened(), key);
            }
            let mut out = vec![0; PIECE];
            store_piece(&mut out[..length.min(PIECE)], load_piece(&bytes));
            assert_eq!(out, filled(PIECE));
        }
    }

    #[test]
    fn as_many_are_read_and_written_as_there_are() {
        let Some(_) = Avx512::detect_always() else { return };
        // SAFETY: the proof says that the processor has these features.
        unsafe { every_length() }
    }
}
