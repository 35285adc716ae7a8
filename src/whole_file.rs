//! Files that appear whole or not at all.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file being written beside its place, as `NAME.partial`; [`commit`](WholeFile::commit) puts it there.
///
/// Dropped before that, it is removed; so it is by [`exit`], for a process that a signal ends. One that is killed in between
/// leaves the partial file, which the next run of the same command overwrites; the place itself is untouched.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    partial: PathBuf,
    place: PathBuf,
    committed: bool,
}

/// The partial files of this process. What makes, places or removes one holds the lock meanwhile, so none is missing here.
static PARTIALS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Held while the process is not to be ended; taken before `PARTIALS` by whoever takes both.
static TOGETHER: Mutex<()> = Mutex::new(());

fn partials() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    PARTIALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until what this returns is dropped, [`exit`] waits: what belongs together is done whole, though a signal comes in between, as
/// a file and its manifest are put in their places. Not to be called again before that.
pub fn together() -> impl Drop {
    TOGETHER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process with this code after removing its partial files, which may hold plaintext. Nothing is put in place any
/// more once it has begun.
pub fn exit(code: i32) -> ! {
    let _together = together();
    let partials = partials();
    for partial in partials.iter() {
        let _ = std::fs::remove_file(partial);
    }
    std::process::exit(code)
}

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the process's umask lets.
    Anyone,
    /// The owner only: for what holds plaintext.
    Owner,
}

impl WholeFile {
    /// Starts writing; replaces what is at `place` only on commit.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process is writing the same file; [`Error::Setting`] when a directory, a device or
    /// another thing that is no file stands there; [`Error::Io`].
    pub fn create(place: impl AsRef<Path>, readers: Readers) -> Result<Self> {
        let place = place.as_ref().to_owned();
        if std::fs::metadata(&place).is_ok_and(|there| !there.is_file()) {
            let problem = format!("{} is no file, so it cannot be replaced by one", place.display());
            return Err(Error::Setting { what: "output", problem });
        }
        // A link is followed, not replaced: what it points to is what others read.
        let place = if place.is_symlink() { place.canonicalize().unwrap_or(place) } else { place };
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = place.with_file_name(name);
        let mut partials = partials();
        let file = Self::begin(&place, &partial, readers)?;
        partials.insert(partial.clone());
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), partial, place, committed: false })
    }

    /// A new file at `partial`, locked. Never one that was there: that could be a link to elsewhere, or be open in
    /// another process; what a killed process left is removed.
    fn begin(place: &Path, partial: &Path, readers: Readers) -> Result<File> {
        let busy = || Error::Busy { path: place.to_owned() };
        for _ in 0..16 {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            if readers == Readers::Owner {
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            }
            match options.open(partial) {
                Ok(file) => {
                    lock(&file, partial, busy)?;
                    // Between its making and its locking another process may have taken it for a killed one's.
                    if is_at(&file, partial) {
                        return Ok(file);
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    if !std::fs::symlink_metadata(partial).is_ok_and(|there| there.is_file()) {
                        let problem =
                            format!("{} is in the way and is no file; remove it", partial.display());
                        return Err(Error::Setting { what: "output", problem });
                    }
                    let Ok(left) = OpenOptions::new().write(true).open(partial) else { continue };
                    lock(&left, partial, busy)?;
                    // If it is no longer there, its writer has just put it in its place.
                    if is_at(&left, partial) {
                        std::fs::remove_file(partial).map_err(Error::io("remove", partial))?;
                    }
                }
                Err(e) => return Err(unmade(place, partial, e)),
            }
        }
        Err(busy())
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Makes what was written durable, still under its partial name.
    ///
    /// # Errors
    /// [`Error::Io`], as on a full disk.
    pub fn sync(&mut self) -> Result<()> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(Error::io("write", &self.place))
    }

    /// Puts the file in its place; durable on return.
    ///
    /// # Errors
    /// [`Error::Io`]; the place is then as it was.
    pub fn commit(mut self) -> Result<()> {
        self.sync()?;
        let mut partials = partials();
        std::fs::rename(&self.partial, &self.place).map_err(Error::io("put in place", &self.place))?;
        partials.remove(&self.partial);
        drop(partials);
        self.committed = true;
        sync_directory_of(&self.place)
    }
}

/// Why there is no partial file: most often its directory is mistyped, and nobody has heard of the partial file.
fn unmade(place: &Path, partial: &Path, e: std::io::Error) -> Error {
    match directory_of(place) {
        parent if e.kind() == std::io::ErrorKind::NotFound && !parent.exists() => {
            let problem = format!("the directory {} does not exist", parent.display());
            Error::io("write", place)(std::io::Error::new(e.kind(), problem))
        }
        _ => Error::io("create", partial)(e),
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."))
}

fn lock(file: &File, path: &Path, busy: impl Fn() -> Error) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(busy()),
        Err(TryLockError::Error(e)) => Err(Error::io("lock", path)(e)),
    }
}

/// Whether the open file is the one that has this name now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata().map(|m| (m.dev(), m.ino()));
    let named = std::fs::symlink_metadata(path).map(|m| (m.dev(), m.ino()));
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.committed {
            let mut partials = partials();
            partials.remove(&self.partial);
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Makes the entry of `path` in its directory durable: a rename is not until then.
///
/// # Errors
/// [`Error::Io`].
pub fn sync_directory_of(path: &Path) -> Result<()> {
    let parent = directory_of(path);
    File::open(parent).and_then(|d| d.sync_all()).map_err(Error::io("sync the directory", parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: KEY-13
    #[test]
    fn appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("out.csv");
        let mut dropped = WholeFile::create(&place, Readers::Anyone).unwrap();
        dropped.write_all(b"half").unwrap();
        assert!(matches!(WholeFile::create(&place, Readers::Anyone), Err(Error::Busy { .. })));
        drop(dropped);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        std::fs::write(dir.path().join("out.csv.partial"), "left by a killed process").unwrap();
        let mut file = WholeFile::create(&place, Readers::Owner).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!place.exists());
        file.commit().unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&place.metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_cannot_be_put_in_place_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("out.csv");
        let mut file = WholeFile::create(&place, Readers::Anyone).unwrap();
        file.write_all(b"whole").unwrap();
        std::fs::create_dir(&place).unwrap();
        assert!(matches!(file.commit(), Err(Error::Io { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(!partials().contains(&dir.path().join("out.csv.partial")));
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere_new() {
        let dir = tempfile::tempdir().unwrap();
        let (place, other) = (dir.path().join("out.csv"), dir.path().join("other"));
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("out.csv.partial")).unwrap();
        assert!(matches!(WholeFile::create(&place, Readers::Anyone), Err(Error::Setting { .. })));
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");

        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let mut file = WholeFile::create(&link, Readers::Anyone).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&other).unwrap(), b"new");
    }

    #[test]
    fn writers_in_turn_and_at_once_never_lose_what_was_committed() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("out");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        if let Ok(mut file) = WholeFile::create(&place, Readers::Anyone) {
                            file.write_all(b"whole").unwrap();
                            file.commit().unwrap();
                            assert_eq!(std::fs::read(&place).unwrap(), b"whole");
                        }
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
