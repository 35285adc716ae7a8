//! `keys retire`, `destroy`, `suspend`, `resume`, `identity` and `period`.

use crate::approve::FourEyes;
use crate::exit::Outcome;
use crate::files::say;
use crate::keys::now;
use crate::keyset_holder::OpenHolder;
use crate::known_files::{hex, say_retirable};
use crate::rotate::set_period;
use crate::span::Days;
use crate::{Holder, KeySource};
use clap::Args;
use cloakroom::keys::{DEFAULT_PERIOD_DAYS, KeyState, Keyset};
use cloakroom::name::KeyVersion;
use cloakroom::vault::{Despite, Vault};
use cloakroom::{Error, Result};
use std::io::{BufRead, Read};

/// A version of a keyset.
#[derive(Args)]
pub struct VersionOf {
    /// The key version, as `keys list` shows it.
    #[arg(value_name = "N")]
    version: u32,
    #[command(flatten)]
    pub holder: Holder,
}

impl VersionOf {
    pub fn open(&self, key: &KeySource) -> Result<(KeyVersion, OpenHolder)> {
        let version = KeyVersion::new(self.version)?;
        let opened = OpenHolder::open(&self.holder, key)?;
        opened.keyset().version(version)?;
        Ok((version, opened))
    }
}

pub fn retire(of: &VersionOf, despite_data: bool, key: &KeySource) -> Result<Outcome> {
    let (version, mut opened) = of.open(key)?;
    let setting = |problem: &str| Error::Setting { what: "--despite-data", problem: problem.into() };
    match (opened.vault(), despite_data) {
        (None, false) => return Err(setting(UNCOUNTED)),
        (Some(_), true) => {
            return Err(setting(
                "is for keyset files: a vault knows what needs a version, and it is moved first",
            ));
        }
        _ => {}
    }
    guard_identity(&opened.keyset(), version)?;
    opened.retire(version)?;
    say(format_args!(
        "key version {version} is retired: it reveals nothing; `cloakroom keys resume {version}` takes that back, \
         `cloakroom keys destroy {version}` ends it for good"
    ));
    Ok(Outcome::Done)
}

const UNCOUNTED: &str = "is needed: nobody counts what a keyset file protects, so nothing tells whether the version is \
                         still needed";

pub fn destroy(of: &VersionOf, despite_data: bool, eyes: &FourEyes, key: &KeySource) -> Result<Outcome> {
    eyes.check_paths(of.holder.path(), &[], key)?;
    let (version, mut opened) = of.open(key)?;
    let keyset = opened.keyset();
    guard_identity(&keyset, version)?;
    let despite = match (despite_data, opened.vault()) {
        (false, None) => {
            return Err(Error::Setting { what: "--despite-data", problem: UNCOUNTED.into() });
        }
        (false, Some(_)) => Despite::Nothing,
        (true, vault) => {
            keyset.with_state(version, KeyState::Destroyed, now())?; // before anybody is asked
            confirm(&keyset, vault, version)?;
            Despite::Data
        }
    };
    opened.destroy(version, despite, eyes)?;
    say(format_args!(
        "key version {version} is destroyed: it is gone from the keyset file, and stays in every copy made before"
    ));
    Ok(Outcome::Done)
}

/// Says what will be lost, and has the words typed that say so.
fn confirm(keyset: &Keyset, vault: Option<&Vault>, version: KeyVersion) -> Result<()> {
    let words = format!("destroy key version {version} of {}", keyset.id());
    match vault {
        Some(vault) => {
            say(format_args!("what key version {version} protects will be lost for good:"));
            say_needing(vault, version)?;
        }
        None => say(format_args!("everything that key version {version} protects will be lost for good")),
    }
    say(format_args!("to go on, type: {words}"));
    let mut typed = String::new();
    let input = std::io::stdin().lock();
    input.take(1024).read_line(&mut typed).map_err(Error::io("read", "standard input"))?;
    match typed.trim_end_matches(['\r', '\n']) == words {
        true => Ok(()),
        false => Err(Error::Setting {
            what: "confirmation",
            problem: "was not these words: nothing was changed".into(),
        }),
    }
}

/// The lines of the census, and the files, that need a version.
pub fn say_needing(vault: &Vault, version: KeyVersion) -> Result<()> {
    let census = vault.census();
    census.lines_of(version).for_each(|(line, count)| say(format_args!("  {count} × {line}")));
    if census.needing(version) == 0 {
        say(format_args!("  nothing that the vault counts"));
    }
    for file in vault.files()? {
        if file.columns.iter().any(|column| column.version == version) {
            say(format_args!("  in file {}, made {}", hex(&file.sha256), file.made));
        }
    }
    Ok(())
}

/// Every pseudonym depends on it, counted or not.
fn guard_identity(keyset: &Keyset, version: KeyVersion) -> Result<()> {
    match keyset.identity_number() == version {
        true => Err(Error::KeyNeeded {
            version: version.get(),
            needed_by: "every pseudonym that is made, as its identity key".into(),
            remedy: "make another version the identity first (`cloakroom keys identity`)",
        }),
        false => Ok(()),
    }
}

pub fn suspend(of: &VersionOf, key: &KeySource) -> Result<Outcome> {
    let (version, mut opened) = of.open(key)?;
    opened.change_state(version, KeyState::Suspended)?;
    say(format_args!(
        "key version {version} is suspended: it reveals nothing until `cloakroom keys resume {version}`"
    ));
    say_if_primary(&opened.keyset(), version);
    Ok(Outcome::Done)
}

pub fn resume(of: &VersionOf, key: &KeySource) -> Result<Outcome> {
    let (version, mut opened) = of.open(key)?;
    let keyset = opened.keyset();
    let state = keyset.version(version)?.state();
    let next = match state {
        KeyState::Suspended if keyset.is_primary(version) => KeyState::Active,
        KeyState::Suspended | KeyState::Retired => KeyState::Deactivated,
        state => {
            let purpose = "be resumed: only what is suspended or retired can";
            return Err(Error::KeyState { version: version.get(), state: state.as_str(), purpose });
        }
    };
    opened.change_state(version, next)?;
    say(format_args!("key version {version} was {state}, and is {next} again"));
    Ok(Outcome::Done)
}

pub fn say_if_primary(keyset: &Keyset, version: KeyVersion) {
    if keyset.is_primary(version) {
        say(format_args!(
            "it is a primary: protecting is refused until `cloakroom rotate`, which is to be done next"
        ));
    }
}

pub fn identity(of: &VersionOf, key: &KeySource) -> Result<Outcome> {
    let (version, mut opened) = of.open(key)?;
    if opened.keyset().identity_number() == version {
        say(format_args!("key version {version} is the pseudonyms' identity key already"));
        return Ok(Outcome::Done);
    }
    opened
        .edit("identity", format!("key version {version}"), |keyset| keyset.with_identity(version, now()))?;
    say(format_args!(
        "pseudonyms are made with the identity key of version {version} now: all of them change, in every scope of every \
         tenant; those in earlier files join no new ones, and only protecting the originals anew makes them again"
    ));
    opened.vault().into_iter().for_each(say_retirable);
    Ok(Outcome::Done)
}

pub fn period(holder: &Holder, Days(days): Days, key: &KeySource) -> Result<Outcome> {
    let mut opened = OpenHolder::open(holder, key)?;
    set_period(&mut opened, days)?;
    let note = if days.is_none() { ", the default" } else { "" };
    say(format_args!("the cryptoperiod is {} days{note}", days.unwrap_or(DEFAULT_PERIOD_DAYS)));
    crate::overdue::warn(&opened.keyset());
    Ok(Outcome::Done)
}
