//! `approve`, and what commands that take an approval have in common.
//!
//! ```text
//!  alice: COMMAND --request r.json      refused, and r.json says what for
//!  bob:   approve r.json --key bob.key --principal bob -o a.json
//!  alice: COMMAND --approval a.json     done, once
//! ```

use crate::KeySource;
use crate::exit::Outcome;
use crate::files::{open_input, say};
use crate::keys::now;
use crate::output::Output;
use crate::overwrite::{Written, check_paths, opened};
use clap::Args;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::{Action, Approval, Request};
use cloakroom::name::Principal;
use cloakroom::vault::{Admin, Vault};
use cloakroom::whole_file::Readers;
use cloakroom::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A request or an approval is far shorter.
const LONGEST: u64 = 1 << 16;

#[derive(Args)]
pub struct Approve {
    /// The request, as the refused command wrote it; `-` for standard input.
    request: PathBuf,
    /// Your secret key, as `principal keygen` made it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Your name in the rules.
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Where the approval goes: a file that must not exist, or `-` for standard output. Without it nothing is signed: what would
    /// be approved is shown.
    #[arg(short, long, value_name = "FILE", requires_all = ["key", "principal"])]
    output: Option<PathBuf>,
}

pub fn approve(arguments: &Approve) -> Result<Outcome> {
    let Approve { request, key, principal, output } = arguments;
    let read: Vec<&Path> =
        [Some(request), key.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
    check_paths(&[output.as_deref().map(Written::Result)], &read, vec![])?;
    let approver = principal.as_deref().map(Principal::new).transpose()?;
    let parsed = Request::parse(&text_of(open_input(request)?, request)?)?;
    parsed.check_approvable(approver.as_ref(), now())?;
    let (by, until) = (parsed.requester.clone(), parsed.expires);
    let what = format!("{} of {}", parsed.action.code(), parsed.target);
    let (Some(output), Some(key), Some(approver)) = (output, key, approver) else {
        say(format_args!(
            "to be approved for {by} until {until}: {what}; nothing is signed without --output"
        ));
        return Ok(Outcome::Done);
    };
    let key = SigningKey::from_text(Zeroizing::new(text(key)?).trim_end())?;
    write(output, &parsed.approve(approver, &key).to_json())?;
    say(format_args!("approved for {by} until {until}: {what}"));
    Ok(Outcome::Done)
}

/// Who does it, where nothing is asked about a purpose.
#[derive(Args)]
pub struct Who {
    /// Who does it, by the name in the rules; or CLOAKROOM_PRINCIPAL.
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
}

impl Who {
    pub fn principal(&self) -> Result<Option<Principal>> {
        let set = || std::env::var("CLOAKROOM_PRINCIPAL").ok().filter(|name| !name.is_empty());
        self.principal.clone().or_else(set).map(|name| Principal::new(&name)).transpose()
    }
}

/// Who does it, and who else agreed.
#[derive(Args)]
pub struct FourEyes {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    approved: Approved,
}

impl FourEyes {
    /// Refuses to write the request over what is needed.
    pub fn check_paths(&self, held: &Path, read: &[&Path], key: &KeySource) -> Result<()> {
        let read = [read, &*self.approved.read()].concat();
        check_paths(&[self.approved.written()], &read, opened(held, key))
    }

    /// Does it as an administrator, or in nobody's name.
    pub fn run<T>(
        &self,
        vault: &Vault,
        wanted: impl FnOnce() -> (Action, String),
        as_admin: impl FnOnce(&Admin<'_>, Option<&Approval>) -> Result<T>,
        as_nobody: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let (principal, approval) = (self.who.principal()?, self.approved.approval()?);
        let done = match &principal {
            Some(principal) => as_admin(&vault.admin(principal.clone()), approval.as_ref()),
            None if approval.is_some() => Err(nobody()),
            None => as_nobody(),
        };
        self.approved.or_request(done, vault, wanted, principal.as_ref())
    }
}

/// The approval of a command, or where the request for one goes.
#[derive(Args)]
pub struct Approved {
    /// Another principal's approval, where the rules name some who approve.
    #[arg(long, value_name = "FILE")]
    approval: Option<PathBuf>,
    /// Where the request for an approval goes if it is needed: a file that must not exist, or `-` for standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "approval")]
    request: Option<PathBuf>,
}

impl Approved {
    pub fn approval(&self) -> Result<Option<Approval>> {
        self.approval.as_deref().map(|path| Approval::parse(&text(path)?)).transpose()
    }

    /// Where the request goes.
    pub fn request(&self) -> Option<&Path> {
        self.request.as_deref()
    }

    /// The request, as a file that is written.
    pub fn written(&self) -> Option<Written<'_>> {
        self.request().map(Written::Result)
    }

    /// The file that is read.
    pub fn read(&self) -> Vec<&Path> {
        self.approval.as_deref().into_iter().collect()
    }

    /// Whether an approval is given or asked for.
    pub fn is_asked(&self) -> bool {
        self.approval.is_some() || self.request.is_some()
    }

    /// What was done, or refused: then the request is written, if it was asked for.
    pub fn or_request<T>(
        &self,
        done: Result<T>,
        vault: &Vault,
        wanted: impl FnOnce() -> (Action, String),
        by: Option<&Principal>,
    ) -> Result<T> {
        let (Err(Error::Denied { code: "approval-needed", .. }), Some(path)) = (&done, &self.request) else {
            return done;
        };
        let by = by.ok_or_else(nobody)?;
        let (action, target) = wanted();
        let place = write(path, &vault.request(action, &target, by)?.to_json())?;
        say(format_args!(
            "the request for {} of {target} is in {}: have it signed with `cloakroom approve`, and try again with --approval",
            action.code(),
            place.display()
        ));
        done
    }
}

pub fn nobody() -> Error {
    Error::Setting { what: "--principal", problem: "is needed: an approval is for one who asks".into() }
}

/// Where it is now.
fn write(path: &Path, json: &str) -> Result<PathBuf> {
    let output = Output::create_new(path, Readers::Anyone)?;
    let place = output.place();
    output.put(format!("{json}\n").as_bytes())?;
    Ok(place)
}

fn text(path: &Path) -> Result<String> {
    text_of(File::open(path).map_err(Error::io("open", path))?, path)
}

fn text_of(file: impl Read, path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = file.take(LONGEST).read_to_string(&mut text);
    read.map_err(Error::io("read", path))?;
    Ok(text)
}
