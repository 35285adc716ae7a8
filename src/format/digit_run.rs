//! Values of decimal digits, eight at a time: the fast form of [`run`](super::run) for columns.
//!
//! ```text
//! "4111 11|06 0217| 1111"   compact   4111110602171111   middle   060217   Luhn sum   Σ w(dᵢ) from the right
//! ```
//!
//! It takes what is usual: at most 24 digits, of which at most 20 take part, with ASCII separators. What it does not take
//! or would refuse it leaves to the slow form, which knows the reasons; and the slow form is its oracle.

use super::luhn::{self, Luhn};
use super::run::{KeepFirst, Run};
use super::shape::Side;
use std::ops::Range;
use zeroize::Zeroizing;

/// How a column's values are read.
pub(crate) struct DigitRun {
    first: usize,
    last: usize,
    luhn: Luhn,
    shortest: usize,
    longest: usize,
    /// Whether each byte is a separator.
    separators: [bool; 256],
}

/// A value of digits, read.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// The other digits' share of the Luhn sum.
    kept_sum: u8,
    separated: Separated,
}

/// Where separators are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separated {
    Nowhere,
    /// Between four groups of four digits.
    InFours,
    Anywhere,
}

/// The most digits of a value, and room for whole words.
const MOST: usize = 24;
/// The most digits that take part.
pub(crate) const MOST_FREE: usize = 20;

/// A value's digits at the end of the first [`MOST`], zeros in front, and room for reading a word from any of them. Its
/// holder wipes it.
pub(crate) type Digits = [u8; MOST + 8];

