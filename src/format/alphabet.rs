//! `numeral(character) = its position in the alphabet`, and back.

use crate::error::{Error, Result};
use std::fmt;
use unicode_normalization::char::is_combining_mark;

const LARGEST: usize = 65_536;
const ABSENT: u32 = u32::MAX;

/// 2 to 65,536 different characters, in an order that is part of the key to every token made with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Alphabet {
    characters: Vec<char>,
    /// Numeral of each ASCII character, or [`ABSENT`].
    ascii: Box<[u32; 128]>,
    /// The other characters with their numerals, sorted.
    others: Vec<(char, u16)>,
}

impl Alphabet {
    /// These characters, in this order.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2, more than 65,536, a character twice, a control character or a combining mark.
    pub fn new(characters: &str) -> Result<Self> {
        let bad = |problem: &str| Err(Error::Setting { what: "alphabet", problem: problem.into() });
        let characters: Vec<char> = characters.chars().collect();
        if !(2..=LARGEST).contains(&characters.len()) {
            return bad("must have 2 to 65,536 characters");
        }
        if characters.iter().any(|c| c.is_control()) {
            return bad("must not have control characters");
        }
        if characters.iter().any(|c| is_combining_mark(*c)) {
            return bad("must not have combining marks: they would change the characters before them");
        }
        let mut ascii = Box::new([ABSENT; 128]);
        let mut others = vec![];
        for (numeral, &c) in characters.iter().enumerate() {
            let numeral = numeral as u16;
            match ascii.get_mut(c as usize) {
                Some(slot) if *slot == ABSENT => *slot = numeral.into(),
                Some(_) => return bad("has a character twice"),
                None => others.push((c, numeral)),
            }
        }
        others.sort_unstable();
        if others.windows(2).any(|w| w[0].0 == w[1].0) {
            return bad("has a character twice");
        }
        Ok(Self { characters, ascii, others })
    }

    fn preset(ranges: &[std::ops::RangeInclusive<char>]) -> Self {
        let characters: String = ranges.iter().cloned().flatten().collect();
        Self::new(&characters).expect("a preset's characters differ")
    }

    /// `0-9`.
    pub fn digits() -> Self {
        Self::preset(&['0'..='9'])
    }

    /// `a-z`.
    pub fn lowercase() -> Self {
        Self::preset(&['a'..='z'])
    }

    /// `A-Z`.
    pub fn uppercase() -> Self {
        Self::preset(&['A'..='Z'])
    }

    /// `A-Z a-z`.
    pub fn letters() -> Self {
        Self::preset(&['A'..='Z', 'a'..='z'])
    }

    /// `0-9 A-Z a-z`.
    pub fn alphanumeric() -> Self {
        Self::preset(&['0'..='9', 'A'..='Z', 'a'..='z'])
    }

    /// How many characters.
    pub fn radix(&self) -> u32 {
        self.characters.len() as u32
    }

    /// The character's numeral, or `None` when it is not in the alphabet.
    #[inline]
    pub fn numeral(&self, character: char) -> Option<u16> {
        match self.ascii.get(character as usize) {
            Some(&numeral) => (numeral != ABSENT).then_some(numeral as u16),
            None => {
                let at = self.others.binary_search_by_key(&character, |(c, _)| *c).ok()?;
                Some(self.others[at].1)
            }
        }
    }

    /// The numeral's character.
    ///
    /// # Panics
    /// When the numeral is not below the radix.
    #[inline]
    pub fn character(&self, numeral: u16) -> char {
        self.characters[usize::from(numeral)]
    }
}

impl fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alphabet({} characters)", self.characters.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: FMT-1
    #[test]
    fn numerals_and_characters_are_inverse() {
        let largest: String =
            (0x4E00..).filter_map(char::from_u32).filter(|c| !is_combining_mark(*c)).take(65_536).collect();
        let mixed = Alphabet::new("zß0é😀").unwrap();
        for alphabet in
            [Alphabet::digits(), Alphabet::alphanumeric(), mixed, Alphabet::new(&largest).unwrap()]
        {
            for numeral in 0..alphabet.radix() {
                let numeral = numeral as u16;
                assert_eq!(alphabet.numeral(alphabet.character(numeral)), Some(numeral));
            }
            assert_eq!(alphabet.numeral('\u{7f}'), None);
            assert_eq!(alphabet.numeral('ä'), None);
        }
    }

    #[test]
    fn an_ascii_character_can_have_the_last_numeral_of_the_largest_alphabet() {
        let mut characters: String =
            (0x4E00..).filter_map(char::from_u32).filter(|c| !is_combining_mark(*c)).take(65_535).collect();
        characters.push('a');
        let alphabet = Alphabet::new(&characters).unwrap();
        assert_eq!(alphabet.numeral('a'), Some(65_535));
        assert_eq!(alphabet.numeral('b'), None);
    }

    // SPEC: FMT-2
    #[test]
    fn contradictions_are_refused() {
        for bad in ["", "a", "aa", "aba", "éaé", "a\n", "ab\u{301}"] {
            assert!(Alphabet::new(bad).is_err(), "{bad:?}");
        }
    }
}
