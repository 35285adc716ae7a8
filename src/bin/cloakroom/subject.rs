//! `subject`: what a data subject may ask for, but for being erased.

use crate::access::AccessArgs;
use crate::approve::Approved;
use crate::exit::Outcome;
use crate::files::say;
use crate::lines::Lines;
use crate::output::Output;
use crate::overwrite::{Written, check_paths, opened};
use crate::vault::{open, subject_id, subject_id_before, tenant_of_subjects};
use crate::{KeySource, VaultPath, unlock};
use clap::{Args, Subcommand, ValueEnum};
use cloakroom::crypto::hpke::RecipientKey;
use cloakroom::duties::{Access, Action};
use cloakroom::name::{FieldName, Note, Purpose, SubjectId};
use cloakroom::vault::{Consents, HeldField, Holdings, Revealed, Rights, Sighting, Tenant, Vault, Which};
use cloakroom::whole_file::Readers;
use cloakroom::{Error, Result};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A data subject, and who asks about her.
#[derive(Args)]
pub struct Of {
    /// Her id, as in the subject column; `-` reads it from standard input, one line.
    id: String,
    #[command(flatten)]
    vault: VaultPath,
    /// Whose data; needed when the vault has several tenants.
    #[arg(long)]
    tenant: Option<String>,
    /// Why, for the audit log: sealed for those who may know her.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

impl Of {
    pub fn open(&self, key: &KeySource) -> Result<Vault> {
        open(&self.vault.vault, &*unlock::existing(key)?)
    }

    pub fn access(&self) -> Result<Option<Access>> {
        self.access.access()
    }

    pub fn rights<'v>(&self, vault: &'v Vault) -> Result<Rights<'v>> {
        let tenant = vault.tenant(&tenant_of_subjects(vault, self.tenant.as_deref())?);
        let tenant = match self.access()? {
            Some(access) => tenant.by(access),
            None => tenant,
        };
        self.rights_in(&tenant, &subject_id(&self.id)?)
    }

    /// To change something, in the name of somebody where there are rules.
    fn rights_to_change<'v>(&self, vault: &'v Vault, id: &SubjectId) -> Result<Rights<'v>> {
        let tenant = vault.tenant(&tenant_of_subjects(vault, self.tenant.as_deref())?);
        self.rights_in(&self.access.signed(vault, tenant)?, id)
    }

    fn rights_in<'v>(&self, tenant: &Tenant<'v>, id: &SubjectId) -> Result<Rights<'v>> {
        let rights = tenant.rights_of(id);
        Ok(match &self.reason {
            Some(reason) => rights.because(&Note::new(reason)?),
            None => rights,
        })
    }
}

#[derive(Subcommand)]
pub enum RightsCommand {
    /// Prints all that the vault holds of her, where, since when and why, and who saw it, as JSON.
    ///
    /// Where rules are in force, each value is shown as they let the principal see it. It reads the whole audit log.
    Show(Show),
    /// Writes her data as JSON by docs/subject-export.schema.json, to be taken along (GDPR Art. 20).
    Export(Export),
    /// Replaces a value in her records with the line on standard input (GDPR Art. 16).
    Rectify(Rectify),
    /// Restricts the processing of her data (GDPR Art. 18); --reason is needed.
    Restrict(Of),
    /// Lifts the restriction.
    Lift(Of),
    /// Keeps her data though its retention ends.
    Hold(Named),
    /// Releases a hold.
    Release(Named),
    /// Records that she objects to a purpose (GDPR Art. 21).
    Object(To),
    /// Takes an objection back.
    Retract(To),
    /// Says whether she is a canary: nobody, whose reveal raises an alarm.
    Canary(Canary),
}

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    approved: Approved,
}

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    of: Of,
    /// The file, which must not exist; `-`, or none, for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seals it to this public key, of `export keygen`.
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    #[command(flatten)]
    approved: Approved,
}

#[derive(Args)]
pub struct Rectify {
    #[command(flatten)]
    of: Of,
    /// The field.
    field: String,
    /// In this record alone, by its number in `subject show`.
    #[arg(long, value_name = "N", conflicts_with = "all")]
    record: Option<u32>,
    /// In all records that have the field.
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    of: Of,
    /// The hold's name: a case's number.
    name: String,
}

#[derive(Args)]
pub struct To {
    #[command(flatten)]
    of: Of,
    /// The purpose.
    #[arg(value_name = "PURPOSE")]
    to: String,
}

