//! Integers of up to 128 bits in pieces of 64, without a branch or a division that depends on them.
//!
//! ```text
//! D = radix^k, the greatest with D ≤ 2^64 for k a multiple of the caller's      so D > 2^32
//! x = x₃·D³ + x₂·D² + x₁·D + x₀                                                 each below D
//! ```
//!
//! From the greatest: xᵢ = ⌊x/Dⁱ⌋, and the remainder goes on. Each quotient is below D.

use super::reduce::{high, reciprocal};

/// The powers of D.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    /// k, the numerals of a piece.
    numerals: usize,
    /// D, D², D³, as far as they are used.
    powers: [Divisor; 3],
}

impl Pieces {
    /// Pieces of a multiple of `unit` numerals, for radix^unit ≤ 2^64, of numbers of up to `length` numerals.
    pub(super) fn new(radix: u64, unit: usize, length: usize) -> Self {
        let step = u128::from(radix).pow(unit as u32);
        let (mut numerals, mut d) = (unit, step);
        while let Some(more) = d.checked_mul(step).filter(|&more| more <= 1 << 64) {
            (numerals, d) = (numerals + unit, more);
        }
        let used = length.saturating_sub(1) / numerals;
        let powers = [1, 2, 3].map(|i| match d.checked_pow(i) {
            Some(power) if i as usize <= used => Divisor::new(power, d),
            _ => Divisor::UNUSED,
        });
        Pieces { numerals, powers }
    }

    /// Each piece of x < radix^length and the number of its numerals, the greatest piece first. Only that one may have
    /// fewer than k. The length is not above that of `new`.
    #[inline(always)]
    pub(super) fn each(&self, mut x: u128, length: usize, mut piece: impl FnMut(u64, usize)) {
        let mut size = (length - 1) % self.numerals + 1;
        // At most 3, as D^4 > 2^128.
        let whole = (length - size) / self.numerals;
        for power in self.powers[..whole].iter().rev() {
            let (quotient, remainder) = power.divide(x);
            piece(quotient, size);
            (x, size) = (remainder, self.numerals);
        }
        piece(x as u64, size);
    }
}

/// ⌊x/m⌋ and x mod m for x < m·D, 2^32 < m < 2^128, D ≤ 2^64.
///
/// The scheme of [`super::reduce`] with t = ⌊x/2^s⌋, which must be below 2^64. It is where D ≤ 2^63, as
/// t < m·D/2^s < 2D; where s ≥ 64; and where m = 2^s, as t < D then. Else `tall` is set, and m·2^63, which is below
/// 2^127, is subtracted first where x is not less: then x < m·2^63 and t < 2^64.
///
/// For m = 2^s, µ = 2^64 − 1 makes q = t or t − 1. So q is short of the quotient by at most 2 in any case.
#[derive(Clone, Copy)]
pub(super) struct Divisor {
    m: u128,
    mu: u64,
    s: u32,
    tall: bool,
}

impl Divisor {
    const UNUSED: Self = Divisor { m: 1, mu: 0, s: 0, tall: false };

    pub(super) const fn new(m: u128, d: u128) -> Self {
        if m.is_power_of_two() {
            return Divisor { m, mu: u64::MAX, s: m.ilog2(), tall: false };
        }
        let (mu, s) = reciprocal(m);
        Divisor { m, mu, s, tall: s < 64 && d > 1 << 63 }
    }

    #[inline(always)]
    pub(super) fn divide(&self, x: u128) -> (u64, u128) {
        let (mut q, mut x) = (0, x);
        if self.tall {
            (q, x) = subtract_if_less(q, x, 1 << 63, self.m << 63);
        }
        let estimate = high((x >> self.s) as u64, self.mu);
        let r = x - u128::from(estimate) * self.m;
        let (q, r) = subtract_if_less(q + estimate, r, 1, self.m);
        subtract_if_less(q, r, 1, self.m)
    }
}

/// (q + step, x − m) where m ≤ x, else (q, x).
#[inline(always)]
fn subtract_if_less(q: u64, x: u128, step: u64, m: u128) -> (u64, u128) {
    let (difference, less) = x.overflowing_sub(m);
    let keep = u64::from(less).wrapping_neg();
    let wide = u128::from(keep) << 64 | u128::from(keep);
    (q + (step & !keep), (x & wide) | (difference & !wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_quotients_and_remainders() {
        let mut tall = 0;
        for radix in (2..=300u32).chain([1000, 4093, 4096, 65521, 65535, 65536]) {
            for unit in [1, 2, 4, 8] {
                if u128::from(radix).checked_pow(unit).is_none_or(|step| step > 1 << 64) {
                    continue;
                }
                let pieces = Pieces::new(radix.into(), unit as usize, 128);
                tall += usize::from(pieces.powers[0].tall);
                let d = u128::from(radix).pow(pieces.numerals as u32);
                assert!(d > 1 << 32 && d <= 1 << 64);
                for length in 1..=128 {
                    let greatest = match u128::from(radix).checked_pow(length) {
                        Some(power) => power - 1,
                        None if radix.is_power_of_two() && radix.ilog2() * length == 128 => u128::MAX,
                        None => break,
                    };
                    let near = (0..4).filter_map(|i| d.checked_pow(i)).flat_map(|power| {
                        let many = (greatest / power).saturating_mul(power);
                        [power - 1, power, power.saturating_add(1), many.saturating_sub(1), many]
                    });
                    let spread = (1..9u128).map(|i| greatest / 9 * i + i * 0x1234_5678_9ABC);
                    let top = [greatest, greatest / 2, greatest / 2 + 1, (greatest >> 64) << 64];
                    for x in near.chain(spread).chain(top).filter(|&x| x <= greatest) {
                        let mut all = vec![];
                        pieces.each(x, length as usize, |piece, size| all.push((piece, size)));
                        assert_eq!(all.iter().map(|(_, size)| size).sum::<usize>(), length as usize);
                        let mut rest = x;
                        for (piece, size) in all.into_iter().rev() {
                            assert!(size <= pieces.numerals);
                            assert_eq!(u128::from(piece), rest % d, "{x} in base {radix}");
                            rest /= d;
                        }
                        assert_eq!(rest, 0);
                    }
                }
            }
        }
        assert!(tall > 20);
    }
}
