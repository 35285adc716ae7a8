//! Files with a secret: made for their owner only, and refused when others can read or write them.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Writes a new file; durable on return.
///
/// # Errors
/// [`Error::Exists`]; [`Error::Io`].
pub fn create(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::io("create", path)(e),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io("write", path))?;
    // What it locks is made durable with its directory, so this has to be, too.
    crate::whole_file::sync_directory_of(path)
}

/// The first bytes of a file, as many as `limit`.
///
/// # Errors
/// [`Error::KeySource`] when anyone but its owner can read it, or it is no file; [`Error::Io`].
pub fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let meta = file.metadata().map_err(Error::io("read", path))?;
    if !meta.is_file() {
        return Err(bad(path, "is no file"));
    }
    refuse_shared(path, &meta)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    file.take(limit as u64).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// The first line of a file or pipe.
///
/// # Errors
/// [`Error::KeySource`] when it is a file that anyone but its owner can read; [`Error::Io`].
#[cfg(any(feature = "passphrase", feature = "pkcs11"))]
pub fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let meta = std::fs::metadata(path).map_err(Error::io("open", path))?;
    if meta.is_file() {
        refuse_shared(path, &meta)?;
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(Error::io("read", path))?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// What is wrong with a file.
pub fn bad(path: &Path, problem: &str) -> Error {
    Error::KeySource { what: path.display().to_string(), problem: problem.into() }
}

#[cfg(unix)]
fn refuse_shared(path: &Path, meta: &std::fs::Metadata) -> Result<()> {
    match std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 {
        0 => Ok(()),
        _ => Err(bad(path, "can be read or written by others than its owner; run `chmod 600` on it")),
    }
}

/// Elsewhere the permissions of a file are not to be had from the standard library.
#[cfg(not(unix))]
fn refuse_shared(_: &Path, _: &std::fs::Metadata) -> Result<()> {
    Ok(())
}
