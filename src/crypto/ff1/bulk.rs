//! Many values: from the caller's buffer to halves, through the rounds, and back, a group of lanes at a time.

use std::fmt;
use std::ops::Range;

use super::alphabet::AsciiAlphabet;
use super::decimal::{self, Decimal};
use super::digits::{Digits, Number};
use super::domain::Domain;
use super::lanes::{Constants, LANES, Rounds};
use super::numeral::Aes;
use super::reduce::{Modulus, Narrow};
use super::words::{InWords, Words};
use crate::error::Error;

/// Why a bulk call did nothing, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkError {
    /// The first record that cannot be taken. The caller may set it aside and go on.
    Record {
        /// Counted from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The buffers do not go with the plan.
    Shape(&'static str),
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BulkError::Record { index, problem } => write!(f, "value {index} (from 0) {problem}"),
            BulkError::Shape(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for BulkError {}

impl From<BulkError> for Error {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::Record { problem, .. } => Error::Value { problem },
            BulkError::Shape(problem) => Error::Setting { what: "columns", problem: problem.into() },
        }
    }
}

pub(super) const FOREIGN_CHARACTER: &str = "has a character that is not in the alphabet";

/// Where values come from and results go. Results are stored in ascending order.
pub(super) trait Records<H> {
    /// How many.
    fn count(&self) -> usize;
    /// Makes these values ready for `load`; whether they are values of the domain, as far as that shows here.
    #[inline(always)]
    fn open(&mut self, _values: Range<usize>) -> bool {
        true
    }
    /// The halves of value j, or 0 and whatever, and whether it is a value of the domain.
    fn load(&self, j: usize) -> (H, H, bool);
    /// The result for value j.
    fn store(&mut self, j: usize, left: H, right: H);
    /// Finishes these results, which have been stored.
    #[inline(always)]
    fn close(&mut self, _values: Range<usize>) {}
    /// Whether value j is one of the domain.
    fn holds(&self, j: usize) -> bool {
        self.load(j).2
    }
}

/// The round constants of values.
pub(super) trait Tweaks {
    /// Those of one group.
    type Constants<'a>: Constants
    where
        Self: 'a;
    /// Those of these values, which are at most [`LANES`].
    fn constants(&mut self, values: Range<usize>) -> Self::Constants<'_>;
}

impl Tweaks for &[u128; 10] {
    type Constants<'a>
        = &'a [u128; 10]
    where
        Self: 'a;

    #[inline(always)]
    fn constants(&mut self, _: Range<usize>) -> &[u128; 10] {
        self
    }
}

/// How many values the kernels of `arch` have in a vector.
pub(super) const VECTOR: usize = 8;

/// What the kernels XOR to the inputs of the rounds of each value, beside the constants.
pub(super) trait Bases {
    /// Those of these values, and whatever in the rest of the last vector; `None` where there are none.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "there are no kernels"))]
    fn of(&mut self, values: Range<usize>) -> Option<&[[[u8; 16]; VECTOR]]>;
}

/// For one tweak.
pub(super) struct NoBases;

impl Bases for NoBases {
    #[inline(always)]
    fn of(&mut self, _: Range<usize>) -> Option<&[[[u8; 16]; VECTOR]]> {
        None
    }
}

/// Every record through the rounds; stops before the group of the first that cannot be taken.
pub(super) fn run<C: Aes, M: Modulus, R: Records<M::Half>, const ENCRYPT: bool>(
    cipher: &C,
    rounds: Rounds<'_, M>,
    records: R,
) -> Result<(), BulkError> {
    run_tweaked::<C, M, _, R, ENCRYPT>(cipher, rounds.moduli, rounds.constants, records)
}

/// As [`run`], where the tweaks may differ.
pub(super) fn run_tweaked<C: Aes, M: Modulus, T: Tweaks, R: Records<M::Half>, const ENCRYPT: bool>(
    cipher: &C,
    moduli: &[M; 2],
    mut tweaks: T,
    mut records: R,
) -> Result<(), BulkError> {
    let count = records.count();
    if count == 1 {
        let constants = tweaks.constants(0..1);
        let opened = records.open(0..1);
        let (left, right, good) = records.load(0);
        if !(opened & good) {
            return Err(BulkError::Record { index: 0, problem: FOREIGN_CHARACTER });
        }
        let (left, right) = Rounds { constants, moduli }.one::<C, ENCRYPT>(cipher, left, right);
        records.store(0, left, right);
        records.close(0..1);
        return Ok(());
    }
    let (mut left, mut right) = ([M::Half::default(); LANES], [M::Half::default(); LANES]);
    let mut start = 0;
    while start < count {
        let lanes = LANES.min(count - start);
        let constants = tweaks.constants(start..start + lanes);
        let mut all_good = records.open(start..start + lanes);
        for (j, (left, right)) in left.iter_mut().zip(&mut right).take(lanes).enumerate() {
            let good;
            (*left, *right, good) = records.load(start + j);
            all_good &= good;
        }
        if !all_good {
            let index = (start..start + lanes).find(|&j| !records.holds(j)).unwrap_or(start);
            return Err(BulkError::Record { index, problem: FOREIGN_CHARACTER });
        }
        let (left, right) = (&mut left[..lanes], &mut right[..lanes]);
        Rounds { constants, moduli }.many::<C, ENCRYPT>(cipher, left, right);
        for (j, (&left, &right)) in left.iter().zip(&*right).enumerate() {
            records.store(start + j, left, right);
        }
        records.close(start..start + lanes);
        start += lanes;
    }
    Ok(())
}

/// Numerals, in place. They have been checked.
pub(super) struct Columns<'a> {
    pub(super) numerals: &'a mut [u16],
    pub(super) domain: Domain,
    pub(super) digits: &'a Digits,
}

