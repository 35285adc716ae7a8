//! A protected file back into its originals, as far as they come back.

use super::actions::{Action, ColumnJob, Job};
use super::drive::drive;
use super::manifest::{ColumnEntry, Manifest, hex};
use super::source::Source;
use super::{Keys, Options};
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion, TenantId};
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
/// Rows and columns may be missing or in another order, as after a query; none may have been added. Without `options.rejects` the first bad
/// row is an error. `options.delimiter` is not used: the manifest has it.
///
/// # Errors
/// [`Error::Manifest`] when the manifest is for a vault and there is none, or a column is not in it; [`Error::Row`];
/// [`Error::KeyVersionUnknown`], [`Error::KeyState`]; the vault's; [`Error::Io`].
pub fn reveal(
    input: impl Read,
    mut output: impl Write + Send,
    manifest: &Manifest,
    keys: Keys<'_>,
    options: Options<'_>,
) -> Result<Revealed> {
    let keyset = keys.keyset();
    let bad = |problem: String| Error::Manifest { problem };
    let vault = match keys {
        Keys::Vault(vault) => Some(vault),
        Keys::Keyset(_) if manifest.vault => {
            return Err(bad("says that sealed fields are in a vault: give the vault".into()));
        }
        Keys::Keyset(_) => None,
    };
    let delimiter = match manifest.delimiter.as_bytes() {
        [delimiter] => *delimiter,
        _ => return Err(bad("has a delimiter of more than one byte".into())),
    };
    let tenant = TenantId::new(&manifest.tenant)?;
    let mut source = Source::open(input, delimiter, ROWS)?;
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
        columns.push(ColumnJob {
            header: header.clone(),
            ..column_job(entry, &tenant, &keyset, manifest.vault)?
        });
    }
    source.skip = vec![false; columns.len()];
    let binding = match &manifest.subject {
        None => None,
        Some(subject) => {
            let position = source.header.iter().position(|h| h.trim() == subject.trim());
            let bound = columns.iter().any(|c| matches!(c.action, Action::Open(_) | Action::Fetch(_)));
            if position.is_none() && bound {
                let problem =
                    format!("lacks column {:?}, which its sealed cells are bound to", subject.trim());
                return Err(Error::Input { problem });
            }
            position
        }
    };
    let (rejects, progress) = (options.rejects, options.progress);
    let headers = |reversed: bool| {
        let comes_back = |c: &&ColumnJob| !matches!(c.action, Action::Keep) == reversed;
        columns.iter().filter(comes_back).map(|c| c.header.clone()).collect::<Vec<_>>()
    };
    let left = manifest.columns.iter().filter(|c| !matches!(c.mode.as_str(), "token" | "seal" | "keep"));
    let stands = |c: &&ColumnEntry| source.header.iter().any(|h| h.trim() == c.name.trim());
    let left = left.filter(stands).map(|c| c.name.clone()).collect();
    let revealed = headers(true);
    let job = Job {
        subject: None,
        binding,
        reveals: true,
        tenant: vault.map(|v| v.tenant(&tenant)),
        run: None,
        strict: rejects.is_none(),
        delimiter,
        crlf: source.is_crlf(),
        bom: source.has_bom(),
        columns,
    };
    let tally = drive(&mut source, &job, &mut output, options.threads, rejects, progress)?;
    let unchanged = hex(&source.sha256()) == manifest.output_sha256;
    Ok(Revealed { rows: tally.progress.rows, rejected: tally.progress.rejected, revealed, left, unchanged })
}

fn column_job(entry: &ColumnEntry, tenant: &TenantId, keyset: &Keyset, in_vault: bool) -> Result<ColumnJob> {
    let field = FieldName::new(entry.name.trim())?;
    let (rule, _) = Rule::new(&entry.settings)?;
    let key = || -> Result<UsableKey> {
        let problem = || format!("names no key version for column {:?}", entry.name);
        let version = entry.key_version.ok_or_else(|| Error::Manifest { problem: problem() })?;
        keyset.for_reveal(KeyVersion::new(version)?)
    };
    let action = match rule {
        Rule::Token(format) => Action::Detokenize(Tokenizer::new(&key()?, tenant, &field, format)?),
        Rule::Seal(_) if in_vault => Action::Fetch(References::new(&key()?, tenant, &field)),
        Rule::Seal(suite) => Action::Open(Sealer::new(&key()?, suite, tenant, &field)),
        _ => Action::Keep,
    };
    Ok(ColumnJob { header: entry.name.clone(), field, action, empty: Empty::Keep })
}
