//! `init`, `check`, `log`.

use crate::audit;
use crate::exit::Outcome;
use crate::files::say;
use crate::key_source::Split;
use crate::keys::now;
use crate::lines::Lines;
use crate::output::{must_be_file, one_is_read};
use crate::shown::Shown;
use crate::{KeySource, VaultPath, alarm, overdue, unlock};
use cloakroom::keys::KeyProvider;
use cloakroom::name::{SubjectId, TenantId};
use cloakroom::vault::{Mode, Vault};
use cloakroom::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn open(path: &Path, provider: &dyn KeyProvider) -> Result<Vault> {
    Ok(alarm::attach(Vault::open(path, provider)?))
}

pub fn init(dir: &Path, key: &KeySource, split: &Split) -> Result<Outcome> {
    must_be_file("the vault", dir)?;
    if dir.exists() {
        return Err(Error::Exists { path: dir.to_owned() });
    }
    let vault = Vault::create(dir, &*unlock::new(key, split)?, now())?;
    say(format_args!("{}: a vault with keyset {}, key version 1", dir.display(), vault.keyset().id()));
    Ok(Outcome::Done)
}

pub const NOBODY: Error =
    Error::NotFound { what: "the subject", hint: "; ids are as in the subject column, and per tenant" };

pub fn check(
    vault: &VaultPath,
    head: Option<&Path>,
    public_keys: &[PathBuf],
    key: &KeySource,
) -> Result<Outcome> {
    one_is_read(head.into_iter().chain(public_keys.iter().map(PathBuf::as_path)))?;
    let head = head.map(audit::read_head).transpose()?;
    let public_keys = audit::public_keys(public_keys)?;
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    if let Some(head) = head {
        vault.check_against(&head, &public_keys)?;
        say(format_args!(
            "the audit log begins with the {} leaves of the head of {}",
            head.head.size, head.head.at
        ));
    }
    overdue::warn(&vault.keyset());
    let report = vault.check()?;
    say(format_args!(
        "{} subjects, {} records, {} sealed fields opened and counted",
        report.subjects, report.records, report.fields
    ));
    if report.tokens + report.indexed > 0 {
        say(format_args!(
            "{} random tokens, {} index entries verified and counted",
            report.tokens, report.indexed
        ));
    }
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

pub fn log(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let events = open(&vault.vault, &*unlock::existing(key)?)?.events()?;
    let mut out = std::io::stdout().lock();
    for event in &events {
        let (kind, detail) = (Shown::whole(&event.kind), Shown::whole(&event.detail));
        writeln!(out, "{}  {kind}  {detail}", event.at).map_err(Error::io("write", "standard output"))?;
    }
    Ok(Outcome::Done)
}

/// The tenant of a data subject.
pub fn tenant_of_subjects(vault: &Vault, named: Option<&str>) -> Result<TenantId> {
    match vault.census().total(Mode::SubjectKey) {
        0 => Err(NOBODY),
        _ => tenant_of(vault, named),
    }
}

/// The tenant that was named, or the only one there is.
pub fn tenant_of(vault: &Vault, named: Option<&str>) -> Result<TenantId> {
    if let Some(name) = named {
        return TenantId::new(name);
    }
    let census = vault.census();
    let tenants: BTreeSet<&str> = census.lines().map(|(line, _)| line.tenant.as_str()).collect();
    match tenants.first() {
        Some(only) if tenants.len() == 1 => TenantId::new(only),
        _ => {
            let problem = format!("is needed: the vault has {} tenants", tenants.len());
            Err(Error::Setting { what: "--tenant", problem })
        }
    }
}

pub fn subject_id(id: &str) -> Result<SubjectId> {
    match id {
        "-" => {
            let mut lines = Lines::new();
            let id = subject_id_before(id, &mut lines)?;
            lines.end("one id")?;
            Ok(id)
        }
        id => SubjectId::new(id),
    }
}

/// As `subject_id`, where the command takes more lines.
pub fn subject_id_before(id: &str, lines: &mut Lines) -> Result<SubjectId> {
    match id {
        "-" => {
            SubjectId::new(&lines.next()?.ok_or(Error::Value { problem: "is missing on standard input" })??)
        }
        id => SubjectId::new(id),
    }
}
