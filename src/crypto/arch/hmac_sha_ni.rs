//! HMAC-SHA256 of four messages at once, by the SHA-256 instructions: while one message's rounds wait for their result, those of
//! the others run.
//!
//! ```text
//! sha256rnds2 does two rounds in four cycles, and one can start each cycle:      4 streams fill the unit
//! state: two vectors, ABEF and CDGH, the last letter in the lowest word
//! ```
//!
//! Source: FIPS 180-4, section 6.2.2; FIPS 198-1; for the order of the words, Intel's manual, `SHA256RNDS2`.

use super::ShaNi;
use crate::crypto::sha256::{BLOCK, K, OF_HASH_BITS};
use core::arch::x86_64::*;

/// How many messages go together.
pub(in crate::crypto) const STREAMS: usize = 4;

/// The tags of messages, from their blocks and the state `inner` in front of these.
pub(in crate::crypto) fn tags(
    proof: ShaNi,
    inner: &[u32; 8],
    outer: &[u32; 8],
    messages: &[&[[u8; BLOCK]]; STREAMS],
    tags: &mut [[u8; 32]; STREAMS],
) {
    let _ = proof;
    // SAFETY: the proof says that the processor has SHA, SSSE3, SSE4.1 and AVX.
    unsafe { hmac(inner, outer, messages, tags) }
}

type State = [__m128i; 2];

#[target_feature(enable = "sha,sse4.1,ssse3,avx")]
fn hmac(
    inner: &[u32; 8],
    outer: &[u32; 8],
    messages: &[&[[u8; BLOCK]]; STREAMS],
    tags: &mut [[u8; 32]; STREAMS],
) {
    let most = messages.iter().fold(0, |most, blocks| most.max(blocks.len()));
    let mut states = [state(inner); STREAMS];
    for index in 0..most {
        let before = states;
        let block = |blocks: &&[[u8; BLOCK]]| words(blocks.get(index).unwrap_or(&[0; BLOCK]));
        compress(&mut states, messages.each_ref().map(block));
        for (stream, blocks) in messages.iter().enumerate().filter(|(_, blocks)| index >= blocks.len()) {
            debug_assert!(blocks.len() <= index);
            states[stream] = before[stream]; // that message had its last block
        }
    }
    let digests = states.map(|state| {
        let [first, second] = in_order(state);
        let end = _mm_set_epi32(0, 0, 0, 0x8000_0000u32 as i32);
        [first, second, end, _mm_set_epi32(OF_HASH_BITS as i32, 0, 0, 0)]
    });
    states = [state(outer); STREAMS];
    compress(&mut states, digests);
    for (state, tag) in states.into_iter().zip(tags) {
        for (words, bytes) in in_order(state).into_iter().zip(tag.as_chunks_mut().0) {
            store(_mm_shuffle_epi8(words, big_endian()), bytes);
        }
    }
}

/// One block into each state.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3,avx")]
fn compress(states: &mut [State; STREAMS], mut words: [[__m128i; 4]; STREAMS]) {
    let before = *states;
    for (t, k) in K.as_chunks::<4>().0.iter().enumerate() {
        let k = _mm_set_epi32(k[3] as i32, k[2] as i32, k[1] as i32, k[0] as i32);
        for ([abef, cdgh], w) in states.iter_mut().zip(&mut words) {
            if t >= 4 {
                // Words t to t + 3 take the place of the four words sixteen before.
                let [oldest, old, new, newest] = std::array::from_fn(|i| w[(t + i) % 4]);
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, old), _mm_alignr_epi8::<4>(newest, new));
                w[t % 4] = _mm_sha256msg2_epu32(sum, newest);
            }
            let sum = _mm_add_epi32(w[t % 4], k);
            *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
            *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0b00_00_11_10>(sum));
        }
    }
    for (state, before) in states.iter_mut().zip(before) {
        state[0] = _mm_add_epi32(state[0], before[0]);
        state[1] = _mm_add_epi32(state[1], before[1]);
    }
}

/// A, B, …, H as the instructions have them.
#[inline]
#[target_feature(enable = "sse2")]
fn state(words: &[u32; 8]) -> State {
    let [a, b, c, d, e, f, g, h] = words.map(|word| word as i32);
    [_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h)]
}

/// The inverse of [`state`]: A to D, and E to H.
#[inline]
#[target_feature(enable = "sse4.1,ssse3")]
fn in_order([abef, cdgh]: State) -> [__m128i; 2] {
    // From the lowest word on: FEBA and HGDC; turned around, ABEF and GHCD (pairs), of which halves are taken.
    let abef = _mm_shuffle_epi32::<0b00_01_10_11>(abef);
    let cdgh = _mm_shuffle_epi32::<0b00_01_10_11>(cdgh);
    [_mm_unpacklo_epi64(abef, cdgh), _mm_unpackhi_epi64(abef, cdgh)]
}

/// The sixteen words of a block.
#[inline]
#[target_feature(enable = "ssse3")]
fn words(block: &[u8; BLOCK]) -> [__m128i; 4] {
    let parts: &[[u8; 16]; 4] = block.as_chunks().0.try_into().expect("a block is four vectors");
    parts.each_ref().map(|part| _mm_shuffle_epi8(load(part), big_endian()))
}

/// Turns the bytes of each word around.
#[inline]
#[target_feature(enable = "sse2")]
fn big_endian() -> __m128i {
    _mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203)
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn store(vector: __m128i, bytes: &mut [u8; 16]) {
    // SAFETY: the reference is to 16 writable bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}
