//! How a command ends: an exit code, one line on standard error, and never a panic's message.

use cloakroom::{Error, Result};
use std::io::Write;
use std::process::ExitCode;

/// The exit codes, for `--help`.
pub const TABLE: &str = "\
Exit codes:
  0  done
  1  done, but some rows (with --rejects) or lines were refused
  2  wrong usage, or a policy, format or setting that is not valid
  3  the input data was refused
  4  the key was refused: wrong passphrase or key file, another key version, one that is still needed, a manifest that
     does not fit; or the rules deny it, or it takes another approval
  5  the vault or keyset is damaged, check found a problem, or an audit file or proof does not verify
  6  the vault or output is in use by another process
  7  the operating system refused: no such file, no permission, disk full
  8  verify-vectors: a vector failed, or none ran
  9  an internal error; please report it
  128 and its number: a signal ended it

The passphrase comes from --passphrase-file, CLOAKROOM_PASSPHRASE, or a prompt; never from the command line.
With --passphrase-file and --key-file, or --two-factors, both are needed.";

/// What a command that did not fail has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    SomeRejected,
    ProblemsFound,
}

/// Prints the error, if any, and chooses the exit code.
pub fn code(done: Result<Outcome>) -> ExitCode {
    ExitCode::from(match done {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::SomeRejected) => 1,
        Ok(Outcome::ProblemsFound) => 5,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cloakroom: {error}");
            number(&error)
        }
    })
}

fn number(error: &Error) -> u8 {
    match error {
        Error::Name { .. } | Error::Setting { .. } | Error::Policy { .. } | Error::DomainTooSmall { .. } => 2,
        Error::Exists { .. } | Error::NotAVault { .. } => 2,
        Error::Value { .. }
        | Error::Character { .. }
        | Error::TooLong { .. }
        | Error::Row { .. }
        | Error::Input { .. } => 3,
        Error::NotFound { .. } | Error::TokensExhausted { .. } | Error::TokenEnded { .. } => 3,
        Error::Rejected | Error::KeysetLocked | Error::KeySource { .. } | Error::KeyVersionUnknown { .. } => {
            4
        }
        Error::Signature
        | Error::Denied { .. }
        | Error::Approval { .. }
        | Error::KeyState { .. }
        | Error::KeyNeeded { .. }
        | Error::KeyMismatch { .. }
        | Error::Manifest { .. } => 4,
        Error::Malformed { .. } | Error::Corrupt { .. } | Error::Audit { .. } => 5,
        Error::Busy { .. } | Error::Conflict => 6,
        Error::Io { .. } => 7,
        _ => 9,
    }
}

/// Panics inside the store become errors, so their messages are not printed; those of any other bug are cut down to the
/// place, because the rest could hold a value.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if cloakroom::store::sled::in_guarded_call() {
            return;
        }
        let place = panic.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        let _ = writeln!(std::io::stderr(), "cloakroom: internal error{place}; please report it");
        std::process::exit(9);
    }));
}
