//! `principal keygen`: a key pair for somebody who signs approvals.

use crate::exit::Outcome;
use crate::output::must_be_file;
use crate::overwrite::{Written, check_paths};
use clap::Subcommand;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum PrincipalCommand {
    /// Makes an Ed25519 key pair: the secret key goes into the file, which only its owner can read, and the public key,
    /// for the rules, to standard output.
    Keygen {
        /// The file, which must not exist.
        file: PathBuf,
    },
}

pub fn run(command: &PrincipalCommand) -> Result<Outcome> {
    match command {
        PrincipalCommand::Keygen { file } => keygen(file),
    }
}

fn keygen(path: &Path) -> Result<Outcome> {
    must_be_file("the secret key", path)?;
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.to_owned() });
    }
    check_paths(&[Some(Written::Result(path))], &[], vec![])?;
    let key = SigningKey::generate()?;
    let mut file = WholeFile::create(path, Readers::Owner)?;
    writeln!(file, "{}", *key.expose_text()).map_err(Error::io("write", path))?;
    file.commit()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", key.verifying_key()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}
