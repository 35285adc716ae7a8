//! `a·b·x^-128 mod x^128 + x^127 + x^126 + x^121 + 1` in each lane: the arithmetic of GHASH, by blocks with their bytes reversed.
//!
//! Source: RFC 8452, sections 3 and appendix A; S. Gueron, AES-GCM-SIV, for the reduction.

use super::LANES;
use core::arch::x86_64::*;

/// `Σ X·H^n`, 256 bits in each lane, not reduced.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn zero() -> Self {
        let zero = _mm512_setzero_si512();
        Self { low: zero, middle: zero, high: zero }
    }

    /// With `a·b` added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn plus(self, a: __m512i, b: __m512i) -> Self {
        let (across, back) = (_mm512_clmulepi64_epi128(a, b, 0x01), _mm512_clmulepi64_epi128(a, b, 0x10));
        Self {
            low: _mm512_xor_si512(self.low, _mm512_clmulepi64_epi128(a, b, 0x00)),
            middle: _mm512_xor_si512(self.middle, _mm512_xor_si512(across, back)),
            high: _mm512_xor_si512(self.high, _mm512_clmulepi64_epi128(a, b, 0x11)),
        }
    }

    /// In the first lane the four lanes of the sum, added; zeros in the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn added(self) -> Self {
        Self { low: added(self.low), middle: added(self.middle), high: added(self.high) }
    }

    /// In each lane the four lanes of one sum, added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn side_by_side([a, b, c, d]: [Self; LANES]) -> Self {
        Self {
            low: added_lanes([a.low, b.low, c.low, d.low]),
            middle: added_lanes([a.middle, b.middle, c.middle, d.middle]),
            high: added_lanes([a.high, b.high, c.high, d.high]),
        }
    }

    /// `· x^-128 mod x^128 + x^127 + x^126 + x^121 + 1`.
    ///
    /// To `v = v₁·x^64 + v₀` add `v₀` times the polynomial: the lower 64 bits become 0, and what stands above them is
    /// `v·x^-64 = v₁ + v₀·x^64 + v₀·(x^63 + x^62 + x^57)`. This twice, and the sum's upper half.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn reduce(self) -> __m512i {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128(self.middle, 8));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128(self.middle, 8));
        let polynomial = _mm512_set1_epi64(0xC200_0000_0000_0000_u64 as i64);
        let mut v = low;
        for _ in 0..2 {
            let swapped = _mm512_shuffle_epi32(v, _MM_PERM_BADC);
            v = _mm512_xor_si512(swapped, _mm512_clmulepi64_epi128(v, polynomial, 0x00));
        }
        _mm512_xor_si512(high, v)
    }
}

/// `a·b·x^-128` in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn dot(a: __m512i, b: __m512i) -> __m512i {
    Sum::zero().plus(a, b).reduce()
}

/// `x·a` where bit i is the coefficient of `x^i`, and `x^128 = x^127 + x^126 + x^121 + 1`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
pub(super) fn times_x(a: __m128i) -> __m128i {
    let carried = _mm_srli_epi64(a, 63);
    let shifted = _mm_or_si128(_mm_slli_epi64(a, 1), _mm_bslli_si128(carried, 8));
    // All ones if bit 127 was set.
    let overflow = _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(carried, carried));
    _mm_xor_si128(shifted, _mm_and_si128(overflow, _mm_set_epi64x(0xC2 << 56, 1)))
}

/// Lane l is the sum of the four lanes of vector l.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn added_lanes([a, b, c, d]: [__m512i; LANES]) -> __m512i {
    // The even lanes of two vectors, and the odd ones.
    let ab = _mm512_xor_si512(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
    let cd = _mm512_xor_si512(_mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xDD));
    _mm512_xor_si512(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xDD))
}

/// In the first lane the sum of the four, and zeros in the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn added(x: __m512i) -> __m512i {
    let two = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    _mm512_zextsi128_si512(_mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1)))
}
