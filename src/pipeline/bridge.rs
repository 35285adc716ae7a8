//! A pseudonym column of a protected file, from one scope to another that the policy has a bridge to.

use super::actions::Action;
use super::by_version::ByVersion;
use super::manifest::{Manifest, hex};
use super::protect::{Finished, primary_of_scope};
use super::protected_file::ProtectedFile;
use super::rewrite::{ROWS, Rewritten, rewrite};
use super::{Keys, Options};
use crate::error::{Error, Result};
use crate::keys::UsableKey;
use crate::name::Scope;
use crate::policy::{Policy, Rule};
use crate::protect::{Bridge, Spelling};
use std::io::{Read, Write};

/// What goes over a bridge.
#[derive(Clone, Copy, Debug)]
pub struct Crossing<'c> {
    /// The policy that declares the bridge.
    pub policy: &'c Policy,
    /// The column with the pseudonyms, by its header.
    pub column: &'c str,
    /// The scope that they shall be of.
    pub to: &'c Scope,
    /// Headers of columns to be left out.
    pub drop: &'c [String],
}

/// A file that was bridged whole, but does not count yet.
#[derive(Debug)]
pub struct Bridged<'v> {
    /// The new manifest. [`Finished::commit`] lets the vault know the new file again.
    pub finished: Finished<'v>,
    /// Headers of the columns whose cells are the same in both files: who has both files can join them by these.
    pub joining: Vec<String>,
    /// Whether the input was, byte for byte, the file that the manifest was made with.
    pub unchanged: bool,
}

/// Writes the protected file `input` anew, with the pseudonyms of one column as protecting the originals in another
/// scope makes them. The other columns stay as they are.
///
/// # Errors
/// [`Error::Setting`] when the policy has no such bridge, the column is no pseudonym, or sealed cells are bound to it
/// (leave those columns out); otherwise as for [`migrate`](super::migrate()).
///
/// # Security
/// The scopes' recipients can join the two files by every column that is the same in both, and by the order of rows.
pub fn bridge<'k>(
    input: impl Read,
    output: impl Write + Send,
    manifest: &Manifest,
    crossing: Crossing<'_>,
    keys: Keys<'k>,
    options: Options<'_>,
) -> Result<Bridged<'k>> {
    let keyset = keys.keyset();
    let file = ProtectedFile::open(input, manifest, keys, ROWS)?;
    let (bridged, from, spelling) = crossing.find(&file)?;
    let dropped = crossing.left_out(&file, bridged)?;
    let Crossing { policy, to, .. } = crossing;
    let column = &file.columns[bridged];
    let to_key = primary_of_scope(&keyset, &file.tenant, to)?;
    let action = |key: &UsableKey| {
        let bridge = Bridge::new(&file.tenant, (key, from, spelling), (&to_key, to, spelling))?;
        Ok(Action::Rekey(Box::new(bridge)))
    };
    let action = match column.versions {
        Some(versions) => Action::ByVersion(ByVersion::new(versions, &keyset, action)?),
        None => action(&column.key(&keyset)?)?,
    };
    let mut rewritten = Rewritten::moved(column, action, &to_key, &keyset);
    rewritten.entry.settings.scope = Some(to.as_str().to_owned());
    let (mut columns, mut joining, mut rewritten) = (vec![], vec![], Some(rewritten));
    for (i, other) in file.columns.iter().enumerate() {
        columns.push(match rewritten.take_if(|_| i == bridged) {
            Some(rewritten) => rewritten,
            None if dropped[i] || column.versions == Some(i) => Rewritten::dropped(other),
            None => {
                if !matches!(other.rule, None | Some(Rule::Mask(_) | Rule::Generalize(_))) {
                    joining.push(other.header.trim().to_owned());
                }
                Rewritten::passed(other)
            }
        });
    }
    let left_out = file.columns.iter().zip(&dropped).filter(|(c, dropped)| **dropped && c.rule.is_some());
    let manifest = Manifest {
        policy_sha256: hex(&policy.sha256),
        subject: manifest.subject.clone().filter(|_| file.binding.is_some_and(|i| !dropped[i])),
        dropped: manifest.dropped.iter().cloned().chain(left_out.map(|(c, _)| c.header.clone())).collect(),
        ..manifest.clone()
    };
    let (finished, unchanged) = rewrite(file, output, columns, manifest, keys, options)?;
    Ok(Bridged { finished, joining, unchanged })
}

impl Crossing<'_> {
    /// The column, if it may go over, and how its pseudonyms are.
    fn find<'f>(&self, file: &'f ProtectedFile<'_, impl Read>) -> Result<(usize, &'f Scope, Spelling)> {
        let (name, to) = (self.column, self.to.as_str());
        let bridged = position(file, name, "column")?;
        let Some(Rule::Pseudonym { scope: from, spelling, .. }) = &file.columns[bridged].rule else {
            return Err(refused("column", format!("{name:?} holds no pseudonyms: only these have a scope")));
        };
        let (ours, its) = (self.policy.tenant.as_str(), file.tenant.as_str());
        if ours != its {
            return Err(refused("policy", format!("is for tenant {ours:?}, the file is {its:?}'s")));
        }
        let problem = if from == self.to {
            format!("{name:?} is in scope {to:?} already; `migrate` moves it to its primary key")
        } else if !self.policy.allows_bridge(from, self.to) {
            let from = from.as_str();
            format!(
                "the policy has none from scope {from:?} to {to:?}: add a [[bridge]] with from = {from:?} and \
                 to = {to:?}, if whoever has both files may join them"
            )
        } else {
            return Ok((bridged, from, *spelling));
        };
        Err(refused("bridge", problem))
    }

    /// Which columns are left out; sealed cells that remain must open in the new file.
    fn left_out(&self, file: &ProtectedFile<'_, impl Read>, bridged: usize) -> Result<Vec<bool>> {
        let mut dropped = vec![false; file.columns.len()];
        for name in self.drop {
            let i = position(file, name, "drop")?;
            if i == bridged {
                return Err(refused("drop", format!("{name:?} is the column to be bridged")));
            }
            if file.columns[i].rule.is_none() {
                let problem = format!("{name:?} holds the key versions of another column, and goes with it");
                return Err(refused("drop", problem));
            }
            dropped[i] = true;
            file.columns[i].versions.into_iter().for_each(|versions| dropped[versions] = true);
        }
        let remains = file.columns.iter().zip(&dropped).filter(|(_, dropped)| !**dropped);
        let sealed = remains.filter(|(column, _)| matches!(column.rule, Some(Rule::Seal(_))));
        let sealed: Vec<&str> = sealed.map(|(column, _)| column.header.trim()).collect();
        match file.binding {
            Some(binding) if (binding == bridged || dropped[binding]) && !sealed.is_empty() => {
                let problem = format!(
                    "sealed cells are bound to column {:?}, and would not open in the new file; leave out {}",
                    file.columns[binding].header.trim(),
                    sealed.join(", ")
                );
                Err(refused("bridge", problem))
            }
            _ => Ok(dropped),
        }
    }
}

fn position(file: &ProtectedFile<'_, impl Read>, name: &str, what: &'static str) -> Result<usize> {
    let position = file.columns.iter().position(|c| c.header.trim() == name.trim());
    position.ok_or_else(|| refused(what, format!("the file has no column {name:?}")))
}

fn refused(what: &'static str, problem: String) -> Error {
    Error::Setting { what, problem }
}
