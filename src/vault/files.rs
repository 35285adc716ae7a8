//! The protected files that a vault made: what in them needs which key version is counted like what is in the vault.
//!
//! ```text
//!  output:  SHA-256 of the file  →  format 1 │ made 8 │ tenant 2 + t │ columns 2 │ for each: field 2 + f │ mode 1 │ version 4 │ count 8
//! ```
//!
//! Files are out of the vault's reach: it counts them until it is told that a file is gone.

use super::OUTPUT;
use super::census::{Line, Mode};
use super::log::Draft;
use super::open::{Operation, Vault};
use super::pages::Pages;
use crate::error::{Error, Result};
use crate::keys::KeyState;
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::time::Timestamp;
use crate::wire::{Reader, Writer};

const FORMAT: u8 = 1;
/// Of one kind in all files: as many lines as a ledger has room for can be summed.
const MOST: u64 = 1 << 48;

/// A protected file, as the vault knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedFile {
    /// Of its bytes.
    pub sha256: [u8; 32],
    /// When it was made.
    pub made: Timestamp,
    /// Whose data is in it.
    pub tenant: TenantId,
    /// What in it needs a key.
    pub columns: Vec<FileColumn>,
}

/// What a column of a protected file needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// The field, or for pseudonyms the scope's column.
    pub field: FieldName,
    /// Which kind of protection, one of those [in files](Mode::is_in_files).
    pub mode: Mode,
    /// The key version.
    pub version: KeyVersion,
    /// How many cells.
    pub count: u64,
}

impl ProtectedFile {
    fn lines(&self) -> impl Iterator<Item = (Line, u64)> {
        self.columns.iter().map(|column| {
            let (tenant, field) = (self.tenant.as_str().to_owned(), column.field.as_str().to_owned());
            (Line { tenant, field, mode: column.mode, version: column.version.get() }, column.count)
        })
    }

    /// `None` for a file of a release that kept nothing but the hash.
    fn parse(sha256: &[u8], bytes: &[u8]) -> Result<Option<Self>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut r = Reader::new("entry of a file", bytes);
        r.expect(&[FORMAT], "has a format that this release does not know")?;
        let (made, tenant) = (Timestamp(r.u64()?), TenantId::new(r.short_str()?)?);
        let columns = (0..r.u16()?)
            .map(|_| {
                let (field, mode) = (FieldName::new(r.short_str()?)?, Mode::from_number(r.u8()?));
                let unknown = || r.malformed("has a mode that is none of files");
                let mode = mode.filter(|mode| mode.is_in_files()).ok_or_else(unknown)?;
                Ok(FileColumn { field, mode, version: KeyVersion::new(r.u32()?)?, count: r.u64()? })
            })
            .collect::<Result<_>>()?;
        r.finish()?;
        let key = |_| Error::Corrupt { problem: "a file's key has the wrong length".into() };
        Ok(Some(Self { sha256: sha256.try_into().map_err(key)?, made, tenant, columns }))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut w = Writer::new();
        w.u8(FORMAT).u64(self.made.0).short(self.tenant.as_str().as_bytes())?;
        let (actual, limit) = (self.columns.len(), usize::from(u16::MAX));
        let too_many = |_| Error::TooLong { what: "number of columns", actual, limit };
        w.u16(u16::try_from(actual).map_err(too_many)?);
        for column in &self.columns {
            w.short(column.field.as_str().as_bytes())?.u8(column.mode as u8).u32(column.version.get());
            w.u64(column.count);
        }
        Ok(w.into_bytes())
    }
}

/// Refuses what could not be read back, or summed.
fn check_column(line: &Line, count: u64) -> Result<()> {
    let refused = |problem: String| Err(Error::Setting { what: "protected file", problem });
    match line.mode.is_in_files() {
        false => refused(format!("has a column of mode {:?}, which is none of files", line.mode.as_str())),
        true if count > MOST => refused(format!("makes {count} × {line}: {MOST} can be counted")),
        true => Ok(()),
    }
}

