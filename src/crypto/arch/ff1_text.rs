//! NUM and STR for values of at most 16 numerals below 256: text, or numerals, to two halves and back, eight values at a
//! time.
//!
//! ```text
//! X of n symbols  ⇄  16 bytes, a numeral in each: [0]^(8−u) ‖ X[1..u] ‖ [0]^(8−v) ‖ X[u+1..n]  ⇄  left, right
//! ```
//!
//! # Reading
//! Neighbours are joined three times: numerals to numbers below r², r⁴ and r⁸ for the radix r.
//!
//! # Writing
//! A half is cut in the same steps. Each is a division of x by a constant M with the quotient ⌊x·c / 2^k⌋.
//!
//! **Bound.** Let c = ⌈2^k/M⌉ = (2^k + e)/M, so 0 ≤ e < M. Then x·c/2^k = x/M + x·e/(M·2^k), and its floor is that of x/M when
//! x·e/2^k < 1, as the fraction of x/M is at most 1 − 1/M. ∎
//!
//! | x below | M | k | x·e < 2^k because |
//! |---|---|---|---|
//! | r^v ≤ 2^50 | r⁴ | 51 + ⌊log₂ r⁴⌋ | e < r⁴ < 2^(1 + ⌊log₂ r⁴⌋) |
//! | 10^v ≤ 10^8 | 10⁴ | 52 | 10^8·10⁴ < 2^40 |
//! | r⁴ | r² | 52 | e < r², and r⁶ ≤ 2^48 |
//!
//! In the first row c ≤ 2^51, as M ≥ 2^⌊log₂ M⌋, and c ≤ 2^50 for r²: they fit the 52 bits of IFMA.
//!
//! x < r² by r, in words of 16 bits, λ = ⌊log₂ r⌋:
//!
//! - r = 10: the same with k = 16, c = 6554, e = 4 and 99·4 < 2^16.
//! - r ≤ 127: the multiplication that rounds, ⌊(x·c + 2^14)/2^k⌋ with k = 15 + λ and c = ⌈2^k/r⌉ − 1 = (2^k − e)/r < 2^15, so
//!   0 < e ≤ r. This is the floor of x/r + (2^14·r − x·e)/(r·2^k), where the second term is not negative, as
//!   x·e < r³ ≤ 2^14·r, and below 1/r, as 2^14·r < 2^14·2^(λ+1) = 2^k. ∎
//! - Any r: a power of two takes k = 15 + λ, c = 2^15 and e = 0. Else k = 16 + λ and c < 2^16, and x·e < 2^k may fail; then
//!   c = ⌊2^k/r⌋ = (2^k − e')/r with the quotient ⌊(x + 1)·c/2^k⌋ is exact: x/r + 1/r − (x + 1)·e'/(r·2^k) is not below x/r when
//!   (x + 1)·e' ≤ 2^k, and below x/r + 1/r. As e + e' = r, one of them is at most r/2, and r²·r/2 < 2^16·2^(λ+1)/2 = 2^k. ∎
//!
//! # Security
//! Alphabets are looked up by permutations of bytes in registers; whether a symbol is foreign is gathered from all of them
//! and told once for all. No branch or address depends on a symbol.

use super::Avx512;
use super::ff1::LANES;
use super::memory::{load, load_bytes, load_some, load_some_words, store, store_some, store_some_words};
use core::arch::x86_64::*;

/// How values of one radix and length lie in text and in vectors.
#[derive(Clone)]
pub(crate) struct Layout {
    length: usize,
    radix: u64,
    places: &'static Places,
    by_fourth: Divisor,
    by_square: Divisor,
    by_radix: Divisor,
}

/// M, as a multiplication.
#[derive(Clone, Copy)]
struct Divisor {
    c: u64,
    /// By how much k is above the bits that a multiplication leaves away.
    shift: u32,
    /// 1 where x + 1 is what is multiplied.
    bias: u16,
}

impl Layout {
    /// `None` for a radix above 256, a length above 16, or r^v above 2^50.
    pub(crate) fn new(radix: u32, length: usize) -> Option<Self> {
        if !(2..=256).contains(&radix) || !(2..=16).contains(&length) {
            return None;
        }
        let radix = u64::from(radix);
        radix.checked_pow(length.div_ceil(2) as u32).filter(|power| *power <= 1 << 50)?;
        let by_fourth = match radix {
            10 => Divisor::new(10_000, 52, 0),
            _ => Divisor::new(radix.pow(4), 52, radix.pow(4).ilog2() - 1),
        };
        let by_square = Divisor::new(radix * radix, 52, 0);
        let places = &PLACES[length];
        Some(Layout { length, radix, places, by_fourth, by_square, by_radix: Divisor::of_words(radix) })
    }
}

