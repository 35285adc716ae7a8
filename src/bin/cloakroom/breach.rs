//! `breach radius`: who and what a breach can have touched.

use crate::approve::Approved;
use crate::exit::Outcome;
use crate::files::say;
use crate::instant::instant;
use crate::keys::now;
use crate::output::{Output, is_standard, one_is_standard};
use crate::overwrite::{Written, check_paths, opened};
use crate::shown::Shown;
use crate::vault::{open, tenant_of};
use crate::{KeySource, VaultPath, unlock};
use clap::{Args, Subcommand};
use cloakroom::duties::Action;
use cloakroom::name::{FieldName, KeyVersion, Principal, Purpose};
use cloakroom::report::{BreachReport, Deadlines, Head};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Query, Radius, Vault};
use cloakroom::whole_file::Readers;
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum BreachCommand {
    /// Counts what the audit log says of a principal, a key version, a field or a time.
    ///
    /// Times are of RFC 3339, as 2026-11-25T10:00:00+02:00, or a day, which is its first second in UTC.
    Radius(RadiusOf),
}

#[derive(Args)]
pub struct RadiusOf {
    #[command(flatten)]
    vault: VaultPath,
    /// What this principal did.
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// What was under this key version, and what is now.
    #[arg(long, value_name = "N")]
    key: Option<u32>,
    /// Not before.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Not after.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// What was done to this field.
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Whose field it is; needed when the vault has several tenants.
    #[arg(long, requires = "field")]
    tenant: Option<String>,
    /// What was done for this purpose.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    /// Print the ids of the data subjects, one a line as JSON; they are in the file of --json then, too.
    #[arg(long)]
    list: bool,
    /// Who asks for the list.
    #[arg(long = "as", value_name = "NAME", requires = "list")]
    by: Option<String>,
    #[command(flatten)]
    approved: Approved,
    /// When the controller became aware of the breach: the report names the deadline.
    #[arg(long, value_name = "TIME")]
    aware: Option<String>,
    /// Write the report as JSON; with `-` to standard output, in place of the summary and the list.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as Markdown, on a page; with `-` to standard output, in place of the summary.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub fn run(command: &BreachCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        BreachCommand::Radius(arguments) => radius(arguments, key),
    }
}

fn radius(arguments: &RadiusOf, key: &KeySource) -> Result<Outcome> {
    let standard = [arguments.json.as_deref(), arguments.report.as_deref()];
    one_is_standard(standard)?;
    let [json_is_standard, report_is_standard] = standard.map(|path| path.is_some_and(is_standard));
    let [json, report] = standard.map(|path| path.map(Written::Result));
    let approved = &arguments.approved;
    let held = opened(&arguments.vault.vault, key);
    check_paths(&[json, report, approved.written()], &approved.read(), held)?;
    let approval = approved.approval()?;
    let by = arguments.by.as_deref().map(Principal::new).transpose()?;
    let times = arguments.times()?;
    let vault = open(&arguments.vault.vault, &*unlock::existing(key)?)?;
    let query = arguments.query(&vault, times)?;
    let (radius, listing) = match arguments.list {
        true => {
            let done = vault.list_radius(&query, by.as_ref(), approval.as_ref());
            let wanted = || (Action::ListSubjects, query.to_string());
            let listing = approved.or_request(done, &vault, wanted, by.as_ref())?;
            (listing.radius.clone(), Some(listing))
        }
        false => (vault.radius(&query)?, None),
    };
    if radius.accesses + radius.denied + radius.of_state == 0 {
        say(format_args!(
            "note: no access in the log is one of these: are the names and times right, and did the access go through the vault?"
        ));
    }
    let mut report = report_of(&vault, &query, &radius, times.aware)?;
    if let Some(listing) = &listing {
        report = report.with_subjects(listing);
    }
    for (path, text) in [(&arguments.json, report.to_json()), (&arguments.report, report.to_text())] {
        if let Some(path) = path {
            Output::create(path, Readers::Owner)?.put(text.as_bytes())?;
        }
    }
    let mut out = std::io::stdout().lock();
    if !json_is_standard && !report_is_standard {
        print(&mut out, &query, &radius).map_err(Error::io("write", "standard output"))?;
    }
    if let Some(listing) = &listing {
        for (tenant, subject) in listing.subjects.iter().filter(|_| !json_is_standard) {
            let line = serde_json::json!({ "tenant": tenant.as_str(), "subject": subject.expose() });
            writeln!(out, "{line}").map_err(Error::io("write", "standard output"))?;
        }
        say(format_args!(
            "{} data subjects listed, {} of them canaries; {} more were erased since, and nobody can tell who they were",
            listing.subjects.len(),
            listing.canaries,
            listing.erased
        ));
    }
    Ok(Outcome::Done)
}

