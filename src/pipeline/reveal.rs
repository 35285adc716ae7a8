//! A protected file back into its originals, as far as they come back.

use super::actions::{Action, ColumnJob, Job};
use super::by_version::ByVersion;
use super::drive::drive;
use super::manifest::Manifest;
use super::protected_file::{ProtectedColumn, ProtectedFile};
use super::{Keys, Options};
use crate::error::Result;
use crate::keys::{Keyset, UsableKey};
use crate::name::TenantId;
use crate::policy::{Empty, Rule};
use crate::protect::{Sealer, Tokenizer};
use crate::vault::References;
use std::io::{Read, Write};

/// Rows in a batch.
const ROWS: usize = 4096;

/// What revealing a file came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revealed {
    /// Rows read.
    pub rows: u64,
    /// Rows rejected, of these.
    pub rejected: u64,
    /// Headers of the columns that came back.
    pub revealed: Vec<String>,
    /// Headers of the columns that never come back, and stand as they were protected.
    pub left: Vec<String>,
    /// Whether the input is, byte for byte, the file that the manifest was made with. If it is not, nothing tells
    /// whether a token in it was made by this key version: tokens have no room for a check of their own.
    pub unchanged: bool,
}

/// Reveals `input`, and writes tokens and sealed fields back as they were, byte for byte; other columns as they are.
///
/// A file with tokens must be the very file of the manifest, unless `options.changed`: then, and in other files, rows and
/// columns may be missing or in another order, as after a query; no column may have been added. Cells of a column that has its key versions beside it are revealed under these, so there rows may come from several files.
/// Without `options.rejects` the first bad row is an error. `options.delimiter` is not used: the manifest has it.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) when the file was changed, the manifest is for a vault and there is none, or a column is not in it; [`Error::Row`](crate::Error::Row);
/// [`Error::KeyVersionUnknown`](crate::Error::KeyVersionUnknown), [`Error::KeyState`](crate::Error::KeyState); the vault's; [`Error::Io`](crate::Error::Io).
pub fn reveal(
    input: impl Read,
    mut output: impl Write + Send,
    manifest: &Manifest,
    keys: Keys<'_>,
    options: Options<'_>,
) -> Result<Revealed> {
    let keyset = keys.keyset();
    let mut file = ProtectedFile::open(input, manifest, keys, ROWS)?;
    let columns = file
        .columns
        .iter()
        .map(|column| column_job(column, &file.tenant, &keyset, manifest.vault))
        .collect::<Result<Vec<_>>>()?;
    let comes_back = |c: &&ColumnJob| !matches!(c.action, Action::Keep | Action::Drop);
    let revealed = columns.iter().filter(comes_back).map(|c| c.header.clone()).collect();
    let stays = |c: &&ProtectedColumn<'_>| c.rule.as_ref().is_some_and(|rule| !rule.is_reversible());
    let left = file.columns.iter().filter(stays).map(|c| c.entry.name.clone()).collect();
    let (rejects, progress) = (options.rejects, options.progress);
    let job = Job {
        subject: None,
        binding: file.binding,
        tenant: match keys {
            Keys::Vault(vault) => Some(vault.tenant(&file.tenant)),
            Keys::Keyset(_) => None,
        },
        run: None,
        now: options.now,
        strict: rejects.is_none(),
        delimiter: file.delimiter,
        crlf: file.source.is_crlf(),
        bom: file.source.has_bom(),
        columns,
    };
    // Nothing else tells whether these tokens are of this file and key version.
    let trusts = job.columns.iter().any(|column| matches!(column.action, Action::Detokenize(_)));
    let driven = drive(&mut file.source, &job, &mut output, options.threads, rejects, progress);
    let (tally, unchanged) = file.settle(driven, options.changed || !trusts)?;
    Ok(Revealed { rows: tally.progress.rows, rejected: tally.progress.rejected, revealed, left, unchanged })
}

fn column_job(
    column: &ProtectedColumn<'_>,
    tenant: &TenantId,
    keyset: &Keyset,
    in_vault: bool,
) -> Result<ColumnJob> {
    let field = &column.field;
    let under = |key: &UsableKey| match &column.rule {
        Some(Rule::Token(format)) => {
            Ok(Action::Detokenize(Tokenizer::new(key, tenant, field, format.clone())?))
        }
        Some(Rule::Seal(_)) if in_vault => Ok(Action::Fetch(References::new(key, tenant, field))),
        Some(Rule::Seal(suite)) => Ok(Action::Open(Sealer::new(key, *suite, tenant, field))),
        _ => Ok(Action::Keep),
    };
    let action = match (&column.rule, column.versions) {
        (None, _) => Action::Drop,
        (Some(Rule::RandomToken(_)), _) => Action::Redeem,
        (Some(Rule::Token(_) | Rule::Seal(_)), Some(versions)) => {
            Action::ByVersion(ByVersion::new(versions, keyset, under)?)
        }
        (Some(Rule::Token(_) | Rule::Seal(_)), None) => under(&column.key(keyset)?)?,
        (Some(_), _) => Action::Keep,
    };
    Ok(ColumnJob {
        header: column.header.clone(),
        field: field.clone(),
        action,
        empty: Empty::Keep,
        stamp: None,
    })
}
