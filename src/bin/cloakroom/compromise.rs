//! `keys compromise`: stops a version that others may know, and says what that means and who is to be told.

use crate::approve::FourEyes;
use crate::breach::report_of;
use crate::exit::Outcome;
use crate::files::say;
use crate::key_states::{VersionOf, say_if_primary, say_needing};
use crate::keyset_holder::OpenHolder;
use crate::known_files::hex;
use crate::move_to_primary::{Moving, move_all};
use crate::{KeySource, shown::Shown};
use clap::Args;
use cloakroom::keys::KeyState;
use cloakroom::name::KeyVersion;
use cloakroom::report::{BreachReport, Deadlines};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Line, Mode, ProtectedFile, Query, Radius, Vault};
use cloakroom::{Error, Result};
use serde_json::{Value, json};
use std::io::Write;

#[derive(Args)]
pub struct Compromise {
    #[command(flatten)]
    of: VersionOf,
    #[command(flatten)]
    eyes: FourEyes,
    /// Then move what the vault holds away from it, under new subject keys; a primary is rotated first. Of a version that is
    /// compromised already it goes on with that.
    #[arg(long)]
    migrate: bool,
    /// Print what is concerned as JSON: counts, files, and the report of the breach.
    #[arg(long)]
    json: bool,
}

/// What was under the version when it was stopped. Moving it away does not take it back: whoever has the version and a copy
/// of the vault has what is in the copy.
struct Concerned {
    query: Query,
    radius: Radius,
    report: BreachReport,
    files: Vec<ProtectedFile>,
    aware: Timestamp,
}

pub fn compromise(arguments: &Compromise, key: &KeySource) -> Result<Outcome> {
    arguments.eyes.check_paths(arguments.of.holder.path(), &[], key)?;
    let (version, mut opened) = arguments.of.open(key)?;
    if opened.vault().is_none() && (arguments.migrate || arguments.json) {
        let what = if arguments.migrate { "--migrate" } else { "--json" };
        let problem = "is for vaults: nobody counts what a keyset file protects".into();
        return Err(Error::Setting { what, problem });
    }
    match opened.keyset().version(version)?.state() {
        KeyState::Compromised if arguments.migrate => say(format_args!(
            "key version {version} is compromised already: going on with moving what the vault holds away from it"
        )),
        KeyState::Compromised => {
            say(format_args!("key version {version} is compromised already: nothing is changed"));
        }
        _ => {
            opened.compromise(version, &arguments.eyes)?;
            say(format_args!(
                "key version {version} is compromised: it reveals nothing, and never will again"
            ));
        }
    }
    let keyset = opened.keyset();
    say_if_primary(&keyset, version);
    if keyset.identity_number() == version {
        say(format_args!(
            "it is the pseudonyms' identity key: none are made until `cloakroom keys identity` names another version"
        ));
    }
    let Some(vault) = opened.vault() else { return Ok(Outcome::Done) };
    say(format_args!("protected by it:"));
    say_needing(vault, version)?;
    let concerned = Concerned::of(vault, version)?;
    concerned.say();
    let json = arguments.json.then(|| concerned.json()).transpose()?;
    // A standard output that nobody reads keeps nothing from being moved.
    let moved = match arguments.migrate {
        true => move_away(&mut opened, version),
        false => {
            say(format_args!(
                "`cloakroom keys compromise {version} --migrate` moves what the vault holds away from it, under new subject \
                 keys; whoever has the version and a copy keeps what is in the copy"
            ));
            Ok(())
        }
    };
    let printed = json.map_or(Ok(()), |json| {
        writeln!(std::io::stdout(), "{json:#}").map_err(Error::io("write", "standard output"))
    });
    let in_files = |mode: Mode| mode.is_in_files() && mode != Mode::FileIdentity;
    if concerned.radius.under_key.iter().any(|(line, _)| in_files(line.mode)) {
        say(format_args!(
            "what files hold under it is not revealed any more: `cloakroom migrate --file FILE --despite-state` moves a \
             file away from it"
        ));
    }
    moved.and(printed)?;
    Ok(Outcome::Done)
}

