//! `rank ∈ 0..size ↔ n numerals in base r, rⁿ ≥ size`: a space of values as FF1 permutes it.
//!
//! Strings over one alphabet are their own numerals: `r` is the alphabet's size, `n` the string's length, and `rⁿ = size`.
//! Any other space has its size, and
//!
//! ```text
//! n = 2, 4 or 8 for sizes up to 2^32, 2^64, 2^128;  above, the even n with 16·n ≥ the bits of size − 1
//! r = ⌈size^(1/n)⌉
//! ```
//!
//! so that the halves of FF1 are alike and rⁿ is hardly more than the size. FF1 is run until it comes to rest below the
//! size (cycle walking): once, but for about n/r of the values.
//!
//! Source: NIST SP 800-38G; cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.

use super::natural::Natural;
use super::rank::Rank;
use crate::error::{Error, Result};
use zeroize::Zeroize;

/// The FF1 floor.
pub(super) const FLOOR: u32 = 1_000_000;
/// Bits of the largest space of ranks: the arithmetic is quadratic.
pub(super) const MOST_BITS: usize = 8192;

/// Which space a text belongs to, and what else writing one needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(super) space: Space,
    /// The kept digits' share of the Luhn sum.
    pub(super) kept_sum: u32,
    /// How many characters are kept in front.
    pub(super) kept_first: u32,
    /// Whether it was read by a short way, and can be written by one.
    pub(super) is_plain: bool,
}

impl Reading {
    /// Refuses a space that is too small for FF1.
    #[inline]
    pub(crate) fn check_floor(&self) -> Result<()> {
        self.space.check_floor()
    }

    /// FF1's radix.
    pub(crate) fn radix(&self) -> u32 {
        self.space.radix
    }

    /// How many numerals FF1 works on.
    pub(crate) fn length(&self) -> usize {
        self.space.length as usize
    }
}

impl From<Space> for Reading {
    fn from(space: Space) -> Self {
        Reading { space, kept_sum: 0, kept_first: 0, is_plain: false }
    }
}

/// A set of values that FF1 permutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) radix: u32,
    pub(super) length: u32,
    pub(super) limit: Limit,
}

/// Which of the radix^length strings of numerals are ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    All,
    Below(u128),
    /// Those below a size of more than 128 bits, which is with the format.
    BelowBig,
}

/// Arithmetic of ranks and sizes: 128 bits where they are enough, and any number of them otherwise.
pub(super) trait Whole: Clone + Ord {
    fn from_small(number: u64) -> Self;
    fn add(&mut self, other: &Self);
    /// For `other ≤ self`.
    fn sub(&mut self, other: &Self);
    fn mul_small(&mut self, factor: u64);
    /// Divides, and returns the remainder.
    fn div_rem_small(&mut self, divisor: u64) -> u64;
    fn wipe(&mut self);
}

impl Whole for u128 {
    fn from_small(number: u64) -> Self {
        number.into()
    }

    fn add(&mut self, other: &Self) {
        *self += other;
    }

    fn sub(&mut self, other: &Self) {
        *self -= other;
    }

    fn mul_small(&mut self, factor: u64) {
        *self *= u128::from(factor);
    }

    fn div_rem_small(&mut self, divisor: u64) -> u64 {
        if let Ok(small) = u64::try_from(*self) {
            *self = (small / divisor).into();
            return small % divisor;
        }
        let remainder = *self % u128::from(divisor);
        *self /= u128::from(divisor);
        remainder as u64
    }

    fn wipe(&mut self) {
        self.zeroize();
    }
}

impl Whole for Natural {
    fn from_small(number: u64) -> Self {
        Natural::from(u128::from(number))
    }

    fn add(&mut self, other: &Self) {
        self.add_product(other, 1);
    }

    fn sub(&mut self, other: &Self) {
        *self = Natural::sub(self, other).expect("the other is not more");
    }

    fn mul_small(&mut self, factor: u64) {
        *self = Natural::mul_small(self, factor);
    }

    fn div_rem_small(&mut self, divisor: u64) -> u64 {
        self.div_small(divisor)
    }

    fn wipe(&mut self) {}
}

impl Space {
    /// All strings of this length over an alphabet of this size.
    #[inline]
    pub(super) fn of_strings(radix: u32, length: usize) -> Self {
        Space { radix, length: length as u32, limit: Limit::All }
    }

    /// # Errors
    /// [`Error::DomainTooSmall`], with the number of values.
    #[inline]
    pub(super) fn check_floor(&self) -> Result<()> {
        let mut size = 1u32;
        for _ in 0..self.length {
            size = size.saturating_mul(self.radix);
            if size >= FLOOR {
                break;
            }
        }
        let values = match self.limit {
            Limit::Below(size) if size < FLOOR.into() => size.to_string(),
            Limit::All if size < FLOOR => format!("{}^{}", self.radix, self.length),
            _ => return Ok(()),
        };
        Err(Error::DomainTooSmall { values, floor: FLOOR })
    }

