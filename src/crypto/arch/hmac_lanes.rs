//! HMAC-SHA256 of sixteen messages at once: lane `l` of a vector holds one word of message `l`.
//!
//! ```text
//! block j of 16 messages ──16 masked loads──► 16 rows ──transpose──► 16 vectors of words ──64 rounds──► state
//! state of 16 messages ──as words 0 to 7──► one more block, of constants else ──64 rounds──► 16 tags
//! ```
//!
//! The messages may differ in length and in their number of blocks: the state of a lane that has no block `j` stays as it is.
//!
//! Source: FIPS 180-4, section 6.2.2; FIPS 198-1. A round has 17 vector operations and a word of the schedule 9. `CH` is
//! `x ? y : z` bit by bit, `MAJ` the majority and the sums have three terms: each of them is one `vpternlogd`, whose truth table
//! has bit `4x + 2y + z` for the bits x, y, z.

use super::Avx512;
use crate::crypto::sha256::{BLOCK, K, Midstate, OF_HASH_BITS};
use core::arch::x86_64::*;

/// How many messages go together.
pub(in crate::crypto) const LANES: usize = 16;

/// The tags of `inner ‖ message`, for each message. `eight_rounds` is what [`Midstate::eight_rounds`] says of `inner`.
pub(in crate::crypto) fn tags(
    proof: Avx512,
    inner: &Midstate,
    eight_rounds: &Option<[u32; 8]>,
    outer: &[u32; 8],
    messages: &[&[u8]; LANES],
    tags: &mut [[u8; 32]; LANES],
) {
    let _ = proof;
    // SAFETY: the proof says that the processor has AVX-512 F and BW.
    unsafe { hmac(inner, eight_rounds, outer, messages, tags) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn hmac(
    inner: &Midstate,
    eight_rounds: &Option<[u32; 8]>,
    outer: &[u32; 8],
    messages: &[&[u8]; LANES],
    tags: &mut [[u8; 32]; LANES],
) {
    let blocks = messages.map(|message| inner.blocks(message.len()));
    let most = blocks.iter().fold(0, |most, blocks| most.max(*blocks));
    let mut state = broadcast(inner.words());
    for index in 0..most {
        let lanes = (0..LANES).fold(0, |lanes, l| lanes | u16::from(index < blocks[l]) << l);
        let words = transposed(rows(inner, messages, &blocks, index));
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
    store(&state, tags);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(words: &[u32; 8]) -> [__m512i; 8] {
    words.map(|word| _mm512_set1_epi32(word as i32))
}

/// Row `l` is the block of message `l`, as sixteen big-endian words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rows(
    inner: &Midstate,
    messages: &[&[u8]; LANES],
    blocks: &[usize; LANES],
    index: usize,
) -> [__m512i; LANES] {
    let (rest, rest_len) = inner.rest();
    let start = BLOCK * index;
    let rest = if index == 0 { load(rest) } else { _mm512_setzero_si512() };
    let mut rows = [rest; LANES];
    for ((row, message), blocks) in rows.iter_mut().zip(messages).zip(blocks) {
        let block = _mm512_or_si512(*row, load_part(message, start, rest_len));
        // Where the message ends, if that is in this block. Behind 64 bits a mask has none.
        let end = (rest_len + message.len()).wrapping_sub(start);
        let end = 1u64.checked_shl(end.min(BLOCK) as u32).unwrap_or(0);
        let block = _mm512_mask_blend_epi8(end, block, _mm512_set1_epi8(0x80u8 as i8));
        let words = _mm512_shuffle_epi8(block, big_endian());
        // Words 14 and 15 are the length, the upper half first.
        let bits = _mm512_set1_epi64(inner.bits(message.len()).rotate_left(32) as i64);
        let last = if index + 1 == *blocks { 0x80 } else { 0 };
        *row = _mm512_mask_mov_epi64(words, last, bits);
    }
    rows
}

/// Turns the bytes of each word around.
#[inline]
#[target_feature(enable = "avx512f")]
fn big_endian() -> __m512i {
    _mm512_broadcast_i32x4(_mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// What a block that starts at `start` has of a message that starts at `at`, and zeros elsewhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_part(message: &[u8], start: usize, at: usize) -> __m512i {
    // Bytes from..to of the block are of the message: from = max(0, at − start), to = min(64, at + len − start).
    let from = at.saturating_sub(start).min(BLOCK);
    let to = (at + message.len()).saturating_sub(start).min(BLOCK);
    let below = |n: usize| u64::MAX.checked_shr((BLOCK - n) as u32).unwrap_or(0);
    let mask = below(to) & !below(from);
    let block = message.as_ptr().wrapping_add(start).wrapping_sub(at);
    // SAFETY: byte i of the block is byte start + i − at of the message. Only bytes of the mask are read, for which
    // from ≤ i < to, and so 0 ≤ start + i − at < len. The others are not accessed, wherever the pointer leads there.
    unsafe { _mm512_maskz_loadu_epi8(mask, block.cast()) }
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
            let sum = _mm512_add_epi32(big_sigma::<6, 11, 25>($e), choose($e, $f, $g));
            let t1 = _mm512_add_epi32(_mm512_add_epi32($h, _mm512_add_epi32(w[$i], k)), sum);
            $d = _mm512_add_epi32($d, t1);
            $h = _mm512_add_epi32(t1, _mm512_add_epi32(big_sigma::<2, 13, 22>($a), majority($a, $b, $c)));
            $then!($i);
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

/// Tag `l` is lane `l` of all eight, in big-endian words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(state: &[__m512i; 8], tags: &mut [[u8; 32]; LANES]) {
    for (half, words) in state.as_chunks::<4>().0.iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

    // Slices of just their length, so that an interpreter sees each access beyond them.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn every_part() {
        for length in (0..=3).chain(60..=68).chain(125..=131) {
            let message: Box<[u8]> = (1..=length as u8).collect();
            for at in [0, 1, 31, 62, 63] {
                for start in (0..4).map(|block| BLOCK * block) {
                    let mut all = vec![0; 6 * BLOCK];
                    all[at..at + length].copy_from_slice(&message);
                    let mut block = [[0; 16]; 4];
                    let part = load_part(&message, start, at);
                    store_16(_mm512_extracti32x4_epi32::<0>(part), &mut block[0]);
                    store_16(_mm512_extracti32x4_epi32::<1>(part), &mut block[1]);
                    store_16(_mm512_extracti32x4_epi32::<2>(part), &mut block[2]);
                    store_16(_mm512_extracti32x4_epi32::<3>(part), &mut block[3]);
                    assert_eq!(block.as_flattened(), &all[start..start + BLOCK], "{length}, {at}, {start}");
                }
            }
        }
    }

    #[test]
    fn of_a_message_its_bytes_alone_are_read() {
        let Some(_) = Avx512::detect_always() else { return };
        // SAFETY: the proof says that the processor has these features.
        unsafe { every_part() }
    }
}
