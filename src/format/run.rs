//! `value = kept ‖ numerals ‖ kept` over one alphabet, with separators in between that stay where they stand.
//!
//! Reading a value gives the numerals that a tokenizer permutes; writing puts others in their place. Both need the same
//! kept characters and separators, and those are alike in a value and its token, so either can serve as the shape.

use super::alphabet::Alphabet;
use super::card_schemes;
use super::luhn::{self, Luhn};
use super::natural::Natural;
use super::report::SpaceReport;
use super::shape::Side;
use super::space::{Reading, Space};
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// The longest value, in characters of the alphabet: the arithmetic of FF1 is quadratic.
const LONGEST: usize = 4096;

/// Values over one alphabet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) alphabet: Alphabet,
    /// `None`: every ASCII space and punctuation mark that is not in the alphabet.
    pub(super) separators: Option<String>,
    pub(super) keep_first: KeepFirst,
    pub(super) keep_last: usize,
    pub(super) luhn: Luhn,
    pub(super) shortest: usize,
    pub(super) longest: usize,
    /// A length that must work, or the format is refused: the shortest that was declared, or what is usual.
    pub(super) usual: Option<usize>,
}

/// The most digits that tell a scheme.
const LONGEST_SCHEME_PREFIX: usize = 4;

/// What of a value's beginning stays in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeepFirst {
    Characters(usize),
    /// The digits that tell a card's scheme, and its lengths are checked.
    Scheme,
}

impl Run {
    pub(super) fn new(alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            separators: None,
            keep_first: KeepFirst::Characters(0),
            keep_last: 0,
            luhn: Luhn::Ignore,
            shortest: 1,
            longest: LONGEST,
            usual: None,
        }
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<()> {
        let bad = |problem: &str| Err(Error::Setting { what: "format", problem: problem.into() });
        let digits = self.alphabet == Alphabet::digits();
        if self.luhn != Luhn::Ignore && !digits {
            return bad("the Luhn check is for digits");
        }
        if self.keep_first == KeepFirst::Scheme && !digits {
            return bad("keeping a card's scheme is for digits");
        }
        if self.shortest == 0 || self.shortest > self.longest || self.longest > LONGEST {
            return bad("lengths must be 1 to 4,096, the shortest first");
        }
        if let Some(separators) = &self.separators
            && separators.chars().any(|c| self.alphabet.numeral(c).is_some())
        {
            return bad("a separator is in the alphabet");
        }
        Ok(())
    }

    /// The space of values of the usual length, or the longest.
    pub(super) fn usual_space(&self) -> Space {
        self.space(self.usual.unwrap_or(self.longest), self.usual_keep())
    }

    fn usual_keep(&self) -> usize {
        match self.keep_first {
            KeepFirst::Characters(first) => first,
            KeepFirst::Scheme => LONGEST_SCHEME_PREFIX,
        }
    }

    /// A value of the usual length: the alphabet in its order, or what looks like a card.
    pub(super) fn example(&self) -> String {
        let length = self.usual.unwrap_or(12.clamp(self.shortest, self.longest));
        let is_card = self.luhn != Luhn::Ignore || self.keep_first == KeepFirst::Scheme;
        let numeral = |i: usize| match is_card {
            true => {
                if i == 0 {
                    4
                } else {
                    1
                }
            }
            false => ((i + 1) % self.alphabet.radix() as usize) as u16,
        };
        let mut numerals: Vec<u16> = (0..length).map(numeral).collect();
        if let (true, Some((last, rest))) = (is_card, numerals.split_last_mut()) {
            let sum = rest.iter().rev().enumerate().map(|(i, digit)| luhn::weighted(*digit, i + 1)).sum();
            *last = luhn::completing(sum, 0);
        }
        numerals.into_iter().map(|numeral| self.alphabet.character(numeral)).collect()
    }

    /// The accounts of values of this length.
    pub(super) fn report(&self, length: usize) -> SpaceReport {
        self.report_of(length, self.usual_keep())
    }