/// The report of a radius, with the head of the log that it is counted from.
pub fn report_of(
    vault: &Vault,
    query: &Query,
    radius: &Radius,
    aware: Option<Timestamp>,
) -> Result<BreachReport> {
    let mut report = BreachReport::of_radius(&vault.id(), query, radius, now());
    report.deadlines = aware.map(Deadlines::from_awareness);
    let head = vault.signed_head(now())?.head;
    report.head = Some(Head { at: head.at.into(), root: crate::known_files::hex(&head.root) });
    Ok(report)
}

#[derive(Clone, Copy)]
struct Times {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    aware: Option<Timestamp>,
}

impl RadiusOf {
    fn times(&self) -> Result<Times> {
        let parse =
            |option, text: &Option<String>| text.as_deref().map(|text| instant(option, text)).transpose();
        let (from, to) = (parse("--from", &self.from)?, parse("--to", &self.to)?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let problem = format!("{from} is after --to, {to}: there is nothing in between");
            return Err(Error::Setting { what: "--from", problem });
        }
        Ok(Times { from, to, aware: parse("--aware", &self.aware)? })
    }

    fn query(&self, vault: &Vault, times: Times) -> Result<Query> {
        let key = self.key.map(KeyVersion::new).transpose()?;
        if let Some(key) = key {
            vault.keyset().version(key)?;
        }
        let field = match &self.field {
            Some(field) => Some((tenant_of(vault, self.tenant.as_deref())?, FieldName::new(field)?)),
            None => None,
        };
        Ok(Query {
            principal: self.principal.as_deref().map(Principal::new).transpose()?,
            key,
            from: times.from,
            to: times.to,
            field,
            purpose: self.purpose.as_deref().map(Purpose::new).transpose()?,
        })
    }
}

fn print(out: &mut impl Write, query: &Query, radius: &Radius) -> std::io::Result<()> {
    writeln!(out, "{}", Shown::whole(&query.to_string()))?;
    let Radius { subjects, records, accesses, denied, of_state, state_subjects, .. } = radius;
    writeln!(
        out,
        "{subjects} data subjects, {records} fields of them, in {accesses} accesses; {denied} more were refused"
    )?;
    if *of_state > 0 {
        writeln!(
            out,
            "{of_state} accesses reached no field, but consents, restrictions, holds or who saw her: of {state_subjects} data \
             subjects more"
        )?;
    }
    if let (Some(first), Some(last)) = (radius.first, radius.last) {
        writeln!(out, "from {first} to {last}")?;
    }
    for field in &radius.fields {
        let name = match &field.name {
            Some((tenant, name)) => format!("{:?} of tenant {:?}", name.as_str(), tenant.as_str()),
            None => format!("with id {}, of which nothing is left", crate::known_files::hex(&field.id)),
        };
        let category = field.category.as_deref().unwrap_or("category not said");
        let special = if field.special { ", special" } else { "" };
        let subjects = field.subjects;
        writeln!(out, "field {name} ({}{special}): {subjects} data subjects", Shown::whole(category))?;
    }
    for (what, unnamed, counts) in [
        ("by", "nobody named", &radius.principals),
        ("for", "no purpose named", &radius.purposes),
        ("done:", "", &radius.kinds),
    ] {
        for (name, count) in counts {
            let name = if name.is_empty() { unnamed } else { name };
            writeln!(out, "{what} {}: {count}", Shown::whole(name))?;
        }
    }
    for key in &radius.keys {
        let state = key.state.map_or("unknown", |state| state.as_str());
        let exposed = if key.is_exposed() { ", exposed" } else { "" };
        let (version, accesses, needing) = (key.version, key.accesses, key.needing);
        writeln!(
            out,
            "key version {version} ({state}{exposed}): {accesses} accesses, {needing} things need it now"
        )?;
    }
    for (line, count) in &radius.under_key {
        writeln!(out, "under it now: {count} × {}", Shown::whole(&line.to_string()))?;
    }
    writeln!(out, "of {} leaves of the audit log", radius.leaves)
}
