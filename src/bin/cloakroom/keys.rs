//! `keys create`, `list` and `relock`.

use crate::exit::Outcome;
use crate::key_source::{NewKeySource, Split};
use crate::keyset_holder::OpenHolder;
use crate::output::must_be_file;
use crate::overwrite::{Written, check_paths};
use crate::vault::open;
use crate::{Holder, KeySource, overdue, unlock};
use cloakroom::keys::{self, DEFAULT_PERIOD_DAYS, Keyset};
use cloakroom::name::KeyVersion;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Census, ProtectedFile};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

pub fn create(file: &Path, key: &KeySource, split: &Split) -> Result<Outcome> {
    must_be_file("the keyset", file)?;
    if file.exists() {
        return Err(Error::Exists { path: file.to_owned() });
    }
    if unlock::key_file(key).as_deref() == Some(file) {
        let problem = "is also the key file: the keyset needs a file of its own".into();
        return Err(Error::Setting { what: "keyset", problem });
    }
    check_paths(&[Some(Written::Result(file))], &[], key.passphrase_file.clone().into_iter().collect())?;
    let keyset = Keyset::generate(now())?;
    keys::save_new(&keyset, file, &*unlock::new(key, split)?)?;
    crate::files::say(format_args!("{}: keyset {}, key version 1", file.display(), keyset.id()));
    Ok(Outcome::Done)
}

pub fn list(holder: &Holder, key: &KeySource) -> Result<Outcome> {
    let opened = OpenHolder::open(holder, key)?;
    let keyset = opened.keyset();
    overdue::warn(&keyset);
    let counted = match opened.vault() {
        Some(vault) => Some(Counted { census: vault.census(), files: vault.files()? }),
        None => None,
    };
    print_list(&keyset, counted.as_ref()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

/// What needs the key versions of a vault.
struct Counted {
    census: Census,
    files: Vec<ProtectedFile>,
}

fn print_list(keyset: &Keyset, counted: Option<&Counted>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "keyset {}", keyset.id())?;
    writeln!(
        out,
        "{:>7}  {:<11}  {:<20}  {:>9}  {:<16}  {:>12}",
        "version", "state", "created", "age", "check value", "in use by"
    )?;
    for version in keyset.versions() {
        let check = version.check_value().map_or_else(|| "-".into(), |c| c.to_string());
        let needing = counted.map_or_else(|| "-".into(), |c| c.census.needing(version.number()).to_string());
        let age = format!("{} days", now().0.saturating_sub(version.created().0) / 86_400);
        let (number, state, created) = (version.number(), version.state().as_str(), version.created());
        let roles = roles(keyset, number);
        writeln!(
            out,
            "{number:>7}  {state:<11}  {created:<20}  {age:>9}  {check:<16}  {needing:>12}{roles}"
        )?;
    }
    for (use_, number) in keyset.uses() {
        writeln!(out, "  key version {number} is the primary of {use_}")?;
    }
    let (days, note) = match keyset.period() {
        Some(days) => (days, ""),
        None => (DEFAULT_PERIOD_DAYS, ", the default"),
    };
    writeln!(out, "cryptoperiod: {days} days{note}")?;
    let Some(Counted { census, files }) = counted else { return Ok(()) };
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
    if !files.is_empty() {
        writeln!(out, "counted in {} files: `cloakroom files list` shows them", files.len())?;
    }
    Ok(())
}

/// What a version is beside its state.
fn roles(keyset: &Keyset, number: KeyVersion) -> String {
    let roles =
        [("primary", keyset.primary_number() == number), ("identity", keyset.identity_number() == number)];
    roles.iter().filter(|(_, is)| *is).map(|(role, _)| format!(" ({role})")).collect()
}

pub fn relock(holder: &Holder, key: &KeySource, new: NewKeySource) -> Result<Outcome> {
    let (new, split) = new.apart(key);
    let provider = unlock::existing(key)?;
    match (&holder.vault, &holder.keyset) {
        (Some(path), _) => open(path, &*provider)?.relock(&*unlock::replacing(&new, &split)?)?,
        (None, Some(path)) => {
            keys::load(path, &*provider)?; // before anyone is asked for a new passphrase
            keys::edit(path, &*provider, &*unlock::replacing(&new, &split)?, Ok)?;
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
