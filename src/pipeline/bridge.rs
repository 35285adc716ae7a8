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
use crate::protect::Bridge;
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
    let Crossing { policy, column: name, to, drop } = crossing;
    let refused = |what, problem| Error::Setting { what, problem };
    let keyset = keys.keyset();
    let file = ProtectedFile::open(input, manifest, keys, ROWS)?;
    let position = |name: &str| file.columns.iter().position(|c| c.header.trim() == name.trim());
    let bridged =
        position(name).ok_or_else(|| refused("column", format!("the file has no column {name:?}")))?;
    let column = &file.columns[bridged];
    let Some(Rule::Pseudonym { scope: from, spelling, .. }) = &column.rule else {
        return Err(refused("column", format!("{name:?} holds no pseudonyms: only these have a scope")));
    };
    if policy.tenant != file.tenant {
        let problem =
            format!("is for tenant {:?}, the file is {:?}'s", policy.tenant.as_str(), file.tenant.as_str());
        return Err(refused("policy", problem));
    }
    let (a, b) = (from.as_str(), to.as_str());
    if from == to {
        return Err(refused(
            "bridge",
            format!("{name:?} is in scope {a:?} already; `migrate` moves it to its primary key"),
        ));
    }
    if !policy.allows_bridge(from, to) {
        let problem = format!(
            "the policy has none from scope {a:?} to {b:?}: add a [[bridge]] with from = {a:?} and to = {b:?}, if whoever \
             has both files may join them"
        );
        return Err(refused("bridge", problem));
    }
    let mut dropped = vec![false; file.columns.len()];
    for name in drop {
        let i = position(name).ok_or_else(|| refused("drop", format!("the file has no column {name:?}")))?;
        if i == bridged {
            return Err(refused("drop", format!("{name:?} is the column to be bridged")));
        }
        dropped[i] = true;
        file.columns[i].versions.into_iter().for_each(|versions| dropped[versions] = true);
    }
    let bound = |i: &usize| !dropped[*i] && matches!(file.columns[*i].rule, Some(Rule::Seal(_)));
    let sealed: Vec<&str> = (0..dropped.len()).filter(bound).map(|i| file.columns[i].header.trim()).collect();
    if let Some(binding) = file.binding
        && (binding == bridged || dropped[binding])
        && !sealed.is_empty()
    {
        let problem = format!(
            "sealed cells are bound to column {:?}, and would not open in the new file; leave out {}",
            file.columns[binding].header.trim(),
            sealed.join(", ")
        );
        return Err(refused("bridge", problem));
    }
    let to_key = primary_of_scope(&keyset, &file.tenant, to)?;
    let action = |key: &UsableKey| {
        Ok(Action::Rekey(Bridge::new(&file.tenant, (key, from, *spelling), (&to_key, to, *spelling))?))
    };
    let action = match column.versions {
        Some(versions) => Action::ByVersion(ByVersion::new(versions, &keyset, action)?),
        None => action(&column.key(&keyset)?)?,
    };
    let mut rewritten = Rewritten::moved(column, action, &to_key, &keyset);
    rewritten.entry.settings.scope = Some(b.to_owned());
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