impl DigitRun {
    /// The fast form of this format, if it has one.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let KeepFirst::Characters(first) = run.keep_first else { return None };
        let digits = run.alphabet == super::Alphabet::digits();
        if !digits || first + run.keep_last >= MOST {
            return None;
        }
        let mut separators = [false; 256];
        for (byte, is) in separators.iter_mut().enumerate().take(128) {
            *is = run.is_separator(char::from(byte as u8)) && !(byte as u8).is_ascii_digit();
        }
        Some(Self {
            first,
            last: run.keep_last,
            luhn: run.luhn,
            shortest: run.shortest,
            longest: run.longest.min(MOST),
            separators,
        })
    }

    /// Reads a cell; `None` for what it does not take. The first result is where the digits that go through FF1 are.
    #[inline]
    pub(crate) fn read(&self, side: Side, cell: &[u8], digits: &mut Digits) -> Option<(Range<usize>, Cut)> {
        let fours = self.fours(cell);
        let contiguous = load(fours.as_ref().map_or(cell, |sixteen| sixteen), digits);
        let (length, separated) = match (contiguous, &fours) {
            (true, Some(_)) => (16, Separated::InFours),
            (true, None) => (cell.len(), Separated::Nowhere),
            (false, _) => (self.compact(cell, digits)?, Separated::Anywhere),
        };
        if length < self.shortest || length > self.longest {
            return None;
        }
        let take =
            length.checked_sub(self.first + self.last).filter(|take| (1..=MOST_FREE).contains(take))?;
        let start = MOST - length + self.first;
        let mut kept_sum = 0;
        let mut free = take;
        if self.luhn != Luhn::Ignore {
            let sum = luhn_sum(digits);
            let passes = sum.is_multiple_of(10);
            if passes != (self.luhn == Luhn::Keep || side == Side::Value) {
                return None;
            }
            kept_sum = sum - self.middle_sum(digits, start + take, take);
            free -= usize::from(self.luhn == Luhn::Keep);
        }
        if free < 6 {
            return None; // 10^5 values are below the floor
        }
        if self.luhn == Luhn::Break && side == Side::Value {
            turn(&mut digits[start + take - 1], 1);
        }
        let cut = Cut { kept_sum: kept_sum as u8, separated };
        Some((start..start + free, cut))
    }

    /// Whether FF1 may come to rest at the digits that end at `end`.
    #[inline]
    pub(crate) fn holds(&self, cut: Cut, digits: &[u8], end: usize, length: usize) -> bool {
        let sum = || u32::from(cut.kept_sum) + self.middle_sum(digits, end, length);
        self.luhn != Luhn::Break || !sum().is_multiple_of(10)
    }

    /// Whether [`holds`](DigitRun::holds) can be false.
    pub(crate) fn may_walk(&self) -> bool {
        self.luhn == Luhn::Break
    }

    /// Appends the text that looks like `shape` and has these digits in its middle; `false`, and nothing appended, for a
    /// value that fails the Luhn check.
    #[inline]
    pub(crate) fn write(
        &self,
        side: Side,
        shape: &[u8],
        cut: Cut,
        middle: &mut [u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let mut check = None;
        match self.luhn {
            Luhn::Break if side == Side::Value => {
                turn(middle.last_mut().unwrap_or(&mut 0), 9);
                if !(u32::from(cut.kept_sum) + self.middle_sum(middle, middle.len(), middle.len()))
                    .is_multiple_of(10)
                {
                    return false;
                }
            }
            Luhn::Keep => {
                let mut sum = u32::from(cut.kept_sum);
                let weigh =
                    |(i, digit): (usize, &u8)| luhn::weighted(u16::from(digit - b'0'), self.last + 1 + i);
                sum += middle.iter().rev().enumerate().map(weigh).sum::<u32>();
                check = Some(b'0' + luhn::completing(sum, self.last) as u8);
            }
            _ => {}
        }
        let replace = |text: &mut [u8]| {
            let end = self.first + middle.len();
            match middle.len() {
                6 => text[self.first..self.first + 6].copy_from_slice(&middle[..6]),
                _ => text[self.first..end].copy_from_slice(middle),
            }
            check.iter().for_each(|check| text[end] = *check);
        };
        let start = out.len();
        match (cut.separated, <&[u8; 16]>::try_from(shape), self.fours(shape)) {
            // Most cards: copies of a known length take no call.
            (Separated::Nowhere, Ok(sixteen), _) => {
                out.extend_from_slice(sixteen);
                replace(&mut out[start..]);
            }
            (Separated::Nowhere, ..) => {
                out.extend_from_slice(shape);
                replace(&mut out[start..]);
            }
            (Separated::InFours, _, Some(mut sixteen)) => {
                replace(&mut sixteen);
                let mut text = [0; 19];
                text.copy_from_slice(shape);
                text[..4].copy_from_slice(&sixteen[..4]);
                text[5..9].copy_from_slice(&sixteen[4..8]);
                text[10..14].copy_from_slice(&sixteen[8..12]);
                text[15..].copy_from_slice(&sixteen[12..]);
                out.extend_from_slice(&text);
            }
            _ => {
                out.extend_from_slice(shape);
                let mut kept = self.first;
                let mut next = middle.iter().copied().chain(check);
                for c in out[start..].iter_mut().filter(|c| c.is_ascii_digit()) {
                    match kept {
                        0 => *c = next.next().unwrap_or(*c),
                        _ => kept -= 1,
                    }
                }
            }
        }
        true
    }

    /// The digits of a text in groups of four, if it is one; whether they are digits is not looked at.
    #[inline]
    fn fours(&self, text: &[u8]) -> Option<[u8; 16]> {
        let text: &[u8; 19] = text.try_into().ok()?;
        let separated = [4, 9, 14].iter().all(|i| self.separators[usize::from(text[*i])]);
        let mut sixteen = [0; 16];
        sixteen[..4].copy_from_slice(&text[..4]);
        sixteen[4..8].copy_from_slice(&text[5..9]);
        sixteen[8..12].copy_from_slice(&text[10..14]);
        sixteen[12..].copy_from_slice(&text[15..]);
        separated.then_some(sixteen)
    }

    /// The share of the Luhn sum that a middle of so many digits has, which ends at `end` in a text.
    #[inline]
    fn middle_sum(&self, text: &[u8], end: usize, length: usize) -> u32 {
        let doubled = if self.last.is_multiple_of(2) { DOUBLED } else { !DOUBLED };
        let (mut sum, mut end, mut left) = (0, end, length);
        loop {
            let word = match text[..end].last_chunk() {
                Some(word) => u64::from_le_bytes(*word) ^ ZEROS,
                None => {
                    let mut word = [b'0'; 8];
                    word[8 - end..].copy_from_slice(&text[..end]);
                    u64::from_le_bytes(word) ^ ZEROS
                }
            };
            if left <= 8 {
                let others = 64 - 8 * left as u32;
                return sum + word_sum(word.unbounded_shr(others).unbounded_shl(others), doubled);
            }
            sum += word_sum(word, doubled);
            (end, left) = (end - 8, left - 8);
        }
    }

    /// Moves the digits to the end of the buffer, leaving separators out.
    fn compact(&self, cell: &[u8], digits: &mut Digits) -> Option<usize> {
        let mut compact = Zeroizing::new([0; MOST + 1]);
        let mut length = 0;
        for &c in cell {
            let is_digit = c.is_ascii_digit();
            if !is_digit && !self.separators[usize::from(c)] {
                return None;
            }
            compact[length] = c;
            length += usize::from(is_digit);
            if length > MOST {
                return None;
            }
        }
        *digits = [b'0'; MOST + 8];
        digits[MOST - length..MOST].copy_from_slice(&compact[..length]);
        Some(length)
    }
}

