//! `rank = (…(r₁ · n₂ + r₂) · n₃ + …)`: the rank of a text from those of its parts.

use super::natural::Natural;
use zeroize::Zeroize;

/// A rank, or how many ranks there are: [`Small`](Rank::Small) whenever 128 bits hold it.
///
/// # Security
/// A rank says as much as the value it was made from, so there is no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Rank {
    /// Below 2^128.
    Small(u128),
    /// 2^128 and more.
    Big(Natural),
}

impl From<Natural> for Rank {
    fn from(n: Natural) -> Self {
        n.to_u128().map_or(Rank::Big(n), Rank::Small)
    }
}

impl Zeroize for Rank {
    fn zeroize(&mut self) {
        match self {
            Rank::Small(n) => n.zeroize(),
            Rank::Big(n) => n.zeroize(),
        }
    }
}

impl Rank {
    /// As a number of any size.
    pub fn natural(&self) -> Natural {
        match self {
            Rank::Small(n) => Natural::from(*n),
            Rank::Big(n) => n.clone(),
        }
    }

    /// `log2`, for a number of 2^128 and more to within 1; for 0 it is negative infinity.
    pub fn log2(&self) -> f64 {
        match self {
            Rank::Small(n) => (*n as f64).log2(),
            Rank::Big(n) => n.bits() as f64,
        }
    }

    /// `self · factor + summand`.
    pub fn mul_add(&self, factor: &Rank, summand: &Rank) -> Rank {
        if let (Rank::Small(a), Rank::Small(b), Rank::Small(c)) = (self, factor, summand)
            && let Some(sum) = a.checked_mul(*b).and_then(|product| product.checked_add(*c))
        {
            return Rank::Small(sum);
        }
        self.natural().mul(&factor.natural()).add(&summand.natural()).into()
    }

    /// `(⌊self / divisor⌋, self mod divisor)`.
    ///
    /// # Panics
    /// When `divisor` is 0.
    pub fn div_rem(&self, divisor: &Rank) -> (Rank, Rank) {
        match (self, divisor) {
            (Rank::Small(a), Rank::Small(b)) => match (u64::try_from(*a), u64::try_from(*b)) {
                // Ten times as fast as with 128 bits.
                (Ok(a), Ok(b)) => (Rank::Small((a / b).into()), Rank::Small((a % b).into())),
                _ => (Rank::Small(a / b), Rank::Small(a % b)),
            },
            (Rank::Small(a), Rank::Big(_)) => (Rank::Small(0), Rank::Small(*a)),
            (Rank::Big(a), _) => {
                let (quotient, remainder) = a.div_rem(&divisor.natural());
                (quotient.into(), remainder.into())
            }
        }
    }
}
