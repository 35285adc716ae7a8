//! A pattern with separators that stay where they stand, and letters of either case where the pattern has one.
//!
//! ```text
//! "sw1a 1aa"  ──separators out, upper case──►  "SW1A1AA"  ──pattern──►  rank
//! ```

use super::natural::Natural;
use super::pattern::{Layout, Pattern};
use super::space::{Limit, Reading, Space};
use crate::error::{Error, Result};
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Values that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patterned {
    pattern: Arc<Pattern>,
    separators: Separators,
    /// Whether values in lower case are read as if they were in upper case.
    either_case: bool,
    only_space: Option<Space>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Separators {
    /// Every character belongs to the pattern.
    None,
    /// ASCII spaces and punctuation that the pattern does not use.
    Others,
    These(String),
}

impl Patterned {
    pub(super) fn expression(expression: &str, lengths: Option<(usize, usize)>) -> Result<Self> {
        Ok(Self::of(Pattern::expression(expression, lengths)?, Separators::None))
    }

    pub(super) fn template(template: &str) -> Result<Self> {
        Ok(Self::of(Pattern::template(template)?, Separators::Others))
    }

    /// Source: Royal Mail's Postcode Address File; its shapes, with any letters.
    pub(super) fn postal_uk() -> Self {
        Self::preset("[A-Z](?:[0-9][0-9]?|[A-Z][0-9][0-9]?|[0-9][A-Z]|[A-Z][0-9][A-Z])[0-9][A-Z]{2}")
    }

    /// Source: Canada Post's addressing guidelines: D, F, I, O, Q and U are not used, nor W and Z in front.
    pub(super) fn postal_ca() -> Self {
        Self::preset("[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][0-9][ABCEGHJ-NPRSTV-Z][0-9]")
    }

    fn preset(expression: &str) -> Self {
        let pattern = Pattern::expression(expression, None).expect("a preset's expression is right");
        Self { either_case: true, ..Self::of(pattern, Separators::These(" -".into())) }
    }

    fn of(pattern: Pattern, separators: Separators) -> Self {
        let size = pattern.only_layout().map(|layout| pattern.size(&layout));
        let only_space = size.and_then(|size| Space::of_size(&size).ok());
        Self { pattern: Arc::new(pattern), separators, either_case: false, only_space }
    }

    /// The space of all values, if there is one.
    pub(super) fn only_space(&self) -> Option<Space> {
        self.only_space.filter(|space| space.limit != Limit::BelowBig)
    }

    /// With these separators in place of those before.
    pub(super) fn separators(self, separators: &str) -> Self {
        Self { separators: Separators::These(separators.to_owned()), ..self }
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<()> {
        match &self.separators {
            Separators::These(these) if these.chars().any(|c| self.uses(c)) => {
                Err(Error::Setting { what: "separators", problem: "one of them is in the pattern".into() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a value can have the character other than as a separator.
    fn uses(&self, c: char) -> bool {
        self.pattern.uses(c) || (self.either_case && self.pattern.uses(c.to_ascii_uppercase()))
    }

    /// Refuses a pattern of which no length has enough values for FF1.
    pub(super) fn check_floor(&self) -> Result<()> {
        let largest = self.lengths().into_iter().map(|(_, size)| size).max().unwrap_or_default();
        match largest.to_u128() {
            Some(size) => Space::of_small(size).check_floor(),
            None => Ok(()),
        }
    }

    /// The lengths of values without separators, and how many have each, in the largest of its layouts.
    pub(super) fn lengths(&self) -> Vec<(usize, Natural)> {
        let of = |layout: Layout| (layout.length(), self.pattern.size(&layout).natural());
        self.pattern.layouts().into_iter().map(of).collect()
    }

    /// A value, for reports.
    pub(super) fn example(&self) -> String {
        self.pattern.example()
    }

    /// Reads a text, and appends the numerals of its rank.
    ///
    /// # Errors
    /// [`Error::Character`], [`Error::Value`]; [`Error::TooLong`].
    pub(super) fn read(
        &self,
        text: &str,
        compact: &mut Zeroizing<String>,
        numerals: &mut Vec<u16>,
    ) -> Result<Reading> {
        let (layout, mut rank) =
            self.pattern.read(self.compact(text, compact)).map_err(|e| self.placed(e, text))?;
        let space = match self.only_space {
            Some(space) => space,
            None => Space::of_size(&self.pattern.size(&layout))?,
        };
        space.spell(&rank, numerals);
        rank.zeroize();
        Ok(space.into())
    }

    /// How many texts look like this one.
    pub(super) fn size(&self, shape: &str, compact: &mut Zeroizing<String>) -> Natural {
        self.layout(shape, compact)
            .map_or_else(|| Natural::from(0), |layout| self.pattern.size(&layout).natural())
    }

    /// Whether the numerals are a rank below a size of more than 128 bits.
    pub(super) fn holds_big(
        &self,
        shape: &str,
        reading: &Reading,
        compact: &mut Zeroizing<String>,
        numerals: &[u16],
    ) -> bool {
        let Some(layout) = self.layout(shape, compact) else { return true };
        reading.space.rank(numerals).natural() < self.pattern.size(&layout).natural()
    }

    /// Appends the text that has `shape`'s separators and kept parts, and the rank that the numerals spell.
    pub(super) fn write(
        &self,
        shape: &str,
        reading: &Reading,
        compact: &mut Zeroizing<String>,
        numerals: &[u16],
        out: &mut Vec<u8>,
    ) {
        let Some(layout) = self.layout(shape, compact) else { return };
        let mut rank = reading.space.rank(numerals);
        let start = out.len();
        match self.separators == Separators::None && !self.either_case {
            true => self.pattern.write(shape, &layout, &rank, out),
            false => {
                let compact_shape = self.compact(shape, compact);
                let mut written = Zeroizing::new(Vec::with_capacity(compact_shape.len() + 8));
                self.pattern.write(compact_shape, &layout, &rank, &mut written);
                let mut next = std::str::from_utf8(&written).unwrap_or_default().chars();
                for c in shape.chars() {
                    let c = if self.is_separator(c) { c } else { next.next().unwrap_or(c) };
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        if self.is_lower(shape) {
            out[start..].make_ascii_lowercase();
        }
        rank.zeroize();
    }

    fn layout(&self, shape: &str, compact: &mut Zeroizing<String>) -> Option<Layout> {
        self.pattern.layout(self.compact(shape, compact))
    }

    fn is_separator(&self, c: char) -> bool {
        match &self.separators {
            Separators::None => false,
            Separators::Others => (c == ' ' || c.is_ascii_punctuation()) && !self.pattern.uses(c),
            Separators::These(these) => these.contains(c),
        }
    }

    /// Whether the text is one in lower case of a pattern in upper case.
    fn is_lower(&self, text: &str) -> bool {
        self.either_case
            && text.bytes().any(|b| b.is_ascii_lowercase())
            && !text.bytes().any(|b| b.is_ascii_uppercase())
    }

    /// The text as the pattern has it.
    fn compact<'t>(&self, text: &'t str, compact: &'t mut Zeroizing<String>) -> &'t str {
        if self.separators == Separators::None && !self.either_case {
            return text;
        }
        compact.clear();
        compact.extend(text.chars().filter(|c| !self.is_separator(*c)));
        if self.is_lower(text) {
            compact.make_ascii_uppercase();
        }
        compact.as_str()
    }

    /// An error at the place in the text rather than in the text without separators.
    fn placed(&self, error: Error, text: &str) -> Error {
        match error {
            Error::Character { at, expected } => {
                let mut places = text.chars().enumerate().filter(|(_, c)| !self.is_separator(*c));
                let at = places.nth(at - 1).map_or(text.chars().count(), |(i, _)| i) + 1;
                Error::Character { at, expected }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;

    // SPEC: PAT-2
    #[test]
    fn separators_cannot_be_letters_of_the_pattern_in_either_case() {
        assert!(Format::postal_uk().separators(" .").check().is_ok());
        for bad in ["x", "X", "7"] {
            assert!(Format::postal_uk().separators(bad).check().is_err(), "{bad}");
        }
        assert!(Format::template("token([a-c],20)").unwrap().separators("A").check().is_ok());
    }

    // SPEC: PAT-1
    #[test]
    fn postcodes_keep_their_case_and_separators() {
        let uk = Format::postal_uk();
        let members = uk.members("sw1a 1aa").unwrap();
        for i in [0, 1, 1_000_000, 5_000_000] {
            let other = members.unrank(&Natural::from(i)).unwrap();
            assert_eq!((other.len(), other.find(' ')), (8, Some(4)));
            assert!(!other.bytes().any(|b| b.is_ascii_uppercase()));
            assert_eq!(members.rank(&other).unwrap(), Natural::from(i));
        }
        for bad in ["Sw1A 1aa", "SW1A1A", "SW1A 1A1", "1SW 1AA", "SW1A 1AA\0"] {
            assert!(uk.members(bad).is_err(), "{bad}");
        }
        let error = uk.members("SW1A ?AA").unwrap_err();
        assert!(matches!(error, Error::Character { at: 6, .. }), "{error}");
    }
}
