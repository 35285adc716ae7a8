//! `rotate` and `keys`.

use crate::exit::Outcome;
use crate::vault::open;
use crate::{Holder, KeySource, unlock};
use cloakroom::keys::{self, Keyset};
use cloakroom::time::Timestamp;
use cloakroom::vault::Census;
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

pub fn create(file: &Path, key: &KeySource) -> Result<Outcome> {
    if file.exists() {
        return Err(Error::Exists { path: file.to_owned() });
    }
    if unlock::key_file(key).as_deref() == Some(file) {
        let problem = "is also the key file: the keyset needs a file of its own".into();
        return Err(Error::Setting { what: "keyset", problem });
    }
    let keyset = Keyset::generate(now())?;
    keys::save_new(&keyset, file, &*unlock::new(key)?)?;
    crate::files::say(format_args!("{}: keyset {}, key version 1", file.display(), keyset.id()));
    Ok(Outcome::Done)
}

pub fn rotate(holder: &Holder, key: &KeySource) -> Result<Outcome> {
    let provider = unlock::existing(key)?;
    let version = match (&holder.vault, &holder.keyset) {
        (Some(path), _) => open(path, &*provider)?.rotate(&*provider, now())?,
        (None, Some(path)) => {
            let rotated = keys::edit(path, &*provider, &*provider, |keyset| keyset.rotated(now()))?;
            rotated.primary_number()
        }
        (None, None) => unreachable!("clap demands one of the two"),
    };
    crate::files::say(format_args!("key version {version} is the primary now"));
    if holder.vault.is_some() {
        crate::files::say(format_args!("run `cloakroom migrate` to move what the vault holds to it"));
    }
    Ok(Outcome::Done)
}

pub fn list(holder: &Holder, key: &KeySource) -> Result<Outcome> {
    let provider = unlock::existing(key)?;
    let (keyset, census) = match (&holder.vault, &holder.keyset) {
        (Some(path), _) => {
            let vault = open(path, &*provider)?;
            (vault.keyset(), Some(vault.census()))
        }
        (None, Some(path)) => (keys::load(path, &*provider)?, None),
        (None, None) => unreachable!("clap demands one of the two"),
    };
    print_list(&keyset, census.as_ref()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

fn print_list(keyset: &Keyset, census: Option<&Census>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "keyset {}", keyset.id())?;
    writeln!(
        out,
        "{:>7}  {:<11}  {:<20}  {:<16}  {:>12}",
        "version", "state", "created", "check value", "in use by"
    )?;
    for version in keyset.versions() {
        let primary = if version.number() == keyset.primary_number() { " (primary)" } else { "" };
        let check = version.check_value().map_or_else(|| "-".into(), |c| c.to_string());
        let needing = census.map_or_else(|| "-".into(), |c| c.needing(version.number()).to_string());
        let (number, state, created) = (version.number(), version.state().as_str(), version.created());
        writeln!(out, "{number:>7}  {state:<11}  {created:<20}  {check:<16}  {needing:>12}{primary}")?;
    }
    let Some(census) = census else { return Ok(()) };
    for (line, count) in census.lines() {
        let field = if line.field.is_empty() { String::new() } else { format!(" field {:?}", line.field) };
        writeln!(
            out,
            "  version {}: {count} {} of tenant {:?}{field}",
            line.version,
            line.mode.as_str(),
            line.tenant
        )?;
    }
    Ok(())
}

pub fn relock(holder: &Holder, key: &KeySource, new: &KeySource) -> Result<Outcome> {
    let provider = unlock::existing(key)?;
    match (&holder.vault, &holder.keyset) {
        (Some(path), _) => open(path, &*provider)?.relock(&*unlock::replacing(new)?)?,
        (None, Some(path)) => {
            keys::load(path, &*provider)?; // before anyone is asked for a new passphrase
            keys::edit(path, &*provider, &*unlock::replacing(new)?, Ok)?;
        }
        (None, None) => unreachable!("clap demands one of the two"),
    }
    crate::files::say(format_args!(
        "the keyset is locked anew; copies of the old file still open with the old key"
    ));
    Ok(Outcome::Done)
}

pub fn now() -> Timestamp {
    SystemTime::now().into()
}
