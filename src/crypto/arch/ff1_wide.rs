//! The ten rounds of FF1 for halves below 2^96: eight values in a vector of 64-bit words, or in two.
//!
//! The scheme is that of [`super::ff1`]: left ← left ± y mod radix^u, right ← right ± y mod radix^v in turn. Here y is the first D = 96 or
//! 128 bits of R = AES(K_i ⊕ T ⊕ x). µ, q and r are integers, 0 ≤ a < m, and IFMA multiplies 52 by 52 bits. A half is
//!
//! ```text
//! x₀                   one word  (L = 1), x₀ < m < 2^61
//! x₁·2^52 + x₀         two words (L = 2), x₀ < 2^52, x₁ < 2^44, m < 2^96
//! ```
//!
//! # Reduction
//! **Plain**, m > 2^(D−52).
//!
//! ```text
//! t = ⌊y/2^(D−52)⌋ < 2^52      µ = ⌊2^D/m⌋ < 2^52      q = ⌊t·µ/2^52⌋      r = y − q·m, in [0, 3m)
//! ```
//!
//! *Bound.* q·m ≤ t·2^(D−52) ≤ y, so r ≥ 0. Write y = t·2^(D−52) + f with 0 ≤ f < 2^(D−52) < m and 2^D/m = µ + e with
//! 0 ≤ e < 1. Then y/m − t·µ/2^52 = f/m + t·e/2^52 < 1 + 1, and the floor in q loses less than 1 more: y/m − q < 3. ∎
//!
//! **Folded**, 2^26 < m ≤ 2^44 and D = 96. First the upper 64 bits of y, h = ⌊y/2^32⌋, then what is left:
//!
//! ```text
//! t = ⌊h/2^12⌋     µ = ⌊2^64/m⌋ < 2^38      q = ⌊t·µ/2^52⌋       r₁ = h − q·m, in [0, 3m)
//! y' = r₁·2^32 + (y mod 2^32) < 2^78        y' ≡ y
//! t' = ⌊y'/2^26⌋   µ' = ⌊2^78/m⌋ < 2^52     q' = ⌊t'·µ'/2^52⌋    r = y' − q'·m, in [0, 3m)
//! ```
//!
//! *Bound.* As above with 2^64 and f < 2^12 < m; then with 2^78 and f < 2^26 < m. And r₁ < 3·2^44 < 2^46. ∎
//!
//! Then c = a + r, or a + 3m − r, is in [0, 4m) and congruent to a ± y, and two conditional subtractions, of 2m and of m,
//! bring it to [0, m). What is above c's own bits need not be right before: with one word 4m ≤ 2^63 and sums are modulo 2^64, or
//! 4m ≤ 2^46 and they are modulo 2^52; with two words 4m ≤ 2^98 and they are modulo 2^104. So −q·m can be taken as
//! q·(2^104 − m). With one word a conditional subtraction is `min(c, c − 2m)`: when c < 2m the difference wraps to at least
//! 2^64 − 2m > c. With two, a borrow makes the upper word of the difference negative.

use super::Avx512;
use super::aes::RoundKeys;
use super::ff1::{LANES, everywhere};
use super::memory::{load, load_bytes, store};
use core::arch::x86_64::*;

/// Eight halves, in L words each.
pub(crate) type Vector<const L: usize> = [[u64; LANES]; L];

/// m = radix^u or radix^v, no power of two, and what the reduction by it needs.
#[derive(Clone, Copy)]
pub(crate) struct Modulus {
    m: u128,
    /// µ, and µ' where it is folded.
    reciprocals: [u64; 2],
    form: u8,
}

/// D = 96, one word, folded.
const FOLDED: u8 = 0;
/// D = 96, plain.
const PLAIN_96: u8 = 1;
/// D = 128, plain.
const PLAIN_128: u8 = 2;

impl Modulus {
    /// For y of d = 12 or 16 bytes, and L words; `None` where m is out of the range of every form.
    pub(crate) fn new(m: u128, d: usize, words: usize) -> Option<Self> {
        // ⌊2^e/m⌋, as m is no power of two and so does not divide 2^128 either.
        let over = |e: u32| (u128::MAX >> (128 - e)) / m;
        let form = match (d, words, m.ilog2()) {
            _ if m.is_power_of_two() => return None,
            (12, 1, 26..44) => FOLDED,
            (12, 1, 44..61) | (12, 2, 44..96) => PLAIN_96,
            (16, 2, 76..96) => PLAIN_128,
            _ => return None,
        };
        let reciprocals = match form {
            FOLDED => [over(64), over(78)],
            PLAIN_96 => [over(96), 0],
            _ => [over(128), 0],
        };
        Some(Modulus { m, reciprocals: reciprocals.map(|x| x as u64), form })
    }
}

