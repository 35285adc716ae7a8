//! The ten rounds of FF1 for halves below 2^32: eight values in a vector of 64-bit words.
//!
//! ```text
//! left  ← left  ± y mod radix^u      i even          y = the first 8 bytes of R, as an integer
//! right ← right ± y mod radix^v      i odd           R = AES(K_i ⊕ T ⊕ x),  x = the other half
//! ```
//!
//! K_i is what all values share (see `ff1/lanes.rs`), T what one value has of its own, or nothing. A round goes through
//! all values before the next begins: what the processor does of one group while another waits for AES makes the difference.
//!
//! # Reduction
//! µ, q and r are integers, y < 2^64, 0 ≤ a < m. IFMA multiplies 52 by 52 bits and adds the upper or lower 52 bits of
//! the product to a 64-bit word.
//!
//! **Large m**, 2^12 < m ≤ 2^32.
//!
//! ```text
//! t = ⌊y/2^12⌋ < 2^52      µ = ⌊2^64/m⌋ < 2^52      q = ⌊t·µ/2^52⌋      r = y − q·m, in [0, 3m)
//! ```
//!
//! *Bound.* q·m ≤ t·2^12 ≤ y, so r ≥ 0. Write y = t·2^12 + f with 0 ≤ f < 2^12 < m and 2^64/m = µ + e with 0 ≤ e < 1. Then
//! y/m − t·µ/2^52 = f/m + t·e/2^52 < 1 + 1, and the floor in q loses less than 1 more: y/m − q < 3. ∎
//!
//! **Small m**, 2 ≤ m ≤ 2^12, for which µ would be too wide: the upper half of y is folded first.
//!
//! ```text
//! f = ⌊y/2^32⌋·(2^32 mod m) + (y mod 2^32) < 2^32·2^12 + 2^32 < 2^45      f ≡ y
//! µ = ⌊2^52/m⌋ < 2^52      q = ⌊f·µ/2^52⌋      r = f − q·m, in [0, 2m)
//! ```
//!
//! *Bound.* 2^52/m = µ + e with 0 ≤ e < 1, so f/m − f·µ/2^52 = f·e/2^52 < 1, and the floor loses less than 1 more. ∎
//!
//! Then c = a + r, or a + 3m − r, is in [0, 4m) and congruent to a ± y. With −q·m taken as q·(2^52 − m), its lower 52 bits
//! are those of a sum in which nothing above bit 52 counts: 4m ≤ 2^34. Two conditional subtractions, of 2m and of m, bring
//! c to [0, m). In words of w bits with 4m ≤ 2^w, one is `min(c, c − 2m)`: when c < 2m the difference wraps to
//! 2^w + c − 2m ≥ 2m + c, which is not less than c. w = 32 serves m ≤ 2^30; above that w = 64.

use super::Avx512;
use super::aes::RoundKeys;
use super::memory::{load, load_bytes, store};
use core::arch::x86_64::*;

/// How many values a vector holds.
pub(crate) const LANES: usize = 8;

/// m = radix^u or radix^v, 2 ≤ m ≤ 2^32, and what the reduction by it needs.
#[derive(Clone, Copy)]
pub(crate) struct Modulus {
    m: u64,
    /// µ.
    reciprocal: u64,
    form: u8,
}

/// m ≤ 2^12.
const SMALL: u8 = 0;
/// 2^12 < m ≤ 2^30.
const MEDIUM: u8 = 1;
/// 2^30 < m ≤ 2^32.
const LARGE: u8 = 2;

impl Modulus {
    pub(crate) fn new(m: u64) -> Self {
        assert!((2..=1 << 32).contains(&m), "the modulus of a narrow half");
        let (bits, form) = match m {
            ..=0x1000 => (52, SMALL),
            0x1001..=0x4000_0000 => (64, MEDIUM),
            _ => (64, LARGE),
        };
        Modulus { m, reciprocal: ((1u128 << bits) / u128::from(m)) as u64, form }
    }
}

