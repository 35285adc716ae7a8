//! A protected file back into its originals, as far as they come back.

use super::actions::{Action, ColumnJob, Job};
use super::by_version::ByVersion;
use super::drive::drive;
use super::manifest::Manifest;
use super::protected_file::{ProtectedColumn, ProtectedFile};
use super::shown::{self, Showing};
use super::whose::Whose;
use super::{Keys, Options};
use crate::duties::Reason;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::TenantId;
use crate::policy::{Empty, Rule};
use crate::protect::{Sealer, Tokenizer};
use crate::vault::{References, Revealer};
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
    /// Headers of the columns that the principal is not shown, and why; they stand as they were protected.
    pub denied: Vec<(String, Reason)>,
    /// Whether the input is, byte for byte, the file that the manifest was made with. If it is not, nothing tells
    /// whether a token in it was made by this key version: tokens have no room for a check of their own.
    pub unchanged: bool,
}

/// Reveals `input`, and writes tokens and sealed fields back as they were, byte for byte; other columns as they are.
///
/// A file with tokens must be the very file of the manifest, unless `options.changed`: then, and in other files, rows and
/// columns may be missing or in another order, as after a query; no column may have been added. Cells of a column that has its key versions beside it are revealed under these, so there rows may come from several files.
/// In a vault with rules, `options.revealer` says who is shown what comes back. A value is given back whole or masked, or stays
/// as it is in the file, as the rules decide; a column that the principal is not shown at all stays as it is; a row whose
/// subject keeps it from being shown (restriction, objection, consent, retention) is rejected with the reason. Rejected or
/// not, every decision is in the audit log. Where the manifest has fields in the vault, a row with computed tokens is rejected
/// too if no reference in it leads to a subject: whose it is cannot be told.
///
/// Without `options.rejects` the first bad row is an error. `options.delimiter` is not used: the manifest has it.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) when the file was changed, the manifest is for a vault and there is none, or a column is not in it; [`Error::Row`](crate::Error::Row);
/// [`Error::Setting`](crate::Error::Setting) for a revealer of another vault or tenant;
/// [`Error::Approval`](crate::Error::Approval) when another file was approved, which is known when it has been read;
/// [`Error::Denied`](crate::Error::Denied) when the vault has rules and nobody is named, or the principal is shown nothing, or
/// more than its budget; [`Error::KeyVersionUnknown`](crate::Error::KeyVersionUnknown), [`Error::KeyState`](crate::Error::KeyState); the vault's; [`Error::Io`](crate::Error::Io).
pub fn reveal(
    input: impl Read,
    mut output: impl Write + Send,
    manifest: &Manifest,
    keys: Keys<'_>,
    options: Options<'_>,
) -> Result<Revealed> {
    let keyset = keys.keyset();
    let mut file = ProtectedFile::open(input, manifest, keys, ROWS)?;
    let revealer = check_revealer(keys, options.revealer, &file.tenant)?;
    let mut columns = file
        .columns
        .iter()
        .map(|column| column_job(column, &file.tenant, &keyset, manifest.vault))
        .collect::<Result<Vec<_>>>()?;
    let denied = match revealer {
        Some(revealer) => keep_denied(revealer, &file, &mut columns)?,
        None => vec![],
    };
    let comes_back = |c: &&ColumnJob| !matches!(c.action, Action::Keep | Action::Drop);
    let revealed = columns.iter().filter(comes_back).map(|c| c.header.clone()).collect();
    let stays = |c: &&ProtectedColumn<'_>| c.rule.as_ref().is_some_and(|rule| !rule.is_reversible());
    let left = file.columns.iter().filter(stays).map(|c| c.entry.name.clone()).collect();
    let showing = match revealer {
        Some(revealer) => Some(Showing { revealer, whose: Whose::new(&file, &keyset)? }),
        None => None,
    };
    let (rejects, progress) = (options.rejects, options.progress);
    let job = Job {
        subject: None,
        binding: file.binding,
        tenant: match keys {
            Keys::Vault(vault) => Some(vault.tenant(&file.tenant)),
            Keys::Keyset(_) => None,
        },
        run: None,
        showing,
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
    if let Some(revealer) = revealer {
        revealer.check_file(&file.source.sha256())?;
    }
    Ok(Revealed {
        rows: tally.progress.rows,
        rejected: tally.progress.rejected,
        revealed,
        left,
        denied,
        unchanged,
    })
}

/// Where a vault has rules, somebody must be shown what comes back.
fn check_revealer<'o>(
    keys: Keys<'_>,
    revealer: Option<&'o Revealer<'o>>,
    tenant: &TenantId,
) -> Result<Option<&'o Revealer<'o>>> {
    let Keys::Vault(vault) = keys else { return Ok(None) };
    match (vault.installed_rules(), revealer) {
        (None, _) => Ok(None),
        (Some(_), Some(revealer)) if !revealer.is_of(vault) => {
            let problem =
                "is asked about another vault than the file's: its rules and subjects are not these".into();
            Err(Error::Setting { what: "principal", problem })
        }
        (Some(_), Some(revealer)) if revealer.tenant_id() != tenant => {
            let problem = "is asked about another tenant's data than the file holds".into();
            Err(Error::Setting { what: "principal", problem })
        }
        (Some(_), Some(revealer)) => Ok(Some(revealer)),
        (Some(_), None) => Err(Error::Denied {
            code: "no-principal",
            problem: "this vault has rules for who may see what: name a principal and a purpose".into(),
        }),
    }
}

/// Leaves the columns as they are that the principal is not shown, whoever the subject is.
fn keep_denied<R: Read>(
    revealer: &Revealer<'_>,
    file: &ProtectedFile<'_, R>,
    columns: &mut [ColumnJob],
) -> Result<Vec<(String, Reason)>> {
    let mut denied = vec![];
    for i in 0..columns.len() {
        if matches!(columns[i].action, Action::Keep | Action::Drop) {
            continue;
        }
        let Some(reason) = shown::stays(revealer, &columns[i].field)? else { continue };
        columns[i].action = Action::Keep;
        // Who may see it later needs its key versions.
        if let Some(versions) = file.columns[i].versions {
            columns[versions].action = Action::Keep;
        }
        denied.push((columns[i].header.clone(), reason));
    }
    Ok(denied)
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
