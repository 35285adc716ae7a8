//! `protect` and `reveal`: files in, files out, whole or not at all.

use crate::access::AccessArgs;
use crate::approve::Approved;
use crate::exit::Outcome;
use crate::keys::now;
use crate::output::{Output, is_standard, must_be_file, one_is_standard};
use crate::overwrite::{Written, check_paths, manifest_of, opened};
use crate::rewrite::Changed;
use crate::shown::Shown;
use crate::vault::open;
use crate::{Holder, KeySource, overdue, unlock};
use clap::Args;
use cloakroom::duties::Action;
use cloakroom::keys::{self, Keyset};
use cloakroom::name::TenantId;
use cloakroom::pipeline::{self, Finished, Inspected, Keys, Manifest, Options, Progress};
use cloakroom::policy::Policy;
use cloakroom::vault::{Vault, file_target};
use cloakroom::whole_file::{self, Readers, WholeFile};
use cloakroom::{Error, Result};
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Protect {
    /// The file to protect; `-` for standard input.
    input: PathBuf,
    /// What happens to each column.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    how: How,
    /// What stands between cells: one character, or `tab`.
    #[arg(long, default_value = ",")]
    delimiter: String,
    /// Put a column named HEADER__kv behind each column with a key, with the key version of every cell.
    #[arg(long)]
    key_versions: bool,
}

#[derive(Args)]
pub struct Reveal {
    /// The protected file; `-` for standard input.
    input: PathBuf,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    changed: Changed,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    approved: Approved,
    /// Why, for the audit log: a ticket's number. Only who may know the subject can read it there.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Args)]
pub struct How {
    /// Where the result goes; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The manifest of the protected file; beside it as FILE.manifest.json unless named.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Go on past bad rows, leave them out, and write line, column and reason (never a value) to this file.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Worker threads, at most 256; all cores unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// An open vault or keyset.
pub enum Held {
    Vault(Box<Vault>),
    Keyset(Keyset),
}

impl Held {
    pub fn open(holder: &Holder, key: &KeySource) -> Result<Self> {
        let provider = unlock::existing(key)?;
        match (&holder.vault, &holder.keyset) {
            (Some(path), _) => Ok(Held::Vault(Box::new(open(path, &*provider)?))),
            (None, Some(path)) => Ok(Held::Keyset(keys::load(path, &*provider)?)),
            (None, None) => unreachable!("clap demands one of the two"),
        }
    }

    pub fn keys(&self) -> Keys<'_> {
        match self {
            Held::Vault(vault) => Keys::Vault(vault),
            Held::Keyset(keyset) => Keys::Keyset(keyset),
        }
    }

