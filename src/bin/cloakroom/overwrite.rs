//! What a command must not write over: what it reads, the keys that it opens, another result of its own, and whatever holds
//! keys or a manifest.

use crate::output::is_standard;
use crate::{KeySource, unlock};
use cloakroom::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that a command writes; its kind says what it may replace.
#[derive(Clone, Copy)]
pub enum Written<'p> {
    /// Replaces whatever holds no keys and no manifest.
    Result(&'p Path),
    /// Replaces a manifest.
    Manifest(&'p Path),
    /// Replaces earlier rejects.
    Rejects(&'p Path),
}

impl<'p> Written<'p> {
    fn path(self) -> &'p Path {
        match self {
            Written::Result(path) | Written::Manifest(path) | Written::Rejects(path) => path,
        }
    }
}

/// Refuses to write over what is being read or written or holds keys, be it at the end or under the name of the partial file.
pub fn check_paths(written: &[Option<Written<'_>>], read: &[&Path], opened: Vec<PathBuf>) -> Result<()> {
    let named = |path: &&Path| !is_standard(path);
    let read: Vec<_> =
        read.iter().copied().filter(named).chain(opened.iter().map(PathBuf::as_path)).collect();
    let read: Vec<_> = read.into_iter().map(resolved).collect();
    let mut taken: Vec<PathBuf> = vec![];
    for written in written.iter().flatten().filter(|written| !is_standard(written.path())) {
        let path = written.path();
        let places = [resolved(path), resolved(&with_ending(path, ".partial"))];
        let is_or_holds = |r: &PathBuf, place: &PathBuf| place == r || (r.is_dir() && place.starts_with(r));
        if places.iter().any(|place| read.iter().any(|r| is_or_holds(r, place))) {
            return Err(another(path, "would overwrite what is needed"));
        }
        if places.iter().any(|place| taken.contains(place)) {
            return Err(another(path, "would be written twice"));
        }
        refuse_to_replace(*written, &places)?;
        taken.extend(places);
    }
    Ok(())
}

fn another(path: &Path, problem: &str) -> Error {
    let problem = format!("{} {problem}: choose another file", path.display());
    Error::Setting { what: "output", problem }
}

fn refuse_to_replace(written: Written<'_>, [place, partial]: &[PathBuf; 2]) -> Result<()> {
    let refused = |path: &Path, holds: &str| {
        let path = path.display();
        let problem = format!("{path} exists and holds {holds}: choose another file, or remove it");
        Err(Error::Setting { what: "output", problem })
    };
    if let Some(vault) = place.ancestors().skip(1).find(|dir| is_vault(dir)) {
        return Err(another(written.path(), &format!("is inside of the vault {}", vault.display())));
    }
    // A run that was killed leaves a partial manifest or partial rejects; it leaves no keys.
    if let There::Keys(keys) = There::at(partial)? {
        return refused(partial, keys);
    }
    match (written, There::at(place)?) {
        (_, There::Keys(keys)) => refused(written.path(), keys),
        (Written::Result(_) | Written::Rejects(_), There::Manifest) => refused(written.path(), "a manifest"),
        (Written::Manifest(_), There::Rejects | There::Other) => refused(written.path(), "no manifest"),
        (Written::Rejects(_), There::Other) => refused(written.path(), "no rejects"),
        _ => Ok(()),
    }
}

/// What stands at a place, by how it begins.
enum There {
    Nothing,
    Keys(&'static str),
    Manifest,
    Rejects,
    Other,
}

impl There {
    fn at(place: &Path) -> Result<Self> {
        /// A manifest names its format first.
        const BEGINNING: u64 = 64;
        // What is no file is refused where it would be replaced; to open a pipe would wait for its other end.
        if !place.metadata().is_ok_and(|there| there.is_file()) {
            return Ok(There::Nothing);
        }
        let mut begins = vec![];
        let read = File::open(place).and_then(|file| file.take(BEGINNING).read_to_end(&mut begins));
        read.map_err(Error::io("look at what is to be replaced,", place))?;
        let keys = [
            ("CLKS", "a keyset"),
            ("cloakroom store ", "a store"),
            ("cloakroom-key-", "a key"),
            ("cloakroom-share-", "a share of a key"),
            ("cloakroom-secret-key-", "a secret key"),
            ("cloakroom-export-secret-key-", "a secret key"),
        ];
        let with = |beginning: &str| begins.starts_with(beginning.as_bytes());
        if let Some((_, holds)) = keys.iter().find(|(beginning, _)| with(beginning)) {
            return Ok(There::Keys(holds));
        }
        Ok(match begins.as_slice() {
            [] => There::Nothing,
            json if json[0] == b'{' && json.windows(20).any(|w| w == b"\"cloakroom_manifest\"") => {
                There::Manifest
            }
            _ if with("line,column,reason\n") => There::Rejects,
            _ => There::Other,
        })
    }
}

/// Whether the directory is a vault, a keyset beside a store; or a store, of which the keyset may be gone.
fn is_vault(dir: &Path) -> bool {
    let begins = |name, with| {
        There::at(&dir.join(name)).is_ok_and(|there| matches!(there, There::Keys(what) if what == with))
    };
    (dir.join("store").is_dir() && begins("keyset", "a keyset")) || begins("format", "a store")
}

/// The files with keys that a command opens: those of a vault or a keyset file, and what unlocks them.
pub fn opened(held: &Path, key: &KeySource) -> Vec<PathBuf> {
    let mut opened = vec![held.to_owned()];
    opened.extend(key.passphrase_file.clone().into_iter().chain(unlock::key_file(key)));
    opened.extend(key.shares.iter().cloned());
    #[cfg(feature = "pkcs11")]
    opened.extend(key.token.pin_file.clone());
    opened
}

/// The path without symbolic links, also for a file that is not there yet.
fn resolved(path: &Path) -> PathBuf {
    let in_its_directory = || {
        let parent = path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
        Some(parent.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_its_directory).unwrap_or_else(|| path.to_owned())
}

pub fn manifest_of(path: &Path) -> PathBuf {
    with_ending(path, ".manifest.json")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}
