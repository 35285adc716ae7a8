//! Files that appear whole or not at all.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file being written beside its place, as `NAME.partial`; [`commit`](WholeFile::commit) puts it there.
///
/// Dropped before that, it is removed. A process killed in between leaves the partial file, which the next run of the
/// same command overwrites; the place itself is untouched.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    partial: PathBuf,
    place: PathBuf,
    committed: bool,
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
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = place.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        if readers == Readers::Owner {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(&partial).map_err(Error::io("create", &partial))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: place }),
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &partial)(e)),
        }
        #[cfg(unix)]
        if readers == Readers::Owner {
            // A partial file that was there before keeps the mode it had.
            let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            file.set_permissions(owner).map_err(Error::io("restrict", &partial))?;
        }
        file.set_len(0).map_err(Error::io("create", &partial))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), partial, place, committed: false })
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
        std::fs::rename(&self.partial, &self.place).map_err(Error::io("put in place", &self.place))?;
        self.committed = true;
        sync_directory_of(&self.place)
    }
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
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Makes the entry of `path` in its directory durable: a rename is not until then.
///
/// # Errors
/// [`Error::Io`].
pub fn sync_directory_of(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
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
}
