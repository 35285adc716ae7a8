//! `rank: values ↔ 0..size`: the values that look like a given one, counted.
//!
//! This is what tokenizing permutes, without a key: for planning, and to show that the counting is right. No floor
//! applies; FF1's is that of [`Format::check`] and of the tokenizer.

use super::natural::Natural;
use super::rank::Rank;
use super::shape::{Format, Scratch, Side};
use crate::error::{Error, Result};
use std::fmt;
use zeroize::Zeroizing;

/// All values with the kept parts, separators and layout of one value.
///
/// # Example
/// ```
/// use cloakroom::format::{Format, Natural};
/// let format = Format::digits().keep(1, 1);
/// let like = format.members("7-123-9")?;
/// assert_eq!(like.size(), Natural::from(1000));
/// assert_eq!(like.rank("7-123-9")?, Natural::from(123));
/// assert_eq!(like.unrank(&Natural::from(45)).unwrap().as_str(), "7-045-9");
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub struct Members<'f> {
    format: std::borrow::Cow<'f, Format>,
    shape: Zeroizing<String>,
    size: Natural,
}

impl<'f> Members<'f> {
    pub(super) fn new(format: std::borrow::Cow<'f, Format>, value: &str) -> Result<Self> {
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(vec![]);
        let reading = format.read(Side::Value, value, &mut scratch, &mut numerals)?;
        let size = format.size(value, &reading, &mut scratch);
        Ok(Self { format, shape: Zeroizing::new(value.to_owned()), size })
    }

    /// How many they are.
    pub fn size(&self) -> Natural {
        self.size.clone()
    }

    /// The rank of one of them.
    ///
    /// # Errors
    /// As for tokenizing; [`Error::Value`] for a value that is not one of them.
    pub fn rank(&self, value: &str) -> Result<Natural> {
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(vec![]);
        let reading = self.format.read(Side::Value, value, &mut scratch, &mut numerals)?;
        let rank = reading.space.rank(&numerals).natural();
        match self.unrank(&rank).is_some_and(|same| *same == *value) {
            true => Ok(rank),
            false => Err(Error::Value { problem: "has another layout, or other kept parts" }),
        }
    }

    /// The value with this rank; `None` at the size and beyond.
    pub fn unrank(&self, rank: &Natural) -> Option<Zeroizing<String>> {
        if *rank >= self.size {
            return None;
        }
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(vec![]);
        let reading = self.format.read(Side::Value, &self.shape, &mut scratch, &mut numerals).ok()?;
        numerals.clear();
        let rank = Rank::from(rank.clone());
        reading.space.spell(&rank, &mut numerals);
        let mut out = vec![];
        self.format.write(Side::Value, &self.shape, &reading, &mut scratch, &mut numerals, &mut out).ok()?;
        String::from_utf8(out).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Members({} values, ..)", self.size)
    }
}
