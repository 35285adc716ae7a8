//! One process at a time: the lock on a store's directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// The file `lock` in the directory, locked until dropped.
pub(super) struct DirLock(File);

impl DirLock {
    /// # Errors
    /// [`Error::Busy`] while another has it, here or in another process; [`Error::Io`].
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("lock");
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path: dir.to_owned() }),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", &path)(e)),
        }
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // Closing alone would leave it locked while a process that another thread is just starting has inherited it.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a process that was forked and has not yet come to `exec`, which closes what it inherited.
    #[test]
    fn a_closed_store_opens_again_though_its_lock_was_inherited() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::take(dir.path()).unwrap();
        let inherited = held.0.try_clone().unwrap();
        assert!(matches!(DirLock::take(dir.path()), Err(Error::Busy { .. })));
        drop(held);
        DirLock::take(dir.path()).unwrap();
        drop(inherited);
    }
}
