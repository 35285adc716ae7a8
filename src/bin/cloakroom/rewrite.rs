//! `migrate --file` and `bridge`: a protected file into another, whole or not at all.

use crate::exit::Outcome;
use crate::files::{Held, How, Ticker, finish, open_input, put_in_place, read_manifest, read_policy, say};
use crate::keys::now;
use crate::move_to_primary::{self, Moving};
use crate::output::{Output, is_standard};
use crate::overwrite::{Written, check_paths, manifest_of, opened};
use crate::{Holder, KeySource, overdue};
use clap::Args;
use cloakroom::keys::Keyset;
use cloakroom::name::Scope;
use cloakroom::pipeline::{self, Crossing, Manifest, Options};
use cloakroom::vault::Event;
use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(mut_arg("output", |output| output.required(false).requires("file")))]
pub struct Migrate {
    /// A protected file to be moved, in place of what the vault holds; `-` for standard input.
    #[arg(long, value_name = "FILE", requires = "output", required_unless_present = "vault")]
    file: Option<PathBuf>,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    how: Option<How>,
    #[command(flatten)]
    changed: Changed,
    #[command(flatten)]
    moving: Moving,
}

#[derive(Args)]
pub struct Bridge {
    /// The protected file; `-` for standard input.
    input: PathBuf,
    /// The column with the pseudonyms.
    #[arg(long, value_name = "HEADER")]
    column: String,
    /// The scope that they shall be of.
    #[arg(long, value_name = "SCOPE")]
    to: String,
    /// The policy that declares the bridge.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A column to be left out; can be given several times.
    #[arg(long, value_name = "HEADER")]
    drop: Vec<String>,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    changed: Changed,
}

#[derive(Args)]
pub struct Changed {
    /// Take a file of which rows or columns were left out or moved. Tokens and pseudonyms of another key version, if
    /// they do not have it beside them, become garbage, and nothing tells.
    #[arg(long)]
    pub changed: bool,
}

pub fn migrate(arguments: Migrate, key: &KeySource) -> Result<Outcome> {
    let Migrate { file, holder, how, changed, moving } = arguments;
    let (Some(input), Some(how)) = (file, how) else {
        let vault = holder.vault.expect("clap demands it without a file");
        return move_to_primary::migrate(&vault, &moving, key);
    };
    let parse = if moving.despite_state { Manifest::parse_despite_state } else { Manifest::parse };
    let mut files = Files::open(&input, &how, &[], &holder, key, parse)?;
    let ticker = Ticker::new();
    let progress = |p| ticker.rows(p);
    let options = Options { now: now(), ..how.options(&mut files.rejects, &progress) };
    let options = Options { changed: changed.changed, despite_state: moving.despite_state, ..options };
    let manifest = &files.manifest;
    let migrated = pipeline::migrate(files.source, &mut files.output, manifest, files.held.keys(), options)?;
    ticker.clear();
    let (moved, unchanged) = (migrated.moved, migrated.unchanged);
    let (written, rejected) = put_in_place(migrated.finished, files.output, files.new_manifest)?;
    note_if_changed(unchanged);
    match moved.is_empty() {
        true => say(format_args!("nothing to move: every column is at its newest key version, or has none")),
        false => say(format_args!("moved to the newest key version: {}", moved.join(", "))),
    }
    finish(files.rejects, "migrated", written, rejected)
}

pub fn bridge(arguments: Bridge, key: &KeySource) -> Result<Outcome> {
    let Bridge { input, column, to, policy, drop, holder, how, changed } = arguments;
    let to = Scope::new(&to)?;
    let mut files = Files::open(&input, &how, &[&policy], &holder, key, Manifest::parse)?;
    let policy = read_policy(&policy)?;
    let ticker = Ticker::new();
    let progress = |p| ticker.rows(p);
    let options = Options { now: now(), ..how.options(&mut files.rejects, &progress) };
    let options = Options { changed: changed.changed, ..options };
    let crossing = Crossing { policy: &policy, column: &column, to: &to, drop: &drop };
    let (manifest, keys) = (&files.manifest, files.held.keys());
    let bridged = pipeline::bridge(files.source, &mut files.output, manifest, crossing, keys, options)?;
    ticker.clear();
    let (joining, unchanged) = (bridged.joining, bridged.unchanged);
    // Before the file is there: no bridge without a record of it.
    if let Held::Vault(vault) = &files.held {
        let output = &bridged.finished.manifest.output_sha256;
        let detail = format!("column {column:?} to scope {:?}: file {output}", to.as_str());
        vault.log(&Event::new(now(), "bridge", detail))?;
    }
    let (written, rejected) = put_in_place(bridged.finished, files.output, files.new_manifest)?;
    note_if_changed(unchanged);
    let columns = match joining.is_empty() {
        true => String::new(),
        false => format!(", and by these columns unless --drop leaves them out: {}", joining.join(", ")),
    };
    say(format_args!("warning: who has both files can join them by the order of their rows{columns}"));
    finish(files.rejects, "bridged", written, rejected)
}

fn note_if_changed(unchanged: bool) {
    if !unchanged {
        say(format_args!(
            "note: this is not the very file that the manifest was made with; tokens and pseudonyms of another key \
             version that is not beside them have become garbage"
        ));
    }
}

/// What is read and written.
struct Files {
    source: Box<dyn Read>,
    held: Held,
    manifest: Manifest,
    output: Output,
    new_manifest: WholeFile,
    rejects: Option<WholeFile>,
}

impl Files {
    fn open(
        input: &Path,
        how: &How,
        also_read: &[&Path],
        holder: &Holder,
        key: &KeySource,
        parse: fn(&[u8], &Keyset) -> Result<Manifest>,
    ) -> Result<Self> {
        if is_standard(&how.output) {
            let problem = "must be a file: its manifest stands beside it".into();
            return Err(Error::Setting { what: "--output", problem });
        }
        let manifest = how.manifest_beside(input, "is needed when the input has no name")?;
        let new_manifest = manifest_of(&how.output);
        let written = [
            Some(Written::Result(&how.output)),
            Some(Written::Manifest(&new_manifest)),
            how.written_rejects(),
        ];
        let read = [&[input, &manifest], also_read].concat();
        check_paths(&written, &read, opened(holder.path(), key))?;
        let json = read_manifest(&manifest)?;
        let source = open_input(input)?;
        let held = Held::open(holder, key)?;
        overdue::warn(&held.keyset());
        Ok(Self {
            source,
            manifest: parse(&json, &held.keyset())?,
            held,
            output: Output::create(&how.output, Readers::Anyone)?,
            new_manifest: WholeFile::create(new_manifest, Readers::Anyone)?,
            rejects: how.rejects()?,
        })
    }
}