    pub fn keyset(&self) -> Keyset {
        match self {
            Held::Vault(vault) => vault.keyset(),
            Held::Keyset(keyset) => keyset.clone(),
        }
    }
}

pub fn protect(arguments: Protect, key: &KeySource) -> Result<Outcome> {
    let Protect { input, policy, holder, how, delimiter, key_versions } = arguments;
    let delimiter = one_byte(&delimiter)?;
    let manifest_path = how.manifest_beside(&how.output, "is needed when the output has no name")?;
    let written =
        [Some(Written::Result(&how.output)), Some(Written::Manifest(&manifest_path)), how.written_rejects()];
    check_paths(&written, &[&input, &policy], opened(holder.path(), key))?;
    let policy = read_policy(&policy)?;
    refuse_protected(&input)?;
    let source = open_input(&input)?;
    let held = Held::open(&holder, key)?;
    overdue::warn(&held.keyset());
    let mut output = Output::create(&how.output, Readers::Anyone)?;
    let manifest = WholeFile::create(manifest_path, Readers::Anyone)?;
    let mut rejects = how.rejects()?;
    let ticker = Ticker::new();
    let finished = pipeline::protect(
        source,
        &mut output,
        &policy,
        held.keys(),
        Options {
            delimiter,
            now: now(),
            key_version_columns: key_versions,
            ..how.options(&mut rejects, &|p| ticker.rows(p))
        },
    )?;
    ticker.clear();
    let (written, rejected) = put_in_place(finished, output, manifest)?;
    finish(rejects, "protected", written, rejected)
}

/// Makes a protected file and its manifest appear; says how many rows were written, and how many rejected.
pub fn put_in_place(
    finished: Finished<'_>,
    mut output: Output,
    mut manifest: WholeFile,
) -> Result<(u64, u64)> {
    manifest.write_all(&finished.json).map_err(Error::io("write", manifest.place()))?;
    output.sync()?;
    manifest.sync()?;
    let (written, rejected) = (finished.manifest.rows_written, finished.manifest.rows_rejected);
    let _together = whole_file::together();
    // The vault first, then the manifest, then the output: nothing ever refers to what is not there.
    finished.commit()?;
    manifest.commit()?;
    output.commit()?;
    Ok((written, rejected))
}

pub fn reveal(arguments: Reveal, key: &KeySource) -> Result<Outcome> {
    let Reveal { input, holder, how, changed, access, approved, reason } = arguments;
    let manifest_path = how.manifest_beside(&input, "is needed when the input has no name")?;
    let written = [Some(Written::Result(&how.output)), how.written_rejects(), approved.written()];
    let read = [&[input.as_path(), &manifest_path], &*approved.read()].concat();
    check_paths(&written, &read, opened(holder.path(), key))?;
    one_is_standard([Some(&how.output), approved.request()])?;
    let json = read_manifest(&manifest_path)?;
    let source =
        if approved.is_asked() { Source::Approved(approvable(&input)?) } else { Source::of(&input)? };
    let held = Held::open(&holder, key)?;
    let manifest = Manifest::parse(&json, &held.keyset())?;
    let (access, approval) = (access.access()?, approved.approval()?);
    let tenant = TenantId::new(&manifest.tenant)?;
    let inspected = source.inspect(&manifest, changed.changed)?;
    if approval.is_some() && is_standard(&how.output) {
        let problem = "must be a file when there is an approval: it appears once the file that was approved has been read whole";
        return Err(Error::Setting { what: "the output", problem: problem.into() });
    }
    // What is revealed is for the owner's eyes. The files come first: an approval is not used up for what cannot be written.
    let mut output = Output::create(&how.output, Readers::Owner)?;
    let mut rejects = how.rejects()?;
    let (mut revealer, mut refused) = (None, Ok(()));
    if let (Held::Vault(vault), Some(access)) = (&held, &access)
        && vault.installed_rules().is_some()
    {
        let shown = vault.revealer(&tenant, access.clone()).because(reason.unwrap_or_default());
        if approval.is_none()
            && let Some(inspected) = inspected
        {
            refused = shown.check_bulk(inspected.values);
        }
        revealer = Some(match (&approval, inspected) {
            (Some(approval), Some(Inspected { sha256, values })) => {
                shown.with_approval_of_file(sha256, values, approval)?
            }
            _ => shown,
        });
    }
    let ticker = Ticker::new();
    let progress = |p| ticker.rows(p);
    let options = Options {
        changed: changed.changed,
        revealer: revealer.as_ref(),
        ..how.options(&mut rejects, &progress)
    };
    let revealed = refused
        .and_then(|()| pipeline::reveal(source.into_read(), &mut output, &manifest, held.keys(), options));
    ticker.clear();
    let revealed = match (&held, &access, inspected) {
        (Held::Vault(vault), Some(access), Some(Inspected { sha256, values })) => approved.or_request(
            revealed,
            vault,
            || (Action::BulkReveal, file_target(&sha256, values, &tenant, access)),
            Some(&access.principal),
        )?,
        _ => revealed?,
    };
    output.commit()?;
    if !revealed.unchanged {
        say(format_args!(
            "note: this is not the very file that the manifest was made with; rows and columns may be missing, but \
             tokens from another file may have come back wrong, since they have no room for a check of their own"
        ));
    }
    if !revealed.left.is_empty() {
        say(format_args!("left as they are, since they do not come back: {}", revealed.left.join(", ")));
    }
    for (column, reason) in &revealed.denied {
        say(format_args!("left as it is: {}: {} ({reason})", Shown(column, 64), reason.code()));
    }
    finish(rejects, "revealed", revealed.rows - revealed.rejected, revealed.rejected)
}

/// What is revealed.
enum Source {
    Any(Box<dyn Read>),
    /// What an approval is for, or shall be: read twice through one handle, since nothing of another file is to be shown.
    Approved(File),
}

impl Source {
    fn of(input: &Path) -> Result<Self> {
        open_input(input).map(Source::Any)
    }

    /// What an approval has to name.
    fn inspect(&self, manifest: &Manifest, changed: bool) -> Result<Option<Inspected>> {
        let Source::Approved(file) = self else { return Ok(None) };
        let inspected = pipeline::inspect(file, manifest, changed)?;
        (&*file).rewind().map_err(Error::io("read", "the input"))?;
        Ok(Some(inspected))
    }

    fn into_read(self) -> Box<dyn Read> {
        match self {
            Source::Any(input) => input,
            Source::Approved(file) => Box::new(file),
        }
    }
}

fn approvable(input: &Path) -> Result<File> {
    let open = || match is_standard(input) {
        true => Ok(None),
        false => File::open(input).map(Some).map_err(Error::io("open", input)),
    };
    match open()?.filter(|file| file.metadata().is_ok_and(|there| there.is_file())) {
        Some(file) => Ok(file),
        None => {
            let problem = "must be named, and be a file and no pipe: an approval is for one file".into();
            Err(Error::Setting { what: "the file", problem })
        }
    }
}

/// The bytes of a manifest.
pub fn read_manifest(path: &Path) -> Result<Vec<u8>> {
    match read_small(path) {
        Ok(json) => Ok(json),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let problem = format!("{} does not exist; name it with --manifest", path.display());
            Err(Error::Manifest { problem })
        }
        Err(e) => Err(Error::io("read", path)(e)),
    }
}

