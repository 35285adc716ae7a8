//! NUM and STR of halves whose numerals are bytes: eight of them in one 64-bit word, in lanes that double.
//!
//! ```text
//! 8 lanes of  8 bits: numerals d₀ d₁ …, the first in the lowest byte        each < r
//! 4 lanes of 16 bits: d₀·r + d₁                                             each < r²
//! 2 lanes of 32 bits: p₀·r² + p₁                                            each < r⁴
//! 1 lane  of 64 bits: q₀·r⁴ + q₁                                                 < r⁸ ≤ 2^64
//! ```
//!
//! Reading goes down, one multiplication for each step, and no sum leaves its lane. Writing goes up: each lane x is
//! divided by n = r⁴, r², r. A quotient is ⌊x·c/2^k⌋ with c = ⌈2^k/n⌉ = 2^k/n + e, e < 1.
//!
//! **Bound.** ⌊x·c/2^k⌋ = ⌊x/n⌋ where x·e/2^k < 1/n, as the fraction of x/n is at most 1 − 1/n. For n = r² and x < r⁴,
//! k = 48 does: x·e/2^48 < r⁴/2^48 ≤ 1/r², as r⁶ ≤ 2^48. For n = r and x < r², k = 24 does, as r³ ≤ 2^24.
//! Products stay in their lanes: x·c < r⁴·(2^48/r² + e) = r²·2^48 + e·r⁴ < 2^64, and x·c < r·2^24 + e·r² < 2^32, for
//! r ≤ 255; and for r = 256, where e = 0, as x < r⁴ and x < r². ∎
//!
//! Fewer than eight numerals are moved to the upper bytes, so that zeros lead. Numbers over 64 bits go in
//! [`Pieces`]. No branch or address depends on a numeral.

use super::pieces::Pieces;
use super::reduce::{Half, Narrow};

/// The powers of a radix r ≤ 256, and their reciprocals.
#[derive(Clone, Copy)]
pub(super) struct Words {
    radix: u64,
    square: u64,
    /// r⁴.
    fourth: Narrow,
    /// r⁸.
    eighth: u128,
    /// Divides by r⁸ where a number of 64 bits has more than eight numerals.
    eights: Narrow,
    /// ⌈2^24/r⌉ and ⌈2^48/r²⌉.
    reciprocals: [u64; 2],
    pieces: Pieces,
}

impl Words {
    /// For 2 ≤ radix ≤ 256 and halves of up to `length` numerals.
    pub(super) fn new(radix: u64, length: usize) -> Self {
        debug_assert!((2..=256).contains(&radix));
        let [square, fourth] = [2, 4].map(|e| radix.pow(e));
        let eighth = u128::from(radix).pow(8);
        Words {
            radix,
            square,
            fourth: Narrow::new(fourth),
            eighth,
            eights: Narrow::divisor(eighth.min(1 << 62) as u64),
            reciprocals: [(1u64 << 24).div_ceil(radix), (1u64 << 48).div_ceil(square)],
            pieces: Pieces::new(radix, 8, length),
        }
    }

    /// NUM of the `length` numerals from `start`.
    #[inline(always)]
    pub(super) fn read<H: InWords>(&self, numerals: &[u8], start: usize, length: usize) -> H {
        let mut size = (length - 1) % 8 + 1;
        let mut number = H::first(self.parse(load(numerals, start, size)));
        let mut at = start;
        while at + size < start + length {
            (at, size) = (at + size, 8);
            number = number.append(self.parse(load(numerals, at, size)), self);
        }
        number
    }

    /// STR, as `length` numerals from `start`. May also write over up to seven bytes behind them: write in ascending
    /// order.
    #[inline(always)]
    pub(super) fn write<H: InWords>(&self, number: H, numerals: &mut [u8], start: usize, length: usize) {
        number.write(self, numerals, start, length);
    }

    /// NUM of eight.
    #[inline(always)]
    fn parse(&self, word: u64) -> u64 {
        const BYTES: u64 = 0x00FF_00FF_00FF_00FF;
        const PAIRS: u64 = 0x0000_FFFF_0000_FFFF;
        let pairs = (word & BYTES) * self.radix + (word >> 8 & BYTES);
        let fours = (pairs & PAIRS) * self.square + (pairs >> 16 & PAIRS);
        (fours & 0xFFFF_FFFF) * self.fourth.modulus() + (fours >> 32)
    }

    /// STR of eight.
    #[inline(always)]
    fn format(&self, x: u64) -> u64 {
        const PAIRS: u64 = 0x0000_FFFF_0000_FFFF;
        const LOW: u64 = 0x0000_00FF_0000_00FF;
        let [by_radix, by_square] = self.reciprocals;
        let (first, second) = self.fourth.divide(x);
        let fours = first | second << 32;
        let quotients = (first * by_square) >> 48 | (second * by_square) >> 48 << 32;
        let pairs = quotients | (fours - quotients * self.square) << 16;
        let even = ((pairs & PAIRS) * by_radix) >> 24 & LOW;
        let odd = ((pairs >> 16 & PAIRS) * by_radix) >> 24 & LOW;
        let quotients = even | odd << 16;
        quotients | (pairs - quotients * self.radix) << 8
    }
}

/// A half as words of eight numerals.
pub(super) trait InWords: Half {
    /// As it is.
    fn first(word: u64) -> Self;
    /// self·r⁸ + word.
    fn append(self, word: u64, words: &Words) -> Self;
    /// See [`Words::write`].
    fn write(self, words: &Words, numerals: &mut [u8], start: usize, length: usize);
}

impl InWords for u64 {
    #[inline(always)]
    fn first(word: u64) -> u64 {
        word
    }