/// All ten rounds for all values: value j is (left\[j\], right\[j\]), and each is below its modulus; `bases` holds what
/// is XORed to the input of each round of value j. Lanes that hold no value cost nothing and harm nothing.
///
/// # Panics
/// When the slices are of different lengths.
pub(crate) fn rounds<const N: usize, const ENCRYPT: bool>(
    _: Avx512,
    keys: &RoundKeys<N>,
    constants: &[u128; 10],
    bases: Option<&[[[u8; 16]; LANES]]>,
    moduli: &[Modulus; 2],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) {
    assert!(left.len() == right.len() && bases.is_none_or(|bases| bases.len() == left.len()));
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match bases {
            None => ten::<N, ENCRYPT, false>(keys, constants, &[], moduli, left, right),
            Some(bases) => ten::<N, ENCRYPT, true>(keys, constants, bases, moduli, left, right),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn ten<const N: usize, const ENCRYPT: bool, const BASES: bool>(
    keys: &RoundKeys<N>,
    constants: &[u128; 10],
    bases: &[[[u8; 16]; LANES]],
    moduli: &[Modulus; 2],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) {
    for step in 0..10 {
        let i = if ENCRYPT { step } else { 9 - step };
        let (target, source) = if i % 2 == 0 { (&mut *left, &*right) } else { (&mut *right, &*left) };
        let modulus = &moduli[i % 2];
        match modulus.form {
            SMALL => pass::<N, ENCRYPT, BASES, SMALL>(keys, constants[i], bases, modulus, target, source),
            MEDIUM => pass::<N, ENCRYPT, BASES, MEDIUM>(keys, constants[i], bases, modulus, target, source),
            _ => pass::<N, ENCRYPT, BASES, LARGE>(keys, constants[i], bases, modulus, target, source),
        }
    }
}

/// Vectors of values whose blocks are in the AES units at the same time; as many as fit the registers.
const GROUP: usize = 2;

/// target\[j\] ← target\[j\] ± F(source\[j\]) for all j.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn pass<const N: usize, const ENCRYPT: bool, const BASES: bool, const FORM: u8>(
    keys: &RoundKeys<N>,
    constant: u128,
    bases: &[[[u8; 16]; LANES]],
    modulus: &Modulus,
    target: &mut [[u64; LANES]],
    source: &[[u64; LANES]],
) {
    let round = Round::<N>::new(keys, constant);
    let reduction = Reduction::<FORM>::new(modulus);
    let (targets, last_target) = target.as_chunks_mut::<GROUP>();
    let (sources, last_source) = source.as_chunks::<GROUP>();
    let (bases, last_base) = bases.as_chunks::<GROUP>();
    for (g, (target, source)) in targets.iter_mut().zip(sources).enumerate() {
        let base = if BASES { Some(&bases[g]) } else { None };
        group::<N, GROUP, ENCRYPT, FORM>(&round, &reduction, base, target, source);
    }
    for (g, (target, source)) in last_target.iter_mut().zip(last_source).enumerate() {
        let base = if BASES { Some(std::array::from_ref(&last_base[g])) } else { None };
        let (target, source) = (std::array::from_mut(target), std::array::from_ref(source));
        group::<N, 1, ENCRYPT, FORM>(&round, &reduction, base, target, source);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn group<const N: usize, const G: usize, const ENCRYPT: bool, const FORM: u8>(
    round: &Round<N>,
    reduction: &Reduction<FORM>,
    bases: Option<&[[[u8; 16]; LANES]; G]>,
    target: &mut [[u64; LANES]; G],
    source: &[[u64; LANES]; G],
) {
    let mut first = [_mm512_setzero_si512(); G];
    let mut second = [_mm512_setzero_si512(); G];
    for g in 0..G {
        (first[g], second[g]) = round.input(load(&source[g]), bases.map(|bases| &bases[g]));
    }
    for r in 1..N - 1 {
        for g in 0..G {
            first[g] = _mm512_aesenc_epi128(first[g], round.keys[r]);
            second[g] = _mm512_aesenc_epi128(second[g], round.keys[r]);
        }
    }
    for g in 0..G {
        first[g] = _mm512_aesenclast_epi128(first[g], round.keys[N - 1]);
        second[g] = _mm512_aesenclast_epi128(second[g], round.keys[N - 1]);
    }
    for g in 0..G {
        let c = reduction.combine::<ENCRYPT>(load(&target[g]), first[g], second[g]);
        store(&mut target[g], c);
    }
}

/// K_i and the round keys, in each 128-bit lane.
struct Round<const N: usize> {
    /// The first is XORed to K_i.
    keys: [__m512i; N],
    constant: __m512i,
    /// The last four bytes of `constant` as an integer: what x is XORed to.
    tail: __m512i,
}

impl<const N: usize> Round<N> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(keys: &RoundKeys<N>, constant: u128) -> Self {
        let constant = constant ^ u128::from_be_bytes(keys.keys()[0]);
        let mut broadcast = [_mm512_setzero_si512(); N];
        for (to, key) in broadcast.iter_mut().zip(keys.keys()) {
            *to = everywhere(*key);
        }
        Round {
            keys: broadcast,
            constant: everywhere(constant.to_be_bytes()),
            tail: _mm512_set1_epi64(i64::from(constant as u32)),
        }
    }

    /// The blocks of values 0 to 3 and of values 4 to 7: x, with its bytes exchanged, at the end of each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    fn input(&self, x: __m512i, base: Option<&[[u8; 16]; LANES]>) -> (__m512i, __m512i) {
        const END: __mmask64 = 0xF000_F000_F000_F000;
        const FIRST: [u8; 64] = ends(0);
        const SECOND: [u8; 64] = ends(4);
        let x = _mm512_xor_si512(x, self.tail);
        let first = _mm512_mask_permutexvar_epi8(self.constant, END, load_bytes(&FIRST), x);
        let second = _mm512_mask_permutexvar_epi8(self.constant, END, load_bytes(&SECOND), x);
        match base {
            None => (first, second),
            Some(base) => {
                let (blocks, _) = base.as_flattened().as_chunks::<64>();
                (
                    _mm512_xor_si512(first, load_bytes(&blocks[0])),
                    _mm512_xor_si512(second, load_bytes(&blocks[1])),
                )
            }
        }
    }
}

/// Where the bytes 12 to 15 of the four blocks come from: the words from `word` on, the greatest byte first.
const fn ends(word: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut at = 0;
    while at < 64 {
        if at % 16 >= 12 {
            index[at] = (8 * (word + at / 16) + 15 - at % 16) as u8;
        }
        at += 1;
    }
    index
}

/// Where the bytes of each y come from, in two vectors of blocks: the first byte is the greatest. With `swap` its two
/// halves change places.
const fn tops(swap: bool) -> [u8; 64] {
    let mut index = [0; 64];
    let mut at = 0;
    while at < 64 {
        let byte = if swap { (11 - at % 8) % 8 } else { 7 - at % 8 };
        index[at] = (16 * (at / 8) + byte) as u8;
        at += 1;
    }
    index
}

/// A [`Modulus`] in each word.
struct Reduction<const FORM: u8> {
    m: __m512i,
    twice: __m512i,
    /// 3m.
    thrice: __m512i,
    /// 2^52 − m.
    negative: __m512i,
    reciprocal: __m512i,
    /// 2^32 mod m.
    fold: __m512i,
}

impl<const FORM: u8> Reduction<FORM> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(modulus: &Modulus) -> Self {
        let words = |x: u64| _mm512_set1_epi64(x as i64);
        let m = modulus.m;
        Reduction {
            m: words(m),
            twice: words(2 * m),
            thrice: words(3 * m),
            negative: words((1 << 52) - m),
            reciprocal: words(modulus.reciprocal),
            fold: words(if FORM == SMALL { (1 << 32) % m } else { 0 }),
        }
    }

    /// (a ± y) mod m, y from the first eight bytes of the blocks of values 0 to 3 and 4 to 7.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vbmi")]
    fn combine<const ENCRYPT: bool>(&self, a: __m512i, first: __m512i, second: __m512i) -> __m512i {
        const TOPS: [u8; 64] = tops(false);
        const SWAPPED: [u8; 64] = tops(true);
        let zero = _mm512_setzero_si512();
        let (y, t) = match FORM {
            SMALL => {
                // The lower half of the word is the upper half of y.
                let y = _mm512_permutex2var_epi8(first, load_bytes(&SWAPPED), second);
                let f = _mm512_add_epi64(_mm512_mul_epu32(y, self.fold), _mm512_srli_epi64::<32>(y));
                (f, f)
            }
            _ => {
                let y = _mm512_permutex2var_epi8(first, load_bytes(&TOPS), second);
                (y, _mm512_srli_epi64::<12>(y))
            }
        };
        let q = _mm512_madd52hi_epu64(zero, t, self.reciprocal);
        let c = match ENCRYPT {
            true => _mm512_madd52lo_epu64(_mm512_add_epi64(y, a), q, self.negative),
            false => {
                let minus_y = _mm512_sub_epi64(_mm512_add_epi64(a, self.thrice), y);
                _mm512_madd52lo_epu64(minus_y, q, self.m)
            }
        };
        if FORM == LARGE {
            let c = _mm512_and_si512(c, _mm512_set1_epi64((1 << 52) - 1));
            let c = _mm512_min_epu64(c, _mm512_sub_epi64(c, self.twice));
            _mm512_min_epu64(c, _mm512_sub_epi64(c, self.m))
        } else {
            let c = _mm512_min_epu32(c, _mm512_sub_epi32(c, self.twice));
            // The upper half of each word holds the rest of other sums: it becomes 0.
            _mm512_maskz_min_epu32(0x5555, c, _mm512_sub_epi32(c, self.m))
        }
    }
}

/// The block in each 128-bit lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn everywhere(block: [u8; 16]) -> __m512i {
    let word = u128::from_le_bytes(block);
    _mm512_broadcast_i32x4(_mm_set_epi64x((word >> 64) as i64, word as i64))
}

#[cfg(test)]
mod tests;
