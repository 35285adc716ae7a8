//! `mask = the value with its characters replaced`, but for those kept at either end and the separators.

use super::{Cells, Column, Erasability, Failures};
use crate::error::{Error, Result};

/// Masks values: `4111 1111 1111 1111` becomes `**** **** **** 1111`.
///
/// ASCII spaces and punctuation stay. A value with no more characters than are kept is masked whole, so that a short
/// value never stays in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    keep_first: usize,
    keep_last: usize,
    with: char,
}

impl Mask {
    /// What is left is in the clear.
    pub const ERASABILITY: Erasability = Erasability::Clear;

    /// Keeps so many letters and digits at either end, and puts `with` in place of the others.
    ///
    /// # Errors
    /// [`Error::Setting`] when `with` is a control character.
    pub fn new(keep_first: usize, keep_last: usize, with: char) -> Result<Self> {
        match with.is_control() {
            true => Err(Error::Setting { what: "mask", problem: "cannot be a control character".into() }),
            false => Ok(Self { keep_first, keep_last, with }),
        }
    }

    /// How many letters and digits stay, at most: the first and the last.
    pub fn keeps(&self) -> (usize, usize) {
        (self.keep_first, self.keep_last)
    }

    /// The value, masked.
    pub fn mask(&self, value: &str) -> String {
        let mut out = vec![];
        self.write(value, &mut out);
        String::from_utf8(out).expect("characters")
    }

    /// Masks a column; see [`protect`](super) for blank and failed cells.
    pub fn mask_column(&self, values: &Column, masked: &mut Column, failures: &mut Failures) {
        values.map_into(masked, failures, |value, out| {
            self.write(value, out);
            Ok(())
        });
    }

    fn write(&self, value: &str, out: &mut Vec<u8>) {
        if value.is_ascii() && self.with.is_ascii() {
            return self.write_ascii(value.as_bytes(), out);
        }
        let separator = |c: char| c == ' ' || c.is_ascii_punctuation();
        let count = value.chars().filter(|c| !separator(*c)).count();
        let kept = self.keep_first.saturating_add(self.keep_last) < count;
        let mut i = 0;
        for c in value.chars() {
            let stays = separator(c) || {
                i += 1;
                kept && (i <= self.keep_first || i > count - self.keep_last)
            };
            out.extend_from_slice(if stays { c } else { self.with }.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// The same for ASCII: only as many characters are counted as are kept.
    fn write_ascii(&self, value: &[u8], out: &mut Vec<u8>) {
        let all = value.len();
        let shown = |b: &u8| !SEPARATORS[usize::from(*b)];
        // Behind the first ones that are kept, and before the last ones.
        let first = match self.keep_first.checked_sub(1) {
            Some(n) => value.iter().enumerate().filter(|(_, b)| shown(b)).nth(n).map(|(i, _)| i + 1),
            None => Some(0),
        };
        let last = match self.keep_last.checked_sub(1) {
            Some(n) => value.iter().enumerate().rev().filter(|(_, b)| shown(b)).nth(n).map(|(i, _)| i),
            None => Some(all),
        };
        let between = first.zip(last).filter(|(first, last)| first < last);
        let masked = match between.filter(|(first, last)| value[*first..*last].iter().any(shown)) {
            Some((first, last)) => first..last,
            None => 0..all,
        };
        let with = self.with as u8;
        out.extend_from_slice(&value[..masked.start]);
        out.extend(value[masked.clone()].iter().map(|b| if SEPARATORS[usize::from(*b)] { *b } else { with }));
        out.extend_from_slice(&value[masked.end..]);
    }
}

/// Whether an ASCII character is a space or punctuation.
static SEPARATORS: [bool; 256] = {
    let (mut separators, mut byte) = ([false; 256], 0);
    while byte < 128 {
        separators[byte] = byte == b' ' as usize || (byte as u8).is_ascii_punctuation();
        byte += 1;
    }
    separators
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ascii_is_masked_as_other_text_is(value in "[ -~\t\n]{0,40}", first in 0..9usize, last in 0..9usize) {
            let mask = |with| Mask::new(first, last, with).unwrap().mask(&value);
            prop_assert_eq!(mask('×').replace('×', "*"), mask('*'));
        }
    }

    #[test]
    fn masks() {
        let mask = |first, last, value: &str| Mask::new(first, last, '*').unwrap().mask(value);
        assert_eq!(mask(0, 4, "4111 1111 1111 1111"), "**** **** **** 1111");
        assert_eq!(mask(2, 2, "+49-30-123456"), "+49-**-****56");
        assert_eq!(mask(1, 0, "Zoë"), "Z**");
        assert_eq!(mask(0, 4, "123"), "***");
        assert_eq!(mask(0, 4, "1234"), "****");
        assert_eq!(mask(usize::MAX, 1, "1234"), "****");
        assert_eq!(mask(0, 0, ""), "");
        assert!(Mask::new(0, 0, '\n').is_err());
    }
}