    /// The ranks below this size, which is not 0.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 8,192 bits.
    pub(super) fn of_size(size: &Rank) -> Result<Self> {
        match size {
            Rank::Small(size) => Ok(Self::of_small(*size)),
            Rank::Big(size) if size.bits() > MOST_BITS => {
                let what = "size of a value, in bits,";
                Err(Error::TooLong { what, actual: size.bits(), limit: MOST_BITS })
            }
            Rank::Big(size) => Ok(Self::of_big(size)),
        }
    }

    /// The ranks below this size, which is not 0.
    pub(super) fn of_small(size: u128) -> Self {
        let doublings = match 128 - (size.max(1) - 1).leading_zeros() {
            0..=32 => 1,
            33..=64 => 2,
            _ => 3,
        };
        let radix = (0..doublings).fold(size, |x, _| ceil_sqrt(x)).max(2);
        let length = 1u32 << doublings;
        match radix.checked_pow(length) == Some(size) {
            true => Space { radix: radix as u32, length, limit: Limit::All },
            false => Space { radix: radix as u32, length, limit: Limit::Below(size) },
        }
    }

    fn of_big(size: &Natural) -> Self {
        let bits = size.sub(&Natural::from(1)).map_or(0, |most| most.bits());
        let length = 2 * bits.div_ceil(32);
        let reaches = |radix: u64| Natural::from(u128::from(radix)).pow(length) >= *size;
        let (mut low, mut high) = (1u64, 1 << 16);
        while low + 1 < high {
            let middle = (low + high) / 2;
            if reaches(middle) { high = middle } else { low = middle }
        }
        Space { radix: high as u32, length: length as u32, limit: Limit::BelowBig }
    }

    /// Whether the numerals are a rank; for [`Limit::BelowBig`] the caller has to compare.
    #[inline]
    pub(super) fn holds(&self, numerals: &[u16]) -> bool {
        match self.limit {
            Limit::Below(size) => self.small_rank(numerals) < size,
            Limit::All | Limit::BelowBig => true,
        }
    }

    /// Appends the numerals of a rank.
    pub(super) fn spell(&self, rank: &Rank, numerals: &mut Vec<u16>) {
        let start = numerals.len();
        let length = self.length as usize;
        numerals.resize(start + length, 0);
        let out = &mut numerals[start..];
        let radix = u64::from(self.radix);
        match rank {
            Rank::Small(rank) => match length {
                // r^4 ≤ 2^64, and 2^64 itself only where nothing is above it.
                5.. if radix < 1 << 16 => {
                    let (mut rest, square) = (*rank, u128::from(radix.pow(4)));
                    for four in out.rchunks_mut(4) {
                        spell_small((rest % square) as u64, radix, four);
                        rest /= square;
                    }
                }
                5.. => {
                    let mut rest = *rank;
                    for numeral in out.iter_mut().rev() {
                        *numeral = rest as u16;
                        rest >>= 16;
                    }
                }
                _ => spell_small(*rank as u64, radix, out),
            },
            Rank::Big(rank) => {
                let mut rest = rank.clone();
                for numeral in out.iter_mut().rev() {
                    *numeral = rest.div_small(radix) as u16;
                }
            }
        }
    }

    /// The rank that the numerals spell.
    pub(super) fn rank(&self, numerals: &[u16]) -> Rank {
        match self.is_small() {
            false => {
                let next = |rank: Natural, numeral: &u16| {
                    rank.mul_small(self.radix.into()).add(&Natural::from(u128::from(*numeral)))
                };
                numerals.iter().fold(Natural::from(0), next).into()
            }
            true => Rank::Small(self.small_rank(numerals)),
        }
    }

    /// Whether every rank fits 128 bits.
    fn is_small(&self) -> bool {
        match self.limit {
            Limit::Below(_) => true,
            Limit::BelowBig => false,
            Limit::All => {
                let size = u128::from(self.radix).checked_pow(self.length);
                size.is_some() || (self.radix == 1 << 16 && self.length == 8)
            }
        }
    }

    /// How many ranks; `None` where that is with the format.
    pub(super) fn size(&self) -> Option<Natural> {
        match self.limit {
            Limit::Below(size) => Some(Natural::from(size)),
            Limit::BelowBig => None,
            Limit::All => Some(Natural::from(u128::from(self.radix)).pow(self.length as usize)),
        }
    }

    /// For numerals that spell no more than 128 bits.
    #[inline]
    pub(super) fn small_rank(&self, numerals: &[u16]) -> u128 {
        let radix = u64::from(self.radix);
        let horner = |part: &[u16]| {
            part.iter().fold(0u64, |sum, numeral| sum.wrapping_mul(radix).wrapping_add(u64::from(*numeral)))
        };
        match numerals.len() {
            0..=4 => horner(numerals).into(),
            _ => numerals.iter().fold(0u128, |sum, numeral| {
                sum.wrapping_mul(radix.into()).wrapping_add(u128::from(*numeral))
            }),
        }
    }
}

