//! `protect` and `reveal`: files in, files out, whole or not at all.

use crate::exit::Outcome;
use crate::keys::now;
use crate::vault::open;
use crate::{Holder, KeySource, unlock};
use clap::Args;
use cloakroom::keys::{self, Keyset};
use cloakroom::pipeline::{self, Keys, Manifest, Options, Progress};
use cloakroom::policy::Policy;
use cloakroom::vault::Vault;
use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
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
}

#[derive(Args)]
pub struct Reveal {
    /// The protected file; `-` for standard input.
    input: PathBuf,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Where the result goes; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The manifest of the protected file; beside it as FILE.manifest.json unless named.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Go on past bad rows, leave them out, and write line, column and reason (never a value) to this file.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Worker threads; all cores unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// An open vault or keyset.
enum Held {
    Vault(Vault),
    Keyset(Keyset),
}

impl Held {
    fn open(holder: &Holder, key: &KeySource) -> Result<Self> {
        let provider = unlock::existing(key)?;
        match (&holder.vault, &holder.keyset) {
            (Some(path), _) => Ok(Held::Vault(open(path, &*provider)?)),
            (None, Some(path)) => Ok(Held::Keyset(keys::load(path, &*provider)?)),
            (None, None) => unreachable!("clap demands one of the two"),
        }
    }

    fn keys(&self) -> Keys<'_> {
        match self {
            Held::Vault(vault) => Keys::Vault(vault),
            Held::Keyset(keyset) => Keys::Keyset(keyset),
        }
    }

    fn keyset(&self) -> Keyset {
        match self {
            Held::Vault(vault) => vault.keyset(),
            Held::Keyset(keyset) => keyset.clone(),
        }
    }
}

pub fn protect(arguments: Protect, key: &KeySource) -> Result<Outcome> {
    let Protect { input, policy, holder, how, delimiter } = arguments;
    let delimiter = one_byte(&delimiter)?;
    let text = std::fs::read_to_string(&policy).map_err(Error::io("read", &policy))?;
    let policy = Policy::parse(&text)?;
    how.check(&input)?;
    refuse_protected(&input)?;
    let manifest_path =
        how.manifest_beside(&how.output, "--manifest is needed when the output has no name")?;
    let source = open_input(&input)?;
    let held = Held::open(&holder, key)?;
    let mut output = Output::create(&how.output, Readers::Anyone)?;
    let mut manifest = WholeFile::create(manifest_path, Readers::Anyone)?;
    let mut rejects = how.rejects()?;
    let ticker = Ticker::new();
    let finished = pipeline::protect(
        source,
        &mut output,
        &policy,
        held.keys(),
        Options { delimiter, now: now(), ..how.options(&mut rejects, &|p| ticker.rows(p)) },
    )?;
    ticker.clear();
    manifest.write_all(&finished.json).map_err(Error::io("write", manifest.place()))?;
    output.sync()?;
    manifest.sync()?;
    let (written, rejected) = (finished.manifest.rows_written, finished.manifest.rows_rejected);
    // The vault first, then the manifest, then the output: nothing ever refers to what is not there.
    finished.commit()?;
    manifest.commit()?;
    output.commit()?;
    finish(rejects, "protected", written, rejected)
}

pub fn reveal(arguments: Reveal, key: &KeySource) -> Result<Outcome> {
    let Reveal { input, holder, how } = arguments;
    how.check(&input)?;
    let manifest_path = how.manifest_beside(&input, "--manifest is needed when the input has no name")?;
    let json = match std::fs::read(&manifest_path) {
        Ok(json) => json,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let problem = format!("{} does not exist; name it with --manifest", manifest_path.display());
            return Err(Error::Manifest { problem });
        }
        Err(e) => return Err(Error::io("read", &manifest_path)(e)),
    };
    let source = open_input(&input)?;
    let held = Held::open(&holder, key)?;
    let manifest = Manifest::parse(&json, &held.keyset())?;
    // What is revealed is for the owner's eyes.
    let mut output = Output::create(&how.output, Readers::Owner)?;
    let mut rejects = how.rejects()?;
    let ticker = Ticker::new();
    let progress = |p| ticker.rows(p);
    let options = how.options(&mut rejects, &progress);
    let revealed = pipeline::reveal(source, &mut output, &manifest, held.keys(), options)?;
    ticker.clear();
    output.commit()?;
    if !revealed.left.is_empty() {
        say(format_args!("left as they are, since they do not come back: {}", revealed.left.join(", ")));
    }
    finish(rejects, "revealed", revealed.rows - revealed.rejected, revealed.rejected)
}

