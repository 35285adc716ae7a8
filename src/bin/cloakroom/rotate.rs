//! `rotate`: a new key version for everything, for one field or for one scope.

use crate::exit::Outcome;
use crate::files::say;
use crate::keyset_holder::OpenHolder;
use crate::vault::tenant_of;
use crate::{Holder, KeySource, known_files, overdue, span};
use clap::Args;
use cloakroom::keys::{KeyState, KeyUse};
use cloakroom::name::{FieldName, KeyVersion, Scope, TenantId};
use cloakroom::vault::Mode;
use cloakroom::{Error, Result};

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    holder: Holder,
    /// Everything; this is also what is rotated when nothing is named.
    #[arg(long, conflicts_with_all = ["field", "scope", "tenant"])]
    all: bool,
    /// Only tokens and envelopes of this field, or the blind index of this name; what a vault seals is under its subjects'
    /// keys, which are rotated with everything.
    #[arg(long, value_name = "FIELD", conflicts_with = "scope")]
    field: Option<String>,
    /// Only the pseudonyms of this scope.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Whose field or scope; needed for a keyset file, and when the vault has several tenants.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Set the cryptoperiod, as `keys period` does, and rotate only what is over it.
    #[arg(long, value_name = "90d", value_parser = span::days, conflicts_with_all = ["all", "field", "scope", "tenant"])]
    every: Option<u32>,
}

pub fn rotate(arguments: Rotate, key: &KeySource) -> Result<Outcome> {
    let Rotate { holder, all: _, field, scope, tenant, every } = arguments;
    let mut opened = OpenHolder::open(&holder, key)?;
    match every {
        Some(days) => rotate_overdue(&mut opened, days)?,
        None => {
            let use_ = use_of(&opened, field.as_deref(), scope.as_deref(), tenant.as_deref())?;
            let version = opened.rotate(use_.as_ref())?;
            say_primary(version, use_.as_ref());
            say_what_is_under(&opened, use_.as_ref());
            say_next(&opened)?;
        }
    }
    overdue::warn(&opened.keyset());
    Ok(Outcome::Done)
}

/// Sets the period, and rotates what is over it: everything if that is, else each use.
fn rotate_overdue(opened: &mut OpenHolder, days: u32) -> Result<()> {
    if opened.keyset().period() != Some(days) {
        set_period(opened, Some(days))?;
    }
    let overdue = opened.keyset().overdue(crate::keys::now());
    if overdue.is_empty() {
        say(format_args!("the cryptoperiod is {days} days, and no primary is over it: nothing was rotated"));
        return Ok(());
    }
    let uses: Vec<Option<KeyUse>> = match overdue.iter().any(|o| o.use_.is_none()) {
        true => vec![None],
        false => overdue.into_iter().map(|o| o.use_).collect(),
    };
    for use_ in &uses {
        let version = opened.rotate(use_.as_ref())?;
        say_primary(version, use_.as_ref());
    }
    say_next(opened)
}

pub fn set_period(opened: &mut OpenHolder, days: Option<u32>) -> Result<()> {
    let detail = days.map_or_else(|| "default".to_owned(), |days| format!("{days} days"));
    opened.edit("period", detail, |keyset| keyset.with_period(days))
}

fn use_of(
    opened: &OpenHolder,
    field: Option<&str>,
    scope: Option<&str>,
    tenant: Option<&str>,
) -> Result<Option<KeyUse>> {
    let owner = || match (opened.vault(), tenant) {
        (_, Some(name)) => TenantId::new(name),
        (Some(vault), None) => tenant_of(vault, None),
        (None, None) => {
            let problem = "is needed: a keyset file does not know its tenants".into();
            Err(Error::Setting { what: "--tenant", problem })
        }
    };
    match (field, scope, tenant) {
        (Some(field), _, _) => Ok(Some(KeyUse::Field { field: FieldName::new(field)?, tenant: owner()? })),
        (_, Some(scope), _) => Ok(Some(KeyUse::Scope { scope: Scope::new(scope)?, tenant: owner()? })),
        (None, None, Some(_)) => {
            let problem =
                "goes with --field or --scope: keys are rotated for all tenants or for one use".into();
            Err(Error::Setting { what: "--tenant", problem })
        }
        (None, None, None) => Ok(None),
    }
}

fn say_primary(version: KeyVersion, use_: Option<&KeyUse>) {
    match use_ {
        None => say(format_args!("key version {version} is the primary now")),
        Some(use_) => say(format_args!("key version {version} is the primary of {use_} now")),
    }
}

/// Where a field has nothing that a rotation of it alone would move.
fn say_what_is_under(opened: &OpenHolder, use_: Option<&KeyUse>) {
    let (Some(vault), Some(KeyUse::Field { tenant, field })) = (opened.vault(), use_) else { return };
    let census = vault.census();
    let mut lines = census
        .lines()
        .map(|(line, _)| line)
        .filter(|line| line.tenant == tenant.as_str() && line.field == field.as_str())
        .peekable();
    if lines.peek().is_none() {
        say(format_args!(
            "nothing in the vault or its files is protected as field {:?} so far",
            field.as_str()
        ));
    } else if lines.any(|line| line.mode == Mode::Seal) {
        say(format_args!(
            "what the vault seals is under its subject's key, which `cloakroom rotate` without --field rotates"
        ));
    }
}

/// What is to be done next; nothing is known of what a keyset file protects.
fn say_next(opened: &OpenHolder) -> Result<()> {
    let Some(vault) = opened.vault() else { return Ok(()) };
    let (keyset, census) = (vault.keyset(), vault.census());
    let is_stopped = |state| matches!(state, KeyState::Suspended | KeyState::Compromised);
    let holds = |version| census.lines_of(version).any(|(line, _)| !line.mode.is_in_files());
    let stopped = keyset.versions().iter().find(|v| is_stopped(v.state()) && holds(v.number()));
    match stopped.map(|version| (version.number(), version.state())) {
        None => say(format_args!("run `cloakroom migrate` to move what the vault holds to it")),
        Some((number, state)) => say(format_args!(
            "run `cloakroom migrate --reseal --despite-state` to move what the vault holds to it: key version {number} is \
             {state}"
        )),
    }
    known_files::say_behind(vault)
}