fn spell_small(mut rest: u64, radix: u64, out: &mut [u16]) {
    for numeral in out.iter_mut().rev() {
        *numeral = (rest % radix) as u16;
        rest /= radix;
    }
}

fn ceil_sqrt(x: u128) -> u128 {
    // Roots of 64 bits are several times as fast.
    let root = u64::try_from(x).map_or_else(|_| x.isqrt(), |x| x.isqrt().into());
    root + u128::from(root * root < x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn space(size: &Natural) -> Space {
        let size = size.to_u128().map_or_else(|| Rank::Big(size.clone()), Rank::Small);
        Space::of_size(&size).unwrap()
    }

    // SPEC: RANK-1
    #[test]
    fn the_radix_is_the_least_that_reaches_the_size() {
        let powers = (1..300).flat_map(|bits| [-1i128, 0, 1].map(|d| (bits, d)));
        for (bits, difference) in powers {
            let power = Natural::from(2).pow(bits);
            let size = match difference {
                -1 => power.sub(&Natural::from(1)).unwrap(),
                d => power.add(&Natural::from(d as u128)),
            };
            let space = space(&size);
            let reaches = |radix: u32| Natural::from(u128::from(radix)).pow(space.length as usize) >= size;
            assert!(
                reaches(space.radix) && (space.radix == 2 || !reaches(space.radix - 1)),
                "{bits} {difference}"
            );
            assert!(space.radix <= 1 << 16);
            let most = size.sub(&Natural::from(1)).unwrap().bits();
            let expected = match most {
                0..=32 => 2,
                33..=64 => 4,
                65..=128 => 8,
                _ => 2 * most.div_ceil(32),
            };
            assert_eq!(space.length as usize, expected, "{bits} {difference}");
        }
    }

    // SPEC: RANK-3
    #[test]
    fn spaces_have_a_floor_and_a_cap() {
        let small = Space::of_small(999_999).check_floor().unwrap_err().to_string();
        assert!(small.contains("999999") && small.contains("1000000"), "{small}");
        Space::of_small(1_000_000).check_floor().unwrap();
        assert!(Space::of_strings(10, 5).check_floor().unwrap_err().to_string().contains("10^5"));
        Space::of_strings(10, 6).check_floor().unwrap();
        assert!(matches!(Space::of_size(&Rank::Big(Natural::from(2).pow(8192))), Err(Error::TooLong { .. })));
        Space::of_size(&Rank::Big(Natural::from(2).pow(8191))).unwrap().check_floor().unwrap();
    }

    proptest! {
        // SPEC: RANK-1
        #[test]
        fn numerals_spell_the_rank(size in 1u128.., shift in 0u32..128, at in any::<u128>()) {
            let size = (size >> shift).max(1);
            let (space, rank) = (Space::of_small(size), at % size);
            let mut numerals = vec![7];
            space.spell(&Rank::Small(rank), &mut numerals);
            prop_assert!(numerals[1..].iter().all(|n| u32::from(*n) < space.radix));
            prop_assert_eq!(numerals.len() as u32, 1 + space.length);
            let first = numerals[1..].iter().fold(0u128, |sum, n| {
                sum.wrapping_mul(space.radix.into()).wrapping_add(u128::from(*n))
            });
            prop_assert_eq!(first, rank);
            prop_assert_eq!(space.small_rank(&numerals[1..]), rank);
            prop_assert!(space.holds(&numerals[1..]));
        }

        #[test]
        fn numerals_of_long_ranks_come_back(bits in 129usize..2000, digits in prop::collection::vec(any::<u64>(), 40)) {
            let size = Natural::from(2).pow(bits);
            let rank = digits.iter().fold(Natural::from(0), |n, digit| {
                n.mul_small(u64::MAX).add(&Natural::from(u128::from(*digit)))
            });
            let (_, rank) = rank.div_rem(&size);
            let (space, mut numerals) = (space(&size), vec![]);
            let rank = Rank::from(rank);
            space.spell(&rank, &mut numerals);
            prop_assert!(space.rank(&numerals) == rank);
        }
    }

    // SPEC: RANK-2
    #[test]
    fn numerals_at_or_above_the_size_are_not_held() {
        let space = Space::of_small(1_000_001);
        let numerals = |rank: u32| [(rank / space.radix) as u16, (rank % space.radix) as u16];
        assert!(space.holds(&numerals(1_000_000)));
        assert!(!space.holds(&numerals(1_000_001)));
        assert!(!space.holds(&[space.radix as u16 - 1; 2]));
    }
}