fn finish(rejects: Option<WholeFile>, what: &str, rows: u64, rejected: u64) -> Result<Outcome> {
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
    /// Refuses to write one file over another that is being read or written.
    fn check(&self, input: &Path) -> Result<()> {
        let clash = |problem: &str| Error::Setting { what: "--output", problem: problem.into() };
        let same = |a: &Path, b: &Path| {
            a != Path::new("-")
                && (a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b))
        };
        if same(input, &self.output) {
            return Err(clash("is the input: choose another file"));
        }
        for (name, other) in [("--manifest", &self.manifest), ("--rejects", &self.rejects)] {
            if let Some(other) = other
                && (same(other, &self.output) || same(other, input))
            {
                return Err(clash(&format!("or the input is the same file as {name}")));
            }
        }
        Ok(())
    }

    fn manifest_beside(&self, path: &Path, otherwise: &str) -> Result<PathBuf> {
        match &self.manifest {
            Some(manifest) => Ok(manifest.clone()),
            None if path == Path::new("-") => Err(Error::Manifest { problem: otherwise.into() }),
            None => Ok(manifest_of(path)),
        }
    }

    fn rejects(&self) -> Result<Option<WholeFile>> {
        self.rejects.as_ref().map(|path| WholeFile::create(path, Readers::Anyone)).transpose()
    }

    fn options<'o>(
        &self,
        rejects: &'o mut Option<WholeFile>,
        progress: &'o (dyn Fn(Progress) + Sync),
    ) -> Options<'o> {
        let mut options = Options { progress: Some(progress), ..Options::default() };
        options.rejects = rejects.as_mut().map(|file| file as &mut (dyn Write + Send));
        options.threads = self.threads.unwrap_or(options.threads);
        options
    }
}

/// Protecting a protected file would make tokens of tokens, which nobody could tell from tokens of values.
fn refuse_protected(input: &Path) -> Result<()> {
    let manifest = manifest_of(input);
    let is_manifest = |json: Vec<u8>| json.windows(20).any(|w| w == b"\"cloakroom_manifest\"");
    match input != Path::new("-") && std::fs::read(&manifest).is_ok_and(is_manifest) {
        true => Err(Error::Input {
            problem: format!(
                "is protected already: {} stands beside it; protect the original, or remove that file if it is not this one's",
                manifest.display()
            ),
        }),
        false => Ok(()),
    }
}

fn manifest_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".manifest.json");
    path.with_file_name(name)
}

fn open_input(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(Error::Input { problem: format!("{} is a directory", path.display()) });
    }
    Ok(Box::new(file))
}

fn one_byte(delimiter: &str) -> Result<u8> {
    match (delimiter, delimiter.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::Setting {
            what: "--delimiter",
            problem: "must be one ASCII character, or `tab`".into(),
        }),
    }
}

/// Where the result goes.
enum Output {
    File(WholeFile),
    Standard(std::io::Stdout),
}

impl Output {
    fn create(path: &Path, readers: Readers) -> Result<Self> {
        match path == Path::new("-") {
            true => Ok(Output::Standard(std::io::stdout())),
            false => WholeFile::create(path, readers).map(Output::File),
        }
    }

    fn sync(&mut self) -> Result<()> {
        match self {
            Output::File(file) => file.sync(),
            Output::Standard(out) => out.flush().map_err(Error::io("write", "standard output")),
        }
    }

    fn commit(mut self) -> Result<()> {
        self.sync()?;
        match self {
            Output::File(file) => file.commit(),
            Output::Standard(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Output::File(file) => file.write(bytes),
            Output::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Output::File(file) => file.flush(),
            Output::Standard(out) => out.flush(),
        }
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

    fn rows(&self, progress: Progress) {
        let Progress { rows, rejected, bytes } = progress;
        self.show(format_args!("{rows} rows, {rejected} rejected, {} MiB read", bytes >> 20));
    }

    pub fn clear(&self) {
        if self.0.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
