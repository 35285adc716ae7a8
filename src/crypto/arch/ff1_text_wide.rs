//! NUM and STR for text of at most 32 symbols in any alphabet of at most 76: two halves of at most 16 numerals.
//!
//! ```text
//! X of n symbols  ⇄  32 bytes: [0]^(16−u) ‖ X[1..u] ‖ [0]^(16−v) ‖ X[u+1..n]
//!                 ⇄  four words below r⁸: w₁, w₀ of each half      left = w₁·r⁸ + w₀, right = w₁·r⁸ + w₀
//! ```
//!
//! Bytes become words, and words bytes, as in [`super::ff1_text`]; r ≤ 76 makes r⁸ < 2^50, the greatest that it cuts. What
//! is left is the step between a half x and its two words. Halves are one 64-bit word (L = 1) or two of 52 bits (L = 2).
//!
//! # Cutting
//! For x < 2^B, where B is the number of bits of r^v − 1, and r⁸:
//!
//! ```text
//! L = 1: E = 61        L = 2: E = B
//! t = ⌊x/2^(E−52)⌋ < 2^52      µ = ⌊2^E/r⁸⌋      q = ⌊t·µ/2^52⌋      x − q·r⁸ in [0, 3r⁸)
//! ```
//!
//! **Bound.** As r is no power of two, r ≥ 3. µ < 2^52 needs r⁸ > 2^(E−52), which also bounds the bits that t leaves away:
//! for L = 1, r⁸ ≥ 3⁸ > 2^9; for L = 2, 2^61 ≤ r^v ≤ r^16 and 2^(B−1) < r^16, so 2^(B−52) < r^16/2^51 < r⁸. Then
//! x/r⁸ − t·µ/2^52 < 1 + 1, and the floor loses less than 1 more. ∎ Two conditional subtractions make q the quotient. q < r⁸
//! and 3r⁸ < 2^52, so x − q·r⁸ is right modulo 2^64.

use super::Avx512;
use super::ff1::LANES;
use super::ff1_text::{ASCII, BYTES, Cut, DIGITS, Join, Layout as Narrow, OR, Symbols, Tables};
use super::ff1_wide::Vector;
use super::memory::{load, load_bytes, load_some, store, store_some};
use core::arch::x86_64::*;

/// How values of one radix and length lie in text and in vectors.
#[derive(Clone)]
pub(crate) struct Layout {
    length: usize,
    /// Of words of eight numerals.
    eights: Narrow,
    /// r⁸.
    eighth: u64,
    /// µ.
    reciprocal: u64,
    /// E − 52.
    shift: u32,
    /// Two values of n symbols, packed, to 32 bytes each, and back: where each byte comes from.
    gather: [u8; 64],
    scatter: [u8; 64],
}

impl Layout {
    /// The greatest radix.
    const MOST: u32 = 76;

    /// `None` for a radix above 76 or a power of two, a length above 32, or halves that do not fit L words.
    pub(crate) fn new(radix: u32, length: usize, words: usize) -> Option<Self> {
        if !(3..=Self::MOST).contains(&radix) || radix.is_power_of_two() || !(2..=32).contains(&length) {
            return None;
        }
        let bits = 128 - (u128::from(radix).pow(length.div_ceil(2) as u32) - 1).leading_zeros();
        let e = match (words, bits) {
            (1, ..=61) => 61,
            (2, 62..=96) => bits,
            _ => return None,
        };
        let eighth = u64::from(radix).pow(8);
        let (gather, scatter) = places(length);
        Some(Layout {
            length,
            eights: Narrow::new(radix, 16)?,
            eighth,
            reciprocal: ((1u128 << e) / u128::from(eighth)) as u64,
            shift: e - 52,
            gather,
            scatter,
        })
    }

    /// How many symbols a value has.
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}

fn places(length: usize) -> ([u8; 64], [u8; 64]) {
    let left = length / 2;
    // A place without a numeral takes the last byte, which holds none either, and so a zero, unless n = 32.
    let (mut gather, mut scatter) = ([63; 64], [0; 64]);
    for (at, scatter) in scatter.iter_mut().enumerate().take(2 * length) {
        let (value, i) = (at / length, at % length);
        let place = 32 * value + if i < left { 16 - left + i } else { 32 - length + i };
        gather[place] = at as u8;
        *scatter = place as u8;
    }
    (gather, scatter)
}

