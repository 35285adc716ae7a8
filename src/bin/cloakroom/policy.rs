//! `policy check`, `policy preview` and `policy suggest`: before a file is protected.

use crate::approve::FourEyes;
use crate::exit::Outcome;
use crate::files::{one_byte, open_input, read_policy, refuse_protected, say};
use crate::shown::Shown;
use crate::vault::open;
use crate::{KeySource, VaultPath, spec, unlock};
use clap::{Args, Subcommand};
use cloakroom::duties::{Action, Rules};
use cloakroom::pipeline::{self, CellPreview, RowPreview};
use cloakroom::policy::{Field, Policy, Rule, Unlisted};
use cloakroom::protect::Erasability;
use cloakroom::vault::rules_target;
use cloakroom::{Error, Result};
use std::io::{BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Reads a policy, and says what it does to each field, and the SHA-256 of its rules, which an approval of them names.
    Check(Check),
    /// Shows the first rows before and after, in the clear, on standard output. Nothing is written to a file, and no
    /// key is needed: tokens are made under a key that is thrown away.
    Preview(Preview),
    /// Proposes a policy for a file on standard output. It shows no value. Read it before you use it.
    Suggest(Suggest),
    /// Has a vault go by the policy's rules about who may see what, from now on; says what changed.
    Install(Install),
    /// Prints the rules that a vault goes by, as JSON.
    Installed(VaultPath),
}

#[derive(Args)]
pub struct Check {
    /// The policy.
    policy: PathBuf,
    /// A file whose columns the policy has to fit; `-` for standard input. Only its header is read.
    input: Option<PathBuf>,
    #[command(flatten)]
    delimiter: Delimiter,
}

#[derive(Args)]
pub struct Preview {
    /// The file; `-` for standard input.
    input: PathBuf,
    /// What happens to each column.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// How many rows, at most 1,000.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rows: u16,
    #[command(flatten)]
    delimiter: Delimiter,
}

#[derive(Args)]
pub struct Suggest {
    /// The file; `-` for standard input.
    input: PathBuf,
    /// How many rows to go by, at most 1,000,000.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rows: u32,
    #[command(flatten)]
    delimiter: Delimiter,
}

#[derive(Args)]
pub struct Install {
    /// The policy.
    policy: PathBuf,
    #[command(flatten)]
    vault: VaultPath,
    #[command(flatten)]
    eyes: FourEyes,
}

#[derive(Args)]
struct Delimiter {
    /// What stands between cells: one character, or `tab`.
    #[arg(long, default_value = ",")]
    delimiter: String,
}

pub fn run(command: PolicyCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        PolicyCommand::Check(arguments) => check(arguments),
        PolicyCommand::Preview(arguments) => preview(arguments),
        PolicyCommand::Suggest(arguments) => suggest(arguments),
        PolicyCommand::Install(arguments) => install(&arguments, key),
        PolicyCommand::Installed(vault) => installed(&vault, key),
    }
}

fn check(Check { policy, input, delimiter }: Check) -> Result<Outcome> {
    let delimiter = one_byte(&delimiter.delimiter)?;
    let policy = read_policy(&policy)?;
    if let Some(input) = &input {
        refuse_protected(input)?;
        pipeline::preview(open_input(input)?, &policy, delimiter, 0, |_| Ok(()))?;
    }
    print_policy(&policy).map_err(unwritten)?;
    if policy.subject.is_none()
        && policy.fields.iter().any(|f| matches!(f.rule, Rule::Seal(_) | Rule::RandomToken(_)))
    {
        say(format_args!(
            "note: without a `subject`, sealed fields cannot go into a vault, only into the file"
        ));
    }
    Ok(Outcome::Done)
}

fn print_policy(policy: &Policy) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let subject = policy.subject.as_ref().map_or("none".into(), |s| format!("{:?}", s.as_str()));
    let unlisted = match policy.unlisted {
        Unlisted::Error => "refused",
        Unlisted::Drop => "dropped",
    };
    writeln!(out, "tenant {:?}, subject {subject}, other columns {unlisted}", policy.tenant.as_str())?;
    let lines = policy.fields.iter().map(|field| {
        let back = if field.rule.is_reversible() { "yes" } else { "no" };
        let settings = Shown::whole(&spec::line(&field.settings)).to_string();
        [field.name.to_string(), field.rule.mode().into(), settings, erased_by(field).into(), back.into()]
    });
    let heads = ["field", "protect", "settings", "erased by", "comes back"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(heads).chain(lines).collect();
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3].map(width);
    for [name, mode, settings, erased, back] in &lines {
        let [a, b, c, d] = widths;
        writeln!(out, "{name:a$}  {mode:b$}  {settings:c$}  {erased:d$}  {back}")?;
    }
    // What a request to install these rules names, so that who approves can compare the two.
    match policy.rules() {
        rules if rules.is_empty() => Ok(()),
        rules => writeln!(out, "rules SHA-256 {}", rules_target(rules)),
    }
}

/// What makes what is left in the file unreadable for good.
fn erased_by(field: &Field) -> &'static str {
    match (&field.rule, field.rule.erasability(true)) {
        (Rule::Drop, _) => "-",
        (Rule::RandomToken(_), _) => "shred-subject",
        (_, Erasability::ShredSubject) => "shred-subject (without a vault: delete-row)",
        (_, Erasability::DeleteRow) => "delete-row",
        (_, Erasability::Clear) => "clear",
    }
}

