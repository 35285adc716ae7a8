//! From the command's options to a provider: key file, passphrase file, environment, prompt.

use crate::KeySource;
use cloakroom::keys::{KeyFile, KeyProvider, Passphrase};
use cloakroom::{Error, Result};
use std::io::IsTerminal;
use std::path::PathBuf;

/// The provider for opening what exists.
pub fn existing(source: &KeySource) -> Result<Box<dyn KeyProvider>> {
    match key_file(source) {
        Some(path) => Ok(Box::new(KeyFile::read(path)?)),
        None => Ok(Box::new(passphrase(source, "CLOAKROOM_PASSPHRASE", "Passphrase: ", false)?)),
    }
}

/// The provider for something new: a key file that does not exist is made, a passphrase is asked for twice.
pub fn new(source: &KeySource) -> Result<Box<dyn KeyProvider>> {
    of_new(source, "CLOAKROOM_KEY_FILE", "CLOAKROOM_PASSPHRASE")
}

/// The provider that replaces another; never taken from the environment of the old one.
pub fn replacing(source: &KeySource) -> Result<Box<dyn KeyProvider>> {
    of_new(source, "CLOAKROOM_NEW_KEY_FILE", "CLOAKROOM_NEW_PASSPHRASE")
}

fn of_new(source: &KeySource, key_variable: &str, passphrase_variable: &str) -> Result<Box<dyn KeyProvider>> {
    match key_file_or(source, key_variable) {
        Some(path) if path.exists() => Ok(Box::new(KeyFile::read(path)?)),
        Some(path) => Ok(Box::new(KeyFile::create(path)?)),
        None => Ok(Box::new(passphrase(source, passphrase_variable, "New passphrase: ", true)?)),
    }
}

/// The key file that opens what exists.
pub fn key_file(source: &KeySource) -> Option<PathBuf> {
    key_file_or(source, "CLOAKROOM_KEY_FILE")
}

/// The key file that was named; one named on the command line beats a passphrase file, which beats the environment.
fn key_file_or(source: &KeySource, variable: &str) -> Option<PathBuf> {
    let from_environment = || std::env::var_os(variable).filter(|_| source.passphrase_file.is_none());
    source.key_file.clone().or_else(|| from_environment().map(PathBuf::from))
}

fn passphrase(source: &KeySource, variable: &str, prompt: &str, twice: bool) -> Result<Passphrase> {
    if let Some(path) = &source.passphrase_file {
        return Passphrase::read(path);
    }
    let bad = |problem: &str| Error::KeySource { what: "the passphrase".into(), problem: problem.into() };
    match std::env::var(variable) {
        Ok(text) => return Passphrase::new(text),
        Err(std::env::VarError::NotUnicode(_)) => return Err(bad("in the environment is not UTF-8")),
        Err(std::env::VarError::NotPresent) => {}
    }
    if !std::io::stderr().is_terminal() {
        return Err(bad(&format!("is missing: give --passphrase-file or --key-file, or set {variable}")));
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(Error::io("read", "the terminal"));
    let first = ask(prompt)?;
    if twice && zeroize::Zeroizing::new(ask("Once more: ")?).as_str() != first {
        return Err(bad("was not the same twice"));
    }
    Passphrase::new(first)
}
