//! NUM and STR for halves that fit an integer: numerals to u64 or u128, and back.
//!
//! Reading is Horner's rule. Writing cuts the number into chunks of k numerals, the most with M = radix^k ≤ 2^32, by
//! Barrett's division; a chunk x < M then yields its numerals from the left without a division:
//!
//! ```text
//! f = x · ⌈2^64/M⌉                        about x/M, as a fraction of 2^64
//! numeral = ⌊f·radix / 2^64⌋,  f = f·radix mod 2^64      k times
//! ```
//!
//! **Bound.** f/2^64 = x/M + ε with 0 ≤ ε < x/2^64 < M/2^64 ≤ 1/M, as M² ≤ 2^64. The first j numerals are right when
//! ⌊radix^j·(x/M + ε)⌋ = ⌊radix^j·x/M⌋. The fraction of radix^j·x/M is a multiple of radix^j/M below 1, so at most
//! 1 − radix^j/M, and radix^j·ε < radix^j/M. And f itself is below 2^64: f ≤ (M − 1)(2^64 + M − 1)/M < 2^64, as
//! (M − 1)² < 2^64. ∎

use super::domain::Domain;
use super::pieces::Pieces;
use super::reduce::{Half, Narrow, high};

/// How the halves of one domain are read and written.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    radix: u64,
    /// k.
    chunk: usize,
    /// M.
    modulus: Narrow,
    /// ⌈2^64/M⌉.
    fraction: u64,
    /// M²: the numbers of 2k numerals fit 64 bits.
    square: u128,
    pieces: Pieces,
}

impl Digits {
    pub(super) fn new(domain: Domain) -> Self {
        let radix = u64::from(domain.radix());
        let (mut chunk, mut power) = (1, radix);
        while power * radix <= 1 << 32 {
            chunk += 1;
            power *= radix;
        }
        Digits {
            radix,
            chunk,
            modulus: Narrow::new(power),
            // ⌈2^64/M⌉ = ⌊(2^64 − 1)/M⌋ + 1.
            fraction: u64::MAX / power + 1,
            square: u128::from(power) * u128::from(power),
            pieces: Pieces::new(radix, chunk, domain.right()),
        }
    }

    /// Horner's rule, for numbers below 2^64.
    #[inline(always)]
    fn horner<D: Copy>(&self, digits: &[D], numeral: impl Fn(D) -> u64) -> u64 {
        digits.iter().fold(0, |sum, &digit| sum * self.radix + numeral(digit))
    }

    /// Writes x < radix^len, len ≤ k.
    #[inline(always)]
    fn write_chunk<D>(&self, x: u64, out: &mut [D], digit: impl Fn(u64) -> D) {
        // A short chunk is moved left to the first numerals of a whole one.
        let x = (out.len()..self.chunk).fold(x, |x, _| x * self.radix);
        let mut f = x.wrapping_mul(self.fraction);
        for slot in out {
            *slot = digit(high(f, self.radix));
            f = f.wrapping_mul(self.radix);
        }
    }
}

/// A half that can be read from numerals and written as numerals; `D` is how one numeral is spelled.
pub(super) trait Number: Half {
    /// NUM(digits).
    fn read<D: Copy>(digits: &[D], base: &Digits, numeral: impl Fn(D) -> u64) -> Self;
    /// STR(self) of `out.len()` numerals.
    fn write<D>(self, out: &mut [D], base: &Digits, digit: impl Fn(u64) -> D);
}

impl Number for u64 {
    #[inline(always)]
    fn read<D: Copy>(digits: &[D], base: &Digits, numeral: impl Fn(D) -> u64) -> u64 {
        base.horner(digits, numeral)
    }

    #[inline(always)]
    fn write<D>(self, mut out: &mut [D], base: &Digits, digit: impl Fn(u64) -> D) {
        let mut x = self;
        while out.len() > base.chunk {
            let (rest, chunk) = out.split_at_mut(out.len() - base.chunk);
            let (quotient, remainder) = base.modulus.divide(x);
            base.write_chunk(remainder, chunk, &digit);
            (x, out) = (quotient, rest);
        }
        base.write_chunk(x, out, digit);
    }
}

impl Number for u128 {
    #[inline(always)]
    fn read<D: Copy>(digits: &[D], base: &Digits, numeral: impl Fn(D) -> u64) -> u128 {
        let (first, groups) = digits.split_at(digits.len() % (2 * base.chunk));
        let first = u128::from(base.horner(first, &numeral));
        groups
            .chunks_exact(2 * base.chunk)
            .fold(first, |sum, group| sum * base.square + u128::from(base.horner(group, &numeral)))
    }

    #[inline(always)]
    fn write<D>(self, mut out: &mut [D], base: &Digits, digit: impl Fn(u64) -> D) {
        base.pieces.each(self, out.len(), |piece, size| {
            let (first, rest) = std::mem::take(&mut out).split_at_mut(size);
            piece.write(first, base, &digit);
            out = rest;
        });
    }
}
