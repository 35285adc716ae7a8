//! `audit verify` and `audit verify-proof`: for whoever is handed an audit log or a proof. No vault and no secret is
//! needed, only the vault's public keys. The rest is in `audit_vault.rs`: for who has the vault.

use crate::exit::Outcome;
use crate::files::open_input;
use crate::output::{is_standard, one_is_read};
use crate::shown::Shown;
use crate::{KeySource, audit_vault};
use clap::{Args, Subcommand};
use cloakroom::audit::{verify, verify_proof};
use cloakroom::crypto::sign::VerifyingKey;
use cloakroom::wire::audit::{Head, Leaf, Proof, SignedHead};
use cloakroom::{Error, Result};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The longest JSON: a proof holds a leaf.
const LONGEST_JSON: u64 = 100 << 20;
/// Room for more public keys than a vault has versions.
const LONGEST_KEYS: u64 = 1 << 20;

#[derive(Subcommand)]
pub enum AuditCommand {
    #[command(flatten)]
    OfVault(audit_vault::OfVault),
    /// Verifies a whole audit file.
    Verify(VerifyFile),
    /// Verifies a proof that a leaf is in a log, or that a log begins with all of an earlier one.
    VerifyProof(VerifyProof),
}

#[derive(Args)]
pub struct VerifyFile {
    /// The audit file; `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    keys: PublicKeys,
    /// JSON of a head that was handed out before: the log must begin with all it was of.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

#[derive(Args)]
pub struct VerifyProof {
    /// JSON of the proof; `-` for standard input.
    proof: PathBuf,
    #[command(flatten)]
    keys: PublicKeys,
}

#[derive(Args)]
pub struct PublicKeys {
    /// File with public keys of the vault, one a line. Can be given several times.
    #[arg(long = "public-key", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub fn run(command: &AuditCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        AuditCommand::OfVault(command) => audit_vault::run(command, key),
        AuditCommand::Verify(arguments) => verify_file(arguments),
        AuditCommand::VerifyProof(arguments) => verify_one(arguments),
    }
}

fn verify_file(arguments: &VerifyFile) -> Result<Outcome> {
    arguments.keys.check_beside([Some(&*arguments.file), arguments.head.as_deref()])?;
    let keys = arguments.keys.read()?;
    let earlier = match &arguments.head {
        Some(path) => Some(read_head(path)?),
        None => None,
    };
    let verified = verify(open_input(&arguments.file)?, &keys, earlier.as_ref())?;
    let mut lines = of(&verified.head);
    lines.push(format!("signed by {}", verified.key));
    if let Some(earlier) = earlier {
        let Head { size, at, .. } = earlier.head;
        lines.push(format!("begins with the {size} leaves of the head of {at}"));
    }
    lines.push("verified".into());
    print(&lines)
}

fn verify_one(arguments: &VerifyProof) -> Result<Outcome> {
    arguments.keys.check_beside([Some(&*arguments.proof), None])?;
    let keys = arguments.keys.read()?;
    let proof = Proof::from_json(&text(&arguments.proof, LONGEST_JSON)?)?;
    verify_proof(&proof, &keys)?;
    let mut lines = match &proof {
        Proof::Inclusion(proof) => {
            let leaf = Leaf::parse(&proof.leaf)?;
            let named = |name| Shown(name, 64).to_string();
            let mut lines = of(&proof.head.head);
            lines.push(format!("leaf {}: {} at {}", proof.index, leaf.kind, leaf.at));
            lines.push(format!("by {:?} for {:?}", named(leaf.principal), named(leaf.purpose)));
            lines
        }
        Proof::Consistency(proof) => {
            let Head { size, at, .. } = proof.earlier.head;
            let mut lines = of(&proof.later.head);
            lines.push(format!("begins with the {size} leaves of the head of {at}"));
            lines
        }
    };
    lines.push("verified".into());
    print(&lines)
}

fn of(head: &Head) -> Vec<String> {
    let vault = crate::known_files::hex(&head.vault);
    vec![
        format!("vault {vault}"),
        format!("{} leaves at {}, key version {}", head.size, head.at, head.key_version),
    ]
}

fn print(lines: &[String]) -> Result<Outcome> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", lines.join("\n")).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

impl PublicKeys {
    /// Refuses to read more than one of the files from standard input.
    pub fn check_beside(&self, others: [Option<&Path>; 2]) -> Result<()> {
        one_is_read(others.into_iter().flatten().chain(self.files.iter().map(PathBuf::as_path)))
    }

    pub fn read(&self) -> Result<Vec<VerifyingKey>> {
        public_keys(&self.files)
    }
}

/// The public keys in files, one a line.
pub fn public_keys(files: &[PathBuf]) -> Result<Vec<VerifyingKey>> {
    let mut keys = vec![];
    for path in files {
        let of_this = |problem: String| Error::KeySource { what: path.display().to_string(), problem };
        let text = text(path, LONGEST_KEYS)?;
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let before = keys.len();
        for (i, line) in lines {
            let key = VerifyingKey::from_text(line);
            keys.push(key.map_err(|error| of_this(format!("line {}: {error}", i + 1)))?);
        }
        if keys.len() == before {
            return Err(of_this("holds no public key".into()));
        }
    }
    Ok(keys)
}

/// A head from its JSON.
pub fn read_head(path: &Path) -> Result<SignedHead> {
    SignedHead::from_json(&text(path, LONGEST_JSON)?)
}

/// A file of text, or standard input, if it is no longer than this.
pub fn text(path: &Path, longest: u64) -> Result<String> {
    let named = if is_standard(path) { Path::new("standard input") } else { path };
    let mut text = vec![];
    open_input(path)?.take(longest + 1).read_to_end(&mut text).map_err(Error::io("read", named))?;
    let bad = |problem| Error::Input { problem: format!("{}: {problem}", named.display()) };
    if text.len() as u64 > longest {
        return Err(bad("is too long to be what it should be"));
    }
    String::from_utf8(text).map_err(|_| bad("is no text in UTF-8"))
}