/// Four values of n symbols, packed, to 16 bytes each, and back: where each byte comes from.
struct Places {
    gather: [u8; 64],
    scatter: [u8; 64],
}

static PLACES: [Places; 17] = {
    let mut all = [const { Places { gather: [0; 64], scatter: [0; 64] } }; 17];
    let mut length = 2;
    while length <= 16 {
        all[length] = Places::new(length);
        length += 1;
    }
    all
};

impl Places {
    const fn new(length: usize) -> Self {
        let left = length / 2;
        // A place without a numeral takes the last byte, which holds none either, and so a zero, unless n = 16.
        let mut places = Places { gather: [63; 64], scatter: [0; 64] };
        let mut at = 0;
        while at < 4 * length {
            let (value, i) = (at / length, at % length);
            let place = 16 * value + if i < left { 8 - left + i } else { 16 - length + i };
            places.gather[place] = at as u8;
            places.scatter[at] = place as u8;
            at += 1;
        }
        places
    }
}

impl Divisor {
    /// k = bits + shift.
    fn new(m: u64, bits: u32, shift: u32) -> Self {
        let c = (1u128 << (bits + shift)).div_ceil(m.into()) as u64;
        Divisor { c, shift, bias: 0 }
    }

    /// r, for words of 16 bits.
    fn of_words(radix: u64) -> Self {
        if radix <= SMALL {
            let shift = radix.ilog2();
            return Divisor { c: (1u64 << (15 + shift)).div_ceil(radix) - 1, shift, bias: 0 };
        }
        let shift = radix.ilog2() - u32::from(radix.is_power_of_two());
        let up = Self::new(radix, 16, shift);
        let power = 1 << (16 + shift);
        match (radix * radix - 1) * (up.c * radix - power) < power {
            true => up,
            false => Divisor { c: up.c - 1, shift, bias: 1 },
        }
    }
}

/// How numerals are spelled.
pub(crate) struct Symbols {
    pub(super) kind: u8,
    /// Symbol to numeral; that of a foreign symbol has all bits set.
    pub(super) numerals: [[u8; 64]; 4],
    /// Numeral to symbol.
    pub(super) symbols: [[u8; 64]; 4],
    pub(super) greatest: u8,
}

/// `0123456789`, by arithmetic.
pub(super) const DIGITS: u8 = 0;
/// ASCII characters.
pub(super) const ASCII: u8 = 1;
/// Any bytes.
pub(super) const BYTES: u8 = 2;

impl Symbols {
    /// The decimal digits.
    pub(crate) const DIGITS: &Symbols =
        &Symbols { kind: DIGITS, numerals: [[0xFF; 64]; 4], symbols: [[b'0'; 64]; 4], greatest: 9 };

    /// 2 to 256 distinct symbols: the numeral i is written as the i-th.
    pub(crate) fn new(symbols: &[u8]) -> Self {
        assert!((2..=256).contains(&symbols.len()), "an alphabet of bytes");
        let mut all = Symbols {
            kind: if symbols.is_ascii() { ASCII } else { BYTES },
            numerals: [[0xFF; 64]; 4],
            symbols: [[0; 64]; 4],
            greatest: (symbols.len() - 1) as u8,
        };
        all.symbols.as_flattened_mut()[..symbols.len()].copy_from_slice(symbols);
        for (numeral, &symbol) in symbols.iter().enumerate() {
            all.numerals.as_flattened_mut()[usize::from(symbol)] = numeral as u8;
        }
        all
    }
}

/// The halves of each value of the text, eight values in a vector; lanes behind the last one become 0. `false` when a
/// symbol is foreign; what the halves are then is of no meaning.
///
/// # Panics
/// When there are not exactly as many vectors as the text needs.
pub(crate) fn read_text(
    _: Avx512,
    layout: &Layout,
    symbols: &Symbols,
    text: &[u8],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) -> bool {
    check(layout, text.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match (symbols.kind, layout.radix > SMALL) {
            (DIGITS, _) => read_symbols::<DIGITS, false>(layout, symbols, text, left, right),
            (ASCII, false) => read_symbols::<ASCII, false>(layout, symbols, text, left, right),
            (_, false) => read_symbols::<BYTES, false>(layout, symbols, text, left, right),
            (_, true) => read_symbols::<BYTES, true>(layout, symbols, text, left, right),
        }
    }
}