pub fn finish(rejects: Option<WholeFile>, what: &str, rows: u64, rejected: u64) -> Result<Outcome> {
    let place = rejects.as_ref().map(|r| r.place().display().to_string()).unwrap_or_default();
    rejects.map_or(Ok(()), WholeFile::commit)?;
    match rejected {
        0 => {
            say(format_args!("{what} {rows} rows"));
            Ok(Outcome::Done)
        }
        n => {
            say(format_args!("{what} {rows} rows, rejected {n}: see {place}"));
            Ok(Outcome::SomeRejected)
        }
    }
}

impl How {
    pub fn manifest_beside(&self, path: &Path, otherwise: &str) -> Result<PathBuf> {
        for (what, path) in [("--manifest", &self.manifest), ("--rejects", &self.rejects)] {
            path.iter().try_for_each(|path| must_be_file(what, path))?;
        }
        match &self.manifest {
            Some(manifest) => Ok(manifest.clone()),
            None if is_standard(path) => {
                Err(Error::Setting { what: "--manifest", problem: otherwise.into() })
            }
            None => Ok(manifest_of(path)),
        }
    }

    pub fn written_rejects(&self) -> Option<Written<'_>> {
        self.rejects.as_deref().map(Written::Rejects)
    }

    pub fn rejects(&self) -> Result<Option<WholeFile>> {
        self.rejects.as_ref().map(|path| WholeFile::create(path, Readers::Anyone)).transpose()
    }

    pub fn options<'o>(
        &self,
        rejects: &'o mut Option<WholeFile>,
        progress: &'o (dyn Fn(Progress) + Sync),
    ) -> Options<'o> {
        let mut options = Options { progress: Some(progress), ..Options::default() };
        options.rejects = rejects.as_mut().map(|file| file as &mut (dyn Write + Send));
        options.threads = self.threads.map_or(options.threads, usize::from);
        options
    }
}

/// A policy or a manifest; what is larger is neither.
fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    const LARGEST: u64 = 64 << 20;
    let mut bytes = vec![];
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(std::io::Error::other("it is larger than any policy or manifest")),
        false => Ok(bytes),
    }
}

pub fn read_policy(path: &Path) -> Result<Policy> {
    let bytes = read_small(path).map_err(Error::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Policy {
        line: 1,
        field: String::new(),
        problem: format!("{} is not UTF-8", path.display()),
    })?;
    Policy::parse(&text)
}

/// Protecting a protected file would make tokens of tokens, which nobody could tell from tokens of values.
pub fn refuse_protected(input: &Path) -> Result<()> {
    let manifest = manifest_of(input);
    let is_manifest = |json: Vec<u8>| json.windows(20).any(|w| w == b"\"cloakroom_manifest\"");
    match !is_standard(input) && read_small(&manifest).is_ok_and(is_manifest) {
        true => Err(Error::Input {
            problem: format!(
                "is protected already: {} stands beside it; protect the original, or remove that file if it is not this one's",
                manifest.display()
            ),
        }),
        false => Ok(()),
    }
}

pub fn open_input(path: &Path) -> Result<Box<dyn Read>> {
    if is_standard(path) {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(Error::Input { problem: format!("{} is a directory", path.display()) });
    }
    Ok(Box::new(file))
}

pub fn one_byte(delimiter: &str) -> Result<u8> {
    match (delimiter, delimiter.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::Setting {
            what: "--delimiter",
            problem: "must be one ASCII character, or `tab`".into(),
        }),
    }
}

/// A line on standard error.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One line on a terminal that is written over, ten times a second at most; nothing anywhere else.
pub struct Ticker(Option<Mutex<Cell<Instant>>>);

impl Ticker {
    pub fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| Mutex::new(Cell::new(Instant::now()))))
    }

    pub fn show(&self, line: fmt::Arguments<'_>) {
        let Some(last) = &self.0 else { return };
        let last = last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.get().elapsed() >= Duration::from_millis(100) {
            last.set(Instant::now());
            let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        }
    }

    pub fn rows(&self, progress: Progress) {
        let Progress { rows, rejected, bytes } = progress;
        self.show(format_args!("{rows} rows, {rejected} rejected, {} MiB read", bytes >> 20));
    }

    pub fn clear(&self) {
        if self.0.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
