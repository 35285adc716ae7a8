//! `export`: keys that exports are sealed to, and opening one.

use crate::exit::Outcome;
use crate::output::must_be_file;
use crate::overwrite::{Written, check_paths};
use clap::Subcommand;
use cloakroom::crypto::hpke::RecipientSecret;
use cloakroom::vault::open_export;
use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(Subcommand)]
pub enum ExportCommand {
    /// Makes a key pair for who receives exports: the secret key goes into the file, which only its owner can read, and the
    /// public key, for `subject export --to`, to standard output.
    Keygen {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// Prints a sealed export in the clear. It needs no vault.
    Open {
        /// The sealed export.
        file: PathBuf,
        /// The file of the secret key.
        #[arg(long = "key", value_name = "FILE")]
        secret: PathBuf,
    },
}

pub fn run(command: &ExportCommand) -> Result<Outcome> {
    match command {
        ExportCommand::Keygen { file } => keygen(file),
        ExportCommand::Open { file, secret } => open(file, secret),
    }
}

fn keygen(path: &Path) -> Result<Outcome> {
    must_be_file("the secret key", path)?;
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.to_owned() });
    }
    check_paths(&[Some(Written::Result(path))], &[], vec![])?;
    let secret = RecipientSecret::generate()?;
    let mut file = WholeFile::create(path, Readers::Owner)?;
    writeln!(file, "{}", *secret.expose_text()).map_err(Error::io("write", path))?;
    file.commit()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", secret.public()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

fn open(path: &Path, secret: &Path) -> Result<Outcome> {
    let text = Zeroizing::new(std::fs::read_to_string(secret).map_err(Error::io("read", secret))?);
    let secret = RecipientSecret::from_text(text.trim_end())?;
    let sealed = std::fs::read(path).map_err(Error::io("read", path))?;
    let json = open_export(&secret, &sealed)?;
    let failed = || Error::io("write", "standard output");
    let mut out = std::io::stdout().lock();
    out.write_all(json.expose()).map_err(failed())?;
    out.flush().map_err(failed())?;
    Ok(Outcome::Done)
}