/// The text of these halves.
///
/// # Panics
/// As [`read_text`].
pub(crate) fn write_text(
    _: Avx512,
    layout: &Layout,
    symbols: &Symbols,
    left: &[[u64; LANES]],
    right: &[[u64; LANES]],
    text: &mut [u8],
) {
    check(layout, text.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match (symbols.kind, layout.radix > SMALL) {
            (DIGITS, _) => write_symbols::<DIGITS, false>(layout, symbols, left, right, text),
            (ASCII, false) => write_symbols::<ASCII, false>(layout, symbols, left, right, text),
            (_, false) => write_symbols::<BYTES, false>(layout, symbols, left, right, text),
            (_, true) => write_symbols::<BYTES, true>(layout, symbols, left, right, text),
        }
    }
}

/// The halves of each value of the numerals, which are below the radix; lanes behind the last one become 0.
///
/// # Panics
/// As [`read_text`].
pub(crate) fn read_numerals(
    _: Avx512,
    layout: &Layout,
    numerals: &[u16],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) {
    check(layout, numerals.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match layout.radix > SMALL {
            false => read_words::<false>(layout, numerals, left, right),
            true => read_words::<true>(layout, numerals, left, right),
        }
    }
}

/// The numerals of these halves.
///
/// # Panics
/// As [`read_text`].
pub(crate) fn write_numerals(
    _: Avx512,
    layout: &Layout,
    left: &[[u64; LANES]],
    right: &[[u64; LANES]],
    numerals: &mut [u16],
) {
    check(layout, numerals.len(), left, right);
    // SAFETY: the proof says that the processor has these features.
    unsafe {
        match layout.radix > SMALL {
            false => write_words::<false>(layout, left, right, numerals),
            true => write_words::<true>(layout, left, right, numerals),
        }
    }
}

fn check(layout: &Layout, length: usize, left: &[[u64; LANES]], right: &[[u64; LANES]]) {
    let vectors = length.div_ceil(LANES * layout.length);
    assert!(left.len() == vectors && right.len() == vectors, "a vector for each eight values");
}

/// The greatest radix r of which numerals are joined as signed bytes and words: r − 1 and r fit seven bits, r² − 1 fits 15.
const SMALL: u64 = 127;

/// The truth table of a | b | c.
pub(super) const OR: i32 = 0xFE;

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi,bmi2")]
fn read_symbols<const KIND: u8, const BIG: bool>(
    layout: &Layout,
    symbols: &Symbols,
    text: &[u8],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) -> bool {
    let n = layout.length;
    let join = Join::<BIG>::new(layout);
    let gather = load_bytes(&layout.places.gather);
    // The numeral 0 wherever there is no symbol.
    let filler = _mm512_set1_epi8(symbols.symbols[0][0] as i8);
    let tables = Tables::new(&symbols.numerals);
    let mut worst = _mm512_setzero_si512();
    for ((text, left), right) in text.chunks(LANES * n).zip(left).zip(right) {
        let (first, second) = text.split_at(text.len().min(4 * n));
        let mut four = |text: &[u8]| {
            let text = load_some(text, filler);
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
            join.fours(_mm512_permutexvar_epi8(gather, numerals))
        };
        let (first, second) = (four(first), four(second));
        let halves = join.halves(first, second);
        store(left, halves.0);
        store(right, halves.1);
    }
    let greatest = if KIND == ASCII { 0x7F } else { symbols.greatest };
    _mm512_cmpgt_epu8_mask(worst, _mm512_set1_epi8(greatest as i8)) == 0
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi,bmi2")]
fn write_symbols<const KIND: u8, const BIG: bool>(
    layout: &Layout,
    symbols: &Symbols,
    left: &[[u64; LANES]],
    right: &[[u64; LANES]],
    text: &mut [u8],
) {
    let n = layout.length;
    let cut = Cut::<BIG>::new(layout);
    let scatter = load_bytes(&layout.places.scatter);
    let tables = Tables::new(&symbols.symbols);
    for ((text, left), right) in text.chunks_mut(LANES * n).zip(left).zip(right) {
        let (first, second) = text.split_at_mut(text.len().min(4 * n));
        let four = |text: &mut [u8], words| {
            let numerals = _mm512_permutexvar_epi8(scatter, cut.ones::<KIND>(words));
            let symbols = match KIND {
                DIGITS => _mm512_or_si512(numerals, _mm512_set1_epi8(b'0' as i8)),
                ASCII => tables.lower(numerals),
                _ => tables.all(numerals),
            };
            store_some(text, symbols);
        };
        let words = cut.twos::<KIND>(left, right);
        four(first, words.0);
        four(second, words.1);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi,bmi2")]
fn read_words<const BIG: bool>(
    layout: &Layout,
    numerals: &[u16],
    left: &mut [[u64; LANES]],
    right: &mut [[u64; LANES]],
) {
    let n = layout.length;
    let join = Join::<BIG>::new(layout);
    // The lower byte of each word.
    let gather = _mm512_slli_epi16::<1>(load_bytes(&layout.places.gather));
    for ((numerals, left), right) in numerals.chunks(LANES * n).zip(left).zip(right) {
        let (first, second) = numerals.split_at(numerals.len().min(4 * n));
        let four = |numerals: &[u16]| {
            let (lower, upper) = numerals.split_at(numerals.len().min(32));
            join.fours(_mm512_permutex2var_epi8(load_some_words(lower), gather, load_some_words(upper)))
        };
        let halves = join.halves(four(first), four(second));
        store(left, halves.0);
        store(right, halves.1);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi,bmi2")]
fn write_words<const BIG: bool>(
    layout: &Layout,
    left: &[[u64; LANES]],
    right: &[[u64; LANES]],
    numerals: &mut [u16],
) {
    let n = layout.length;
    let cut = Cut::<BIG>::new(layout);
    let scatter = load_bytes(&layout.places.scatter);
    for ((numerals, left), right) in numerals.chunks_mut(LANES * n).zip(left).zip(right) {
        let (first, second) = numerals.split_at_mut(numerals.len().min(4 * n));
        let four = |numerals: &mut [u16], words| {
            let bytes = _mm512_permutexvar_epi8(scatter, cut.ones::<BYTES>(words));
            let (lower, upper) = numerals.split_at_mut(numerals.len().min(32));
            store_some_words(lower, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)));
            store_some_words(upper, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(bytes)));
        };
        let words = cut.twos::<BYTES>(left, right);
        four(first, words.0);
        four(second, words.1);
    }
}

/// A table of 256 bytes.
pub(super) struct Tables([__m512i; 4]);

impl Tables {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(table: &[[u8; 64]; 4]) -> Self {
        Tables([load_bytes(&table[0]), load_bytes(&table[1]), load_bytes(&table[2]), load_bytes(&table[3])])
    }

    /// Entries by the lower seven bits of each byte.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub(super) fn lower(&self, index: __m512i) -> __m512i {
        _mm512_permutex2var_epi8(self.0[0], index, self.0[1])
    }

    /// Entries by each byte.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn all(&self, index: __m512i) -> __m512i {
        let upper = _mm512_permutex2var_epi8(self.0[2], index, self.0[3]);
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), self.lower(index), upper)
    }
}

