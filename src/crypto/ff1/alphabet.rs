//! The spelling of numerals as ASCII characters.

use crate::error::{Error, Result};

/// Numeral i is written as the i-th character; the number of characters is the radix.
///
/// Looking a character up is a memory access at an address that depends on it: whoever can watch the cache learns
/// something of the plaintext. Decimal digits ([`AsciiAlphabet::digits`]) are converted by arithmetic instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsciiAlphabet {
    /// Numeral to character; as long as any index of seven bits.
    characters: [u8; 128],
    /// Character to numeral, or [`NONE`].
    numerals: [u8; 256],
    radix: u32,
    decimal: bool,
}

/// Every numeral is below 128.
const NONE: u8 = 0x80;

impl AsciiAlphabet {
    /// The alphabet of these characters, in this order.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 characters, one that is not ASCII, or one that stands twice.
    pub fn new(characters: &[u8]) -> Result<Self> {
        let problem = |problem: String| Error::Setting { what: "alphabet", problem };
        if characters.len() < 2 {
            return Err(problem("needs at least 2 characters".into()));
        }
        let mut alphabet = AsciiAlphabet {
            characters: [0; 128],
            numerals: [NONE; 256],
            radix: 0,
            decimal: characters == b"0123456789",
        };
        for &character in characters {
            if !character.is_ascii() {
                return Err(problem(format!("byte {character} is not ASCII")));
            }
            if alphabet.numeral(character).is_some() {
                return Err(problem(format!("{:?} stands twice", char::from(character))));
            }
            // No more than the 128 ASCII characters get here.
            alphabet.numerals[usize::from(character)] = alphabet.radix as u8;
            alphabet.characters[alphabet.radix as usize] = character;
            alphabet.radix += 1;
        }
        Ok(alphabet)
    }

    /// `0123456789`, the fastest alphabet.
    pub fn digits() -> Self {
        Self::new(b"0123456789").expect("ten distinct characters")
    }

    /// How many characters there are.
    pub fn radix(&self) -> u32 {
        self.radix
    }

    /// The numeral that the character writes.
    pub fn numeral(&self, character: u8) -> Option<u8> {
        let numeral = self.numerals[usize::from(character)];
        (numeral & NONE == 0).then_some(numeral)
    }

    /// The character that writes the numeral.
    pub fn character(&self, numeral: u8) -> Option<u8> {
        (u32::from(numeral) < self.radix).then(|| self.characters[usize::from(numeral)])
    }

    /// The characters, in their order.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn characters(&self) -> &[u8] {
        &self.characters[..self.radix as usize]
    }

    /// Whether these are the decimal digits in their order.
    pub(super) fn is_decimal(&self) -> bool {
        self.decimal
    }

    /// The numeral, or [`NONE`].
    #[inline(always)]
    pub(super) fn lookup(&self, character: u8) -> u8 {
        self.numerals[usize::from(character)]
    }

    /// Whether all characters belong to the alphabet.
    #[inline(always)]
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        text.iter().fold(0, |all, &character| all | self.lookup(character)) & NONE == 0
    }

    /// The character of a numeral that is below the radix.
    #[inline(always)]
    pub(super) fn spell(&self, numeral: u64) -> u8 {
        self.characters[(numeral & 127) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alphabet_is_at_least_two_distinct_ascii_characters() {
        for bad in [&b""[..], b"a", b"aa", b"abca", b"ab\x80", &[b'x'; 300]] {
            assert!(
                matches!(AsciiAlphabet::new(bad), Err(Error::Setting { what: "alphabet", .. })),
                "{bad:?}"
            );
        }
        let all: Vec<u8> = (0..128).collect();
        let alphabet = AsciiAlphabet::new(&all).unwrap();
        assert_eq!(
            (alphabet.radix(), alphabet.numeral(127), alphabet.character(127)),
            (128, Some(127), Some(127))
        );
        assert_eq!((alphabet.numeral(128), alphabet.character(128)), (None, None));
    }

    #[test]
    fn characters_and_numerals_are_inverse() {
        let alphabet = AsciiAlphabet::new(b"ACGT").unwrap();
        assert_eq!(alphabet.radix(), 4);
        for (i, c) in (0..).zip(*b"ACGT") {
            assert_eq!((alphabet.numeral(c), alphabet.character(i)), (Some(i), Some(c)));
        }
        assert_eq!((alphabet.numeral(b'a'), alphabet.character(4)), (None, None));
        assert!(alphabet.holds(b"GATTACA") && !alphabet.holds(b"GATTACa"));
    }
}
