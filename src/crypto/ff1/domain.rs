//! The set of strings that one FF1 permutation works on.

use crate::error::{Error, Result};

/// `{0, …, radix − 1}^length`: all strings of `length` numerals in base `radix`.
///
/// A value of this type is within the limits of FF1 and at or above a floor on its size, so nothing checks again.
///
/// # Security
/// FF1 permutes the domain and hides nothing else. When the domain is small an attacker can list it, and generic
/// attacks on the ten rounds become practical. The floor of 1,000,000 is that of the Feb 2025 draft of SP 800-38G
/// Rev. 1 (the 2016 edition only required 100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain {
    radix: u32,
    length: usize,
}

impl Domain {
    /// The least number of values in a domain.
    pub const FLOOR: u32 = 1_000_000;
    /// The least number of values under `hazmat`: the floor of SP 800-38G (2016).
    pub const HAZMAT_FLOOR: u32 = 100;
    /// The greatest radix.
    pub const MAX_RADIX: u32 = 1 << 16;
    /// The least number of numerals.
    pub const MIN_LENGTH: usize = 2;
    /// The greatest number of numerals. The standard allows 2^32 − 1, but the arithmetic is quadratic in the length.
    pub const MAX_LENGTH: usize = 4096;

    /// `2 ≤ radix ≤ 65536`, `2 ≤ length ≤ 4096`, `radix^length ≥ 1,000,000`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a radix or length that FF1 has not, [`Error::TooLong`] over the cap on the length, and
    /// [`Error::DomainTooSmall`] below the floor.
    pub fn new(radix: u32, length: usize) -> Result<Self> {
        Self::with_floor(radix, length, Self::FLOOR)
    }

    /// As [`Domain::new`], but `radix^length ≥ 100`: for test vectors and the review of old data.
    #[cfg(any(test, feature = "hazmat"))]
    pub fn hazmat(radix: u32, length: usize) -> Result<Self> {
        Self::with_floor(radix, length, Self::HAZMAT_FLOOR)
    }

    fn with_floor(radix: u32, length: usize, floor: u32) -> Result<Self> {
        if !(2..=Self::MAX_RADIX).contains(&radix) {
            return Err(Error::Setting { what: "radix", problem: format!("{radix} is not in 2..=65536") });
        }
        if length < Self::MIN_LENGTH {
            return Err(Error::Setting {
                what: "length",
                problem: format!("{length} is below the least of 2"),
            });
        }
        if length > Self::MAX_LENGTH {
            return Err(Error::TooLong { what: "length", actual: length, limit: Self::MAX_LENGTH });
        }
        // Stops at the first power that reaches the floor, which is below 2^20 · 2^16.
        let mut size = 1u64;
        for _ in 0..length {
            size *= u64::from(radix);
            if size >= u64::from(floor) {
                return Ok(Domain { radix, length });
            }
        }
        Err(Error::DomainTooSmall { values: format!("{radix}^{length}"), floor })
    }

    /// The base: numerals are `0..radix`.
    pub fn radix(self) -> u32 {
        self.radix
    }

    /// How many numerals a value has.
    pub fn length(self) -> usize {
        self.length
    }

    /// `u = ⌊n/2⌋`, the numerals of the left half.
    pub(super) fn left(self) -> usize {
        self.length / 2
    }

    /// `v = n − u`, the numerals of the right half, which is never the shorter one.
    pub(super) fn right(self) -> usize {
        self.length - self.left()
    }

    /// Whether the numeral is one of this base.
    pub(super) fn holds(self, numeral: u16) -> bool {
        u32::from(numeral) < self.radix
    }

    /// `P = [1] ‖ [2] ‖ [1] ‖ [radix]³ ‖ [10] ‖ [u mod 256] ‖ [n]⁴ ‖ [t]⁴`, step 5 of both algorithms.
    pub(super) fn first_block(self, tweak_length: usize) -> [u8; 16] {
        let [_, radix @ ..] = self.radix.to_be_bytes();
        let mut p = [0; 16];
        p[..3].copy_from_slice(&[1, 2, 1]);
        p[3..6].copy_from_slice(&radix);
        p[6] = 10;
        p[7] = (self.left() % 256) as u8;
        p[8..12].copy_from_slice(&(self.length as u32).to_be_bytes());
        p[12..].copy_from_slice(&(tweak_length as u32).to_be_bytes());
        p
    }
}