/// Numerals to halves. Where not `BIG`, r ≤ 127.
pub(super) struct Join<const BIG: bool> {
    /// In pairs of bytes: r, 1. Where `BIG`, in words: r.
    radix: __m512i,
    /// In pairs of words: r², 1. Where `BIG`, in words of 32 bits: r².
    square: __m512i,
    /// r⁴; where `BIG`, r⁴ − 1, which fits 32 bits.
    fourth: __m512i,
}

impl<const BIG: bool> Join<BIG> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn new(layout: &Layout) -> Self {
        let r = layout.radix;
        let (square, fourth) = (r * r, r.pow(4));
        match BIG {
            false => Join {
                radix: _mm512_set1_epi16((1 << 8 | r) as i16),
                square: _mm512_set1_epi32((1 << 16 | square) as i32),
                fourth: _mm512_set1_epi64(fourth as i64),
            },
            true => Join {
                radix: _mm512_set1_epi16(r as i16),
                square: _mm512_set1_epi32(square as i32),
                fourth: _mm512_set1_epi64(fourth as i64 - 1),
            },
        }
    }

    /// Four numerals in each word of 32 bits become their number, below r⁴ ≤ 2^32.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn fours(&self, numerals: __m512i) -> __m512i {
        if BIG {
            let (even, odd) =
                (_mm512_and_si512(numerals, _mm512_set1_epi16(0xFF)), _mm512_srli_epi16::<8>(numerals));
            let twos = _mm512_add_epi16(_mm512_mullo_epi16(even, self.radix), odd);
            let (even, odd) =
                (_mm512_and_si512(twos, _mm512_set1_epi32(0xFFFF)), _mm512_srli_epi32::<16>(twos));
            _mm512_add_epi32(_mm512_mullo_epi32(even, self.square), odd)
        } else {
            _mm512_madd_epi16(_mm512_maddubs_epi16(numerals, self.radix), self.square)
        }
    }

    /// The fours of values 0 to 3 and of 4 to 7, to left and right halves.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn halves(&self, first: __m512i, second: __m512i) -> (__m512i, __m512i) {
        let left = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), second);
        let right = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), second);
        (self.eights(left), self.eights(right))
    }

    /// Two fours in each word of 64 bits become their number, below r⁸ ≤ 2^64.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn eights(&self, fours: __m512i) -> __m512i {
        let product = _mm512_mul_epu32(fours, self.fourth);
        let rest = _mm512_srli_epi64::<32>(fours);
        let sum = _mm512_add_epi64(product, rest);
        match BIG {
            false => sum,
            true => _mm512_add_epi64(sum, _mm512_and_si512(fours, _mm512_set1_epi64(0xFFFF_FFFF))),
        }
    }
}