/// The halves of each value of the text, eight values in a vector; lanes behind the last one become 0. `false` when a
/// symbol is foreign; what the halves are then is of no meaning.
///
/// # Panics
/// When there are not exactly as many vectors as the text needs.
pub(crate) fn read<const L: usize>(
    _: Avx512,
    layout: &Layout,
    symbols: &Symbols,
    text: &[u8],
    left: &mut [Vector<L>],
    right: &mut [Vector<L>],
) -> bool {
    check(layout, text.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match symbols.kind {
            DIGITS => read_kind::<DIGITS, L>(layout, symbols, text, left, right),
            ASCII => read_kind::<ASCII, L>(layout, symbols, text, left, right),
            _ => read_kind::<BYTES, L>(layout, symbols, text, left, right),
        }
    }
}

/// The text of these halves.
///
/// # Panics
/// As [`read`].
pub(crate) fn write<const L: usize>(
    _: Avx512,
    layout: &Layout,
    symbols: &Symbols,
    left: &[Vector<L>],
    right: &[Vector<L>],
    text: &mut [u8],
) {
    check(layout, text.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match symbols.kind {
            DIGITS => write_kind::<DIGITS, L>(layout, symbols, left, right, text),
            ASCII => write_kind::<ASCII, L>(layout, symbols, left, right, text),
            _ => write_kind::<BYTES, L>(layout, symbols, left, right, text),
        }
    }
}

fn check<const L: usize>(layout: &Layout, length: usize, left: &[Vector<L>], right: &[Vector<L>]) {
    const { assert!(L == 1 || L == 2) };
    let vectors = length.div_ceil(LANES * layout.length);
    assert!(left.len() == vectors && right.len() == vectors, "a vector for each eight values");
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi,bmi2")]
fn read_kind<const KIND: u8, const L: usize>(
    layout: &Layout,
    symbols: &Symbols,
    text: &[u8],
    left: &mut [Vector<L>],
    right: &mut [Vector<L>],
) -> bool {
    let n = layout.length;
    let join = Join::<false>::new(&layout.eights);
    let gather = load_bytes(&layout.gather);
    let eighth = _mm512_set1_epi64(layout.eighth as i64);
    // The numeral 0 wherever there is no symbol.
    let filler = _mm512_set1_epi8(symbols.symbols[0][0] as i8);
    let tables = Tables::new(&symbols.numerals);
    let mut worst = _mm512_setzero_si512();
    for ((text, left), right) in text.chunks(LANES * n).zip(left).zip(right) {
        // Words of two values: w₁, w₀ of the left half and of the right one, then of the second value.
        let mut pairs = [_mm512_setzero_si512(); 4];
        for (i, pair) in pairs.iter_mut().enumerate() {
            let text = load_some(part(text, i, n), filler);
            let numerals = match KIND {
                DIGITS => _mm512_sub_epi8(text, filler),
                ASCII => tables.lower(text),
                _ => tables.all(text),
            };
            worst = match KIND {
                // The numeral of a foreign character has its top bit set, and so has what is not ASCII.
                ASCII => _mm512_ternarylogic_epi64::<OR>(worst, numerals, text),
                _ => _mm512_max_epu8(worst, numerals),
            };
            *pair = join.eights(join.fours(_mm512_permutexvar_epi8(gather, numerals)));
        }
        let [a, b, c, d] = transpose(pairs);
        *left = half::<L>(_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c), eighth);
        *right = half::<L>(_mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d), eighth);
    }
    let greatest = if KIND == ASCII { 0x7F } else { symbols.greatest };
    _mm512_cmpgt_epu8_mask(worst, _mm512_set1_epi8(greatest as i8)) == 0
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi,bmi2")]
fn write_kind<const KIND: u8, const L: usize>(
    layout: &Layout,
    symbols: &Symbols,
    left: &[Vector<L>],
    right: &[Vector<L>],
    text: &mut [u8],
) {
    let n = layout.length;
    let cut = Cut::<false>::new(&layout.eights);
    let step = Step::new(layout);
    let scatter = load_bytes(&layout.scatter);
    let tables = Tables::new(&symbols.symbols);
    for ((text, left), right) in text.chunks_mut(LANES * n).zip(left).zip(right) {
        let (left, right) = (step.words(left), step.words(right));
        let pairs = transpose([
            _mm512_unpacklo_epi64(left.0, left.1),
            _mm512_unpacklo_epi64(right.0, right.1),
            _mm512_unpackhi_epi64(left.0, left.1),
            _mm512_unpackhi_epi64(right.0, right.1),
        ]);
        for (i, pair) in pairs.into_iter().enumerate() {
            let numerals = cut.ones::<KIND>(cut.half::<KIND>(pair));
            let numerals = _mm512_permutexvar_epi8(scatter, numerals);
            let symbols = match KIND {
                DIGITS => _mm512_or_si512(numerals, _mm512_set1_epi8(b'0' as i8)),
                ASCII => tables.lower(numerals),
                _ => tables.all(numerals),
            };
            let (start, end) = span(text.len(), i, n);
            store_some(&mut text[start..end], symbols);
        }
    }
}

