//! A protected file under the primary key versions, without its originals and without showing them.

use super::actions::Action;
use super::by_version::ByVersion;
use super::manifest::Manifest;
use super::protect::{Finished, primary_of_field, primary_of_scope};
use super::protected_file::{ProtectedColumn, ProtectedFile};
use super::rewrite::{ROWS, Rewritten, rewrite};
use super::{Keys, Options};
use crate::error::Result;
use crate::keys::{Keyset, UsableKey};
use crate::name::TenantId;
use crate::policy::Rule;
use crate::protect::{Bridge, Sealer, Tokenizer};
use crate::vault::References;
use std::io::{Read, Write};

/// A file that was migrated whole, but does not count yet.
#[derive(Debug)]
pub struct Migrated<'v> {
    /// The new manifest. [`Finished::commit`] lets the vault know the new file again.
    pub finished: Finished<'v>,
    /// Headers of the columns that were written anew; the others were at their primary key version, or have no key.
    pub moved: Vec<String>,
    /// Whether the input was, byte for byte, the file that the manifest was made with.
    pub unchanged: bool,
}

/// Writes the protected file `input` anew, so that it is as if its original had just been protected: each column that
/// has a key is moved from the key version of the manifest (or of its row, where the column has its key versions beside
/// it) to its primary one.
///
/// | column | what is done in memory |
/// |---|---|
/// | token | detokenized and tokenized |
/// | pseudonym | moved within its scope by a [`Bridge`]; the identity key stays |
/// | seal | opened, and sealed for the row's new subject cell; a reference into a vault is written anew |
/// | others | nothing |
///
/// There is nothing to resume: a file takes about twice as long as protecting it did, and if that fails, what was
/// written is not to be used.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) as for [`reveal`](super::reveal()), and when the input is not, byte for
/// byte, the file that the manifest was made with, unless `options.changed`: that is known when it has been read;
/// [`Error::Row`](crate::Error::Row); [`Error::KeyState`](crate::Error::KeyState) for what a suspended or compromised version
/// protects, unless `options.despite_state`; the vault's; [`Error::Io`](crate::Error::Io).
pub fn migrate<'k>(
    input: impl Read,
    output: impl Write + Send,
    manifest: &Manifest,
    keys: Keys<'k>,
    options: Options<'_>,
) -> Result<Migrated<'k>> {
    let keyset = keys.keyset();
    let file = ProtectedFile::open(input, manifest, keys, ROWS)?;
    let revealing = if options.despite_state { keyset.despite_state() } else { keyset.clone() };
    let plan = Plan {
        keyset: &keyset,
        revealing: &revealing,
        tenant: &file.tenant,
        in_vault: manifest.vault,
        mixed: options.changed,
    };
    // Where the column that others are bound to moves, they do.
    let rebinds = match file.binding {
        Some(binding) => plan.target(&file.columns[binding], false)?.is_some(),
        None => false,
    };
    let mut columns = vec![];
    for (i, column) in file.columns.iter().enumerate() {
        let rebinds = rebinds && file.binding != Some(i);
        let rewritten = match (&column.rule, file.column_of_versions(i)) {
            (Some(_), _) => plan.column(column, rebinds)?,
            // Written anew with its column, which may have been left out.
            (None, Some(of)) if plan.target(&file.columns[of], rebinds)?.is_none() => {
                Rewritten::passed(column)
            }
            (None, _) => Rewritten::dropped(column),
        };
        columns.push(rewritten);
    }
    let is_moved = |c: &&Rewritten| !matches!(c.job.action, Action::Keep | Action::Drop | Action::Pass);
    let headers = |c: &Rewritten| c.job.header.clone();
    let moved = columns.iter().filter(is_moved).map(headers).collect();
    let (finished, unchanged) = rewrite(file, output, columns, manifest.clone(), keys, options)?;
    Ok(Migrated { finished, moved, unchanged })
}

/// Where columns go.
struct Plan<'p> {
    keyset: &'p Keyset,
    /// The same, where what is moved comes from.
    revealing: &'p Keyset,
    tenant: &'p TenantId,
    in_vault: bool,
    /// Whether rows may be of several key versions where they say it. The very file of a manifest has one.
    mixed: bool,
}

impl Plan<'_> {
    /// The key that the column moves to, if it moves; `rebinds` says that its sealed cells get other subject cells.
    fn target(&self, column: &ProtectedColumn<'_>, rebinds: bool) -> Result<Option<UsableKey>> {
        let primary = match &column.rule {
            Some(Rule::Token(_) | Rule::Seal(_)) => {
                primary_of_field(self.keyset, self.tenant, &column.field)?
            }
            Some(Rule::Pseudonym { scope, .. }) => primary_of_scope(self.keyset, self.tenant, scope)?,
            _ => return Ok(None),
        };
        let rebinds = rebinds && matches!(column.rule, Some(Rule::Seal(_)));
        let mixed = self.mixed && column.versions.is_some();
        let moves = rebinds || mixed || column.entry.key_version != Some(primary.number().get());
        Ok(moves.then_some(primary))
    }

    fn column(&self, column: &ProtectedColumn<'_>, rebinds: bool) -> Result<Rewritten> {
        let Some(to) = self.target(column, rebinds)? else { return Ok(Rewritten::passed(column)) };
        let action = match column.versions.filter(|_| self.mixed) {
            Some(versions) => {
                let action = |from: &UsableKey| self.action(column, from, &to);
                Action::ByVersion(ByVersion::new(versions, self.revealing, action)?)
            }
            None => self.action(column, &column.key(self.revealing)?, &to)?,
        };
        Ok(Rewritten::moved(column, action, &to, self.keyset))
    }

    fn action(&self, column: &ProtectedColumn<'_>, from: &UsableKey, to: &UsableKey) -> Result<Action> {
        let (tenant, field) = (self.tenant, &column.field);
        Ok(match &column.rule {
            Some(Rule::Seal(_)) if self.in_vault => Action::Rerefer {
                from: Box::new(References::new(from, tenant, field)),
                to: Box::new(References::new(to, tenant, field)),
            },
            Some(Rule::Seal(suite)) => Action::Reseal {
                from: Sealer::new(from, *suite, tenant, field),
                to: Sealer::new(to, *suite, tenant, field),
            },
            Some(Rule::Token(format)) if from.number() != to.number() => Action::Retokenize {
                from: Box::new(Tokenizer::new(from, tenant, field, format.clone())?),
                to: Box::new(Tokenizer::new(to, tenant, field, format.clone())?),
            },
            Some(Rule::Pseudonym { scope, spelling, .. }) if from.number() != to.number() => Action::Rekey(
                Box::new(Bridge::new(tenant, (from, scope, *spelling), (to, scope, *spelling))?),
            ),
            _ => Action::Pass,
        })
    }
}