/// Moves everything in the vault to other versions. What is done already is not done again.
fn move_away(opened: &mut OpenHolder, version: KeyVersion) -> Result<()> {
    if opened.keyset().is_primary(version) {
        let primary = opened.rotate(None)?;
        say(format_args!("key version {primary} is the primary now"));
    }
    let vault = opened.vault().expect("it was one before");
    move_all(vault, &Moving { reseal: true, rate: None, despite_state: true }).map(|_| ())
}

impl Concerned {
    fn of(vault: &Vault, version: KeyVersion) -> Result<Self> {
        let keyset = vault.keyset();
        let stopped = keyset.version(version)?;
        // Who runs it again is not aware any later for that.
        let (since, aware) = (stopped.created(), stopped.changed());
        let query = Query { key: Some(version), from: Some(since), ..Query::default() };
        let radius = vault.radius(&query)?;
        let report = report_of(vault, &query, &radius, Some(aware))?;
        let mut files = vault.files()?;
        files.retain(|file| file.columns.iter().any(|column| column.version == version));
        Ok(Self { query, radius, report, files, aware })
    }

    /// Fields under it now, and how many.
    fn fields(&self) -> impl Iterator<Item = &(Line, u64)> {
        self.radius.under_key.iter().filter(|(line, _)| !line.field.is_empty() && line.mode != Mode::Index)
    }

    /// The kind of data in a field, as the rules say, and whether it is of a special category.
    fn category(&self, line: &Line) -> (Option<&str>, bool) {
        let is_it = |tenant: &str, name: &str| tenant == line.tenant && name == line.field;
        let reached = self.radius.fields.iter().find(|field| {
            field.name.as_ref().is_some_and(|(tenant, name)| is_it(tenant.as_str(), name.as_str()))
        });
        reached.map_or((None, false), |field| (field.category.as_deref(), field.special))
    }

    fn say(&self) {
        let (radius, now) = (&self.radius, self.radius.subjects_under_key());
        say(format_args!(
            "concerned: {now} data subjects now, {} since it was made, in {} accesses",
            radius.subjects.max(now),
            radius.accesses
        ));
        for (line, count) in self.fields() {
            let (category, special) = self.category(line);
            let special = if special { ", special" } else { "" };
            let category = Shown::whole(category.unwrap_or("category not said"));
            say(format_args!("  {count} × {line} ({category}{special})"));
        }
        let notify_by = Deadlines::from_awareness(self.aware).notify_by;
        say(format_args!(
            "to be told: the authority by {notify_by}, 72 hours from when it was marked (GDPR Art. 33), unless a risk to the data subjects is \
             unlikely; the data subjects without undue delay if the risk is high (Art. 34); \
             `cloakroom breach radius --key {} --list` says who they are",
            self.query.key.map_or(0, KeyVersion::get)
        ));
    }

    fn json(&self) -> Result<Value> {
        let fields: Vec<Value> = self
            .fields()
            .map(|(line, count)| {
                let (category, special) = self.category(line);
                json!({
                    "tenant": line.tenant, "field": line.field, "mode": line.mode.as_str(), "count": count,
                    "category": category, "special": special,
                })
            })
            .collect();
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| json!({ "sha256": hex(&file.sha256), "made": file.made.to_string(), "tenant": file.tenant.as_str() }))
            .collect();
        let report: Value = serde_json::from_str(&self.report.to_json())
            .map_err(|_| Error::Input { problem: "the report is no JSON; please report it".into() })?;
        let notify_by = Deadlines::from_awareness(self.aware).notify_by;
        Ok(json!({
            "keyVersion": self.query.key.map(KeyVersion::get),
            "state": KeyState::Compromised.as_str(),
            "subjectsNow": self.radius.subjects_under_key(),
            "fieldsNow": fields,
            "files": files,
            "notifyAuthorityBy": notify_by.to_string(),
            "report": report,
        }))
    }
}