impl<H: Number> Records<H> for Columns<'_> {
    fn count(&self) -> usize {
        self.numerals.len() / self.domain.length()
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (H, H, bool) {
        let n = self.domain.length();
        let (left, right) = self.numerals[j * n..(j + 1) * n].split_at(self.domain.left());
        (H::read(left, self.digits, u64::from), H::read(right, self.digits, u64::from), true)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: H, right: H) {
        let n = self.domain.length();
        let (to_left, to_right) = self.numerals[j * n..(j + 1) * n].split_at_mut(self.domain.left());
        left.write(to_left, self.digits, |numeral| numeral as u16);
        right.write(to_right, self.digits, |numeral| numeral as u16);
    }
}

/// Text in any alphabet. While a group is worked on, its numerals are in `out`.
pub(super) struct Text<'a> {
    pub(super) alphabet: &'a AsciiAlphabet,
    pub(super) input: &'a [u8],
    pub(super) out: &'a mut [u8],
    pub(super) domain: Domain,
    pub(super) words: &'a Words,
}

impl Text<'_> {
    fn bytes(&self, values: Range<usize>) -> Range<usize> {
        values.start * self.domain.length()..values.end * self.domain.length()
    }
}

impl<H: InWords> Records<H> for Text<'_> {
    fn count(&self) -> usize {
        self.input.len() / self.domain.length()
    }

    #[inline(always)]
    fn open(&mut self, values: Range<usize>) -> bool {
        let bytes = self.bytes(values);
        let numerals = &mut self.out[bytes.clone()];
        numerals.copy_from_slice(&self.input[bytes]);
        let good = self.alphabet.read(numerals);
        if !good {
            // The good ones are plaintext.
            numerals.fill(0);
        }
        good
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (H, H, bool) {
        let (start, u, v) = (j * self.domain.length(), self.domain.left(), self.domain.right());
        (self.words.read(self.out, start, u), self.words.read(self.out, start + u, v), true)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: H, right: H) {
        let (start, u, v) = (j * self.domain.length(), self.domain.left(), self.domain.right());
        self.words.write(left, self.out, start, u);
        self.words.write(right, self.out, start + u, v);
    }

    #[inline(always)]
    fn close(&mut self, values: Range<usize>) {
        let bytes = self.bytes(values);
        self.alphabet.write(&mut self.out[bytes]);
    }

    fn holds(&self, j: usize) -> bool {
        self.alphabet.holds(&self.input[self.bytes(j..j + 1)])
    }
}

/// Text of decimal digits.
pub(super) struct DecimalText<'a> {
    pub(super) input: &'a [u8],
    pub(super) out: &'a mut [u8],
    pub(super) domain: Domain,
}

impl<H: Decimal> Records<H> for DecimalText<'_> {
    fn count(&self) -> usize {
        self.input.len() / self.domain.length()
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (H, H, bool) {
        let (start, u, v) = (j * self.domain.length(), self.domain.left(), self.domain.right());
        let (left, bad_left) = decimal::read(self.input, start, u);
        let (right, bad_right) = decimal::read(self.input, start + u, v);
        (left, right, bad_left | bad_right == 0)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: H, right: H) {
        let (start, u, v) = (j * self.domain.length(), self.domain.left(), self.domain.right());
        decimal::write(left, self.out, start, u);
        decimal::write(right, self.out, start + u, v);
    }
}

/// Text of at most eight decimal digits: one word holds both halves.
pub(super) struct EightDigits<'a> {
    pub(super) input: &'a [u8],
    pub(super) out: &'a mut [u8],
    pub(super) domain: Domain,
    /// 10^v.
    pub(super) right: Narrow,
}

impl Records<u64> for EightDigits<'_> {
    fn count(&self) -> usize {
        self.input.len() / self.domain.length()
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (u64, u64, bool) {
        let n = self.domain.length();
        let (number, bad) = decimal::read::<u64>(self.input, j * n, n);
        let (left, right) = self.right.divide(number);
        (left, right, bad == 0)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: u64, right: u64) {
        let n = self.domain.length();
        decimal::write(left * self.right.modulus() + right, self.out, j * n, n);
    }
}

/// Text of 16 decimal digits, the length of most card numbers: each half is one word.
pub(super) struct SixteenDigits<'a> {
    pub(super) input: &'a [[u8; 16]],
    pub(super) out: &'a mut [[u8; 16]],
}

impl<H: Decimal> Records<H> for SixteenDigits<'_> {
    fn count(&self) -> usize {
        self.input.len()
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (H, H, bool) {
        let (left, bad_left) = decimal::read(&self.input[j], 0, 8);
        let (right, bad_right) = decimal::read(&self.input[j], 8, 8);
        (left, right, bad_left | bad_right == 0)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: H, right: H) {
        decimal::write(left, &mut self.out[j], 0, 8);
        decimal::write(right, &mut self.out[j], 8, 8);
    }
}