#[derive(Args)]
pub struct Canary {
    #[command(flatten)]
    of: Of,
    /// Whether.
    state: Switch,
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

pub fn run(command: RightsCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        RightsCommand::Show(arguments) => show(&arguments, key),
        RightsCommand::Export(arguments) => export(&arguments, key),
        RightsCommand::Rectify(arguments) => rectify(&arguments, key),
        RightsCommand::Restrict(of) => {
            let needed = || Error::Setting { what: "--reason", problem: "is needed to restrict".into() };
            let reason = Note::new(of.reason.as_deref().ok_or_else(needed)?)?;
            // The restriction keeps the reason: the leaf does not say it twice.
            let of = Of { reason: None, ..of };
            change(&of, key, "restricted", "is restricted already", |rights| rights.restrict(&reason))
        }
        RightsCommand::Lift(of) => {
            change(&of, key, "the restriction is lifted", "is not restricted", |rights| rights.lift())
        }
        RightsCommand::Hold(Named { of, name }) => {
            let name = Note::new(&name)?;
            change(&of, key, "on hold", "is on hold for that already", |rights| rights.hold(&name))
        }
        RightsCommand::Release(Named { of, name }) => {
            let name = Note::new(&name)?;
            change(&of, key, "the hold is released", "has no such hold", |rights| rights.release(&name))
        }
        RightsCommand::Object(To { of, to }) => {
            let purpose = Purpose::new(&to)?;
            change(&of, key, "the objection is recorded", "objects already", |rights| rights.object(&purpose))
        }
        RightsCommand::Retract(To { of, to }) => {
            let purpose = Purpose::new(&to)?;
            change(&of, key, "the objection is retracted", "has no objection to that", |rights| {
                rights.retract(&purpose)
            })
        }
        RightsCommand::Canary(Canary { of, state: Switch::On }) => {
            change(&of, key, "is a canary now", "is a canary already", |rights| rights.canary(true))
        }
        RightsCommand::Canary(Canary { of, state: Switch::Off }) => {
            change(&of, key, "is no canary any more", "is no canary", |rights| rights.canary(false))
        }
    }
}