/// Copies the cell to the end of the buffer, unless it has something else than digits or does not fit.
#[inline]
fn load(cell: &[u8], digits: &mut Digits) -> bool {
    let [first, .., _] = cell else { return false };
    if !first.is_ascii_digit() || cell.len() > MOST {
        return false;
    }
    let mut foreign = 0;
    for (i, place) in digits.as_chunks_mut().0.iter_mut().take(MOST / 8).enumerate() {
        // Where the word ends in the cell. Bytes in front of the cell are zeros.
        let end = cell.len().saturating_sub(MOST - 8 * (i + 1));
        let word = match (cell[..end].last_chunk(), cell.first_chunk()) {
            (Some(word), _) => u64::from_le_bytes(*word) ^ ZEROS,
            (None, Some(word)) => (u64::from_le_bytes(*word) ^ ZEROS).unbounded_shl(64 - 8 * end as u32),
            (None, None) => cell[..end]
                .iter()
                .rev()
                .fold(0, |word, c| word << 8 | u64::from(c ^ b'0'))
                .unbounded_shl(64 - 8 * end as u32),
        };
        // A byte of 10..=127 plus 118 sets its top bit, one above has it set.
        foreign |= word.wrapping_add(0x7676_7676_7676_7676) | word;
        *place = (word ^ ZEROS).to_le_bytes();
    }
    foreign & TOPS == 0
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The first digit of a word is its lowest byte; the last of all digits stands undoubled, and every second from there.
const DOUBLED: u64 = 0x00FF_00FF_00FF_00FF;

/// `Σ w(dᵢ)` over all digits of the buffer.
#[inline]
fn luhn_sum(digits: &Digits) -> u32 {
    digits[..MOST].as_chunks().0.iter().map(|word| word_sum(u64::from_le_bytes(*word) ^ ZEROS, DOUBLED)).sum()
}

/// `Σ w(dᵢ)` over eight digits.
#[inline]
fn word_sum(word: u64, doubled: u64) -> u32 {
    let twice = word + (word & doubled);
    // 10 or more in a byte of at most 18 sets the top bit once 118 is added; nine is taken off there.
    let over = ((twice + 0x7676_7676_7676_7676) & TOPS) >> 7;
    ((twice - over * 9).wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

fn turn(digit: &mut u8, by: u8) {
    *digit = b'0' + (digit.wrapping_sub(b'0') + by) % 10;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Alphabet;
    use proptest::prelude::*;

    fn runs() -> impl Strategy<Value = Run> {
        let luhn = prop_oneof![Just(Luhn::Ignore), Just(Luhn::Keep), Just(Luhn::Break)];
        (0usize..8, 0usize..6, luhn, 0usize..24, prop_oneof![Just(None), Just(Some(" -".to_owned()))])
            .prop_map(|(first, last, luhn, shortest, separators)| Run {
                keep_first: KeepFirst::Characters(first),
                keep_last: last,
                luhn,
                shortest,
                separators,
                ..Run::new(Alphabet::digits())
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_does_what_the_slow_form_does_or_leaves_it_to_that(
            run in runs(),
            cell in "[0-9]{0,26}|[0-9 .-]{0,34}|[0-9]{6}[0-9x٣]{10}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ .x-][0-9]{4}",
            token in any::<bool>(),
            turned in 0u8..10,
        ) {
            let fast = DigitRun::of(&run).unwrap();
            let (from, to) = if token { (Side::Token, Side::Value) } else { (Side::Value, Side::Token) };
            let (mut digits, mut numerals) = ([0; MOST + 8], vec![]);
            let cut = fast.read(from, cell.as_bytes(), &mut digits);
            let reading = run.read(from, &cell, &mut numerals);
            match (cut, reading) {
                (Some((range, cut)), Ok(reading)) => {
                    let mut middle = digits[range].to_vec();
                    reading.check_floor().unwrap();
                    let text: Vec<u8> = numerals.iter().map(|n| b'0' + *n as u8).collect();
                    prop_assert_eq!(&middle, &text);
                    middle.iter_mut().for_each(|digit| turn(digit, turned));
                    numerals.iter_mut().for_each(|numeral| *numeral = (*numeral + u16::from(turned)) % 10);
                    prop_assert_eq!(fast.holds(cut, &middle, middle.len(), middle.len()), run.holds(&reading, &numerals));
                    let (mut out, mut expected) = (vec![], vec![]);
                    let written = fast.write(to, cell.as_bytes(), cut, &mut middle, &mut out);
                    prop_assert_eq!(written, run.write(to, &cell, &reading, &mut numerals, &mut expected).is_ok());
                    prop_assert!(!written || out == expected);
                }
                (Some(_), Err(_)) => prop_assert!(false, "taken, but refused by the slow form"),
                (None, Ok(reading)) => {
                    let long = cell.bytes().filter(u8::is_ascii_digit).count() > MOST;
                    prop_assert!(reading.check_floor().is_err() || long || numerals.len() >= MOST_FREE);
                }
                (None, Err(_)) => {}
            }
        }
    }
}
