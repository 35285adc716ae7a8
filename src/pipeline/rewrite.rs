//! A protected file into another, with a manifest of its own: what migrating and bridging have in common.

use super::actions::{Action, ColumnJob, Job};
use super::counted::CountedWrite;
use super::drive::drive;
use super::manifest::{ColumnEntry, FORMAT, Manifest, hex};
use super::protect::{Finished, check_value};
use super::protected_file::{ProtectedColumn, ProtectedFile};
use super::{Keys, Options, key_versions};
use crate::error::Result;
use crate::keys::{Keyset, UsableKey};
use crate::policy::{Empty, Rule};
use std::io::{Read, Write};

/// Rows in a batch.
pub(super) const ROWS: usize = 4096;

/// What becomes of a column, and what the new manifest says of it.
pub(super) struct Rewritten {
    pub(super) job: ColumnJob,
    pub(super) entry: ColumnEntry,
}

impl Rewritten {
    /// The column as it is.
    pub(super) fn passed(column: &ProtectedColumn<'_>) -> Self {
        let action = if column.rule == Some(Rule::Keep) { Action::Keep } else { Action::Pass };
        Self::new(column, action)
    }

    /// The column left out.
    pub(super) fn dropped(column: &ProtectedColumn<'_>) -> Self {
        Self::new(column, Action::Drop)
    }

    /// The column under another key, with its key versions beside it if it had them.
    pub(super) fn moved(
        column: &ProtectedColumn<'_>,
        action: Action,
        to: &UsableKey,
        keyset: &Keyset,
    ) -> Self {
        let mut moved = Self::new(column, action);
        moved.job.stamp = column.versions.map(|_| to.number());
        moved.entry.key_version = Some(to.number().get());
        moved.entry.check_value = check_value(keyset, to.number());
        moved
    }

    fn new(column: &ProtectedColumn<'_>, action: Action) -> Self {
        let (header, field) = (column.header.clone(), column.field.clone());
        let entry = ColumnEntry { name: header.clone(), ..column.entry.clone() };
        Self { job: ColumnJob { header, field, action, empty: Empty::Keep, stamp: None }, entry }
    }
}

/// Writes the file anew; `manifest` is what the new manifest takes over. Also says whether the input was the very file
/// of its manifest.
///
/// # Errors
/// [`Error::Manifest`] unless it was, or `options.changed`; [`Error::Row`]; the vault's; [`Error::Io`].
pub(super) fn rewrite<'k>(
    mut file: ProtectedFile<'_, impl Read>,
    output: impl Write + Send,
    columns: Vec<Rewritten>,
    manifest: Manifest,
    keys: Keys<'k>,
    options: Options<'_>,
) -> Result<(Finished<'k>, bool)> {
    let keyset = keys.keyset();
    let vault = match keys {
        Keys::Vault(vault) => Some(vault),
        Keys::Keyset(_) => None,
    };
    let (jobs, entries): (Vec<_>, Vec<_>) = columns.into_iter().map(|c| (c.job, c.entry)).unzip();
    let (rejects, progress) = (options.rejects, options.progress);
    let job = Job {
        subject: None,
        binding: file.binding,
        tenant: vault.map(|v| v.tenant(&file.tenant)),
        run: None,
        showing: None,
        now: options.now,
        strict: rejects.is_none(),
        delimiter: file.delimiter,
        crlf: file.source.is_crlf(),
        bom: file.source.has_bom(),
        columns: jobs,
    };
    let mut output = CountedWrite::new(output);
    let driven = drive(&mut file.source, &job, &mut output, options.threads, rejects, progress);
    let (tally, unchanged) = file.settle(driven, options.changed)?;
    let mut kept = vec![];
    for ((column, entry), worked) in job.columns.iter().zip(entries).zip(&tally.worked) {
        if matches!(column.action, Action::Drop) {
            continue;
        }
        let entry = ColumnEntry { protected: *worked, ..entry };
        let versions = column.stamp.map(|_| key_versions::entry_of(&entry));
        kept.extend([Some(entry), versions].into_iter().flatten());
    }
    let output_sha256 = output.sha256();
    let manifest = Manifest {
        cloakroom_manifest: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").into(),
        created: options.now.to_string(),
        rows_read: tally.progress.rows,
        rows_written: tally.progress.rows - tally.progress.rejected,
        rows_rejected: tally.progress.rejected,
        input_tag: Manifest::tag_of_input(&keyset, &file.source.sha256())?,
        output_sha256: hex(&output_sha256),
        output_bytes: output.bytes,
        columns: kept,
        ..manifest
    };
    let json = manifest.to_json(&keyset)?;
    let manifest: Manifest = serde_json::from_slice(&json).expect("it was just written");
    let is_protected = tally.worked.iter().any(|n| *n > 0);
    let file = is_protected.then(|| manifest.protected_file(options.now)).transpose()?;
    Ok((Finished { manifest, json, run: vault.map(|v| v.begin_run()), file }, unchanged))
}
