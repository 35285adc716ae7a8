//! Exact counts of what needs which key version, changed in the same batch as the data.

use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::wire::{Reader, Writer};
use std::collections::BTreeMap;
use std::fmt;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// Sealed fields, by the version that wraps their subject's key.
    Seal = 1,
    /// Wrapped subject keys.
    SubjectKey = 2,
    /// Blinded entries of the index.
    Row = 3,
    /// Random tokens, by the version that blinds and seals them.
    Token = 4,
    /// Fingerprints of values that have a token.
    Fingerprint = 5,
    /// Entries of blind indexes; the field is the index's name.
    Index = 6,
    /// Tokens that key and value alone make, in protected files.
    FileToken = 7,
    /// Pseudonyms in protected files, by the version of their scope's key.
    FilePseudonym = 8,
    /// Pseudonyms in protected files, by the version of their identity key.
    FileIdentity = 9,
    /// References into the vault in protected files.
    FileReference = 10,
    /// Envelopes in protected files.
    FileSeal = 11,
    /// Manifests of protected files, by the version that verifies them, where no column of the file
    /// needs that.
    FileManifest = 12,
}

const MODES: [Mode; 12] = [
    Mode::Seal,
    Mode::SubjectKey,
    Mode::Row,
    Mode::Token,
    Mode::Fingerprint,
    Mode::Index,
    Mode::FileToken,
    Mode::FilePseudonym,
    Mode::FileIdentity,
    Mode::FileReference,
    Mode::FileSeal,
    Mode::FileManifest,
];

impl Mode {
    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Seal => "seal",
            Mode::SubjectKey => "subject-key",
            Mode::Row => "row",
            Mode::Token => "token",
            Mode::Fingerprint => "fingerprint",
            Mode::Index => "index",
            Mode::FileToken => "token in files",
            Mode::FilePseudonym => "pseudonym in files",
            Mode::FileIdentity => "identity in files",
            Mode::FileReference => "reference in files",
            Mode::FileSeal => "seal in files",
            Mode::FileManifest => "manifest of a file",
        }
    }

    /// The mode of this number, or `None`.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        MODES.into_iter().find(|mode| *mode as u8 == number)
    }

    /// Whether what it counts is in files, out of the vault's reach.
    pub fn is_in_files(self) -> bool {
        self >= Mode::FileToken
    }
}

/// What a count is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Whose.
    pub tenant: String,
    /// Which field, or empty for what belongs to no field.
    pub field: String,
    /// What.
    pub mode: Mode,
    /// Which key version it needs.
    pub version: u32,
}

impl fmt::Display for Line {
    /// `token of field "card" of tenant "acme"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode.as_str())?;
        if !self.field.is_empty() {
            write!(f, " of field {:?}", self.field)?;
        }
        write!(f, " of tenant {:?}", self.tenant)
    }
}

/// Counts, none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census(BTreeMap<Line, u64>);

impl Census {
    /// The lines and their counts, ascending.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, u64)> {
        self.0.iter().map(|(line, count)| (line, *count))
    }

    /// How many this line counts.
    pub fn count(&self, line: &Line) -> u64 {
        self.0.get(line).copied().unwrap_or(0)
    }

    /// How many of this mode there are, over all tenants, fields and versions.
    pub fn total(&self, mode: Mode) -> u64 {
        self.lines().filter(|(line, _)| line.mode == mode).map(|(_, count)| count).sum()
    }

    /// How many things need this key version.
    pub fn needing(&self, version: KeyVersion) -> u64 {
        self.lines_of(version).map(|(_, count)| count).sum()
    }

    /// What needs this key version.
    pub fn lines_of(&self, version: KeyVersion) -> impl Iterator<Item = (&Line, u64)> {
        self.lines().filter(move |(line, _)| line.version == version.get())
    }

    /// Counts one more.
    pub(super) fn add(&mut self, line: Line) {
        self.add_many(line, 1);
    }

    /// Counts so many more. Past the largest number it stays there: a file's entry that a stranger made may say anything.
    pub(super) fn add_many(&mut self, line: Line, more: u64) {
        if more > 0 {
            let count = self.0.entry(line).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// Counts one less.
    ///
    /// # Errors
    /// [`Error::Corrupt`] below zero.
    pub(super) fn remove(&mut self, line: Line) -> Result<()> {
        self.remove_many(line, 1)
    }

    /// Counts so many less.
    ///
    /// # Errors
    /// [`Error::Corrupt`] below zero.
    pub(super) fn remove_many(&mut self, line: Line, less: u64) -> Result<()> {
        if less == 0 {
            return Ok(());
        }
        let corrupt =
            || Error::Corrupt { problem: "it holds more than was counted; `check` says what".into() };
        let count = self.0.get_mut(&line).ok_or_else(corrupt)?;
        *count = count.checked_sub(less).ok_or_else(corrupt)?;
        if *count == 0 {
            self.0.remove(&line);
        }
        Ok(())
    }

    pub(super) fn write(&self, w: &mut Writer) -> Result<()> {
        w.u32(u32::try_from(self.0.len()).expect("lines are few: they fit one value of the store"));
        for (line, count) in &self.0 {
            w.short(line.tenant.as_bytes())?.short(line.field.as_bytes())?;
            w.u8(line.mode as u8).u32(line.version).u64(*count);
        }
        Ok(())
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut counts = BTreeMap::new();
        for _ in 0..r.u32()? {
            let (tenant, field) = (r.short_str()?.to_owned(), r.short_str()?.to_owned());
            let mode = Mode::from_number(r.u8()?);
            let mode = mode.ok_or_else(|| r.malformed("counts something that this release does not know"))?;
            counts.insert(Line { tenant, field, mode, version: r.u32()? }, r.u64()?);
        }
        Ok(Self(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(field: &str, version: u32) -> Line {
        Line { tenant: "acme".into(), field: field.into(), mode: Mode::Seal, version }
    }

    // SPEC: VAULT-11
    #[test]
    fn counts_come_back() {
        let mut census = Census::default();
        (0..5).for_each(|_| census.add(line("email", 1)));
        census.add(line("phone", 2));
        let mut w = Writer::new();
        census.write(&mut w).unwrap();
        assert_eq!(Census::read(&mut Reader::new("census", w.as_bytes())).unwrap(), census);
        assert_eq!((census.total(Mode::Seal), census.needing(KeyVersion::FIRST)), (6, 5));
        assert_eq!((census.count(&line("email", 1)), census.count(&line("email", 2))), (5, 0));
    }

    #[test]
    fn nothing_counts_below_zero() {
        let mut census = Census::default();
        census.add(line("email", 1));
        census.remove(line("email", 1)).unwrap();
        assert_eq!(census, Census::default());
        assert!(matches!(census.remove(line("email", 1)), Err(Error::Corrupt { .. })));
    }
}
