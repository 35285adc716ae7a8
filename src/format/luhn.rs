//! The Luhn check: `Σ w(dᵢ) ≡ 0 (mod 10)`, i counted from the right, `w(d) = d` for even i, the digit sum of `2d` for odd.
//!
//! Source: ISO/IEC 7812-1, Annex B.

/// What a token's Luhn check shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luhn {
    /// Values are not checked; one token in ten passes by chance.
    Ignore,
    /// Values must pass, tokens pass.
    Keep,
    /// Values must pass, tokens fail: no token can be mistaken for a card, and no token can be tokenized again.
    Break,
}

/// The weighted digit at index `i` from the right.
pub(super) fn weighted(digit: u16, i: usize) -> u32 {
    let d = u32::from(digit);
    if i.is_multiple_of(2) { d } else { 2 * d - 9 * u32::from(d > 4) }
}

/// The digit whose weight at index `i` from the right completes `sum` to a multiple of ten.
pub(super) fn completing(sum: u32, i: usize) -> u16 {
    let missing = (10 - sum % 10) % 10;
    (0..10).find(|d| weighted(*d, i) == missing).expect("the weights are a permutation of the digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(number: &str) -> bool {
        let sum: u32 = number.bytes().rev().enumerate().map(|(i, b)| weighted((b - b'0').into(), i)).sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn known_numbers() {
        for valid in ["4111111111111111", "79927398713", "378282246310005", "0"] {
            assert!(passes(valid), "{valid}");
        }
        assert!(!passes("4111111111111112"));
    }

    #[test]
    fn one_digit_completes_at_either_parity() {
        for sum in 0..50 {
            for i in 0..2 {
                assert_eq!((sum + weighted(completing(sum, i), i)) % 10, 0);
            }
        }
    }
}
