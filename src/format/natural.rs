//! `n = Σ limb_i · 2^(64·i)`: natural numbers of any size, for ranks that 128 bits do not hold.
//!
//! The methods of the schoolbook: numbers here have a few hundred bits, seldom some ten thousand.
//!
//! # Security
//! A rank says as much as the value it was made from: limbs are wiped when dropped, and `Debug` shows the size only.
//! Time depends on the numbers.
//!
//! Source: Knuth, The Art of Computer Programming, volume 2, section 4.3.1 (algorithms A, S, M and D).

use std::cmp::Ordering;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A natural number.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Natural {
    /// Least significant first; the last one is not 0.
    limbs: Vec<u64>,
}

impl From<u128> for Natural {
    fn from(n: u128) -> Self {
        Self::new(vec![n as u64, (n >> 64) as u64])
    }
}

impl Natural {
    fn new(limbs: Vec<u64>) -> Self {
        let mut n = Self { limbs };
        n.trim();
        n
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    /// Makes room for so many limbs. Growing a vector in place would leave a copy of the old limbs behind.
    fn reserve(&mut self, limbs: usize) {
        if limbs > self.limbs.capacity() {
            let mut larger = Vec::with_capacity(limbs + 1);
            larger.extend_from_slice(&self.limbs);
            self.limbs.zeroize();
            self.limbs = larger;
        }
    }

    /// The number that the bytes spell, the most significant first: a rank at random, say.
    pub fn from_be_bytes(bytes: &[u8]) -> Self {
        let limb = |bytes: &[u8]| bytes.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        Self::new(bytes.rchunks(8).map(limb).collect())
    }

    /// The number, when it is below 2^128.
    pub fn to_u128(&self) -> Option<u128> {
        match self.limbs[..] {
            [] => Some(0),
            [low] => Some(low.into()),
            [low, high] => Some(u128::from(high) << 64 | u128::from(low)),
            _ => None,
        }
    }

    /// `⌊log2 n⌋ + 1`, or 0 for 0.
    pub fn bits(&self) -> usize {
        self.limbs.last().map_or(0, |last| self.limbs.len() * 64 - last.leading_zeros() as usize)
    }

    /// About log₂ of it.
    pub fn log2(&self) -> f64 {
        let kept = self.limbs.len().saturating_sub(2);
        let leading =
            self.limbs[kept..].iter().rev().fold(0.0, |sum, limb| sum * 2f64.powi(64) + *limb as f64);
        leading.log2() + 64.0 * kept as f64
    }

    /// About as much, or infinity.
    pub fn to_f64(&self) -> f64 {
        self.limbs.iter().rev().fold(0.0, |sum, limb| sum * 2f64.powi(64) + *limb as f64)
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// `self + other · factor`, in place.
    pub fn add_product(&mut self, other: &Natural, factor: u64) {
        let length = self.limbs.len().max(other.limbs.len()) + 1;
        self.reserve(length);
        self.limbs.resize(length, 0);
        add_product(&mut self.limbs, &other.limbs, factor);
        self.trim();
    }

    /// `self + other`.
    pub fn add(&self, other: &Natural) -> Natural {
        let mut sum = self.clone();
        sum.add_product(other, 1);
        sum
    }

    /// `self - other`, or `None` when that is negative.
    pub fn sub(&self, other: &Natural) -> Option<Natural> {
        if *self < *other {
            return None;
        }
        let mut difference = self.clone();
        let borrow = sub_product(&mut difference.limbs, &other.limbs, 1);
        debug_assert!(!borrow);
        difference.trim();
        Some(difference)
    }

    /// `self · factor`.
    pub fn mul_small(&self, factor: u64) -> Natural {
        let mut product = vec![0; self.limbs.len() + 1];
        add_product(&mut product, &self.limbs, factor);
        Self::new(product)
    }

    /// `self · other`.
    pub fn mul(&self, other: &Natural) -> Natural {
        let mut product = vec![0; self.limbs.len() + other.limbs.len() + 1];
        for (i, limb) in other.limbs.iter().enumerate() {
            add_product(&mut product[i..], &self.limbs, *limb);
        }
        Self::new(product)
    }

    /// `self^exponent`.
    pub fn pow(&self, exponent: usize) -> Natural {
        let mut power = Natural::from(1);
        for bit in (0..usize::BITS - exponent.leading_zeros()).rev() {
            power = power.mul(&power);
            if exponent >> bit & 1 == 1 {
                power = power.mul(self);
            }
        }
        power
    }

    /// `(⌊self / divisor⌋, self mod divisor)`.
    ///
    /// # Panics
    /// When `divisor` is 0.
    pub fn div_rem_small(&self, divisor: u64) -> (Natural, u64) {
        let mut quotient = self.clone();
        let remainder = quotient.div_small(divisor);
        (quotient, remainder)
    }

    /// Divides in place, and gives the remainder.
    ///
    /// # Panics
    /// When `divisor` is 0.
    pub fn div_small(&mut self, divisor: u64) -> u64 {
        let mut remainder = 0u64;
        for limb in self.limbs.iter_mut().rev() {
            let part = u128::from(remainder) << 64 | u128::from(*limb);
            *limb = (part / u128::from(divisor)) as u64;
            remainder = (part % u128::from(divisor)) as u64;
        }
        self.trim();
        remainder
    }

    /// `(⌊self / divisor⌋, self mod divisor)`.
    ///
    /// # Panics
    /// When `divisor` is 0.
    pub fn div_rem(&self, divisor: &Natural) -> (Natural, Natural) {
        let [.., top] = divisor.limbs[..] else { panic!("division by zero") };
        let n = divisor.limbs.len();
        if n == 1 {
            let (quotient, remainder) = self.div_rem_small(top);
            return (quotient, Natural::from(u128::from(remainder)));
        }
        if self < divisor {
            return (Natural::default(), self.clone());
        }
        // With the divisor's highest bit set, a quotient limb guessed from the highest limbs is at most 2 too large.
        let shift = top.leading_zeros();
        let divisor = divisor.mul_small(1 << shift);
        let mut rest = self.mul_small(1 << shift);
        rest.reserve(self.limbs.len() + 1);
        rest.limbs.resize(self.limbs.len() + 1, 0);
        let mut quotient = vec![0; self.limbs.len() - n + 1];
        let (first, second) = (u128::from(divisor.limbs[n - 1]), u128::from(divisor.limbs[n - 2]));
        for i in (0..quotient.len()).rev() {
            let part = u128::from(rest.limbs[i + n]) << 64 | u128::from(rest.limbs[i + n - 1]);
            let (mut guess, mut over) = (part / first, part % first);
            while guess >> 64 != 0 || guess * second > (over << 64 | u128::from(rest.limbs[i + n - 2])) {
                guess -= 1;
                over += first;
                if over >> 64 != 0 {
                    break;
                }
            }
            let window = &mut rest.limbs[i..=i + n];
            if sub_product(window, &divisor.limbs, guess as u64) {
                guess -= 1;
                // The carry out of this sum cancels the borrow.
                add_wrapping(window, &divisor.limbs);
            }
            quotient[i] = guess as u64;
        }
        rest.trim();
        rest.div_small(1 << shift);
        (Self::new(quotient), rest)
    }
}

/// `to += from · factor`. The sum must fit.
fn add_product(to: &mut [u64], from: &[u64], factor: u64) {
    let mut carry = 0u128;
    for (i, limb) in to.iter_mut().enumerate() {
        let product = from.get(i).map_or(0, |from| u128::from(*from) * u128::from(factor));
        if i >= from.len() && carry == 0 {
            return;
        }
        let sum = product + u128::from(*limb) + carry;
        *limb = sum as u64;
        carry = sum >> 64;
    }
    debug_assert_eq!(carry, 0);
}

/// `to -= from · factor` modulo the size of `to`. Whether the difference was negative.
fn sub_product(to: &mut [u64], from: &[u64], factor: u64) -> bool {
    let mut borrow = 0u128;
    for (i, limb) in to.iter_mut().enumerate() {
        let take = from.get(i).map_or(0, |from| u128::from(*from) * u128::from(factor)) + borrow;
        let (difference, negative) = limb.overflowing_sub(take as u64);
        *limb = difference;
        borrow = (take >> 64) + u128::from(negative);
    }
    borrow != 0
}

fn add_wrapping(to: &mut [u64], from: &[u64]) {
    let mut carry = false;
    for (limb, from) in to.iter_mut().zip(from.iter().copied().chain(std::iter::once(0))) {
        let (sum, over) = limb.overflowing_add(from);
        let (sum, again) = sum.overflowing_add(carry.into());
        *limb = sum;
        carry = over || again;
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }
}

impl fmt::Debug for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Natural({} bits)", self.bits())
    }
}

