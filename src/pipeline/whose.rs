//! Whose a row of a protected file is: the references into the vault in it say so, whatever becomes of their columns.
//!
//! ```text
//! record of a row = the first reference in it that can be read, under the key version of its cell
//! ```

use super::actions::text;
use super::key_versions;
use super::protected_file::ProtectedFile;
use crate::error::{Error, Result};
use crate::keys::Keyset;
use crate::name::KeyVersion;
use crate::policy::Rule;
use crate::protect::{Column, is_blank};
use crate::vault::{RecordId, References};
use std::collections::BTreeMap;
use std::io::Read;

/// Tells whose the rows of a file are.
pub(super) struct Whose {
    columns: Vec<ReferenceColumn>,
    /// Whether rows of this file are somebody's at all: then one without a reference hides whose it is.
    is_told: bool,
    binding: Option<usize>,
}

/// A column with references.
struct ReferenceColumn {
    column: usize,
    under: Under,
}

/// The key version of its references.
enum Under {
    /// The manifest says it, of all rows.
    One(Box<References>),
    /// A column says it, of each row.
    Each { versions: usize, references: BTreeMap<KeyVersion, References> },
}

impl Whose {
    /// By the references of this file.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it names no key version; [`Error::KeyVersionUnknown`], [`Error::KeyState`].
    pub(super) fn new(file: &ProtectedFile<'_, impl Read>, keyset: &Keyset) -> Result<Self> {
        let is_in_vault = |rule: &Rule| file.manifest.vault && matches!(rule, Rule::Seal(_));
        let mut columns = vec![];
        for (i, column) in file.columns.iter().enumerate() {
            if !column.rule.as_ref().is_some_and(is_in_vault) {
                continue;
            }
            let of = |key: &_| References::new(key, &file.tenant, &column.field);
            let under = match column.versions {
                None => Under::One(Box::new(of(&column.key(keyset)?))),
                Some(versions) => {
                    let references = keyset.live().into_iter().map(|key| (key.number(), of(&key))).collect();
                    Under::Each { versions, references }
                }
            };
            columns.push(ReferenceColumn { column: i, under });
        }
        // Of the manifest, not of the file: leaving out the column must not make a stranger of its subject.
        let is_told = file.manifest.vault && file.manifest.columns.iter().any(|c| c.mode == "seal");
        Ok(Self { columns, is_told, binding: file.binding })
    }

    /// A record of the row's subject; `None` in a file that refers to nobody.
    ///
    /// # Errors
    /// [`Error::Value`] when the file does, and the row has no reference that can be read.
    pub(super) fn record(&self, input: &[Column], row: usize) -> Result<Option<RecordId>> {
        let mut read = self.columns.iter().filter_map(|column| column.record(input, row, self.binding));
        match read.next() {
            None if self.is_told => Err(Error::Value {
                problem: "is of a row without a reference into the vault that can be read: whose it is cannot be told, \
                          nor whether it may be shown",
            }),
            record => Ok(record),
        }
    }
}

impl ReferenceColumn {
    fn record(&self, input: &[Column], row: usize, binding: Option<usize>) -> Option<RecordId> {
        let cell = input[self.column].get(row);
        if is_blank(cell) {
            return None;
        }
        let references = match &self.under {
            Under::One(references) => references,
            Under::Each { versions, references } => {
                references.get(&key_versions::parse(input[*versions].get(row)).ok()?)?
            }
        };
        // A subject column that is sealed itself is bound to nothing.
        let bound_to = binding.filter(|i| *i != self.column).map_or(&b""[..], |i| input[i].get(row));
        references.parse(text(cell).ok()?, bound_to).ok()
    }
}