/// Changes something, and says whether there was anything to change.
pub fn change(
    of: &Of,
    key: &KeySource,
    done: &str,
    nothing: &str,
    change: impl FnOnce(&Rights<'_>) -> Result<bool>,
) -> Result<Outcome> {
    let vault = of.open(key)?;
    match change(&of.rights_to_change(&vault, &subject_id(&of.id)?)?)? {
        true => say(format_args!("subject: {done}")),
        false => say(format_args!("subject: {nothing}; nothing is changed")),
    }
    if vault.installed_rules().is_none() {
        say(format_args!(
            "note: the vault goes by no rules, so this stops nobody yet: see `cloakroom policy install`"
        ));
    }
    Ok(Outcome::Done)
}

fn show(Show { of, approved }: &Show, key: &KeySource) -> Result<Outcome> {
    check_paths(&[approved.written()], &approved.read(), opened(&of.vault.vault, key))?;
    let approval = approved.approval()?;
    let (vault, access) = (of.open(key)?, of.access()?);
    let rights = of.rights(&vault)?;
    rights.may_ask(access.as_ref())?;
    let seen = rights.seen()?;
    let holdings = match (&access, &approval) {
        (Some(access), Some(approval)) => rights.holdings_approved(access, approval),
        (None, Some(_)) => return Err(crate::approve::nobody()),
        (_, None) => rights.holdings(access.as_ref()),
    };
    let holdings = match &access {
        None => holdings?,
        Some(access) => {
            let target = rights.holdings_target(access)?;
            approved.or_request(holdings, &vault, || (Action::BulkReveal, target), Some(&access.principal))?
        }
    };
    let mut shown = shown(&holdings, &seen);
    if let (Some(_), Some(fields)) = (&access, shown.as_object_mut()) {
        // Who is shown values for a purpose must not learn whom not to look at.
        fields.remove("canary");
    }
    print(&shown)?;
    Ok(Outcome::Done)
}

fn print(json: &Value) -> Result<()> {
    writeln!(std::io::stdout(), "{json:#}").map_err(Error::io("write", "standard output"))
}

fn shown(holdings: &Holdings, seen: &[Sighting]) -> Value {
    let values = |record: &cloakroom::vault::HeldRecord| -> Map<String, Value> {
        record.fields.iter().map(|field| (field.name.as_str().to_owned(), value(field))).collect()
    };
    let held = |record: &cloakroom::vault::HeldRecord| {
        json!({
            "record": record.number,
            "since": record.since.map(|at| at.to_string()),
            "fields": record.fields.iter().map(why).collect::<Vec<_>>(),
        })
    };
    let state = &holdings.state;
    json!({
        "tenant": holdings.tenant.as_str(),
        "subject": holdings.subject.expose(),
        "audit_id": hex(&holdings.audit_id),
        "records": holdings.records.iter().map(values).collect::<Vec<_>>(),
        "held": holdings.records.iter().map(held).collect::<Vec<_>>(),
        "tokens": holdings.tokens.iter().map(|token| json!({
            "field": token.field.as_str(),
            "expires": token.expires.map(|at| at.to_string()),
            "once": token.is_once,
        })).collect::<Vec<_>>(),
        "files": holdings.files.iter().map(|file| json!({
            "sha256": hex(&file.sha256),
            "made": file.made.to_string(),
            "may_hold": file.columns.iter().map(|column| json!({
                "field": column.field.as_str(), "kind": column.mode.as_str(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "consents": consents(&holdings.consents),
        "restriction": state.restriction().map(|r| json!({ "at": r.at.to_string(), "reason": r.reason.as_str() })),
        "objections": state.objections().iter().map(|o| json!({
            "purpose": o.purpose.as_str(), "at": o.at.to_string(),
        })).collect::<Vec<_>>(),
        "holds": state.holds().iter().map(|hold| json!({
            "name": hold.name.as_str(), "at": hold.at.to_string(),
        })).collect::<Vec<_>>(),
        "canary": state.is_canary(),
        "seen": seen.iter().map(sighting).collect::<Vec<_>>(),
    })
}

fn value(field: &HeldField) -> Value {
    match &field.shown {
        Ok(Revealed::Token(token)) => Value::from(token.as_str()),
        Ok(Revealed::Full(value) | Revealed::Masked(value)) => match value.expose_str() {
            Some(text) => Value::from(text),
            None => Value::from(value.expose().to_vec()),
        },
        Err(_) => Value::Null,
    }
}

fn why(field: &HeldField) -> Value {
    let (shown, reason) = field.shown_as();
    json!({
        "field": field.name.as_str(),
        "shown": shown,
        "reason": reason,
        "category": field.rules.as_ref().and_then(|rules| rules.category.as_ref()).map(Note::as_str),
        "special": field.rules.as_ref().is_some_and(|rules| rules.special),
        "purposes": field.purposes.iter().map(|(purpose, rules)| json!({
            "purpose": purpose.as_str(), "basis": rules.basis,
        })).collect::<Vec<_>>(),
        "kept_until": field.kept_until.map(|at| at.to_string()),
    })
}

pub fn consents(consents: &Consents) -> Value {
    let status = consents.status.iter();
    let status = status
        .map(|(purpose, status)| (purpose.as_str().to_owned(), Value::from(Consents::status_name(*status))));
    json!({
        "status": status.collect::<Map<_, _>>(),
        "history": consents.history.iter().map(|consent| json!({
            "purpose": consent.purpose.as_str(),
            "event": Consents::event_name(&consent.event),
            "at": consent.at.to_string(),
            "expires": Consents::expires(&consent.event).map(|at| at.to_string()),
            "source": consent.source.as_ref().map(Note::as_str),
            "wording": consent.wording.as_ref().map(Note::as_str),
        })).collect::<Vec<_>>(),
    })
}

fn sighting(sighting: &Sighting) -> Value {
    json!({
        "leaf": sighting.leaf,
        "at": sighting.at.to_string(),
        "kind": sighting.kind,
        "principal": sighting.principal,
        "purpose": sighting.purpose,
        "decision": sighting.decision,
        "reason": sighting.reason,
        "fields": sighting.fields,
        "because": sighting.because,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn export(Export { of, output, to, approved }: &Export, key: &KeySource) -> Result<Outcome> {
    let recipient = to.as_deref().map(recipient).transpose()?;
    let written = [output.as_deref().map(Written::Result), approved.written()];
    check_paths(&written, &approved.read(), opened(&of.vault.vault, key))?;
    let approval = approved.approval()?;
    let (vault, access) = (of.open(key)?, of.access()?);
    let rights = of.rights(&vault)?;
    // The file comes first: an approval is not used up for what cannot be written.
    let output = output.as_deref().unwrap_or(Path::new("-"));
    let output = Output::create_new(output, Readers::Owner)?;
    let (target, by) = (rights.export_target()?, access.as_ref().map(|access| &access.principal));
    let done = rights.export(access.as_ref(), approval.as_ref());
    let export = approved.or_request(done, &vault, || (Action::Export, target), by)?;
    let sealed = recipient.map(|recipient| export.sealed_to(&recipient)).transpose()?;
    output.put(sealed.as_deref().unwrap_or(export.json().as_bytes()))?;
    if export.withheld > 0 {
        let count = export.withheld;
        say(format_args!(
            "note: {count} values are not shown in full to this principal; the export says why"
        ));
    }
    Ok(Outcome::Done)
}

fn recipient(key: &str) -> Result<RecipientKey> {
    RecipientKey::from_text(key).map_err(|error| match key.starts_with("cloakroom-export-public-key-") {
        true => error,
        false => Error::KeySource {
            what: "--to".into(),
            problem: "does not begin with cloakroom-export-public-key-1: so it is no public key; give the key itself, as `export \
                      keygen` printed it, and one in a file as --to \"$(cat FILE)\""
                .into(),
        },
    })
}

fn rectify(Rectify { of, field, record, all }: &Rectify, key: &KeySource) -> Result<Outcome> {
    let field = FieldName::new(field)?;
    let which = match (record, all) {
        (Some(number), _) => Which::Number(*number),
        (None, true) => Which::All,
        (None, false) => Which::Only,
    };
    let vault = of.open(key)?;
    // Her id is the first line of standard input, if it stands there.
    let mut lines = Lines::new();
    let id = subject_id_before(&of.id, &mut lines)?;
    let value = lines.next()?.ok_or(Error::Value { problem: "is missing on standard input" })??;
    lines.end("one value")?;
    let rights = of.rights_to_change(&vault, &id)?;
    let records = rights.rectify(&field, value.as_bytes(), which)?;
    say(format_args!("rectified in {records} records"));
    say(format_args!("not reached: tokens, pseudonyms and plain columns in files, and backups of the vault"));
    Ok(Outcome::Done)
}
