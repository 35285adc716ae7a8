//! Decimal text to halves and back, eight digits at a time in one 64-bit word.
//!
//! In a word the first digit is the lowest byte. Fewer than eight digits are moved to the upper bytes, so that zeros
//! lead. No branch or address depends on a digit.

use super::pieces::Divisor;
use super::reduce::Half;

/// Reads `length` digits from `start`; the flag is 0 when all are digits.
#[inline(always)]
pub(super) fn read<H: Decimal>(text: &[u8], start: usize, length: usize) -> (H, u64) {
    if length <= 8 {
        let word = load(text, start, length);
        return (H::default().append(parse(word)), not_digits(word));
    }
    let mut number = H::default();
    let mut bad = 0;
    let mut at = start;
    let mut size = (length - 1) % 8 + 1;
    while at < start + length {
        let word = load(text, at, size);
        bad |= not_digits(word);
        number = number.append(parse(word));
        at += size;
        size = 8;
    }
    (number, bad)
}

/// Writes `length` digits from `start`. May also write over up to seven bytes behind them: write in ascending order.
#[inline(always)]
pub(super) fn write<H: Decimal>(number: H, text: &mut [u8], start: usize, length: usize) {
    if length <= 8 {
        store(text, start, length, format(number.wide() as u64));
        return;
    }
    let mut words = [0; MAX_WORDS];
    let count = length.div_ceil(8);
    number.split(&mut words[..count]);
    let mut at = start;
    let mut size = (length - 1) % 8 + 1;
    for &word in &words[..count] {
        store(text, at, size, format(word));
        at += size;
        size = 8;
    }
}

/// 10^8.
const WORD: u64 = 100_000_000;
/// A half below 2^128 has at most 38 digits.
const MAX_WORDS: usize = 5;
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A half as groups of eight digits.
pub(super) trait Decimal: Half {
    /// self·10^8 + eight.
    fn append(self, eight: u64) -> Self;
    /// Into groups of eight digits, the greatest first.
    fn split(self, words: &mut [u64]);
}

impl Decimal for u64 {
    #[inline(always)]
    fn append(self, eight: u64) -> u64 {
        // Wraps for no half: each has fewer digits than the type.
        self.wrapping_mul(WORD).wrapping_add(eight)
    }

    #[inline(always)]
    fn split(mut self, words: &mut [u64]) {
        for word in words.iter_mut().rev() {
            *word = self % WORD;
            self /= WORD;
        }
    }
}

impl Decimal for u128 {
    #[inline(always)]
    fn append(self, eight: u64) -> u128 {
        self.wrapping_mul(WORD.into()).wrapping_add(eight.into())
    }

    #[inline(always)]
    fn split(self, words: &mut [u64]) {
        // 16 digits at a time, the greatest first; of an odd number of words the first is alone.
        let (mut rest, mut words) = (self, words);
        let pairs = (words.len() - 1) / 2;
        for power in PAIRS[..pairs].iter().rev() {
            let (first, others) = words.split_at_mut((words.len() - 1) % 2 + 1);
            let (quotient, remainder) = power.divide(rest);
            quotient.split(first);
            (rest, words) = (remainder, others);
        }
        (rest as u64).split(words);
    }
}

/// 10^16 and 10^32.
const PAIRS: [Divisor; 2] = {
    const PAIR: u128 = WORD as u128 * WORD as u128;
    [Divisor::new(PAIR, PAIR), Divisor::new(PAIR * PAIR, PAIR)]
};

/// `size` characters from `at`, minus '0', in the upper bytes.
#[inline(always)]
fn load(text: &[u8], at: usize, size: usize) -> u64 {
    let word = match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..size].copy_from_slice(&text[at..at + size]);
            u64::from_le_bytes(eight)
        }
    };
    (word ^ ZEROS) << (64 - 8 * size)
}

