//! `audit head`, `export`, `prove`, `prove-consistency`, `public-key`, and `log --audit`: for who has the vault.

use crate::audit::read_head;
use crate::exit::Outcome;
use crate::files::say;
use crate::keys::now;
use crate::output::Output;
use crate::overwrite::{Written, check_paths, opened};
use crate::shown::Shown;
use crate::vault::open;
use crate::{KeySource, VaultPath, unlock};
use clap::{Args, Subcommand};
use cloakroom::vault::Vault;
use cloakroom::whole_file::Readers;
use cloakroom::{Error, Result};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum OfVault {
    /// Signs how far the audit log is now. Hand it out: who has it can tell later whether the log was rewritten.
    Head {
        #[command(flatten)]
        vault: VaultPath,
        #[command(flatten)]
        to: To,
    },
    /// Writes the whole audit log, for `audit verify`. It names no data subject and holds no value.
    Export {
        #[command(flatten)]
        vault: VaultPath,
        #[command(flatten)]
        to: To,
    },
    /// Writes a proof that a leaf is in the log.
    Prove {
        #[command(flatten)]
        vault: VaultPath,
        /// The number of the leaf, from 0, as `log --audit` shows it.
        #[arg(long, value_name = "N")]
        leaf: u64,
        #[command(flatten)]
        to: To,
    },
    /// Writes a proof that the log begins with all it was of at an earlier head.
    ProveConsistency {
        #[command(flatten)]
        vault: VaultPath,
        /// JSON of the earlier head.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        to: To,
    },
    /// Prints the public keys that verify what the vault signs, one for each key version.
    PublicKey(VaultPath),
}

#[derive(Args)]
pub struct To {
    /// Where it goes: a file that must not exist, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(command: &OfVault, key: &KeySource) -> Result<Outcome> {
    match command {
        OfVault::Head { vault, to } => to.write(vault, key, &[], |vault, output| {
            let head = vault.signed_head(now())?;
            output.write_all(head.to_json().as_bytes()).map_err(output.unwritten())
        }),
        OfVault::Export { vault, to } => to.write(vault, key, &[], |vault, output| {
            let unwritten = output.unwritten();
            let mut buffered = BufWriter::new(output);
            let head = vault.export_audit(&mut buffered, now())?;
            buffered.flush().map_err(unwritten)?;
            say(format_args!("{} leaves", head.head.size));
            Ok(())
        }),
        OfVault::Prove { vault, leaf, to } => to.write(vault, key, &[], |vault, output| {
            let proof = vault.prove_leaf(*leaf, now())?;
            output.write_all(proof.to_json().as_bytes()).map_err(output.unwritten())
        }),
        OfVault::ProveConsistency { vault, from, to } => {
            let earlier = read_head(from)?;
            to.write(vault, key, &[from], |vault, output| {
                let proof = vault.prove_consistency(&earlier, now())?;
                output.write_all(proof.to_json().as_bytes()).map_err(output.unwritten())
            })
        }
        OfVault::PublicKey(vault) => public_key(vault, key),
    }
}

impl To {
    fn write(
        &self,
        vault: &VaultPath,
        key: &KeySource,
        read: &[&Path],
        write: impl FnOnce(&Vault, &mut Output) -> Result<()>,
    ) -> Result<Outcome> {
        check_paths(&[Some(Written::Result(&self.output))], read, opened(&vault.vault, key))?;
        let vault = open(&vault.vault, &*unlock::existing(key)?)?;
        let mut output = Output::create_new(&self.output, Readers::Anyone)?;
        write(&vault, &mut output)?;
        output.commit()?;
        Ok(Outcome::Done)
    }
}

fn public_key(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let mut out = std::io::stdout().lock();
    for (_, public) in vault.verifying_keys() {
        writeln!(out, "{public}").map_err(Error::io("write", "standard output"))?;
    }
    Ok(Outcome::Done)
}

/// Every leaf, one a line.
pub fn leaves(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let unwritten = || Error::io("write", "standard output");
    vault.leaves(|number, leaf| {
        let shown = |text| Shown(text, 64).to_string();
        let who = match (leaf.principal, leaf.purpose) {
            ("", _) => "-".to_owned(),
            (principal, "") => shown(principal),
            (principal, purpose) => format!("{} for {}", shown(principal), shown(purpose)),
        };
        let (kind, at, note) = (leaf.kind, leaf.at, Shown::whole(leaf.note));
        writeln!(out, "{number}  {at}  {kind}  {who}  {} items  {note}", leaf.items.len())
            .map_err(unwritten())
    })?;
    out.flush().map_err(unwritten())?;
    Ok(Outcome::Done)
}