/// In decimal; `{:#}` puts a comma between groups of three digits.
impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, width) = if f.alternate() { (1000, 3) } else { (10u64.pow(19), 19) };
        let mut rest = self.clone();
        // A group of three digits is nearly ten bits.
        let count = if f.alternate() { self.bits() / 9 } else { self.limbs.len() * 64 / 63 };
        let mut groups = Zeroizing::new(Vec::with_capacity(count + 1));
        while !rest.is_zero() {
            groups.push(rest.div_small(group));
        }
        write!(f, "{}", groups.pop().unwrap_or(0))?;
        let comma = if f.alternate() { "," } else { "" };
        groups.iter().rev().try_for_each(|group| write!(f, "{comma}{group:0width$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natural(limbs: &[u64]) -> Natural {
        Natural::new(limbs.to_vec())
    }

    /// Limbs at the edges, where carries and wrong guesses of a quotient happen.
    fn any_natural() -> impl Strategy<Value = Natural> {
        let limb =
            prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(1), Just(1 << 63), Just(u64::MAX >> 1)];
        proptest::collection::vec(limb, 0..7).prop_map(Natural::new)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn small_numbers_are_as_those_of_the_machine(a: u128, b: u128, c in 1u64.., shift in 0u32..128) {
            let (a, b) = (a >> (shift / 2), b >> shift);
            let (x, y) = (Natural::from(a), Natural::from(b));
            prop_assert_eq!(x.to_u128(), Some(a));
            prop_assert_eq!(Natural::from_be_bytes(&a.to_be_bytes()), x.clone());
            prop_assert_eq!(x.bits() as u32, 128 - a.leading_zeros());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.to_string(), a.to_string());
            prop_assert_eq!(x.add(&y).to_u128(), a.checked_add(b));
            prop_assert_eq!(x.sub(&y).map(|d| d.to_u128()), a.checked_sub(b).map(Some));
            prop_assert_eq!(x.mul(&y).to_u128(), a.checked_mul(b));
            prop_assert_eq!(x.mul_small(c).to_u128(), a.checked_mul(c.into()));
            let (quotient, remainder) = x.div_rem_small(c);
            prop_assert_eq!((quotient.to_u128(), remainder), (Some(a / u128::from(c)), (a % u128::from(c)) as u64));
            if let Some(quotient_of_machine) = a.checked_div(b) {
                let (quotient, remainder) = x.div_rem(&y);
                prop_assert_eq!(quotient.to_u128(), Some(quotient_of_machine));
                prop_assert_eq!(remainder.to_u128(), Some(a % b));
            }
        }

        #[test]
        fn quotient_times_divisor_and_the_remainder_are_the_number(n in any_natural(), d in any_natural()) {
            prop_assume!(!d.is_zero());
            let (quotient, remainder) = n.div_rem(&d);
            prop_assert!(remainder < d);
            prop_assert!(quotient.mul(&d).add(&remainder) == n);
        }

        #[test]
        fn sums_and_products_follow_the_laws(a in any_natural(), b in any_natural(), c in any_natural(), f: u64) {
            prop_assert!(a.add(&b) == b.add(&a));
            prop_assert!(a.mul(&b) == b.mul(&a));
            prop_assert!(a.mul(&b.add(&c)) == a.mul(&b).add(&a.mul(&c)));
            prop_assert!(a.mul_small(f) == a.mul(&Natural::from(u128::from(f))));
            prop_assert!(a.add(&b).sub(&b) == Some(a.clone()));
            prop_assert!(a.sub(&a.add(&Natural::from(1))).is_none());
            let mut sum = a.clone();
            sum.add_product(&b, f);
            prop_assert!(sum == a.add(&b.mul_small(f)));
            let (quotient, remainder) = a.div_rem_small(f.max(1));
            prop_assert!(quotient.mul_small(f.max(1)).add(&Natural::from(u128::from(remainder))) == a);
        }
    }

    #[test]
    fn a_guess_two_too_large_and_one_that_must_be_added_back() {
        // Found by search over limbs at the edges of their range.
        for (n, d) in [
            (natural(&[0, 0, 1 << 63]), natural(&[1, 1 << 63])),
            (natural(&[0, u64::MAX - 1, 1 << 63]), natural(&[u64::MAX, 1 << 63])),
            (natural(&[3, 0, 1 << 63]), natural(&[1, 0, 1 << 61])),
            (natural(&[0, 0, 1 << 63, (1 << 63) - 1]), natural(&[1, 0, 1 << 63])),
        ] {
            let (quotient, remainder) = n.div_rem(&d);
            assert!(remainder < d && quotient.mul(&d).add(&remainder) == n);
        }
    }

    #[test]
    fn powers_and_decimals_of_known_value() {
        for (number, grouped) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_002_003, "1,002,003")] {
            assert_eq!(format!("{:#}", Natural::from(number)), grouped);
        }
        assert_eq!(Natural::from(10).pow(40).to_string(), format!("1{}", "0".repeat(40)));
        assert_eq!(Natural::from(2).pow(127).to_u128(), Some(1 << 127));
        assert_eq!(Natural::from(2).pow(200).to_string(), {
            "1606938044258990275541962092341162602522202993782792835301376"
        });
        assert_eq!(Natural::from(7).pow(0).to_u128(), Some(1));
        assert_eq!(Natural::default().to_string(), "0");
    }

    #[test]
    fn debug_shows_the_size_only() {
        assert_eq!(format!("{:?}", Natural::from(62).pow(24)), "Natural(143 bits)");
    }
}