    /// The accounts of values of this length, of which so many characters are kept in front.
    pub(super) fn report_of(&self, length: usize, first: usize) -> SpaceReport {
        let strings = self.space(length, first);
        let all = strings.size().unwrap_or_else(|| Natural::from(0));
        let (tenth, _) = all.div_rem_small(10);
        let (values, tokens) = match self.luhn {
            Luhn::Break if !tenth.is_zero() => (tenth.clone(), tenth.mul_small(9)),
            _ => (all.clone(), all),
        };
        let of = format!("values of {length} characters, of which {} take part", self.free(length, first));
        SpaceReport { of, values, tokens, usable: strings.check_floor().is_ok() }
    }

    /// How many numerals of a value of this length take part in FF1.
    fn free(&self, length: usize, first: usize) -> usize {
        let middle = length.saturating_sub(first.saturating_add(self.keep_last));
        middle.saturating_sub(usize::from(self.luhn == Luhn::Keep))
    }

    pub(super) fn space(&self, length: usize, first: usize) -> Space {
        Space::of_strings(self.alphabet.radix(), self.free(length, first))
    }

    pub(super) fn is_separator(&self, c: char) -> bool {
        match &self.separators {
            Some(separators) => separators.contains(c),
            None => c == ' ' || c.is_ascii_punctuation(),
        }
    }

    /// Reads a text, and appends the numerals that take part. On an error nothing is appended.
    ///
    /// Where tokens must fail the Luhn check, FF1 runs on the numbers that fail it, by cycle walking: a permutation of
    /// them. Values pass it, so a value first becomes a number that fails it: its last digit that takes part counts up
    /// by one, which always breaks the check.
    ///
    /// # Errors
    /// [`Error::Character`] for a foreign character; [`Error::Value`] for a wrong length or Luhn check;
    /// [`Error::DomainTooSmall`] when too few numerals are left; [`Error::Rejected`] for a token that passes the check.
    pub(super) fn read(&self, side: Side, text: &str, numerals: &mut Vec<u16>) -> Result<Reading> {
        let start = numerals.len();
        self.read_from(side, text, numerals, start).inspect_err(|_| numerals.truncate(start))
    }

    fn read_from(&self, side: Side, text: &str, numerals: &mut Vec<u16>, start: usize) -> Result<Reading> {
        for (i, c) in text.chars().enumerate() {
            match self.alphabet.numeral(c) {
                Some(numeral) => numerals.push(numeral),
                None if self.is_separator(c) => {}
                None => {
                    return Err(Error::Character { at: i + 1, expected: "of the alphabet or a separator" });
                }
            }
        }
        let length = numerals.len() - start;
        if !(self.shortest..=self.longest).contains(&length) {
            return Err(Error::Value { problem: "has too few or too many characters for its format" });
        }
        let first = match self.keep_first {
            KeepFirst::Characters(first) => first,
            KeepFirst::Scheme => scheme_prefix(&numerals[start..])?,
        };
        let space = self.space(length, first);
        if space.length == 0 {
            return Err(Error::Value { problem: "has too few characters for what its format keeps" });
        }
        let middle = length - first - self.keep_last;
        let mut kept_sum = 0;
        if self.luhn != Luhn::Ignore {
            let weight = |(j, digit): (usize, &u16)| luhn::weighted(*digit, length - 1 - j);
            let kept = |j: usize| j < first || j >= first + middle;
            kept_sum = numerals[start..].iter().enumerate().filter(|(j, _)| kept(*j)).map(weight).sum();
        }
        numerals.copy_within(start + first..start + first + middle, start);
        numerals.truncate(start + middle);
        let reading = Reading { kept_sum, kept_first: first as u32, ..space.into() };
        let passes = self.luhn == Luhn::Ignore || self.passes(&reading, &numerals[start..]);
        match (self.luhn, side, passes) {
            (Luhn::Ignore, _, _) | (Luhn::Break, Side::Token, false) => {}
            (Luhn::Keep, _, true) => numerals.truncate(start + middle - 1),
            (Luhn::Break, Side::Value, true) => turn_last(numerals, 1),
            (Luhn::Break, Side::Token, true) => return Err(Error::Rejected),
            (Luhn::Keep, _, false) | (Luhn::Break, Side::Value, false) => {
                return Err(Error::Value { problem: "fails the Luhn check" });
            }
        }
        Ok(reading)
    }

