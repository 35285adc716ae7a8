//! Calls into sled, guarded: its panics and errors become a failure that can be told again.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use crate::error::{Error, Result};

/// Whether this thread runs code whose panics become errors: a call into sled, or one of sled's own threads, which are
/// named `sled-io-` and a number. A program may ask in its panic hook, and print nothing then.
pub fn in_guarded_call() -> bool {
    GUARDED.get() || thread::current().name().is_some_and(|name| name.starts_with("sled-io-"))
}

/// Why a call did not succeed, kept so that later calls can say it again.
pub(super) enum Failure {
    /// The caller's own mistake: nothing was written, and the store goes on.
    Refused(Error),
    Io(io::ErrorKind, String),
    Damage(String),
}

impl Failure {
    pub(super) fn damage(problem: &str) -> Self {
        Self::Damage(problem.to_owned())
    }

    pub(super) fn error(&self, dir: &Path) -> Error {
        match self {
            Self::Refused(_) => Error::Conflict, // never kept
            Self::Io(kind, text) => {
                Error::io("write (reopen the store to go on) in", dir)(io::Error::new(*kind, text.clone()))
            }
            Self::Damage(problem) => Error::Corrupt { problem: problem.clone() },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind(), error.to_string())
    }
}

impl From<::sled::Error> for Failure {
    fn from(error: ::sled::Error) -> Self {
        match error {
            // sled keeps the text of an error as it prints for programmers; the kind says it for people.
            ::sled::Error::Io(e) => Self::Io(e.kind(), e.kind().to_string()),
            ::sled::Error::Corruption { .. } => Self::damage("a checksum does not match"),
            other => Self::Damage(other.to_string()),
        }
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls into sled. A panic becomes a [`Failure`] without its message, which may quote an entry.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.unwrap_or_else(|_| Err(Failure::damage("sled panicked on what it found")))
}

pub(super) fn drop_guarded<T>(value: T) {
    let _ = guarded(|| {
        drop(value);
        Ok(())
    });
}
