//! `consent`: what data subjects said about purposes.

use crate::access::AccessArgs;
use crate::exit::Outcome;
use crate::files::{one_byte, open_input, say};
use crate::keys::now;
use crate::subject::{Of, change, consents};
use crate::vault::{open, tenant_of_subjects};
use crate::{KeySource, VaultPath, unlock};
use clap::{Args, Subcommand};
use cloakroom::duties::Rules;
use cloakroom::name::{Note, Purpose};
use cloakroom::pipeline::{self, ConsentRow};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Grant, Tenant};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

/// Rows that are taken in at once.
const BATCH: usize = 1024;

#[derive(Subcommand)]
pub enum ConsentCommand {
    /// Prints her consents: the history, and what each purpose has now, as JSON.
    Show(Of),
    /// Records that she consents to a purpose.
    Grant(Given),
    /// Records that she consents no longer: from now on nothing is shown for the purpose by consent.
    Withdraw(Withdrawn),
    /// Takes in a CSV file of consents: columns subject, purpose, event, at, and if wanted expires, source, wording.
    ///
    /// A row that is wrong is named by its line and stops no other. Taking in the same file again changes nothing.
    Import(Import),
}

#[derive(Args)]
pub struct Given {
    #[command(flatten)]
    of: Of,
    /// The purpose.
    #[arg(value_name = "PURPOSE")]
    to: String,
    /// When, if not now: 2026-11-25T10:00:00+02:00, or a date, which begins at midnight UTC.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// When it ends.
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Timestamp>,
    /// Where she said so: a form, a call.
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Which wording she saw.
    #[arg(long, value_name = "TEXT")]
    wording: Option<String>,
}

#[derive(Args)]
pub struct Withdrawn {
    #[command(flatten)]
    of: Of,
    /// The purpose.
    #[arg(value_name = "PURPOSE")]
    to: String,
    /// When, if not now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Where she said so.
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

#[derive(Args)]
pub struct Import {
    /// The file; `-` for standard input.
    input: PathBuf,
    #[command(flatten)]
    vault: VaultPath,
    /// Whose data; needed when the vault has several tenants.
    #[arg(long)]
    tenant: Option<String>,
    /// What stands between cells: one character, or `tab`.
    #[arg(long, default_value = ",")]
    delimiter: String,
    #[command(flatten)]
    access: AccessArgs,
}

fn time(text: &str) -> Result<Timestamp> {
    Timestamp::parse(text)
}

fn note(text: Option<String>) -> Result<Option<Note>> {
    text.as_deref().map(Note::new).transpose()
}

pub fn run(command: ConsentCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        ConsentCommand::Show(of) => {
            let vault = of.open(key)?;
            let json = consents(&of.rights(&vault)?.consents()?);
            writeln!(std::io::stdout(), "{json:#}").map_err(Error::io("write", "standard output"))?;
            Ok(Outcome::Done)
        }
        ConsentCommand::Grant(Given { of, to, at, expires, source, wording }) => {
            let purpose = Purpose::new(&to)?;
            let grant = Grant { at, expires, source: note(source)?, wording: note(wording)? };
            change(&of, key, "the consent is recorded", "said that already", |rights| {
                rights.grant(&purpose, grant)
            })
        }
        ConsentCommand::Withdraw(Withdrawn { of, to, at, source }) => {
            let (purpose, source) = (Purpose::new(&to)?, note(source)?);
            change(&of, key, "the withdrawal is recorded", "said that already", |rights| {
                rights.withdraw(&purpose, at, source)
            })
        }
        ConsentCommand::Import(arguments) => import(&arguments, key),
    }
}

/// How far an import is.
#[derive(Default)]
struct Count {
    new: u64,
    known: u64,
    refused: u64,
}

fn import(Import { input, vault, tenant, delimiter, access }: &Import, key: &KeySource) -> Result<Outcome> {
    let delimiter = one_byte(delimiter)?;
    let source = open_input(input)?;
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let tenant = vault.tenant(&tenant_of_subjects(&vault, tenant.as_deref())?);
    let tenant = access.signed(&vault, tenant)?;
    let (mut count, mut batch) = (Count::default(), vec![]);
    // Whether a purpose is known is asked of the rules in force, by the vault.
    pipeline::consents(source, delimiter, &Rules::default(), now(), |row| {
        match row {
            Ok(row) => batch.push(row),
            Err(error) => count.refuse(&error),
        }
        match batch.len() {
            BATCH => count.take_in(&tenant, &mut batch),
            _ => Ok(()),
        }
    })?;
    count.take_in(&tenant, &mut batch)?;
    let Count { new, known, refused } = count;
    say(format_args!("consents: {new} new, {known} known already, {refused} rows refused"));
    Ok(if refused > 0 { Outcome::SomeRejected } else { Outcome::Done })
}

impl Count {
    fn refuse(&mut self, error: &Error) {
        self.refused += 1;
        say(format_args!("{error}"));
    }

    fn take_in(&mut self, tenant: &Tenant<'_>, batch: &mut Vec<ConsentRow>) -> Result<()> {
        let rows: Vec<_> = batch.iter().map(|row| (&row.subject, &row.consent)).collect();
        let results = tenant.import_consents(&rows)?;
        for (row, result) in batch.iter().zip(results) {
            match result {
                Ok(true) => self.new += 1,
                Ok(false) => self.known += 1,
                Err(error) => self.refuse(&in_row(row.line, &error)),
            }
        }
        batch.clear();
        Ok(())
    }
}

/// What is wrong with a row, with its line.
fn in_row(line: u64, error: &Error) -> Error {
    let (column, problem) = match error {
        Error::NotFound { .. } => ("subject", "is nobody whom the vault has, or she was erased".to_owned()),
        Error::Setting { what: "purpose", problem } => ("purpose", problem.clone()),
        Error::Setting { what: "time of a consent", problem } => ("at", problem.clone()),
        other => ("", other.to_string()),
    };
    Error::Row { line, column: column.into(), problem }
}