/// Where values 2i and 2i + 1 are in the text of at most eight.
fn span(length: usize, i: usize, n: usize) -> (usize, usize) {
    ((2 * i * n).min(length), (2 * (i + 1) * n).min(length))
}

fn part(text: &[u8], i: usize, n: usize) -> &[u8] {
    let (start, end) = span(text.len(), i, n);
    &text[start..end]
}

/// The four 128-bit lanes of four vectors, rows for columns.
///
/// Of words of the values 2i and 2i + 1 in vector i it makes: the left halves of the values of even number, the right
/// ones, the left ones of odd number, the right ones; and back.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let ab = (_mm512_shuffle_i64x2::<0x44>(a, b), _mm512_shuffle_i64x2::<0xEE>(a, b));
    let cd = (_mm512_shuffle_i64x2::<0x44>(c, d), _mm512_shuffle_i64x2::<0xEE>(c, d));
    [
        _mm512_shuffle_i64x2::<0x88>(ab.0, cd.0),
        _mm512_shuffle_i64x2::<0xDD>(ab.0, cd.0),
        _mm512_shuffle_i64x2::<0x88>(ab.1, cd.1),
        _mm512_shuffle_i64x2::<0xDD>(ab.1, cd.1),
    ]
}

/// w₁·r⁸ + w₀.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn half<const L: usize>(w1: __m512i, w0: __m512i, eighth: __m512i) -> Vector<L> {
    let mut half = [[0; LANES]; L];
    if L == 1 {
        store(&mut half[0], _mm512_add_epi64(_mm512_mullo_epi64(w1, eighth), w0));
    } else {
        let x0 = _mm512_madd52lo_epu64(w0, w1, eighth);
        let carry = _mm512_srli_epi64::<52>(x0);
        store(&mut half[0], _mm512_and_si512(x0, _mm512_set1_epi64((1 << 52) - 1)));
        store(&mut half[1], _mm512_madd52hi_epu64(carry, w1, eighth));
    }
    half
}

/// A half to its two words.
struct Step {
    eighth: __m512i,
    reciprocal: __m512i,
    shift: __m512i,
    /// 52 less than that.
    back: __m512i,
}

impl Step {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(layout: &Layout) -> Self {
        let word = |x: u64| _mm512_set1_epi64(x as i64);
        Step {
            eighth: word(layout.eighth),
            reciprocal: word(layout.reciprocal),
            shift: word(layout.shift.into()),
            back: word(52 - u64::from(layout.shift)),
        }
    }

    /// (w₁, w₀).
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn words<const L: usize>(&self, half: &Vector<L>) -> (__m512i, __m512i) {
        let low = load(&half[0]);
        let (x, t) = match L {
            1 => (low, _mm512_srlv_epi64(low, self.shift)),
            _ => {
                let high = load(&half[1]);
                (
                    _mm512_or_si512(low, _mm512_slli_epi64::<52>(high)),
                    _mm512_or_si512(_mm512_srlv_epi64(low, self.shift), _mm512_sllv_epi64(high, self.back)),
                )
            }
        };
        let q = _mm512_madd52hi_epu64(_mm512_setzero_si512(), t, self.reciprocal);
        let r = _mm512_sub_epi64(x, _mm512_mullo_epi64(q, self.eighth));
        let (q, r) = self.settle(q, r);
        self.settle(q, r)
    }

    /// (q + 1, r − r⁸) where that is not negative.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn settle(&self, q: __m512i, r: __m512i) -> (__m512i, __m512i) {
        let short = _mm512_cmpge_epu64_mask(r, self.eighth);
        let q = _mm512_mask_add_epi64(q, short, q, _mm512_set1_epi64(1));
        (q, _mm512_mask_sub_epi64(r, short, r, self.eighth))
    }
}

#[cfg(test)]
mod tests;
