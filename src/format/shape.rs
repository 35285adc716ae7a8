//! `value = kept ‖ numerals ‖ kept`, with separators in between that stay where they stand.
//!
//! Reading a value gives the numerals that a tokenizer permutes; writing puts others in their place. Both need the same
//! kept characters and separators, and those are alike in a value and its token, so either can serve as the shape.

use super::alphabet::Alphabet;
use super::luhn::{self, Luhn};
use crate::error::{Error, Result};

/// The longest value, in characters of the alphabet: the arithmetic of FF1 is quadratic.
const LONGEST: usize = 4096;
/// The FF1 floor: `radix^length` values at least.
const FLOOR: u32 = 1_000_000;

/// What values of a field look like, and what of them stays in the clear.
///
/// # Example
/// ```
/// use cloakroom::format::Format;
/// let card = Format::card().keep(6, 4); // 4111 11## #### 1111, and the token fails the Luhn check
/// let id = Format::digits().lengths(7, 9);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    alphabet: Alphabet,
    /// `None`: every ASCII space and punctuation mark that is not in the alphabet.
    separators: Option<String>,
    keep_first: usize,
    keep_last: usize,
    luhn: Luhn,
    shortest: usize,
    longest: usize,
    /// A length that must work, or the format is refused: the shortest that was declared, or what is usual.
    usual: Option<usize>,
}

/// What reading a value gave besides the numerals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How many numerals take part.
    pub length: usize,
    /// The kept digits' share of the Luhn sum.
    kept_sum: u32,
}