fn preview(Preview { input, policy, rows, delimiter }: Preview) -> Result<Outcome> {
    let delimiter = one_byte(&delimiter.delimiter)?;
    let (policy, source) = (read_policy(&policy)?, unprotected(&input)?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut shown, mut rejected) = (0, 0);
    pipeline::preview(source, &policy, delimiter, rows.into(), |row| {
        shown += 1;
        rejected += u32::from(!row.problems.is_empty());
        print_row(&mut out, row).map_err(unwritten)
    })?;
    out.flush().map_err(unwritten)?;
    say(format_args!(
        "{shown} rows shown, {rejected} of them would be rejected; nothing was written, and the key is thrown away"
    ));
    Ok(Outcome::Done)
}

/// What is shown of a cell, in characters.
const WIDTH: usize = 40;
/// What is shown of an envelope.
const OF_ENVELOPE: usize = 12;

fn print_row(out: &mut BufWriter<StdoutLock<'_>>, row: &RowPreview<'_>) -> std::io::Result<()> {
    let width = |text: &dyn Fn(&CellPreview<'_>) -> String| {
        row.cells.iter().map(|cell| text(cell).chars().count()).max().unwrap_or_default()
    };
    let name = |cell: &CellPreview<'_>| Shown(cell.column, WIDTH).to_string();
    let before = |cell: &CellPreview<'_>| shown(cell.before, WIDTH);
    let (names, befores) = (width(&name), width(&before));
    match row.problems.as_slice() {
        [] => writeln!(out, "line {}", row.line)?,
        [("", reason), ..] => writeln!(out, "line {}: rejected: {reason}", row.line)?,
        _ => writeln!(out, "line {}: rejected", row.line)?,
    }
    for cell in &row.cells {
        let problem = row.problems.iter().find(|(column, _)| *column == cell.column);
        let after = match (cell.after, problem) {
            (_, Some((_, reason))) => format!("rejected: {reason}"),
            (Some(after), _) => shown(after, if cell.sealed { OF_ENVELOPE } else { WIDTH }),
            (None, _) if row.problems.is_empty() => "(dropped)".into(),
            (None, _) => String::new(),
        };
        let line = format!("  {:names$}  {:befores$}  {after}", name(cell), before(cell));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn shown(cell: &[u8], most: usize) -> String {
    Shown(&String::from_utf8_lossy(cell), most).to_string()
}

fn suggest(Suggest { input, rows, delimiter }: Suggest) -> Result<Outcome> {
    let delimiter = one_byte(&delimiter.delimiter)?;
    let suggestion = pipeline::suggest(unprotected(&input)?, delimiter, rows.into())?;
    write!(std::io::stdout().lock(), "{suggestion}").map_err(unwritten)?;
    Ok(Outcome::Done)
}

fn install(Install { policy, vault, eyes }: &Install, key: &KeySource) -> Result<Outcome> {
    eyes.check_paths(&vault.vault, &[policy], key)?;
    let policy = read_policy(policy)?;
    let rules = policy.rules();
    if rules.is_empty() {
        let problem =
            "says nothing of principals, roles and purposes: with it nobody would be shown anything";
        return Err(Error::Setting { what: "policy", problem: problem.into() });
    }
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let (old_version, old) = vault.installed_rules().unwrap_or_default();
    if old == *rules {
        say(format_args!("rules version {old_version} are the same, and stay in force"));
        return Ok(Outcome::Done);
    }
    let version = eyes.run(
        &vault,
        || (Action::SetRules, rules_target(rules)),
        |admin, approval| admin.set_rules(rules.clone(), approval),
        || vault.set_rules(rules.clone()),
    )?;
    let mut out = std::io::stdout().lock();
    for line in changes(&old, rules) {
        writeln!(out, "{}", Shown::whole(&line)).map_err(unwritten)?;
    }
    say(format_args!("rules version {version} are in force, SHA-256 {}", rules_target(rules)));
    Ok(Outcome::Done)
}

/// What one set of rules has and the other has not: `+ principal bob`, `- role agent`, `~ field email`.
fn changes(old: &Rules, new: &Rules) -> Vec<String> {
    let sections = |rules: &Rules| serde_json::to_value(rules).unwrap_or_default();
    let (old, new) = (sections(old), sections(new));
    let mut changes = vec![];
    for (section, what) in
        [("purposes", "purpose"), ("roles", "role"), ("principals", "principal"), ("fields", "field")]
    {
        let of = |rules: &serde_json::Value| rules[section].as_object().cloned().unwrap_or_default();
        let (old, new) = (of(&old), of(&new));
        changes.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|n| format!("- {what} {n}")));
        for (name, now) in &new {
            match old.get(name) {
                None => changes.push(format!("+ {what} {name}")),
                Some(before) if before != now => changes.push(format!("~ {what} {name}")),
                Some(_) => {}
            }
        }
    }
    let differs = |section: &&str| old[*section] != new[*section];
    changes.extend(["approvals", "register"].into_iter().filter(differs).map(|s| format!("~ {s}")));
    changes
}

fn installed(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let none = Error::NotFound { what: "a rule", hint: "; `cloakroom policy install` installs a policy's" };
    let (version, rules) = vault.installed_rules().ok_or(none)?;
    let json = serde_json::json!({ "version": version, "sha256": rules_target(&rules), "rules": rules });
    writeln!(std::io::stdout().lock(), "{json:#}").map_err(unwritten)?;
    Ok(Outcome::Done)
}

/// A file that is no protected one.
fn unprotected(input: &Path) -> Result<Box<dyn std::io::Read>> {
    refuse_protected(input)?;
    open_input(input)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::io("write", "standard output")(error)
}
