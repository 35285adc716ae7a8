//! `token`: random tokens for the lines of standard input.

use crate::access::AccessArgs;
use crate::exit::Outcome;
use crate::files::say;
use crate::keys::now;
use crate::lines::{Answers, Lines};
use crate::vault::{open, tenant_of};
use crate::{KeySource, VaultPath, overdue, span, spec, unlock};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use cloakroom::name::{FieldName, SubjectId};
use cloakroom::policy::describe_format;
use cloakroom::protect::Spelling;
use cloakroom::vault::{Issued, Look, RandomTokens, Revealed, TokenRequest, TokenRules, Vault};
use cloakroom::{Error, Result};

/// Values in one atomic batch.
const BATCH: usize = 1000;

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Prints the token of each value, one value a line on standard input.
    ///
    /// A line that can have none gives an empty line, and its number and the reason on standard error.
    Issue(Issue),
    /// Prints the value of each token, one token a line on standard input; to a principal what the rules show of it.
    Redeem(Redeem),
    /// Deletes each token, one a line on standard input, and prints `deleted` for it.
    Delete(FieldOf),
    /// Deletes all tokens of the vault whose time is over.
    Purge(VaultPath),
}

/// A field of a tenant.
#[derive(Args)]
pub struct FieldOf {
    /// Which field's tokens.
    #[arg(long, value_name = "FIELD")]
    field: String,
    /// Whose; needed unless the vault has one tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    vault: VaultPath,
}

#[derive(Args)]
pub struct Redeem {
    #[command(flatten)]
    of: FieldOf,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Args)]
#[command(group(ArgGroup::new("look").required(true).args(["format", "opaque"])))]
pub struct Issue {
    #[command(flatten)]
    of: FieldOf,
    /// Tokens that look like their value: a format as for `format explain`, as in "card keep=6+4".
    #[arg(long, value_name = "SPEC")]
    format: Option<String>,
    /// Tokens of 128 random bits, in this spelling.
    #[arg(long, value_name = "SPELLING")]
    opaque: Option<Opaque>,
    /// A new token each time; otherwise a value that has a token keeps it, whatever its look and end.
    #[arg(long)]
    fresh: bool,
    /// Tokens that can be redeemed once; each is new.
    #[arg(long)]
    once: bool,
    /// Tokens that end after this time, as in 30d, 12h, 30m or 45s; without --fresh, a value that has a token keeps that.
    #[arg(long, value_name = "TIME", value_parser = span::seconds)]
    lasting: Option<u64>,
    /// Whose values these are: erasing her erases them. `-` takes her id from the first line of standard input.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Opaque {
    Base64url,
    Hex,
    Uuid,
    Crockford,
}

pub fn run(command: TokenCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        TokenCommand::Issue(arguments) => issue(arguments, key),
        TokenCommand::Redeem(arguments) => redeem(&arguments, key),
        TokenCommand::Delete(of) => delete(&of, key),
        TokenCommand::Purge(vault) => purge(&vault, key),
    }
}

impl FieldOf {
    fn open(&self, key: &KeySource) -> Result<Vault> {
        open(&self.vault.vault, &*unlock::existing(key)?)
    }

    fn tokens<'v>(&self, vault: &'v Vault, rules: TokenRules) -> Result<RandomTokens<'v>> {
        let tenant = vault.tenant(&tenant_of(vault, self.tenant.as_deref())?);
        tenant.random_tokens(&FieldName::new(&self.field)?, rules)
    }

    /// For tokens that exist, whatever they look like.
    fn existing<'v>(&self, vault: &'v Vault) -> Result<RandomTokens<'v>> {
        self.tokens(vault, TokenRules::new(Look::Opaque(Spelling::Base64Url)))
    }
}

impl Issue {
    fn rules(&self) -> Result<TokenRules> {
        let look = match (&self.format, self.opaque) {
            (Some(spec), _) => Look::Like(describe_format(&spec::parse(spec)?)?),
            (None, Some(Opaque::Hex)) => Look::Opaque(Spelling::Hex),
            (None, Some(Opaque::Uuid)) => Look::Opaque(Spelling::Uuid),
            (None, Some(Opaque::Crockford)) => Look::Opaque(Spelling::Crockford),
            (None, Some(Opaque::Base64url) | None) => Look::Opaque(Spelling::Base64Url),
        };
        let mut rules = TokenRules::new(look);
        if self.fresh {
            rules = rules.fresh();
        }
        if self.once {
            rules = rules.once();
        }
        self.lasting.map_or(Ok(rules.clone()), |seconds| rules.lasting(seconds))
    }
}