    /// Whether the numerals are those of a number that FF1 may come to rest at.
    pub(super) fn holds(&self, reading: &Reading, numerals: &[u16]) -> bool {
        self.luhn != Luhn::Break || !self.passes(reading, numerals)
    }

    /// Whether a value with these numerals in its middle passes the Luhn check.
    fn passes(&self, reading: &Reading, middle: &[u16]) -> bool {
        self.luhn_sum(reading, middle, 0).is_multiple_of(10)
    }

    /// `after` is how many digits of the middle come behind these.
    fn luhn_sum(&self, reading: &Reading, middle: &[u16], after: usize) -> u32 {
        let right = self.keep_last + after;
        let weighted = middle.iter().rev().enumerate().map(|(i, digit)| luhn::weighted(*digit, right + i));
        reading.kept_sum + weighted.sum::<u32>()
    }

    /// Appends the text that has `shape`'s kept characters and separators, and these numerals.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a value that fails the Luhn check: its token was none.
    pub(super) fn write(
        &self,
        side: Side,
        shape: &str,
        reading: &Reading,
        numerals: &mut [u16],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if self.luhn == Luhn::Break && side == Side::Value {
            turn_last(numerals, 9);
            if !self.passes(reading, numerals) {
                return Err(Error::Rejected);
            }
        }
        let check = match self.luhn {
            Luhn::Keep => Some(luhn::completing(self.luhn_sum(reading, numerals, 1), self.keep_last)),
            _ => None,
        };
        let mut next = numerals.iter().copied().chain(check);
        let mut kept = reading.kept_first;
        for c in shape.chars() {
            let in_alphabet = self.alphabet.numeral(c).is_some();
            let c = match in_alphabet && kept == 0 {
                true => next.next().map_or(c, |numeral| self.alphabet.character(numeral)),
                false => c,
            };
            kept -= u32::from(in_alphabet && kept > 0);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

/// How many digits tell the card's scheme.
fn scheme_prefix(numerals: &[u16]) -> Result<usize> {
    let mut digits = Zeroizing::new([0; 19]);
    digits.iter_mut().zip(numerals).for_each(|(digit, numeral)| *digit = b'0' + *numeral as u8);
    let scheme = card_schemes::scheme(digits.get(..numerals.len()).unwrap_or_default());
    let problem =
        "has the prefix and length of no card scheme that is known; keep a number of digits instead";
    scheme.map(|scheme| scheme.prefix_length).ok_or(Error::Value { problem })
}

fn turn_last(digits: &mut [u16], by: u16) {
    let last = digits.last_mut().expect("FF1's domain has at least two digits");
    *last = (*last + by) % 10;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Run {
        Run::new(Alphabet::digits())
    }

    fn keep(run: Run, first: usize, last: usize) -> Run {
        Run { keep_first: KeepFirst::Characters(first), keep_last: last, ..run }
    }

    fn lengths(run: Run, shortest: usize, longest: usize) -> Run {
        Run { shortest, longest, usual: Some(shortest), ..run }
    }

    fn separators(run: Run, separators: &str) -> Run {
        Run { separators: Some(separators.to_owned()), ..run }
    }

    fn card() -> Run {
        Run { luhn: Luhn::Break, shortest: 13, longest: 19, usual: Some(16), ..digits() }
    }

    fn numerals(format: &Run, value: &str) -> Result<Vec<u16>> {
        let mut out = vec![9999];
        format.read(Side::Value, value, &mut out)?;
        Ok(out.split_off(1))
    }

    fn rewrite(format: &Run, value: &str, map: fn(u16) -> u16) -> String {
        let mut middle = vec![];
        let reading = format.read(Side::Value, value, &mut middle).unwrap();
        assert_eq!(reading.length(), middle.len());
        middle.iter_mut().for_each(|n| *n = map(*n));
        let mut out = vec![];
        format.write(Side::Token, value, &reading, &mut middle, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    // SPEC: FMT-3
    #[test]
    fn separators_and_kept_characters_stay() {
        let kept = keep(digits(), 2, 1);
        assert_eq!(numerals(&kept, "(12) 3456-789").unwrap(), [3, 4, 5, 6, 7, 8]);
        assert_eq!(rewrite(&kept, "(12) 3456-789", |d| 9 - d), "(12) 6543-219");
        assert_eq!(rewrite(&kept, " 123456789", |d| d), " 123456789");
        let unicode = separators(Run::new(Alphabet::new("äöü").unwrap()), "·");
        assert_eq!(rewrite(&unicode, "äöüä·öüäöüäöüäö", |d| (d + 1) % 3), "öüäö·üäöüäöüäöü");
    }

    // SPEC: CARD-1, CARD-4
    #[test]
    fn luhn_is_kept_with_one_digit_less() {
        let card = Run { luhn: Luhn::Keep, ..keep(card(), 4, 4) };
        assert_eq!(numerals(&card, "4111 1111 1111 1111").unwrap().len(), 7);
        let token = rewrite(&card, "4111 1111 1111 1111", |_| 7);
        assert!(token.starts_with("4111 7777 777") && token.ends_with(" 1111"), "{token}");
        numerals(&card, &token).expect("the token passes the check");
        assert_eq!(rewrite(&card, "4111 1111 1111 1111", |d| d), "4111 1111 1111 1111");
        assert!(matches!(numerals(&card, "4111 1111 1111 1112"), Err(Error::Value { .. })));
    }

    // SPEC: CARD-5
    #[test]
    fn a_schemes_prefix_stays_and_its_lengths_are_checked() {
        let card = Run { keep_first: KeepFirst::Scheme, keep_last: 4, ..card() };
        let visa = rewrite(&card, "4111-1111-1111-1111", |d| 9 - d);
        assert!(visa.starts_with("4888-8888-888") && visa.ends_with("-1111"), "{visa}");
        let amex = rewrite(&card, "3782 822463 10005", |d| d);
        assert_eq!(&amex[..9], "3782 8224");
        assert_eq!(numerals(&card, "3782 822463 10005").unwrap().len(), 15 - 2 - 4);
        for unknown in ["9999999999999995", "411111111111116"] {
            assert!(matches!(numerals(&card, unknown), Err(Error::Value { .. })), "{unknown}");
        }
    }

    // SPEC: FMT-4, FMT-5
    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing_behind() {
        let format = separators(lengths(digits(), 7, 9), "-");
        for bad in ["", "123456", "1234567890", "123 4567", "12345x78", "１２３４５６７", "1234567\0"]
        {
            let mut out = vec![1, 2];
            let refused = format.read(Side::Value, bad, &mut out).unwrap_err();
            assert!(matches!(refused, Error::Value { .. } | Error::Character { .. }), "{bad}");
            assert_eq!(out, [1, 2]);
        }
        let refused = numerals(&format, "12345x78").unwrap_err().to_string();
        assert_eq!(refused, "character 6 of the value is not of the alphabet or a separator");
        assert!(matches!(numerals(&keep(digits(), 2, 2), "1-2-3-4"), Err(Error::Value { .. })));
    }

    // SPEC: FMT-7
    #[test]
    fn formats_that_contradict_themselves_are_refused() {
        for bad in [
            Run { luhn: Luhn::Keep, ..Run::new(Alphabet::letters()) },
            Run { keep_first: KeepFirst::Scheme, ..Run::new(Alphabet::letters()) },
            lengths(digits(), 9, 8),
            lengths(digits(), 0, 8),
            lengths(digits(), 7, 5000),
            separators(digits(), "-5"),
        ] {
            assert!(matches!(bad.check(), Err(Error::Setting { .. })), "{bad:?}");
        }
    }

    // SPEC: FMT-6
    #[test]
    fn formats_without_enough_characters_for_ff1_are_noticed() {
        let check = |run: &Run| run.check().and_then(|()| run.usual_space().check_floor());
        for small in [
            lengths(digits(), 5, 9),
            keep(card(), 8, 4),
            Run { luhn: Luhn::Keep, ..keep(card(), 6, 4) },
            keep(digits(), usize::MAX, 5000),
        ] {
            assert!(matches!(check(&small), Err(Error::DomainTooSmall { .. })), "{small:?}");
        }
        for good in [digits(), card(), keep(card(), 6, 4), lengths(digits(), 6, 6)] {
            check(&good).unwrap();
        }
    }
}
