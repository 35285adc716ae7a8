//! A protected file, held against its manifest before the first row.

use super::drive::Tally;
use super::manifest::{ColumnEntry, Manifest, hex};
use super::source::Source;
use super::{Keys, key_versions};
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::policy::Rule;
use std::io::Read;

/// A protected file that is being read.
pub(super) struct ProtectedFile<'m, R> {
    pub(super) source: Source<R>,
    pub(super) manifest: &'m Manifest,
    pub(super) tenant: TenantId,
    pub(super) delimiter: u8,
    /// The columns of the file, in its order.
    pub(super) columns: Vec<ProtectedColumn<'m>>,
    /// The column whose cells the sealed cells of their row are bound to.
    pub(super) binding: Option<usize>,
}

/// A column of a protected file.
pub(super) struct ProtectedColumn<'m> {
    /// The header as it stands in the file.
    pub(super) header: String,
    pub(super) entry: &'m ColumnEntry,
    pub(super) field: FieldName,
    /// How it was protected; `None` for a column that holds another one's key versions.
    pub(super) rule: Option<Rule>,
    /// The column that holds the key version of each cell.
    pub(super) versions: Option<usize>,
}

impl<'m, R: Read> ProtectedFile<'m, R> {
    /// Reads the header. Columns may be missing or in another order; none may have been added.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the manifest is for a vault and there is none, or a column is not in it;
    /// [`Error::Input`] for a header that cannot be used, or when sealed cells have lost what they are bound to.
    pub(super) fn open(
        input: R,
        manifest: &'m Manifest,
        keys: Keys<'_>,
        rows_at_once: usize,
    ) -> Result<Self> {
        let bad = |problem: String| Error::Manifest { problem };
        if manifest.vault && matches!(keys, Keys::Keyset(_)) {
            return Err(bad("says that sealed fields are in a vault: give the vault".into()));
        }
        let delimiter = match manifest.delimiter.as_bytes() {
            [delimiter] => *delimiter,
            _ => return Err(bad("has a delimiter of more than one byte".into())),
        };
        let tenant = TenantId::new(&manifest.tenant)?;
        let source = Source::open(input, delimiter, rows_at_once)?;
        let position = |name: &str| source.header.iter().position(|h| h.trim() == name.trim());
        let mut columns = vec![];
        for (i, header) in source.header.iter().enumerate() {
            let entry = manifest.columns.iter().find(|c| c.name.trim() == header.trim()).ok_or_else(|| {
                // Not by name: in a file without a header it would be a value.
                bad(format!(
                    "does not have column {} of the input: it is another file's manifest, the column was added, or the \
                     header is gone",
                    i + 1
                ))
            })?;
            let of_versions = key_versions::header_of(header);
            let versions =
                manifest.columns.iter().find(|c| c.mode == key_versions::MODE && c.name == of_versions);
            columns.push(ProtectedColumn {
                header: header.clone(),
                entry,
                field: FieldName::new(entry.name.trim())?,
                rule: match entry.mode == key_versions::MODE {
                    true => None,
                    false => Some(Rule::new(&entry.settings)?.0),
                },
                versions: versions.and_then(|c| position(&c.name)),
            });
        }
        let binding = manifest.subject.as_deref().and_then(position);
        if let (Some(subject), None) = (&manifest.subject, binding)
            && columns.iter().any(|c| matches!(c.rule, Some(Rule::Seal(_))))
        {
            let problem = format!("lacks column {:?}, which its sealed cells are bound to", subject.trim());
            return Err(Error::Input { problem });
        }
        Ok(Self { source, manifest, tenant, delimiter, columns, binding })
    }

    /// The column whose key versions this one holds.
    pub(super) fn column_of_versions(&self, i: usize) -> Option<usize> {
        self.columns.iter().position(|column| column.versions == Some(i))
    }

    /// What came of the rows, and whether the file is the very one of its manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] unless it is, or `changed`. If it is another file, that is the reason, and not the first row that
    /// shows it.
    pub(super) fn settle(&mut self, driven: Result<Tally>, changed: bool) -> Result<(Tally, bool)> {
        let tally = match driven {
            Ok(tally) => Ok(tally),
            Err(error @ Error::Row { .. }) => self.source.drain().and(Err(error)),
            Err(error) => return Err(error),
        };
        let unchanged = self.is_unchanged();
        if !unchanged && !changed {
            return Err(changed_file());
        }
        Ok((tally?, unchanged))
    }

    /// Whether what was read is, byte for byte, the file that the manifest was made with.
    fn is_unchanged(&self) -> bool {
        hex(&self.source.sha256()) == self.manifest.output_sha256
    }
}

pub(super) fn changed_file() -> Error {
    let problem = "is another file's, or the file was changed since it was made: a token of another file or key version would \
                   become garbage, so it must be the very file; `--changed` takes one of which rows or columns are missing or \
                   moved";
    Error::Manifest { problem: problem.into() }
}

impl ProtectedColumn<'_> {
    /// The key that the manifest names.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it names none; [`Error::KeyVersionUnknown`], [`Error::KeyState`].
    pub(super) fn key(&self, keyset: &Keyset) -> Result<UsableKey> {
        let problem = || format!("names no key version for column {:?}", self.entry.name);
        let version = self.entry.key_version.ok_or_else(|| Error::Manifest { problem: problem() })?;
        keyset.for_reveal(KeyVersion::new(version)?)
    }
}