impl Operation<'_> {
    /// Takes a file on, or takes it on anew.
    pub(super) fn put_file(&mut self, file: &ProtectedFile) -> Result<()> {
        file.columns.iter().try_for_each(|column| self.check_still_there(column))?;
        let old = self.get(OUTPUT, &file.sha256)?;
        if let Some(old) =
            old.as_deref().map(|old| ProtectedFile::parse(&file.sha256, old)).transpose()?.flatten()
        {
            self.uncount_file(&old)?;
        }
        for (line, more) in file.lines() {
            check_column(&line, self.ledger.census.count(&line).saturating_add(more))?;
            self.ledger.census.add_many(line, more);
        }
        self.put(OUTPUT, &file.sha256, old.as_deref(), file.to_bytes()?);
        Ok(())
    }

    /// While the file was made, nothing had counted it yet, so its key versions could be given up. An identity reveals
    /// nothing.
    fn check_still_there(&self, column: &FileColumn) -> Result<()> {
        let state = self.keyring.keyset.version(column.version).map(|version| version.state());
        match (column.mode, state) {
            (Mode::FileIdentity, _) => Ok(()),
            (_, Ok(state @ (KeyState::Retired | KeyState::Destroyed))) => Err(Error::KeyState {
                version: column.version.get(),
                state: state.as_str(),
                purpose: "reveal the file that was made with it: make it anew",
            }),
            _ => Ok(()),
        }
    }

    fn uncount_file(&mut self, file: &ProtectedFile) -> Result<()> {
        file.lines().try_for_each(|(line, count)| self.ledger.census.remove_many(line, count))
    }
}

impl Vault {
    /// Counts a file that was made from files of this vault: by migrating one, or bridging its pseudonyms.
    ///
    /// # Errors
    /// [`Error::KeyState`] when a version that the file needs was retired or destroyed; [`Error::Setting`] for a mode that
    /// is none of files, or more than 2^48 of one kind; the store's.
    pub fn add_file(&self, file: &ProtectedFile) -> Result<()> {
        let mut operation = self.operation(Draft::new("add-file"))?;
        operation.put_file(file)?;
        self.finish(operation)
    }

    /// Counts a file no more, because every copy of it is deleted or will never be revealed. Whether it was known.
    ///
    /// # Errors
    /// The store's.
    pub fn forget_file(&self, sha256: &[u8; 32]) -> Result<bool> {
        let mut operation = self.bookkeeping(Draft::new("forget-file"))?;
        let Some(bytes) = operation.get(OUTPUT, sha256)? else { return Ok(false) };
        if let Some(file) = ProtectedFile::parse(sha256, &bytes)? {
            operation.uncount_file(&file)?;
        }
        operation.delete(OUTPUT, sha256, &bytes);
        self.finish(operation)?;
        Ok(true)
    }

    /// The files that the vault counts, by their hash.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an entry that was altered; the store's.
    pub fn files(&self) -> Result<Vec<ProtectedFile>> {
        let mut files = vec![];
        self.each_file(|file| {
            files.push(file);
            Ok(())
        })?;
        Ok(files)
    }

    /// Counts what the files need, as the census should.
    pub(super) fn count_files(&self, mut count: impl FnMut(Line, u64)) -> Result<()> {
        self.each_file(|file| {
            file.lines().for_each(|(line, n)| count(line, n));
            Ok(())
        })
    }

    fn each_file(&self, mut f: impl FnMut(ProtectedFile) -> Result<()>) -> Result<()> {
        Pages::new(self.store(), OUTPUT, &[], None)
            .each(|key, bytes| ProtectedFile::parse(key, bytes)?.map_or(Ok(()), &mut f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: VAULT-22, WIRE-2, WIRE-3
    #[test]
    fn files_come_back_and_truncations_do_not_parse() {
        let column = |mode, version| FileColumn {
            field: FieldName::new("card").unwrap(),
            mode,
            version: KeyVersion::new(version).unwrap(),
            count: 70_000,
        };
        let file = ProtectedFile {
            sha256: [7; 32],
            made: Timestamp(1_795_000_000),
            tenant: TenantId::new("acme").unwrap(),
            columns: vec![column(Mode::FileToken, 1), column(Mode::FileIdentity, 2)],
        };
        let bytes = file.to_bytes().unwrap();
        assert_eq!(ProtectedFile::parse(&[7; 32], &bytes).unwrap(), Some(file.clone()));
        (1..bytes.len()).for_each(|n| assert!(ProtectedFile::parse(&[7; 32], &bytes[..n]).is_err()));
        assert!(ProtectedFile::parse(&[7; 31], &bytes).is_err());
        let in_vault = ProtectedFile { columns: vec![column(Mode::Seal, 1)], ..file };
        assert!(ProtectedFile::parse(&[7; 32], &in_vault.to_bytes().unwrap()).is_err());
    }
}
