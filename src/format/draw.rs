//! `token = write(shape of value, numerals drawn at random)`: a token that has nothing of its value but the looks.
//!
//! Each text of the space is drawn with the same chance: numerals are uniform below the radix, and drawn again while they
//! are those of no token (the rejection that cycle walking is for FF1). No floor applies: who guesses a token that was
//! drawn learns nothing, however few there are.

use super::natural::Natural;
use super::shape::{Format, Scratch, Side};
use super::space::{Limit, Reading};
use crate::crypto::rng;
use crate::error::Result;
use std::fmt;
use zeroize::Zeroizing;

/// The tokens that look like one value.
pub(crate) struct Draw<'v> {
    format: &'v Format,
    value: &'v str,
    reading: Reading,
    scratch: Scratch,
    numerals: Zeroizing<Vec<u16>>,
}

impl<'v> Draw<'v> {
    /// # Errors
    /// As for tokenizing, but for the floor.
    pub(crate) fn new(format: &'v Format, value: &'v str) -> Result<Self> {
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(Vec::with_capacity(value.len()));
        let reading = format.read(Side::Value, value, &mut scratch, &mut numerals)?;
        Ok(Self { format, value, reading, scratch, numerals })
    }

    /// How many tokens there are, or `None` for 2^64 and more.
    pub(crate) fn count(&mut self) -> Option<u64> {
        let all = match self.reading.space.limit {
            Limit::Below(size) => size,
            Limit::All => u128::from(self.reading.space.radix)
                .checked_pow(self.reading.space.length)
                .unwrap_or(u128::MAX),
            Limit::BelowBig => {
                let size: Natural = self.format.size(self.value, &self.reading, &mut self.scratch);
                size.to_u128().unwrap_or(u128::MAX)
            }
        };
        // One of ten digits completes the Luhn check, so one of ten numbers passes it and is no token.
        let tokens = if self.format.breaks_luhn() { all - all / 10 } else { all };
        u64::try_from(tokens).ok()
    }

    /// One of them.
    pub(crate) fn token(&mut self) -> Result<String> {
        let (radix, length) = (self.reading.space.radix, self.reading.space.length as usize);
        loop {
            self.numerals.clear();
            self.numerals.extend((0..length).map(|_| rng::below(radix) as u16));
            if let Some(token) = self.written()? {
                return Ok(token);
            }
        }
    }

    /// All of them, in the order of their numerals; for spaces that are small.
    pub(crate) fn each(&mut self, mut f: impl FnMut(String) -> Result<()>) -> Result<()> {
        let (radix, length) = (self.reading.space.radix, self.reading.space.length as usize);
        let mut next = vec![0; length];
        loop {
            self.numerals.clear();
            self.numerals.extend_from_slice(&next);
            if let Some(token) = self.written()? {
                f(token)?;
            }
            let Some(up) = next.iter().rposition(|numeral| u32::from(*numeral) + 1 < radix) else {
                return Ok(());
            };
            next[up] += 1;
            next[up + 1..].fill(0);
        }
    }

    /// What all of them have in common: the text of the first numerals, whether that is a token or not.
    pub(crate) fn layout(&mut self) -> Result<String> {
        self.numerals.clear();
        self.numerals.resize(self.reading.space.length as usize, 0);
        self.write()
    }

    fn written(&mut self) -> Result<Option<String>> {
        let held = self.format.holds(|| self.value, &self.reading, &mut self.scratch, &self.numerals);
        held.then(|| self.write()).transpose()
    }

    fn write(&mut self) -> Result<String> {
        let mut out = Vec::with_capacity(self.value.len() + 8);
        let (value, reading, scratch) = (self.value, &self.reading, &mut self.scratch);
        self.format.write(Side::Token, value, reading, scratch, &mut self.numerals, &mut out)?;
        Ok(String::from_utf8(out).expect("a token is made of characters"))
    }
}

impl fmt::Debug for Draw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draw(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Alphabet, Luhn};
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn all(format: &Format, value: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut draw = Draw::new(format, value).unwrap();
        draw.each(|token| {
            assert!(all.insert(token));
            Ok(())
        })
        .unwrap();
        assert_eq!(draw.count(), Some(all.len() as u64));
        all
    }

    // SPEC: RTOK-1
    #[test]
    fn every_token_of_a_small_space_is_drawn_with_the_same_chance() {
        let formats = [
            (Format::digits().keep(1, 1), "7-12-9", 100),
            (Format::card().keep(10, 4), "4111 1111 1111 1111", 90),
            (Format::card().keep(10, 4).luhn(Luhn::Keep), "4111 1111 1111 1111", 10),
            (Format::new(Alphabet::new("abc").unwrap()), "abcab", 243),
        ];
        for (format, value, count) in formats {
            let all = all(&format, value);
            assert_eq!(all.len(), count);
            let (mut draw, mut seen) = (Draw::new(&format, value).unwrap(), BTreeMap::<String, f64>::new());
            let drawn = 200 * count;
            (0..drawn).for_each(|_| *seen.entry(draw.token().unwrap()).or_default() += 1.0);
            assert!(seen.keys().eq(all.iter()));
            // Chi squared of k - 1 degrees of freedom; past 8 sigma once in 10^15 runs.
            let chi: f64 = seen.values().map(|n| (n - 200.0) * (n - 200.0) / 200.0).sum();
            let freedom = count as f64 - 1.0;
            assert!(chi < freedom + 8.0 * (2.0 * freedom).sqrt() + 32.0, "{count}: {chi}");
        }
    }

    // SPEC: RTOK-1
    #[test]
    fn a_card_token_fails_the_luhn_check_and_others_are_of_their_format() {
        let card = Format::card().keep(6, 4);
        for token in (0..200).map(|_| Draw::new(&card, "4111 1111 1111 1111").unwrap().token().unwrap()) {
            assert!(token.starts_with("4111 11") && token.ends_with(" 1111"));
            assert!(Format::card().members(&token).is_err(), "a token passes no Luhn check");
        }
        for (format, value) in
            [(Format::uuid(), "123e4567-e89b-12d3-a456-426614174000"), (Format::name(), "Al")]
        {
            (0..50).for_each(|_| {
                let token = Draw::new(&format, value).unwrap().token().unwrap();
                assert!(format.members(&token).is_ok());
            });
        }
    }

    // SPEC: RTOK-6
    #[test]
    fn a_layout_is_that_of_all_its_values() {
        let format = Format::digits().keep(1, 1);
        let layout = |value| Draw::new(&format, value).unwrap().layout().unwrap();
        assert_eq!(layout("7-123-9"), "7-000-9");
        assert_eq!(layout("7-123-9"), layout("7-456-9"));
        assert_ne!(layout("7-123-9"), layout("71239"));
        assert_eq!(Draw::new(&Format::uuid(), "123e4567-e89b-12d3-a456-426614174000").unwrap().count(), None);
    }
}