/// Halves to numerals. Where not `BIG`, r ≤ 127.
pub(super) struct Cut<const BIG: bool> {
    /// c for r⁴, its shift, and 2^52 − r⁴.
    by_fourth: __m512i,
    fourth_shift: __m512i,
    minus_fourth: __m512i,
    /// c for r², and 2^52 − (2^16·r² − 1).
    by_square: __m512i,
    minus_square: __m512i,
    /// c for r, its shift and bias, and 2^16 − (2^8·r − 1).
    by_radix: __m512i,
    radix_shift: __m512i,
    radix_bias: __m512i,
    minus_radix: __m512i,
}

impl<const BIG: bool> Cut<BIG> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn new(layout: &Layout) -> Self {
        let r = layout.radix;
        let words64 = |x: u64| _mm512_set1_epi64(x as i64);
        let words16 = |x: u64| _mm512_set1_epi16(x as i16);
        Cut {
            by_fourth: words64(layout.by_fourth.c),
            fourth_shift: words64(layout.by_fourth.shift.into()),
            minus_fourth: words64((1 << 52) - r.pow(4)),
            by_square: words64(layout.by_square.c),
            minus_square: words64((1 << 52) - ((r * r) << 16) + 1),
            by_radix: words16(layout.by_radix.c),
            radix_shift: words16(layout.by_radix.shift.into()),
            radix_bias: words16(layout.by_radix.bias.into()),
            minus_radix: words16((1 << 16) - (r << 8) + 1),
        }
    }

    /// Numbers below r² in words of 16 bits: those of values 0 to 3, and of 4 to 7.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn twos<const KIND: u8>(&self, left: &[u64; LANES], right: &[u64; LANES]) -> (__m512i, __m512i) {
        let left = self.half::<KIND>(load(left));
        let right = self.half::<KIND>(load(right));
        (
            _mm512_permutex2var_epi64(left, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), right),
            _mm512_permutex2var_epi64(left, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), right),
        )
    }

    /// Of each word of 64 bits, four words of 16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn half<const KIND: u8>(&self, x: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        let mut quotient = _mm512_madd52hi_epu64(zero, x, self.by_fourth);
        if KIND != DIGITS {
            quotient = _mm512_srlv_epi64(quotient, self.fourth_shift);
        }
        // Right in its lower 52 bits, which are all that counts below.
        let rest = _mm512_madd52lo_epu64(x, quotient, self.minus_fourth);
        let (upper, lower) = (self.square(quotient), self.square(rest));
        _mm512_mask_shuffle_epi32::<0b10_10_00_00>(upper, 0xAAAA, lower)
    }

    /// x below r⁴ becomes ⌊x/r²⌋ + 2^16·(x mod r²), in the lower 32 bits: q + 2^16·(x − q·r²) = 2^16·x − q·(2^16·r² − 1).
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square(&self, x: __m512i) -> __m512i {
        let quotient = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, self.by_square);
        _mm512_madd52lo_epu64(_mm512_slli_epi64::<16>(x), quotient, self.minus_square)
    }

    /// x below r² becomes ⌊x/r⌋ + 2^8·(x mod r), in each word of 16 bits, likewise.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn ones<const KIND: u8>(&self, x: __m512i) -> __m512i {
        let quotient = match (KIND, BIG) {
            (DIGITS, _) => _mm512_mulhi_epu16(x, _mm512_set1_epi16(6554)),
            // Not `mulhi`, which the compiler does in 32 bits when the factor is no constant.
            (_, false) => _mm512_srlv_epi16(_mm512_mulhrs_epi16(x, self.by_radix), self.radix_shift),
            (_, true) => {
                let biased = _mm512_add_epi16(x, self.radix_bias);
                _mm512_srlv_epi16(_mm512_mulhi_epu16(biased, self.by_radix), self.radix_shift)
            }
        };
        _mm512_add_epi16(_mm512_slli_epi16::<8>(x), _mm512_mullo_epi16(quotient, self.minus_radix))
    }
}

#[cfg(test)]
mod tests;
