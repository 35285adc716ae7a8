//! HMAC-SHA256 of sixteen messages at once: lane `l` of a vector holds one word of message `l`.
//!
//! ```text
//! block j of 16 messages ──16 loads──► 16 rows ──transpose──► 16 vectors of words ──64 rounds──► state
//! state of 16 messages ──as words 0 to 7──► one more block, of constants else ──64 rounds──► 16 tags
//! ```
//!
//! The messages may differ in length and in their number of blocks: the state of a lane that has no block `j` stays as it is.
//!
//! Source: FIPS 180-4, section 6.2.2; FIPS 198-1. A round has 17 vector operations and a word of the schedule 9. `CH` is
//! `x ? y : z` bit by bit, `MAJ` the majority and the sums have three terms: each of them is one `vpternlogd`, whose truth table
//! has bit `4x + 2y + z` for the bits x, y, z.

use super::Avx512;
use super::memory::load_bytes;
use crate::crypto::sha256::{BLOCK, K, OF_HASH_BITS};
use core::arch::x86_64::*;

/// How many messages go together.
pub(in crate::crypto) const LANES: usize = 16;

/// The tags of messages, from their blocks and the state `inner` in front of these. `eight_rounds` is what
/// [`Midstate::eight_rounds`](crate::crypto::sha256::Midstate::eight_rounds) says of it.
/// Of each tag, so many halves of 16 bytes are written.
pub(in crate::crypto) fn tags(
    proof: Avx512,
    inner: &[u32; 8],
    eight_rounds: &Option<[u32; 8]>,
    outer: &[u32; 8],
    messages: &[&[[u8; BLOCK]]; LANES],
    halves: usize,
    tags: &mut [[u8; 32]; LANES],
) {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F and BW.
    unsafe { hmac(inner, eight_rounds, outer, messages, halves, tags) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn hmac(
    inner: &[u32; 8],
    eight_rounds: &Option<[u32; 8]>,
    outer: &[u32; 8],
    messages: &[&[[u8; BLOCK]]; LANES],
    halves: usize,
    tags: &mut [[u8; 32]; LANES],
) {
    let most = messages.iter().fold(0, |most, blocks| most.max(blocks.len()));
    let mut state = broadcast(inner);
    for index in 0..most {
        // Row `l` is the block of message `l`, if it has one, as sixteen words.
        let (mut rows, mut lanes) = ([_mm512_setzero_si512(); LANES], 0);
        for l in 0..LANES {
            let block = messages[l].get(index);
            rows[l] = _mm512_shuffle_epi8(load_bytes(block.unwrap_or(&[0; BLOCK])), big_endian());
            lanes |= u16::from(block.is_some()) << l;
        }
        let words = transposed(rows);
        match eight_rounds {
            Some(after) if index == 0 => compress::<false, true>(&mut state, broadcast(after), words, lanes),
            _ => {
                let before = state;
                compress::<false, false>(&mut state, before, words, lanes);
            }
        }
    }
    let mut words = [_mm512_setzero_si512(); 16];
    words[..8].copy_from_slice(&state);
    let before = broadcast(outer);
    state = before;
    compress::<true, false>(&mut state, before, words, !0);
    store(&state, halves, tags);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(words: &[u32; 8]) -> [__m512i; 8] {
    words.map(|word| _mm512_set1_epi32(word as i32))
}

/// Turns the bytes of each word around.
#[inline]
#[target_feature(enable = "avx512f")]
fn big_endian() -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203))
}

/// Vector `i` gets word `i` of each row.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    // Squares of 2 × 2 words, then of 4 × 4; each 128-bit lane for itself.
    let mut pairs = rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..4 {
        fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    }
    // fours[4i + j] has words j, 4 + j, 8 + j, 12 + j of rows 4i to 4i + 3 in its 128-bit lanes: now the lanes are transposed.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let mut words = fours;
    for j in 0..4 {
        let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
        let (even_ab, odd_ab) = (_mm512_shuffle_i32x4::<EVEN>(a, b), _mm512_shuffle_i32x4::<ODD>(a, b));
        let (even_cd, odd_cd) = (_mm512_shuffle_i32x4::<EVEN>(c, d), _mm512_shuffle_i32x4::<ODD>(c, d));
        words[j] = _mm512_shuffle_i32x4::<EVEN>(even_ab, even_cd);
        words[4 + j] = _mm512_shuffle_i32x4::<EVEN>(odd_ab, odd_cd);
        words[8 + j] = _mm512_shuffle_i32x4::<ODD>(even_ab, even_cd);
        words[12 + j] = _mm512_shuffle_i32x4::<ODD>(odd_ab, odd_cd);
    }
    words
}

