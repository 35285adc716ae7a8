//! `init`, `subject`, `migrate`, `check`.

use crate::exit::Outcome;
use crate::files::{Ticker, say};
use crate::keys::now;
use crate::{KeySource, SubjectOf, VaultPath, unlock};
use cloakroom::keys::KeyProvider;
use cloakroom::name::{SubjectId, TenantId};
use cloakroom::vault::{Mode, Vault};
use cloakroom::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

pub fn open(path: &Path, provider: &dyn KeyProvider) -> Result<Vault> {
    Vault::open(path, provider)
}

pub fn init(dir: &Path, key: &KeySource) -> Result<Outcome> {
    if dir.exists() {
        return Err(Error::Exists { path: dir.to_owned() });
    }
    let vault = Vault::create(dir, &*unlock::new(key)?, now())?;
    say(format_args!("{}: a vault with keyset {}, key version 1", dir.display(), vault.keyset().id()));
    Ok(Outcome::Done)
}

pub fn show(subject: SubjectOf, key: &KeySource) -> Result<Outcome> {
    let vault = open(&subject.vault.vault, &*unlock::existing(key)?)?;
    let tenant = vault.tenant(&tenant_of(&vault, subject.tenant.as_deref())?);
    let id = subject_id(&subject.id)?;
    if !tenant.has(&id)? {
        return Err(NOBODY);
    }
    let mut records = vec![];
    for record in tenant.records(&id)? {
        let fields = record.fields.iter().map(|(name, value)| match value.expose_str() {
            Some(text) => (name.clone(), serde_json::Value::from(text)),
            None => (name.clone(), serde_json::Value::from(value.expose().to_vec())),
        });
        records.push(serde_json::Value::Object(fields.collect()));
    }
    let json =
        serde_json::json!({ "tenant": tenant.name().as_str(), "subject": id.expose(), "records": records });
    writeln!(std::io::stdout(), "{json:#}").map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

pub fn erase(subject: SubjectOf, key: &KeySource) -> Result<Outcome> {
    let vault = open(&subject.vault.vault, &*unlock::existing(key)?)?;
    let tenant = vault.tenant(&tenant_of(&vault, subject.tenant.as_deref())?);
    let erasure = tenant.erase(&subject_id(&subject.id)?)?.ok_or(NOBODY)?;
    say(format_args!("erased: her key, {} records, {} sealed fields", erasure.records, erasure.fields));
    say(format_args!("not reached: tokens, pseudonyms and plain columns in files, and backups of the vault"));
    say(format_args!("her key may stay in unused parts of the vault's file until they are written over"));
    Ok(Outcome::Done)
}

const NOBODY: Error =
    Error::NotFound { what: "the subject", hint: "; ids are as in the subject column, and per tenant" };

pub fn migrate(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let ticker = Ticker::new();
    let done = vault.migrate(|p| ticker.show(format_args!("{} of {} subjects", p.seen, p.total)))?;
    ticker.clear();
    say(format_args!(
        "moved {} of {} subjects to key version {}",
        done.moved,
        done.total,
        vault.keyset().primary_number()
    ));
    Ok(Outcome::Done)
}

pub fn check(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let report = vault.check()?;
    say(format_args!(
        "{} subjects, {} records, {} sealed fields opened and counted",
        report.subjects, report.records, report.fields
    ));
    for problem in &report.problems {
        say(format_args!("problem: {problem}"));
    }
    let more = report.problem_count - report.problems.len() as u64;
    if more > 0 {
        say(format_args!("and {more} more"));
    }
    match report.is_clean() {
        true => {
            say(format_args!("clean"));
            Ok(Outcome::Done)
        }
        false => Ok(Outcome::ProblemsFound),
    }
}

/// The tenant that was named, or the only one there is.
fn tenant_of(vault: &Vault, named: Option<&str>) -> Result<TenantId> {
    if let Some(name) = named {
        return TenantId::new(name);
    }
    let census = vault.census();
    let subjects = census.lines().filter(|(line, _)| line.mode == Mode::SubjectKey);
    let tenants: BTreeSet<&str> = subjects.map(|(line, _)| line.tenant.as_str()).collect();
    match tenants.len() {
        0 => Err(NOBODY),
        1 => TenantId::new(tenants.first().expect("there is one")),
        n => {
            Err(Error::Setting { what: "--tenant", problem: format!("is needed: the vault has {n} tenants") })
        }
    }
}

fn subject_id(id: &str) -> Result<SubjectId> {
    match id {
        "-" => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map_err(Error::io("read", "standard input"))?;
            SubjectId::new(&line)
        }
        id => SubjectId::new(id),
    }
}