impl Format {
    /// Values over this alphabet.
    pub fn new(alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            separators: None,
            keep_first: 0,
            keep_last: 0,
            luhn: Luhn::Ignore,
            shortest: 1,
            longest: LONGEST,
            usual: None,
        }
    }

    /// Decimal digits.
    pub fn digits() -> Self {
        Self::new(Alphabet::digits())
    }

    /// ASCII letters of both cases.
    pub fn letters() -> Self {
        Self::new(Alphabet::letters())
    }

    /// ASCII letters and digits.
    pub fn alphanumeric() -> Self {
        Self::new(Alphabet::alphanumeric())
    }

    /// Payment cards: 13 to 19 digits that pass the Luhn check. Tokens fail it unless [`luhn`](Format::luhn) says else.
    pub fn card() -> Self {
        Self { luhn: Luhn::Break, shortest: 13, longest: 19, usual: Some(16), ..Self::digits() }
    }

    /// Leaves so many characters of the alphabet at either end in the clear.
    pub fn keep(self, first: usize, last: usize) -> Self {
        Self { keep_first: first, keep_last: last, ..self }
    }

    /// What the tokens' Luhn check shall be. For digits only.
    pub fn luhn(self, luhn: Luhn) -> Self {
        Self { luhn, ..self }
    }

    /// The characters that stay where they stand, in place of every ASCII space and punctuation mark.
    pub fn separators(self, separators: &str) -> Self {
        Self { separators: Some(separators.to_owned()), ..self }
    }

    /// How many characters of the alphabet values have. The shortest must be long enough to be tokenized.
    pub fn lengths(self, shortest: usize, longest: usize) -> Self {
        Self { shortest, longest, usual: Some(shortest), ..self }
    }

    /// The alphabet.
    pub fn alphabet(&self) -> &Alphabet {
        &self.alphabet
    }

    /// What happens to the Luhn check.
    pub fn luhn_rule(&self) -> Luhn {
        self.luhn
    }

    /// The longest value, in characters of the alphabet.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Refuses a format that contradicts itself or cannot tokenize its usual values.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::DomainTooSmall`] with the numbers.
    pub fn check(&self) -> Result<()> {
        let bad = |problem: &str| Err(Error::Setting { what: "format", problem: problem.into() });
        if self.luhn != Luhn::Ignore && self.alphabet != Alphabet::digits() {
            return bad("the Luhn check is for digits");
        }
        if self.shortest == 0 || self.shortest > self.longest || self.longest > LONGEST {
            return bad("lengths must be 1 to 4,096, the shortest first");
        }
        if let Some(separators) = &self.separators
            && separators.chars().any(|c| self.alphabet.numeral(c).is_some())
        {
            return bad("a separator is in the alphabet");
        }
        self.free(self.usual.unwrap_or(self.longest)).map(drop)
    }

    /// How many numerals of a value of this length take part in FF1.
    fn free(&self, length: usize) -> Result<usize> {
        let middle = length.saturating_sub(self.keep_first.saturating_add(self.keep_last));
        let free = middle.saturating_sub(usize::from(self.luhn == Luhn::Keep));
        let radix = self.alphabet.radix();
        let mut size = 1u32;
        for _ in 0..free {
            size = size.saturating_mul(radix);
            if size >= FLOOR {
                return Ok(free);
            }
        }
        Err(Error::DomainTooSmall { radix, length: free, floor: FLOOR })
    }

    fn is_separator(&self, c: char) -> bool {
        match &self.separators {
            Some(separators) => separators.contains(c),
            None => c == ' ' || c.is_ascii_punctuation(),
        }
    }

    /// Reads a value, and appends the numerals that take part. On an error nothing is appended.
    ///
    /// # Errors
    /// [`Error::Value`] for a foreign character, a wrong length, or a wrong Luhn check; [`Error::DomainTooSmall`] when
    /// too few numerals are left. The value itself is in no error.
    pub fn read(&self, value: &str, numerals: &mut Vec<u16>) -> Result<Reading> {
        let start = numerals.len();
        self.read_from(value, numerals, start).inspect_err(|_| numerals.truncate(start))
    }

    fn read_from(&self, value: &str, numerals: &mut Vec<u16>, start: usize) -> Result<Reading> {
        for c in value.chars() {
            match self.alphabet.numeral(c) {
                Some(numeral) => numerals.push(numeral),
                None if self.is_separator(c) => {}
                None => {
                    return Err(Error::Value {
                        problem: "has a character that is neither in the alphabet nor a separator",
                    });
                }
            }
        }
        let length = numerals.len() - start;
        if !(self.shortest..=self.longest).contains(&length) {
            return Err(Error::Value { problem: "has too few or too many characters for its format" });
        }
        let free = self.free(length)?;
        let middle = length - self.keep_first - self.keep_last;
        let mut kept_sum = 0;
        if self.luhn != Luhn::Ignore {
            let weight = |(j, digit): (usize, &u16)| luhn::weighted(*digit, length - 1 - j);
            let kept = |j: usize| j < self.keep_first || j >= self.keep_first + middle;
            kept_sum = numerals[start..].iter().enumerate().filter(|(j, _)| kept(*j)).map(weight).sum();
        }
        numerals.copy_within(start + self.keep_first..start + self.keep_first + middle, start);
        numerals.truncate(start + middle);
        let reading = Reading { length: free, kept_sum };
        if self.luhn == Luhn::Keep {
            if !self.passes(reading, &numerals[start..]) {
                return Err(Error::Value { problem: "fails the Luhn check" });
            }
            numerals.truncate(start + free);
        }
        Ok(reading)
    }

    /// Whether a value with these numerals in its middle passes the Luhn check.
    pub fn passes(&self, reading: Reading, middle: &[u16]) -> bool {
        self.luhn_sum(reading, middle, 0).is_multiple_of(10)
    }

    /// `after` is how many digits of the middle come behind these.
    fn luhn_sum(&self, reading: Reading, middle: &[u16], after: usize) -> u32 {
        let right = self.keep_last + after;
        let weighted = middle.iter().rev().enumerate().map(|(i, digit)| luhn::weighted(*digit, right + i));
        reading.kept_sum + weighted.sum::<u32>()
    }

    /// Appends the value that has `shape`'s kept characters and separators, and these numerals.
    ///
    /// # Panics
    /// When `shape` was not read with this format, or `numerals` is not what reading it gave or a permutation of it.
    pub fn write(&self, shape: &str, reading: Reading, numerals: &[u16], out: &mut Vec<u8>) {
        let check = match self.luhn {
            Luhn::Keep => Some(luhn::completing(self.luhn_sum(reading, numerals, 1), self.keep_last)),
            _ => None,
        };
        let mut next = numerals.iter().copied().chain(check);
        let mut kept = self.keep_first;
        for c in shape.chars() {
            let in_alphabet = self.alphabet.numeral(c).is_some();
            let c = match in_alphabet && kept == 0 {
                true => next.next().map_or(c, |numeral| self.alphabet.character(numeral)),
                false => c,
            };
            kept -= usize::from(in_alphabet && kept > 0);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numerals(format: &Format, value: &str) -> Result<Vec<u16>> {
        let mut out = vec![9999];
        format.read(value, &mut out)?;
        Ok(out.split_off(1))
    }

    fn rewrite(format: &Format, value: &str, map: fn(u16) -> u16) -> String {
        let mut middle = vec![];
        let reading = format.read(value, &mut middle).unwrap();
        assert_eq!(reading.length, middle.len());
        middle.iter_mut().for_each(|n| *n = map(*n));
        let mut out = vec![];
        format.write(value, reading, &middle, &mut out);
        String::from_utf8(out).unwrap()
    }

    // SPEC: FMT-3
    #[test]
    fn separators_and_kept_characters_stay() {
        let digits = Format::digits().keep(2, 1);
        assert_eq!(numerals(&digits, "(12) 3456-789").unwrap(), [3, 4, 5, 6, 7, 8]);
        assert_eq!(rewrite(&digits, "(12) 3456-789", |d| 9 - d), "(12) 6543-219");
        assert_eq!(rewrite(&digits, " 123456789", |d| d), " 123456789");
        let unicode = Format::new(Alphabet::new("äöü").unwrap()).separators("·");
        assert_eq!(rewrite(&unicode, "äöüä·öüäöüäöüäö", |d| (d + 1) % 3), "öüäö·üäöüäöüäöü");
    }

    // SPEC: CARD-1, CARD-4
    #[test]
    fn luhn_is_kept_with_one_digit_less() {
        let card = Format::card().keep(4, 4).luhn(Luhn::Keep);
        assert_eq!(numerals(&card, "4111 1111 1111 1111").unwrap().len(), 7);
        let token = rewrite(&card, "4111 1111 1111 1111", |_| 7);
        assert!(token.starts_with("4111 7777 777") && token.ends_with(" 1111"), "{token}");
        numerals(&card, &token).expect("the token passes the check");
        assert_eq!(rewrite(&card, "4111 1111 1111 1111", |d| d), "4111 1111 1111 1111");
        assert!(matches!(numerals(&card, "4111 1111 1111 1112"), Err(Error::Value { .. })));
    }

    // SPEC: FMT-4, FMT-5, FMT-6
    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing_behind() {
        let digits = Format::digits().lengths(7, 9).separators("-");
        for bad in ["", "123456", "1234567890", "123 4567", "12345x78", "１２３４５６７"] {
            let mut out = vec![1, 2];
            assert!(matches!(digits.read(bad, &mut out), Err(Error::Value { .. })), "{bad}");
            assert_eq!(out, [1, 2]);
        }
        assert!(matches!(
            numerals(&Format::digits().keep(2, 2), "123456789"),
            Err(Error::DomainTooSmall { .. })
        ));
    }

    // SPEC: FMT-6, FMT-7
    #[test]
    fn formats_that_contradict_themselves_are_refused() {
        for bad in [
            Format::letters().luhn(Luhn::Keep),
            Format::digits().lengths(9, 8),
            Format::digits().lengths(0, 8),
            Format::digits().lengths(7, 5000),
            Format::digits().separators("-5"),
        ] {
            assert!(matches!(bad.check(), Err(Error::Setting { .. })), "{bad:?}");
        }
        for small in [
            Format::digits().lengths(5, 9),
            Format::card().keep(8, 4),
            Format::card().keep(6, 4).luhn(Luhn::Keep),
            Format::digits().keep(usize::MAX, 5000),
        ] {
            assert!(matches!(small.check(), Err(Error::DomainTooSmall { .. })), "{small:?}");
        }
        for good in
            [Format::digits(), Format::card(), Format::card().keep(6, 4), Format::digits().lengths(6, 6)]
        {
            good.check().unwrap();
        }
    }
}