/// All ten rounds for all values, each half below its modulus; `bases` holds what is XORed to the input of each round of
/// each value. Lanes that hold no value cost nothing and harm nothing.
///
/// # Panics
/// When the slices are of different lengths.
pub(crate) fn rounds<const N: usize, const L: usize, const ENCRYPT: bool>(
    _: Avx512,
    keys: &RoundKeys<N>,
    constants: &[u128; 10],
    bases: Option<&[[[u8; 16]; LANES]]>,
    moduli: &[Modulus; 2],
    left: &mut [Vector<L>],
    right: &mut [Vector<L>],
) {
    const { assert!(L == 1 || L == 2) };
    assert!(left.len() == right.len() && bases.is_none_or(|bases| bases.len() == left.len()));
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match bases {
            None => ten::<N, L, ENCRYPT, false>(keys, constants, &[], moduli, left, right),
            Some(bases) => ten::<N, L, ENCRYPT, true>(keys, constants, bases, moduli, left, right),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn ten<const N: usize, const L: usize, const ENCRYPT: bool, const BASES: bool>(
    keys: &RoundKeys<N>,
    constants: &[u128; 10],
    bases: &[[[u8; 16]; LANES]],
    moduli: &[Modulus; 2],
    left: &mut [Vector<L>],
    right: &mut [Vector<L>],
) {
    for step in 0..10 {
        let i = if ENCRYPT { step } else { 9 - step };
        let (target, source) = if i % 2 == 0 { (&mut *left, &*right) } else { (&mut *right, &*left) };
        let (k, m) = (constants[i], &moduli[i % 2]);
        match m.form {
            FOLDED => pass::<N, L, ENCRYPT, BASES, FOLDED>(keys, k, bases, m, target, source),
            PLAIN_96 => pass::<N, L, ENCRYPT, BASES, PLAIN_96>(keys, k, bases, m, target, source),
            _ => pass::<N, L, ENCRYPT, BASES, PLAIN_128>(keys, k, bases, m, target, source),
        }
    }
}

/// Vectors of values whose blocks are in the AES units at the same time; as many as fit the registers.
const GROUP: usize = 2;

/// target\[j\] ← target\[j\] ± F(source\[j\]) for all j.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn pass<const N: usize, const L: usize, const ENCRYPT: bool, const BASES: bool, const FORM: u8>(
    keys: &RoundKeys<N>,
    constant: u128,
    bases: &[[[u8; 16]; LANES]],
    modulus: &Modulus,
    target: &mut [Vector<L>],
    source: &[Vector<L>],
) {
    let round = Round::<N>::new(keys, constant);
    let reduction = Reduction::<FORM>::new(modulus);
    let (targets, last_target) = target.as_chunks_mut::<GROUP>();
    let (sources, last_source) = source.as_chunks::<GROUP>();
    let (bases, last_base) = bases.as_chunks::<GROUP>();
    for (g, (target, source)) in targets.iter_mut().zip(sources).enumerate() {
        let base = if BASES { Some(&bases[g]) } else { None };
        group::<N, L, GROUP, ENCRYPT, FORM>(&round, &reduction, base, target, source);
    }
    for (g, (target, source)) in last_target.iter_mut().zip(last_source).enumerate() {
        let base = if BASES { Some(std::array::from_ref(&last_base[g])) } else { None };
        let (target, source) = (std::array::from_mut(target), std::array::from_ref(source));
        group::<N, L, 1, ENCRYPT, FORM>(&round, &reduction, base, target, source);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
fn group<const N: usize, const L: usize, const G: usize, const ENCRYPT: bool, const FORM: u8>(
    round: &Round<N>,
    reduction: &Reduction<FORM>,
    bases: Option<&[[[u8; 16]; LANES]; G]>,
    target: &mut [Vector<L>; G],
    source: &[Vector<L>; G],
) {
    let mut first = [_mm512_setzero_si512(); G];
    let mut second = [_mm512_setzero_si512(); G];
    for g in 0..G {
        (first[g], second[g]) = match L {
            1 => round.input(_mm512_setzero_si512(), load(&source[g][0])),
            _ => {
                // The lower and the upper 64 bits of x₁·2^52 + x₀.
                let (x0, x1) = (load(&source[g][0]), load(&source[g][1]));
                round.input(_mm512_srli_epi64::<12>(x1), _mm512_or_si512(x0, _mm512_slli_epi64::<52>(x1)))
            }
        };
        if let Some(bases) = bases {
            let (blocks, _) = bases[g].as_flattened().as_chunks::<64>();
            first[g] = _mm512_xor_si512(first[g], load_bytes(&blocks[0]));
            second[g] = _mm512_xor_si512(second[g], load_bytes(&blocks[1]));
        }
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
        const UPPER: [u8; 64] = output(0);
        const LOWER: [u8; 64] = output(8);
        let upper = _mm512_permutex2var_epi8(first[g], load_bytes(&UPPER), second[g]);
        let lower = _mm512_permutex2var_epi8(first[g], load_bytes(&LOWER), second[g]);
        match L {
            1 => {
                let c = reduction.one_word::<ENCRYPT>(load(&target[g][0]), upper, lower);
                store(&mut target[g][0], c);
            }
            _ => {
                let a = (load(&target[g][0]), load(&target[g][1]));
                let c = reduction.two_words::<ENCRYPT>(a, upper, lower);
                store(&mut target[g][0], c.0);
                store(&mut target[g][1], c.1);
            }
        }
    }
}

/// K_i and the round keys, in each 128-bit lane.
struct Round<const N: usize> {
    /// The first is XORed to K_i.
    keys: [__m512i; N],
    constant: __m512i,
}

impl<const N: usize> Round<N> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(keys: &RoundKeys<N>, constant: u128) -> Self {
        let mut broadcast = [_mm512_setzero_si512(); N];
        for (to, key) in broadcast.iter_mut().zip(keys.keys()) {
            *to = everywhere(*key);
        }
        let constant = constant ^ u128::from_be_bytes(keys.keys()[0]);
        Round { keys: broadcast, constant: everywhere(constant.to_be_bytes()) }
    }

    /// The blocks of values 0 to 3 and of values 4 to 7: their 128 bits, the greatest byte first, XORed to K_i.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    fn input(&self, upper: __m512i, lower: __m512i) -> (__m512i, __m512i) {
        const FIRST: [u8; 64] = input(0);
        const SECOND: [u8; 64] = input(4);
        let first = _mm512_permutex2var_epi8(upper, load_bytes(&FIRST), lower);
        let second = _mm512_permutex2var_epi8(upper, load_bytes(&SECOND), lower);
        (_mm512_xor_si512(first, self.constant), _mm512_xor_si512(second, self.constant))
    }
}

/// Where the bytes of four blocks come from: the words from `word` on of a vector of upper words, and one of lower words.
const fn input(word: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut at = 0;
    while at < 64 {
        let of = 8 * (word + at / 16) + 7 - at % 8;
        index[at] = (if at % 16 < 8 { of } else { 64 + of }) as u8;
        at += 1;
    }
    index
}

/// Where the words that begin at this byte of eight blocks come from, in two vectors; the first byte is the greatest.
const fn output(byte: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut at = 0;
    while at < 64 {
        index[at] = (16 * (at / 8) + byte + 7 - at % 8) as u8;
        at += 1;
    }
    index
}

/// A [`Modulus`] in each word.
struct Reduction<const FORM: u8> {
    /// µ, µ'.
    reciprocals: [__m512i; 2],
    /// m as one word.
    m: __m512i,
    twice: __m512i,
    thrice: __m512i,
    /// 2^52 − m, for one word below 2^52.
    negative: __m512i,
    /// m, 2m, 3m and 2^104 − m as two words.
    m_words: [__m512i; 2],
    twice_words: [__m512i; 2],
    thrice_words: [__m512i; 2],
    negative_words: [__m512i; 2],
    /// 2^52 − 1.
    mask: __m512i,
}

impl<const FORM: u8> Reduction<FORM> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(modulus: &Modulus) -> Self {
        let word = |x: u128| _mm512_set1_epi64(x as i64);
        let words = |x: u128| [word(x & MASK), word(x >> 52)];
        let m = modulus.m;
        Reduction {
            reciprocals: modulus.reciprocals.map(|x| word(x.into())),
            m: word(m),
            twice: word(2 * m),
            thrice: word(3 * m),
            negative: word((1u128 << 52).wrapping_sub(m)),
            m_words: words(m),
            twice_words: words(2 * m),
            thrice_words: words(3 * m),
            negative_words: words((1 << 104) - m),
            mask: word(MASK),
        }
    }

    /// (a ± y) mod m; `upper` and `lower` are the two words of R.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn one_word<const ENCRYPT: bool>(&self, a: __m512i, upper: __m512i, lower: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        let t = _mm512_srli_epi64::<12>(upper);
        let q = _mm512_madd52hi_epu64(zero, t, self.reciprocals[0]);
        let lower = _mm512_srli_epi64::<32>(lower);
        let c = if FORM == FOLDED {
            let r = _mm512_and_si512(_mm512_madd52lo_epu64(upper, q, self.negative), self.mask);
            // The lower 64 bits of y': c takes but 52.
            let y = _mm512_or_si512(_mm512_slli_epi64::<32>(r), lower);
            let t = _mm512_or_si512(_mm512_slli_epi64::<6>(r), _mm512_srli_epi64::<26>(lower));
            let q = _mm512_madd52hi_epu64(zero, t, self.reciprocals[1]);
            let c = match ENCRYPT {
                true => _mm512_madd52lo_epu64(_mm512_add_epi64(y, a), q, self.negative),
                false => {
                    let minus_y = _mm512_sub_epi64(_mm512_add_epi64(a, self.thrice), y);
                    _mm512_madd52lo_epu64(minus_y, q, self.m)
                }
            };
            _mm512_and_si512(c, self.mask)
        } else {
            let y = _mm512_or_si512(_mm512_slli_epi64::<32>(upper), lower);
            let r = _mm512_sub_epi64(y, _mm512_mullo_epi64(q, self.m));
            match ENCRYPT {
                true => _mm512_add_epi64(a, r),
                false => _mm512_sub_epi64(_mm512_add_epi64(a, self.thrice), r),
            }
        };
        let c = _mm512_min_epu64(c, _mm512_sub_epi64(c, self.twice));
        _mm512_min_epu64(c, _mm512_sub_epi64(c, self.m))
    }

    /// The same for two words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn two_words<const ENCRYPT: bool>(
        &self,
        a: (__m512i, __m512i),
        upper: __m512i,
        lower: __m512i,
    ) -> (__m512i, __m512i) {
        let zero = _mm512_setzero_si512();
        let t = _mm512_srli_epi64::<12>(upper);
        let q = _mm512_madd52hi_epu64(zero, t, self.reciprocals[0]);
        let (y0, y1) = match FORM {
            PLAIN_128 => {
                (lower, _mm512_or_si512(_mm512_srli_epi64::<52>(lower), _mm512_slli_epi64::<12>(upper)))
            }
            _ => (
                _mm512_or_si512(_mm512_srli_epi64::<32>(lower), _mm512_slli_epi64::<32>(upper)),
                _mm512_srli_epi64::<20>(upper),
            ),
        };
        // What is above 52 bits in y₀ is in y₁ as well; in y₁ it does not count.
        let y0 = _mm512_and_si512(y0, self.mask);
        let (c0, c1, [by0, by1]) = match ENCRYPT {
            true => (_mm512_add_epi64(a.0, y0), _mm512_add_epi64(a.1, y1), self.negative_words),
            false => (
                _mm512_sub_epi64(_mm512_add_epi64(a.0, self.thrice_words[0]), y0),
                _mm512_sub_epi64(_mm512_add_epi64(a.1, self.thrice_words[1]), y1),
                self.m_words,
            ),
        };
        let c0 = _mm512_madd52lo_epu64(c0, q, by0);
        let c1 = _mm512_madd52lo_epu64(_mm512_madd52hi_epu64(c1, q, by0), q, by1);
        // c₀ may be negative: the carry keeps its sign.
        let c1 = _mm512_add_epi64(c1, _mm512_srai_epi64::<52>(c0));
        let c = (_mm512_and_si512(c0, self.mask), _mm512_and_si512(c1, self.mask));
        self.reduce(self.reduce(c, self.twice_words), self.m_words)
    }

    /// c − k where that is not negative, else c.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn reduce(&self, c: (__m512i, __m512i), k: [__m512i; 2]) -> (__m512i, __m512i) {
        let d0 = _mm512_sub_epi64(c.0, k[0]);
        let d1 = _mm512_add_epi64(_mm512_sub_epi64(c.1, k[1]), _mm512_srai_epi64::<52>(d0));
        let less = _mm512_movepi64_mask(d1);
        let c0 = _mm512_mask_and_epi64(c.0, !less, d0, self.mask);
        // A negative word is a great one without sign.
        (c0, _mm512_min_epu64(c.1, d1))
    }
}

const MASK: u128 = (1 << 52) - 1;

#[cfg(test)]
mod tests;
