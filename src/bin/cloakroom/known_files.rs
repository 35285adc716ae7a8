//! `files`: the protected files that a vault counts, because revealing them needs its keys.

use crate::exit::Outcome;
use crate::files::{read_manifest, say};
use crate::keys::now;
use crate::shown::Shown;
use crate::vault::open;
use crate::{KeySource, VaultPath, unlock};
use clap::{ArgGroup, Args, Subcommand};
use cloakroom::keys::{KeyState, KeyUse, Keyset};
use cloakroom::name::KeyVersion;
use cloakroom::vault::{Event, FileColumn, Mode, ProtectedFile, Vault};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum FilesCommand {
    /// Lists them: hash, when made, tenant, and what in each column needs which key version.
    List {
        #[command(flatten)]
        vault: VaultPath,
    },
    /// Counts a file no more, because every copy of it is deleted or need never be revealed.
    Forget(Forget),
}

#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["sha256", "manifest"])))]
pub struct Forget {
    /// The SHA-256 of the file, as `files list` shows it.
    sha256: Option<String>,
    /// The file's manifest, in place of its hash.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultPath,
}

pub fn run(command: FilesCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        FilesCommand::List { vault } => list(&vault, key),
        FilesCommand::Forget(arguments) => forget(arguments, key),
    }
}

fn list(vault: &VaultPath, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let files = vault.files()?;
    if files.is_empty() {
        say(format_args!("the vault counts no files"));
    }
    print(&files).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

fn print(files: &[ProtectedFile]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for file in files {
        let tenant = file.tenant.as_str();
        writeln!(out, "{}  made {}  tenant {tenant:?}", hex(&file.sha256), file.made)?;
        for column in &file.columns {
            let (mode, version) = (column.mode.as_str(), column.version);
            let field = Shown::whole(column.field.as_str());
            writeln!(out, "  {field:<24}  {mode:<18}  version {version}  {} cells", column.count)?;
        }
    }
    Ok(())
}

fn forget(arguments: Forget, key: &KeySource) -> Result<Outcome> {
    let Forget { sha256, manifest, vault } = arguments;
    let sha256 = match (&sha256, &manifest) {
        (Some(text), _) => unhex(text).ok_or_else(|| Error::Setting {
            what: "SHA256",
            problem: "must be 64 hexadecimal digits, as `cloakroom files list` shows them".into(),
        })?,
        (None, Some(path)) => hash_in(&read_manifest(path)?)?,
        (None, None) => unreachable!("clap demands one of the two"),
    };
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    let known = vault.files()?.into_iter().find(|file| file.sha256 == sha256);
    if !vault.forget_file(&sha256)? {
        let hint = "; `cloakroom files list` shows those that the vault counts";
        return Err(Error::NotFound { what: "the file", hint });
    }
    vault.log(&Event::new(now(), "forget file", hex(&sha256)))?;
    let columns = known.map(|file| file.columns).unwrap_or_default();
    for FileColumn { field, mode, version, count } in &columns {
        let mode = mode.as_str();
        say(format_args!(
            "no longer counted: {count} × {mode} of field {:?}, under key version {version}",
            field.as_str()
        ));
    }
    say(format_args!(
        "forgotten: it keeps no key version from being given up any more, and `protect` no longer knows it as protected already"
    ));
    say_retirable(&vault);
    Ok(Outcome::Done)
}

/// The hash that a manifest names. It need not be verified: a hash could as well have been typed.
fn hash_in(json: &[u8]) -> Result<[u8; 32]> {
    let manifest: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    let hash = manifest.as_ref().and_then(|m| unhex(m.get("output_sha256")?.as_str()?));
    hash.ok_or_else(|| Error::Manifest { problem: "has no hash of its file".into() })
}

/// Says which versions nothing needs any more.
pub fn say_retirable(vault: &Vault) {
    let (keyset, census) = (vault.keyset(), vault.census());
    for version in keyset.versions() {
        let number = version.number();
        if census.needing(number) > 0 || keyset.is_primary(number) {
            continue;
        }
        let command = match version.state() {
            KeyState::Deactivated => "retire",
            KeyState::Compromised => "destroy",
            _ => continue,
        };
        match keyset.identity_number() == number {
            true => say(format_args!(
                "key version {number} is needed as the pseudonyms' identity key only; `cloakroom keys identity` would \
                 change all pseudonyms"
            )),
            false => {
                say(format_args!("nothing needs key version {number}: `cloakroom keys {command} {number}`"))
            }
        }
    }
}

/// Says which files are under versions that are the primary of their use no more.
pub fn say_behind(vault: &Vault) -> Result<()> {
    const LISTED: usize = 8;
    let keyset = vault.keyset();
    let (mut behind, mut any_stopped) = (vec![], false);
    for file in vault.files()? {
        let columns: Vec<String> = file
            .columns
            .iter()
            .filter(|column| is_behind(&keyset, &file, column))
            .map(|column| {
                let stopped = stopped(&keyset, column.version).map(|state| format!(", {state}"));
                any_stopped |= stopped.is_some();
                let (name, version) = (column.field.as_str(), column.version);
                format!("{name:?} (version {version}{})", stopped.unwrap_or_default())
            })
            .collect();
        if !columns.is_empty() {
            behind.push(format!("  {}  made {}: {}", hex(&file.sha256), file.made, columns.join(", ")));
        }
    }
    if behind.is_empty() {
        return Ok(());
    }
    say(format_args!(
        "files under older key versions: {}; move each with `cloakroom migrate --file`, and then, or when it is gone, \
         `cloakroom files forget`",
        behind.len()
    ));
    behind.iter().take(LISTED).for_each(|line| say(format_args!("{line}")));
    if behind.len() > LISTED {
        say(format_args!("  and {} more: `cloakroom files list`", behind.len() - LISTED));
    }
    if any_stopped {
        say(format_args!(
            "what is under a suspended or compromised version is moved with --despite-state; under a destroyed one never: \
             protect the original anew"
        ));
    }
    Ok(())
}

/// The state of a version that reveals nothing, so that no file is moved away from it.
fn stopped(keyset: &Keyset, version: KeyVersion) -> Option<KeyState> {
    let state = keyset.version(version).ok()?.state();
    Some(state).filter(|state| !state.reveals())
}

fn is_behind(keyset: &Keyset, file: &ProtectedFile, column: &FileColumn) -> bool {
    match column.mode {
        Mode::FileIdentity => false, // only the originals could move it
        Mode::FileManifest => keyset.primary_number() != column.version,
        Mode::FilePseudonym => !keyset.is_primary(column.version), // a file is counted without its scopes
        _ => {
            let use_ = KeyUse::Field { tenant: file.tenant.clone(), field: column.field.clone() };
            keyset.primary_number_for(&use_) != column.version
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits: [u8; 64] = digits?.try_into().ok()?;
    Some(std::array::from_fn(|i| digits[2 * i] << 4 | digits[2 * i + 1]))
}
