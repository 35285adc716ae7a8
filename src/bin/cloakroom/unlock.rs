//! From the command's options to a provider: key file, passphrase, both together, shares, token.

use crate::KeySource;
use crate::key_source::Split;
use crate::output::must_be_file;
use cloakroom::keys::{KeyFile, KeyProvider, Passphrase, Scheme, Share, SharedKey, TwoFactors};
use cloakroom::{Error, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What the options begin with, and the environment's names.
struct Names {
    options: &'static str,
    key_file: &'static str,
    passphrase: &'static str,
    #[cfg(feature = "pkcs11")]
    pin: &'static str,
}

const PRESENT: Names = Names {
    options: "--",
    key_file: "CLOAKROOM_KEY_FILE",
    passphrase: "CLOAKROOM_PASSPHRASE",
    #[cfg(feature = "pkcs11")]
    pin: "CLOAKROOM_PIN",
};
const NEW: Names = Names {
    options: "--new-",
    key_file: "CLOAKROOM_NEW_KEY_FILE",
    passphrase: "CLOAKROOM_NEW_PASSPHRASE",
    #[cfg(feature = "pkcs11")]
    pin: "CLOAKROOM_NEW_PIN",
};

/// The provider for opening what exists.
pub fn existing(source: &KeySource) -> Result<Box<dyn KeyProvider>> {
    provider(source, &PRESENT, false)
}

/// The provider for something new: a key that does not exist is made, a passphrase is asked for twice.
pub fn new(source: &KeySource, split: &Split) -> Result<Box<dyn KeyProvider>> {
    of_new(source, split, &PRESENT)
}

/// The provider that replaces another; never taken from the environment of the old one.
pub fn replacing(source: &KeySource, split: &Split) -> Result<Box<dyn KeyProvider>> {
    of_new(source, split, &NEW)
}

fn of_new(source: &KeySource, split: &Split, names: &Names) -> Result<Box<dyn KeyProvider>> {
    match (split.scheme, &split.share_dir) {
        (Some(_), _) if is_named(source) => {
            let problem = "locks with its shares alone; name no other key beside it".into();
            Err(Error::Setting { what: "--shares", problem })
        }
        (Some(scheme), Some(dir)) => Ok(Box::new(new_shares(scheme, dir)?)),
        _ => provider(source, names, true),
    }
}

/// Whether the command line itself names a key.
fn is_named(source: &KeySource) -> bool {
    #[cfg(feature = "pkcs11")]
    let token = source.token.pkcs11_module.is_some();
    #[cfg(not(feature = "pkcs11"))]
    let token = false;
    let files = source.key_file.is_some() || source.passphrase_file.is_some();
    files || source.two_factors || !source.shares.is_empty() || token
}

fn provider(source: &KeySource, names: &Names, new: bool) -> Result<Box<dyn KeyProvider>> {
    if !source.shares.is_empty() {
        let shares = source.shares.iter().map(Share::read).collect::<Result<Vec<_>>>()?;
        return Ok(Box::new(SharedKey::combine(&shares)?));
    }
    #[cfg(feature = "pkcs11")]
    if let Some(key) = token::key(&source.token, names, new)? {
        return Ok(Box::new(key));
    }
    let path = key_file_or(source, names.key_file);
    if is_two(source) {
        let path = path.ok_or_else(|| Error::KeySource {
            what: "the key file".into(),
            problem: format!("is missing: give {}key-file as well, or set {}", names.options, names.key_file),
        })?;
        // The passphrase first: who gives none up leaves no key file behind.
        let passphrase = passphrase(source, names, new)?;
        return Ok(Box::new(TwoFactors::new(passphrase, open_key_file(&path, new)?)));
    }
    match path {
        Some(path) => Ok(Box::new(open_key_file(&path, new)?)),
        None => Ok(Box::new(passphrase(source, names, new)?)),
    }
}

fn open_key_file(path: &Path, new: bool) -> Result<KeyFile> {
    if !new || path.exists() {
        return KeyFile::read(path);
    }
    must_be_file("the new key", path)?;
    KeyFile::create(path)
}

/// The key file that opens what exists.
pub fn key_file(source: &KeySource) -> Option<PathBuf> {
    key_file_or(source, PRESENT.key_file)
}

/// Whether passphrase and key file are needed together.
fn is_two(source: &KeySource) -> bool {
    source.two_factors || (source.key_file.is_some() && source.passphrase_file.is_some())
}

/// The key file that was named; without the other factor, one named on the command line beats a passphrase file, which
/// beats the environment.
fn key_file_or(source: &KeySource, variable: &str) -> Option<PathBuf> {
    let counts = source.two_factors || source.passphrase_file.is_none();
    let from_environment = || std::env::var_os(variable).filter(|_| counts);
    source.key_file.clone().or_else(|| from_environment().map(PathBuf::from))
}

fn passphrase(source: &KeySource, names: &Names, twice: bool) -> Result<Passphrase> {
    if let Some(path) = &source.passphrase_file {
        return Passphrase::read(path);
    }
    let bad = |problem: &str| Error::KeySource { what: "the passphrase".into(), problem: problem.into() };
    let prompt = if twice { "New passphrase: " } else { "Passphrase: " };
    let Names { options, passphrase: variable, .. } = names;
    let or = if source.two_factors { String::new() } else { format!(" or {options}key-file") };
    let missing = format!("is missing: give {options}passphrase-file{or}, or set {variable}");
    let first = secret(variable, prompt, bad, &missing)?;
    if first.asked && twice && *ask("Once more: ")? != *first.text {
        return Err(bad("was not the same twice"));
    }
    Passphrase::new(first.taken())
}

/// A secret in words.
struct Words {
    text: Zeroizing<String>,
    asked: bool,
}

impl Words {
    fn taken(mut self) -> String {
        std::mem::take(&mut *self.text)
    }
}

/// From the environment, else from a prompt.
fn secret(variable: &str, prompt: &str, bad: impl Fn(&str) -> Error, missing: &str) -> Result<Words> {
    match std::env::var(variable) {
        Ok(text) => Ok(Words { text: Zeroizing::new(text), asked: false }),
        Err(std::env::VarError::NotUnicode(_)) => Err(bad("in the environment is not UTF-8")),
        Err(std::env::VarError::NotPresent) if std::io::stderr().is_terminal() => {
            Ok(Words { text: ask(prompt)?, asked: true })
        }
        Err(std::env::VarError::NotPresent) => Err(bad(missing)),
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(Error::io("read", "the terminal"))
}

/// A new key, its shares written: `DIR/share-2-of-5` and so on.
fn new_shares(scheme: Scheme, dir: &Path) -> Result<SharedKey> {
    let file = |number: u8| dir.join(format!("share-{number}-of-{}", scheme.count()));
    must_be_file("the directory of the shares", dir)?;
    // None is written where one would fail.
    if let Some(path) = (1..=scheme.count()).map(file).find(|path| path.exists()) {
        return Err(Error::Exists { path });
    }
    if !dir.exists() {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir).map_err(Error::io("create", dir))?;
    }
    let (key, shares) = SharedKey::split(scheme)?;
    for share in &shares {
        share.create(file(share.number()))?;
    }
    crate::files::say(format_args!(
        "{}: {} shares; give each holder one and keep no copy. Any {} of them open, fewer cannot",
        dir.display(),
        scheme.count(),
        scheme.needed()
    ));
    Ok(key)
}

#[cfg(feature = "pkcs11")]
mod token {
    use super::{Names, secret};
    use crate::key_source::TokenSource;
    use cloakroom::keys::{Pin, PinTries, Pkcs11Key, Token};
    use cloakroom::{Error, Result};

    /// The key in the token, if one is named.
    pub fn key(source: &TokenSource, names: &Names, new: bool) -> Result<Option<Pkcs11Key>> {
        let (module, label, key) = match (&source.pkcs11_module, &source.pkcs11_token, &source.pkcs11_key) {
            (Some(module), Some(label), Some(key)) => (module, label, key),
            (None, None, None) => return Ok(None),
            _ => {
                let problem = "needs module, token and key, all three of them".into();
                return Err(Error::Setting { what: "a key in a token", problem });
            }
        };
        let token = Token::find(module, label)?;
        if token.pin_tries()? == PinTries::Fewer {
            crate::files::say(format_args!("warning: wrong PINs were tried on the token {label:?}"));
        }
        let logged_in = token.log_in(&pin(source, names, label)?, source.last_try)?;
        Ok(Some(if new { logged_in.key_or_new(key)? } else { logged_in.key(key)? }))
    }

    fn pin(source: &TokenSource, names: &Names, label: &str) -> Result<Pin> {
        if let Some(path) = &source.pin_file {
            return Pin::read(path);
        }
        let bad = |problem: &str| Error::KeySource { what: "the PIN".into(), problem: problem.into() };
        let Names { options, pin: variable, .. } = names;
        let missing = format!("is missing: give {options}pin-file, or set {variable}");
        Pin::new(secret(variable, &format!("PIN of {label:?}: "), bad, &missing)?.taken())
    }
}