fn issue(arguments: Issue, key: &KeySource) -> Result<Outcome> {
    let rules = arguments.rules()?;
    let vault = arguments.of.open(key)?;
    overdue::warn(&vault.keyset());
    let tokens = arguments.of.tokens(&vault, rules)?;
    let mut lines = Lines::new();
    let (subject, before) = match arguments.subject.as_deref() {
        Some("-") => {
            let missing =
                || Error::Input { problem: "is empty: its first line is to be the subject's id".into() };
            (Some(SubjectId::new(&lines.next()?.ok_or_else(missing)??)?), 1)
        }
        Some(id) => (Some(SubjectId::new(id)?), 0),
        None => (None, 0),
    };
    let (mut answers, mut warned) = (Answers::after(before), 0);
    loop {
        let batch = lines.batch(BATCH)?;
        if batch.is_empty() {
            return Ok(outcome(&answers));
        }
        let values = batch.iter().filter_map(|line| line.as_ref().ok());
        let request = |value| TokenRequest { value, subject: subject.as_ref(), expires: None };
        let requests: Vec<_> = values.map(|value| request(value.as_str())).collect();
        let mut issued = tokens.issue_many(&requests, now())?.into_iter();
        for line in batch {
            match line.and_then(|_| issued.next().expect("one result for one request")) {
                Ok(issued) => {
                    answers.put(Ok(issued.token.as_bytes()))?;
                    warn_of_fill(&issued, answers.number(), &mut warned);
                }
                Err(error) => answers.put(Err(error))?,
            }
        }
    }
}

/// Once at 50 and once at 90 per cent, however many spaces there are.
fn warn_of_fill(issued: &Issued, number: u64, warned: &mut u8) {
    if let Some(percent) = issued.fill.and_then(|fill| fill.warning())
        && percent > *warned
    {
        *warned = percent;
        say(format_args!(
            "warning: {percent} % of the tokens that look like line {number}'s value are taken: delete tokens that are no \
             longer needed, keep fewer characters, or use opaque tokens"
        ));
    }
}

fn redeem(Redeem { of, access }: &Redeem, key: &KeySource) -> Result<Outcome> {
    let access = access.access()?;
    let vault = of.open(key)?;
    let tokens = of.existing(&vault)?;
    let revealer = match access {
        Some(access) => Some(vault.revealer(&tenant_of(&vault, of.tenant.as_deref())?, access)),
        None => None,
    };
    let redeem = |token: &str| match &revealer {
        Some(revealer) => revealer.redeem(&tokens, token, now()),
        None => tokens.redeem(token, now()).map(Revealed::Full),
    };
    let (mut lines, mut answers) = (Lines::new(), Answers::after(0));
    // One after the other, and printed before the next: a token for one use is gone once it is redeemed.
    while let Some(line) = lines.next()? {
        match line.and_then(|token| redeem(&token)) {
            Ok(Revealed::Token(same)) => answers.put(Ok(same.as_bytes()))?,
            Ok(Revealed::Full(value) | Revealed::Masked(value)) if value.expose().contains(&b'\n') => {
                answers.put(Err(Error::Value { problem: "has a line break, so it is not printed" }))?;
            }
            Ok(Revealed::Full(value) | Revealed::Masked(value)) => answers.put(Ok(value.expose()))?,
            Err(error) => answers.put(Err(error))?,
        }
    }
    Ok(outcome(&answers))
}

fn delete(of: &FieldOf, key: &KeySource) -> Result<Outcome> {
    let vault = of.open(key)?;
    let tokens = of.existing(&vault)?;
    let (mut lines, mut answers) = (Lines::new(), Answers::after(0));
    while let Some(line) = lines.next()? {
        let unknown =
            Error::NotFound { what: "the token", hint: "; tokens belong to one vault, tenant and field" };
        match line.and_then(|token| tokens.delete(&token)) {
            Ok(true) => answers.put(Ok(b"deleted"))?,
            Ok(false) => answers.put(Err(unknown))?,
            Err(error) => answers.put(Err(error))?,
        }
    }
    Ok(outcome(&answers))
}

fn purge(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let purged = open(&vault.vault, &*unlock::existing(key)?)?.purge_tokens(now())?;
    say(format_args!("deleted {purged} tokens whose time is over"));
    Ok(Outcome::Done)
}

fn outcome(answers: &Answers) -> Outcome {
    if answers.failed == 0 { Outcome::Done } else { Outcome::SomeRejected }
}
