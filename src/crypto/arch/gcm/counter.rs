//! `J₀ = N ‖ 1`, and the numbers that follow: 12 bytes of nonce, and a counter of 4 bytes.

use super::lanes::*;
use super::{LANES, POWERS, ROWS};
use core::arch::x86_64::*;

/// Each nonce, and a counter of 0 behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn nonces([a, b, c, d]: [u128; LANES]) -> __m512i {
    let lane = |nonce: u128| {
        let bytes = nonce.swap_bytes();
        _mm_set_epi64x((bytes >> 64) as i64, bytes as i64)
    };
    side_by_side([lane(a), lane(b), lane(c), lane(d)])
}

/// The counter block of this number of each field. The counter has 4 bytes, of which the last is enough.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn counter(nonces: __m512i, number: u8) -> __m512i {
    _mm512_or_si512(nonces, in_all(_mm_set_epi64x(i64::from(number) << 56, 0)))
}

/// The four counter blocks of a piece of each field: the text begins with number 2.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn counters(nonces: __m512i, piece: usize) -> [__m512i; LANES] {
    let number = |block: usize| ((2 + LANES * piece + block) << 56) as i64;
    let numbers = _mm512_set_epi64(number(3), 0, number(2), 0, number(1), 0, number(0), 0);
    [
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0x00), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0x55), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0xAA), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0xFF), numbers),
    ]
}

/// The nonce in each lane, and a counter of 0 behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn nonce_in_all(nonce: u128) -> __m512i {
    let bytes = nonce.swap_bytes();
    in_all(_mm_set_epi64x((bytes >> 64) as i64, bytes as i64))
}

/// The first counter blocks of a turn: the numbers from `32·turn + 2` on. All but the last two of 32 have the turn's upper bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn counters_of_turn<const N: usize>(nonce: __m512i, turn: usize) -> [__m512i; N] {
    const { assert!(N <= ROWS) };
    const NUMBER: __mmask16 = 0b1000_1000_1000_1000;
    let upper = |turn: usize| {
        let number = (POWERS * turn) as u32;
        _mm512_mask_set1_epi32(nonce, NUMBER, number.swap_bytes() as i32)
    };
    let (this, next) = (upper(turn), upper(turn + 1));
    std::array::from_fn(|row| {
        let upper = if row == ROWS - 1 { _mm512_mask_mov_epi64(this, 0xF0, next) } else { this };
        let number = |lane: usize| (((LANES * row + lane + 2) % POWERS) << 56) as i64;
        _mm512_xor_si512(upper, _mm512_set_epi64(number(3), 0, number(2), 0, number(1), 0, number(0), 0))
    })
}

#[cfg(test)]
mod tests {
    use super::super::PIECE;
    use super::*;
    use crate::crypto::arch::Avx512;

    #[test]
    fn the_numbers_of_each_turn_follow_those_before() {
        #[target_feature(
            enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2"
        )]
        fn of_turn(nonce: u128, turn: usize) -> Vec<u8> {
            let mut out = vec![0; ROWS * PIECE];
            for (out, counters) in
                out.as_chunks_mut().0.iter_mut().zip(counters_of_turn::<ROWS>(nonce_in_all(nonce), turn))
            {
                store_row(out, counters);
            }
            out
        }
        let Some(_) = Avx512::detect_always() else { return };
        let nonce = 0x0102_0304_0506_0708_090A_0B0C_u128 << 32;
        for turn in (0..1000).chain([0xFFFE, 0xFFFF, 0x1_0000, 0x7_FFFF, (1 << 27) - 2]) {
            let numbers = 32 * turn as u128 + 2..;
            let expected: Vec<u8> =
                numbers.take(32).flat_map(|number| (nonce + number).to_be_bytes()).collect();
            // SAFETY: the proof says that the processor has these features.
            assert_eq!(unsafe { of_turn(nonce, turn) }, expected, "turn {turn}");
        }
    }
}
