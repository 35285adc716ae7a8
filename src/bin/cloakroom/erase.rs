//! `subject erase` and `receipt verify`.

use crate::access::AccessArgs;
use crate::audit::{PublicKeys, text};
use crate::exit::Outcome;
use crate::files::say;
use crate::instant::instant;
use crate::output::Output;
use crate::overwrite::{Written, check_paths, opened};
use crate::shown::Shown;
use crate::vault::{NOBODY, open, subject_id, tenant_of_subjects};
use crate::{KeySource, SubjectOf, unlock};
use clap::{Args, Subcommand};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Destroyed, Erasure, Receipt, ReceiptOptions};
use cloakroom::whole_file::{self, Readers};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A receipt lists the protected files of a tenant.
const LONGEST: u64 = 1 << 28;

#[derive(Args)]
pub struct Erase {
    #[command(flatten)]
    subject: SubjectOf,
    #[command(flatten)]
    access: AccessArgs,
    /// Writes a signed receipt: what was destroyed, what remains and why. The file must not exist; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Has the receipt name her.
    #[arg(long, requires = "receipt")]
    with_id: bool,
    /// Has the receipt say until when backups are kept: a date or a time with its offset.
    #[arg(long, value_name = "DATE", requires = "receipt")]
    backups_until: Option<String>,
}

#[derive(Subcommand)]
pub enum ReceiptCommand {
    /// Verifies a receipt of an erasure. No vault and no secret is needed.
    Verify {
        /// The receipt; `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        keys: PublicKeys,
    },
}

pub fn erase(arguments: Erase, key: &KeySource) -> Result<Outcome> {
    let Erase { subject, access, receipt, with_id, backups_until } = arguments;
    let backups_until = backups_until.as_deref().map(|time| instant("--backups-until", time)).transpose()?;
    let written = [receipt.as_deref().map(Written::Result)];
    check_paths(&written, &[], opened(&subject.vault.vault, key))?;
    let vault = open(&subject.vault.vault, &*unlock::existing(key)?)?;
    let tenant = vault.tenant(&tenant_of_subjects(&vault, subject.tenant.as_deref())?);
    let tenant = access.signed(&vault, tenant)?;
    let id = subject_id(&subject.id)?;
    let erasure = match receipt {
        None => tenant.erase(&id)?.ok_or(NOBODY)?,
        Some(path) => {
            // Nobody is erased when there is no place for the receipt.
            let output = Output::create_new(&path, Readers::Owner)?;
            // Nor is her receipt lost to a signal.
            let _together = whole_file::together();
            let receipt = tenant.erase_with_receipt(&id, &ReceiptOptions { with_id, backups_until })?;
            let place = output.place();
            let json = receipt.to_json();
            if let Err(error) = output.put(json.as_bytes()) {
                // There is no other one, and she is erased.
                say(format_args!("erased, but her receipt cannot be written there; it is this:\n{json}"));
                return Err(error);
            }
            say(format_args!("receipt: {}", place.display()));
            let Destroyed { records, fields, random_tokens, blind_index_entries, .. } = receipt.destroyed;
            Erasure { records, fields, tokens: random_tokens, indexes: blind_index_entries }
        }
    };
    let Erasure { records, fields, tokens, indexes } = erasure;
    say(format_args!(
        "erased: her key, {records} records, {fields} sealed fields, {tokens} random tokens, {indexes} index entries"
    ));
    say(format_args!(
        "not reached: computed tokens, pseudonyms and plain columns in files, and backups of the vault"
    ));
    say(format_args!("her key may stay in unused parts of the vault's file until they are written over"));
    Ok(Outcome::Done)
}

pub fn receipt(command: &ReceiptCommand) -> Result<Outcome> {
    let ReceiptCommand::Verify { file, keys } = command;
    verify(file, keys)
}

fn verify(path: &Path, keys: &PublicKeys) -> Result<Outcome> {
    keys.check_beside([Some(path), None])?;
    let keys = keys.read()?;
    let receipt = Receipt::from_json(&text(path, LONGEST)?)?;
    let key = receipt.verify(&keys)?;
    let Destroyed { records, fields, .. } = receipt.destroyed;
    let lines = [
        format!("vault {}, key version {}", Shown::whole(&receipt.vault), receipt.key_version),
        format!("a subject of tenant {} erased at {}", Shown::whole(&receipt.tenant), Timestamp(receipt.at)),
        format!("{records} records, {fields} sealed fields; audit leaf {}", receipt.leaf),
        format!("{} protected files may hold something of hers", receipt.remains.files.len()),
        format!("signed by {key}"),
        "verified".to_owned(),
    ];
    writeln!(std::io::stdout(), "{}", lines.join("\n")).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}