    #[inline(always)]
    fn append(self, word: u64, words: &Words) -> u64 {
        // Wraps for no half: each has fewer numerals than the type.
        self.wrapping_mul(words.eighth as u64).wrapping_add(word)
    }

    #[inline(always)]
    fn write(self, words: &Words, numerals: &mut [u8], start: usize, length: usize) {
        let mut size = (length - 1) % 8 + 1;
        if length <= 8 {
            return store(numerals, start, size, words.format(self));
        }
        let mut each = [0; MAX_WORDS];
        let count = length.div_ceil(8);
        let mut rest = self;
        for word in each[..count].iter_mut().rev() {
            (rest, *word) = words.eights.divide(rest);
        }
        let mut at = start;
        for &word in &each[..count] {
            store(numerals, at, size, words.format(word));
            (at, size) = (at + size, 8);
        }
    }
}

/// 64 bits are at most 64 numerals.
const MAX_WORDS: usize = 8;

impl InWords for u128 {
    #[inline(always)]
    fn first(word: u64) -> u128 {
        word.into()
    }

    #[inline(always)]
    fn append(self, word: u64, words: &Words) -> u128 {
        self.wrapping_mul(words.eighth).wrapping_add(word.into())
    }

    #[inline(always)]
    fn write(self, words: &Words, numerals: &mut [u8], start: usize, length: usize) {
        let mut at = start;
        words.pieces.each(self, length, |piece, size| {
            piece.write(words, numerals, at, size);
            at += size;
        });
    }
}

/// `size` numerals from `at`, in the upper bytes.
#[inline(always)]
fn load(numerals: &[u8], at: usize, size: usize) -> u64 {
    let word = match numerals.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..size].copy_from_slice(&numerals[at..at + size]);
            u64::from_le_bytes(eight)
        }
    };
    word << (64 - 8 * size)
}

/// The upper `size` bytes of the word, at `at`; over all eight bytes there where the buffer is long enough.
#[inline(always)]
fn store(numerals: &mut [u8], at: usize, size: usize, word: u64) {
    let bytes = (word >> (64 - 8 * size)).to_le_bytes();
    match numerals.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        Some(eight) => *eight = bytes,
        None => numerals[at..at + size].copy_from_slice(&bytes[..size]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numerals of x, by the definition.
    fn numerals(mut x: u128, radix: u64, length: usize) -> Vec<u8> {
        let mut all: Vec<u8> = (0..length)
            .map(|_| {
                let numeral = (x % u128::from(radix)) as u8;
                x /= u128::from(radix);
                numeral
            })
            .collect();
        all.reverse();
        all
    }

    #[test]
    fn words_of_eight_in_every_radix() {
        for radix in 2..=256u64 {
            let words = Words::new(radix, 128);
            let greatest = u128::from(radix).pow(8) - 1;
            // Numbers at which a quotient by a power of the radix changes, and others.
            let edges = (0..8).flat_map(|e| {
                let power = u128::from(radix).pow(e);
                let many = [1, radix / 2, radix - 1, greatest as u64 / power as u64];
                many.into_iter().flat_map(move |k| {
                    let x = u128::from(k) * power;
                    [x.saturating_sub(1), x, x + 1]
                })
            });
            let others = (0..200u128).map(|i| i * (greatest / 199) + i * i);
            for x in edges.chain(others).filter(|&x| x <= greatest).chain([greatest, greatest - 1]) {
                let expected = numerals(x, radix, 8);
                assert_eq!(words.format(x as u64).to_le_bytes(), expected[..], "{x} in base {radix}");
                assert_eq!(words.parse(u64::from_le_bytes(expected.try_into().unwrap())), x as u64);
            }
        }
    }

    #[test]
    fn pairs_of_every_radix_are_divided_by_it() {
        for radix in 2..=256u64 {
            let words = Words::new(radix, 128);
            for x in 0..words.square {
                let word = words.format(x).to_be_bytes();
                assert_eq!(
                    (u64::from(word[1]), u64::from(word[0])),
                    (x / radix, x % radix),
                    "{x} in base {radix}"
                );
            }
        }
    }

    #[test]
    fn any_length_at_any_place() {
        for radix in [2u64, 3, 10, 16, 26, 36, 62, 94, 234, 235, 251, 255, 256] {
            let words = Words::new(radix, 128);
            for length in 1..=128 {
                let greatest = match u128::from(radix).checked_pow(length as u32) {
                    Some(power) => power - 1,
                    None if length as u32 * radix.ilog2() == 128 && radix.is_power_of_two() => u128::MAX,
                    None => break,
                };
                for (i, number) in
                    [0, 1, greatest, greatest / 2, greatest / 7 * 5, greatest / 1_000_003 * 999_983]
                        .into_iter()
                        .enumerate()
                {
                    let number = number.min(greatest);
                    let text = numerals(number, radix, length);
                    let pad = (length + i) % 9;
                    let input = [&vec![9; pad][..], &text, &vec![8; pad]].concat();
                    assert_eq!(words.read::<u128>(&input, pad, length), number, "{length} in base {radix}");
                    let mut out = vec![7; input.len()];
                    words.write(number, &mut out, pad, length);
                    assert_eq!(&out[..pad], &vec![7; pad]);
                    assert_eq!(&out[pad..pad + length], text, "{number} in base {radix}");
                    if greatest < 1 << 61 {
                        assert_eq!(words.read::<u64>(&input, pad, length), number as u64);
                        words.write(number as u64, &mut out, pad, length);
                        assert_eq!(&out[pad..pad + length], text, "{number} in base {radix}");
                    }
                }
            }
        }
    }
}
