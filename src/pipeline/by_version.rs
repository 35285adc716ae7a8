//! Rows of several key versions in one column: sorted by version, worked on together, and put back in order.

use super::actions::{Action, Part};
use super::key_versions;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::KeyVersion;
use crate::protect::{Column, Failures, is_blank};
use std::collections::BTreeMap;

/// What is done to a cell, by the key version of its row.
pub(super) struct ByVersion {
    /// The column that says it.
    pub(super) column: usize,
    actions: BTreeMap<KeyVersion, Action>,
    keyset: Keyset,
}

/// The cells of one key version, and what becomes of them.
struct Group<'a> {
    version: KeyVersion,
    action: &'a Action,
    rows: Vec<usize>,
    cells: Column,
    output: Column,
}

impl ByVersion {
    /// `action` makes what is done to cells under this key.
    ///
    /// # Errors
    /// Those of `action`.
    pub(super) fn new(
        column: usize,
        keyset: &Keyset,
        action: impl Fn(&UsableKey) -> Result<Action>,
    ) -> Result<Self> {
        let actions = keyset.live().into_iter().map(|key| Ok((key.number(), action(&key)?)));
        Ok(Self { column, actions: actions.collect::<Result<_>>()?, keyset: keyset.clone() })
    }

    /// Works on a column with `act`. Cells whose version is none, or is no key that reveals, are noted in `unknown`.
    pub(super) fn map_column(
        &self,
        versions: &Column,
        cells: &Column,
        output: &mut Column,
        failures: &mut Failures,
        unknown: &mut Failures,
        act: impl Fn(&Action, Part<'_>, &mut Column, &mut Failures),
    ) {
        let mut groups: Vec<Group<'_>> = vec![];
        // Which group each row is in, and where; rows in none hold no value, or failed.
        let mut places = vec![None; cells.len()];
        for (row, cell) in cells.iter().enumerate().filter(|(_, cell)| !is_blank(cell)) {
            match self.group(versions.get(row), &mut groups) {
                Ok(n) => {
                    places[row] = Some((n, groups[n].rows.len()));
                    groups[n].rows.push(row);
                    groups[n].cells.push(cell);
                }
                Err(error) => unknown.push((row, error)),
            }
        }
        for group in &mut groups {
            let mut failed = vec![];
            let part = Part { cells: &group.cells, rows: Some(&group.rows) };
            act(group.action, part, &mut group.output, &mut failed);
            failures.extend(failed.into_iter().map(|(n, error)| (group.rows[n], error)));
        }
        for (cell, place) in cells.iter().zip(places) {
            match place {
                Some((n, at)) => output.push(groups[n].output.get(at)),
                None if is_blank(cell) => output.push(cell),
                None => output.push(b""),
            }
        }
    }

    /// The group of the version that a cell says.
    fn group<'a>(&'a self, version: &[u8], groups: &mut Vec<Group<'a>>) -> Result<usize> {
        let version = key_versions::parse(version)?;
        if let Some(n) = groups.iter().position(|group| group.version == version) {
            return Ok(n);
        }
        let Some(action) = self.actions.get(&version) else {
            return Err(self.keyset.for_reveal(version).err().unwrap_or(Error::Rejected));
        };
        let (cells, output) = (Column::new(), Column::new());
        groups.push(Group { version, action, rows: vec![], cells, output });
        Ok(groups.len() - 1)
    }
}