/// The upper `size` bytes of the word, at `at`; over all eight bytes there where the text is long enough.
#[inline(always)]
fn store(text: &mut [u8], at: usize, size: usize, word: u64) {
    let bytes = (word >> (64 - 8 * size)).to_le_bytes();
    match text.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        Some(eight) => *eight = bytes,
        None => text[at..at + size].copy_from_slice(&bytes[..size]),
    }
}

/// 0 when each byte is below 10.
///
/// A byte of 10..=127 plus 118 sets its top bit, one above has it set. A carry into the next byte only comes from a
/// byte that is flagged already.
#[inline(always)]
fn not_digits(word: u64) -> u64 {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}

/// The number of eight bytes below 10.
#[inline(always)]
fn parse(word: u64) -> u64 {
    // Even bytes become pairs 10·d₀ + d₁ ≤ 99.
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    // The upper half of each product gathers 10^6·p₀ + 10^2·p₂, and 10^4·p₁ + p₃.
    let outer = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 | 1_000_000 << 32);
    let inner = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 | 10_000 << 32);
    outer.wrapping_add(inner) >> 32
}

/// The eight ASCII digits of a number below 10^8.
///
/// Each division is a multiplication by a rounded-up reciprocal c/2^k with an error of e = c − 2^k/n. It is exact when
/// x·e/2^k < 1/n: for x < 10^8 and n = 10^4, 10^8·0.23/2^40 < 10^−4; for x < 10^4 and n = 100, 10^4·0.25/2^20 < 10^−2;
/// for x < 100 and n = 10, 100·0.6/2^10 < 10^−1. No product leaves its lane of 32 or 16 bits.
#[inline(always)]
fn format(x: u64) -> u64 {
    let fours = x.wrapping_mul(109_951_163) >> 40;
    let fours = fours | (x.wrapping_sub(fours.wrapping_mul(10_000))) << 32;
    let twos = fours.wrapping_mul(10_486) >> 20 & 0x0000_007f_0000_007f;
    let twos = twos | (fours.wrapping_sub(twos.wrapping_mul(100))) << 16;
    let ones = twos.wrapping_mul(103) >> 10 & 0x000f_000f_000f_000f;
    (ones | (twos.wrapping_sub(ones.wrapping_mul(10))) << 8) | ZEROS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> impl Iterator<Item = u64> {
        (0..WORD)
            .step_by(9_973)
            .chain((0..8).flat_map(|k| [10u64.pow(k) - 1, 10u64.pow(k)]))
            .chain([WORD - 1])
    }

    #[test]
    fn eight_digits_are_read_and_written() {
        for x in numbers() {
            let text = std::format!("{x:08}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            assert_eq!(format(x), word, "{x}");
            assert_eq!(parse(word ^ ZEROS), x);
            assert_eq!(not_digits(word ^ ZEROS), 0);
        }
    }

    #[test]
    fn every_other_byte_is_refused_in_every_place() {
        for place in 0..8 {
            for byte in 0..=255u8 {
                let mut text = *b"90909090";
                text[place] = byte;
                let flag = not_digits(u64::from_le_bytes(text) ^ ZEROS);
                assert_eq!(flag == 0, byte.is_ascii_digit(), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn any_length_at_any_place() {
        for length in 1..=38 {
            let number = (0..length).fold(0u128, |x, i| x * 10 + (7 * i as u128 + 3) % 10);
            let text = std::format!("{number:0length$}");
            for pad in 0..9 {
                let input = ["x".repeat(pad), text.clone(), "y".repeat(pad)].concat();
                assert_eq!(read::<u128>(input.as_bytes(), pad, length), (number, 0));
                let mut out = vec![b'-'; input.len()];
                write(number, &mut out, pad, length);
                assert_eq!(&out[..pad], &vec![b'-'; pad]);
                assert_eq!(&out[pad..pad + length], text.as_bytes());
                if let (Ok(small), 1..=18) = (u64::try_from(number), length) {
                    assert_eq!(read::<u64>(input.as_bytes(), pad, length), (small, 0));
                    write(small, &mut out, pad, length);
                    assert_eq!(&out[pad..pad + length], text.as_bytes());
                }
            }
        }
    }
}