/// One block into the states of these lanes, from these working variables on: those before the rounds, or, where they are `BEGUN`,
/// behind the first eight. If it is of a `DIGEST` under the outer key, its words from the eighth on are known.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress<const DIGEST: bool, const BEGUN: bool>(
    state: &mut [__m512i; 8],
    working: [__m512i; 8],
    mut w: [__m512i; 16],
    lanes: u16,
) {
    if DIGEST {
        w[8] = _mm512_set1_epi32(0x8000_0000u32 as i32);
        w[9..15].fill(_mm512_setzero_si512());
        w[15] = _mm512_set1_epi32(OF_HASH_BITS as i32);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = working;
    // Macros, so that all indices are constants, and words and state stay in registers.
    macro_rules! round {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $i:expr, $t:expr, $then:ident) => {
            let k = _mm512_set1_epi32(K[$t + $i] as i32);
            let t1 = _mm512_add_epi32($h, _mm512_add_epi32(w[$i], k));
            // What does not wait for the last round comes first, and what waits longest last.
            $then!($i);
            let t1 = _mm512_add_epi32(t1, choose($e, $f, $g));
            let t1 = _mm512_add_epi32(t1, big_sigma::<6, 11, 25>($e));
            $d = _mm512_add_epi32($d, t1);
            $h = _mm512_add_epi32(t1, _mm512_add_epi32(big_sigma::<2, 13, 22>($a), majority($a, $b, $c)));
        };
    }
    // Word t + 16 takes the place of word t.
    macro_rules! schedule {
        ($i:expr) => {
            let near = _mm512_add_epi32(w[$i], small_sigma::<7, 18, 3>(w[($i + 1) % 16]));
            let far = _mm512_add_epi32(w[($i + 9) % 16], small_sigma::<17, 19, 10>(w[($i + 14) % 16]));
            w[$i] = _mm512_add_epi32(near, far);
        };
    }
    macro_rules! done {
        ($i:expr) => {};
    }
    macro_rules! sixteen_rounds {
        ($t:expr, $then:ident) => {
            eight_rounds!(0, $t, $then);
            eight_rounds!(8, $t, $then);
        };
    }
    macro_rules! eight_rounds {
        ($i:expr, $t:expr, $then:ident) => {
            round!(a b c d e f g h, $i, $t, $then);
            round!(h a b c d e f g, $i + 1, $t, $then);
            round!(g h a b c d e f, $i + 2, $t, $then);
            round!(f g h a b c d e, $i + 3, $t, $then);
            round!(e f g h a b c d, $i + 4, $t, $then);
            round!(d e f g h a b c, $i + 5, $t, $then);
            round!(c d e f g h a b, $i + 6, $t, $then);
            round!(b c d e f g h a, $i + 7, $t, $then);
        };
    }
    // The first by themselves: where words are known, so is part of their schedule.
    if BEGUN {
        schedule!(0);
        schedule!(1);
        schedule!(2);
        schedule!(3);
        schedule!(4);
        schedule!(5);
        schedule!(6);
        schedule!(7);
    } else {
        eight_rounds!(0, 0, schedule);
    }
    eight_rounds!(8, 0, schedule);
    for t in [16, 32] {
        sixteen_rounds!(t, schedule);
    }
    sixteen_rounds!(48, done);
    for (state, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *state = _mm512_mask_add_epi32(*state, lanes, *state, new);
    }
}

const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xCA;
const MAJORITY: i32 = 0xE8;

/// `ROTR a ⊕ ROTR b ⊕ ROTR c`.
#[inline]
#[target_feature(enable = "avx512f")]
fn big_sigma<const A: i32, const B: i32, const C: i32>(x: __m512i) -> __m512i {
    let (a, b, c) = (_mm512_ror_epi32::<A>(x), _mm512_ror_epi32::<B>(x), _mm512_ror_epi32::<C>(x));
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}

/// `ROTR a ⊕ ROTR b ⊕ SHR c`.
#[inline]
#[target_feature(enable = "avx512f")]
fn small_sigma<const A: i32, const B: i32, const C: u32>(x: __m512i) -> __m512i {
    let (a, b, c) = (_mm512_ror_epi32::<A>(x), _mm512_ror_epi32::<B>(x), _mm512_srli_epi32::<C>(x));
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choose(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<CHOOSE>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<MAJORITY>(x, y, z)
}

/// Tag `l` is lane `l` of all eight, in big-endian words; one half of it or both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(state: &[__m512i; 8], halves: usize, tags: &mut [[u8; 32]; LANES]) {
    for (half, words) in state.as_chunks::<4>().0.iter().enumerate().take(halves) {
        let [a, b, c, d] = *words;
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        // fours[j] has the four words of lanes j, 4 + j, 8 + j and 12 + j.
        let fours = [
            _mm512_unpacklo_epi64(ab, cd),
            _mm512_unpackhi_epi64(ab, cd),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ];
        for (j, four) in fours.into_iter().enumerate() {
            let four = _mm512_shuffle_epi8(four, big_endian());
            let quarters = [
                _mm512_extracti32x4_epi32::<0>(four),
                _mm512_extracti32x4_epi32::<1>(four),
                _mm512_extracti32x4_epi32::<2>(four),
                _mm512_extracti32x4_epi32::<3>(four),
            ];
            for (i, quarter) in quarters.into_iter().enumerate() {
                store_16(quarter, &mut tags[4 * i + j].as_chunks_mut().0[half]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_16(vector: __m128i, bytes: &mut [u8; 16]) {
    // SAFETY: the reference is to 16 writable bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}
