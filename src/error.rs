//! The one error of the crate.
//!
//! Every variant carries what the reader needs to act (which column, row, byte, key version) and nothing that was to
//! be protected: no plaintext, no token, no key byte. Failures of cryptography are one opaque [`Error::Rejected`], so
//! that an error tells an attacker nothing about why a ciphertext was refused.

use std::fmt;
use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's message names its fields")]
pub enum Error {
    /// A ciphertext, token or wrapped key does not belong to this key, tenant, subject or field, or was altered.
    #[error("rejected: not made by this key for this tenant, subject and field, or altered since")]
    Rejected,

    /// A tenant, subject, field or scope name that cannot be one.
    #[error("{kind} {problem}")]
    Name { kind: &'static str, problem: &'static str },

    /// A value that the format, normalisation or generalisation cannot take. The value itself is never shown.
    #[error("value {problem}")]
    Value { problem: &'static str },

    /// A character of a value that the format cannot take there. Only its place is shown, counted from 1.
    #[error("character {at} of the value is not {expected}")]
    Character { at: usize, expected: &'static str },

    /// FF1 over fewer than the allowed number of values: an attacker could list them all.
    #[error(
        "a domain of {values} values is below the floor of {floor}: keep fewer characters, \
         use a wider alphabet or range or longer values, seal the field, or use random tokens, which have no floor"
    )]
    DomainTooSmall { values: String, floor: u32 },

    /// Every random token that looks like the value is taken, or so many that none was found.
    #[error(
        "{used} of the {size} tokens that look like this value are taken: delete tokens that are no longer needed, \
         keep fewer characters, use longer values, or opaque tokens"
    )]
    TokensExhausted { used: u64, size: u64 },

    /// A random token whose time is over.
    #[error("the token ended at {at}")]
    TokenEnded { at: String },

    /// More than the cap allows.
    #[error("{what} of {actual} is over the limit of {limit}")]
    TooLong { what: &'static str, actual: usize, limit: usize },

    /// A format, mask, mode or other setting that contradicts itself.
    #[error("{what}: {problem}")]
    Setting { what: &'static str, problem: String },

    /// The passphrase or key does not open the keyset, or the keyset file was altered: they look alike.
    #[error(
        "the keyset does not open: wrong passphrase or key file, shares or token key, or the keyset file was altered"
    )]
    KeysetLocked,

    /// A key source that cannot be used as it is.
    #[error("{what}: {problem}")]
    KeySource { what: String, problem: String },

    /// The keyset has no such version.
    #[error("the keyset has no key version {version}; `cloakroom keys list` shows those it has")]
    KeyVersionUnknown { version: u32 },

    /// The version's state forbids what was asked.
    #[error("key version {version} is {state}, so it cannot {purpose}{}", WayOut(*version, state, purpose))]
    KeyState { version: u32, state: &'static str, purpose: &'static str },

    /// The rules do not allow what was asked. The code is for programs.
    #[error("denied ({code}): {problem}")]
    Denied { code: &'static str, problem: String },

    /// A key version cannot be given up: something still needs it.
    #[error("key version {version} is still needed by {needed_by}; {remedy}")]
    KeyNeeded { version: u32, needed_by: String, remedy: &'static str },

    /// The data names another key than the one at hand.
    #[error(
        "{what} was made with key version {version} of another keyset (check value {expected}, here {found}): \
         use the keyset or vault it was made with"
    )]
    KeyMismatch { what: String, version: u32, expected: String, found: String },

    /// Bytes that are not what they should be.
    #[error("{what} is malformed at byte {offset}: {problem}")]
    Malformed { what: &'static str, offset: usize, problem: &'static str },

    /// A manifest that is missing, altered, or belongs to other data.
    #[error("manifest: {problem}")]
    Manifest { problem: String },

    /// A signature that is not one by this key over these bytes.
    #[error("the signature does not verify: another key made it, or what it signs was altered since")]
    Signature,

    /// An audit log, or a proof about one, that is not what its head says.
    #[error("audit: {problem}")]
    Audit { problem: String },

    /// The policy file is wrong at this place.
    #[error("policy line {line}{}: {problem}", Named("field", field))]
    Policy { line: usize, field: String, problem: String },

    /// An approval that does not approve what is to be done.
    #[error("the approval {problem}")]
    Approval { problem: &'static str },

    /// A row of the input cannot be protected or revealed. Lines count from 1, the header included.
    #[error("line {line}{}: {problem}", Named("column", column))]
    Row { line: u64, column: String, problem: String },

    /// The input as a whole cannot be used.
    #[error("input: {problem}")]
    Input { problem: String },

    /// What was asked for is not there.
    #[error("{what} was not found{hint}")]
    NotFound { what: &'static str, hint: &'static str },

    /// Something is already there that would be overwritten.
    #[error("{} already exists; choose another name or remove it first", path.display())]
    Exists { path: PathBuf },

    /// The directory is no vault, or of a format that this release does not read.
    #[error("{}: {problem}", path.display())]
    NotAVault { path: PathBuf, problem: String },

    /// Another process holds the vault.
    #[error("{} is in use by another process; one process at a time can open a vault", path.display())]
    Busy { path: PathBuf },

    /// A precondition of a batch did not hold: someone else changed the entry first. Read again and retry.
    #[error("the entry was changed by someone else since it was read; read it again and retry")]
    Conflict,

    /// The store is damaged. Nothing more is read from it or written to it.
    #[error("the store is damaged: {problem}; restore it from a backup")]
    Corrupt { problem: String },

    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
}

impl Error {
    /// Wraps an I/O error with what was being done to which file: `.map_err(Error::io("read", path))`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { action, path: path.as_ref().to_owned(), source }
    }
}

/// What can be done about a key version whose state forbids what was asked.
struct WayOut(u32, &'static str, &'static str);

impl fmt::Display for WayOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(version, state, purpose) = self;
        match (*state, *purpose) {
            ("suspended", "protect") => {
                write!(
                    f,
                    "; `cloakroom rotate` makes another, `cloakroom keys resume {version}` takes it back"
                )
            }
            ("compromised", "make pseudonyms") => {
                write!(f, "; `cloakroom keys identity` names another version, and all pseudonyms change")
            }
            ("compromised", "protect") => write!(f, "; `cloakroom rotate` makes another"),
            ("suspended" | "retired", "reveal" | "make pseudonyms") => {
                write!(f, "; `cloakroom keys resume {version}` takes it back")
            }
            ("compromised", "reveal") => write!(
                f,
                "; `cloakroom migrate --reseal --despite-state` moves what a vault holds away from it, and `cloakroom migrate \
                 --file FILE --despite-state` a file"
            ),
            ("compromised", "be suspended" | "be marked as compromised") => write!(
                f,
                "; that stops it for good, and nothing was changed: `cloakroom keys compromise {version} --migrate` moves what a \
                 vault holds away from it"
            ),
            ("compromised", "be retired") => {
                write!(f, "; `cloakroom keys destroy {version}` ends it once nothing needs it")
            }
            ("suspended", "be suspended") => {
                write!(f, "; nothing was changed, and `cloakroom keys resume {version}` takes it back")
            }
            ("deactivated" | "retired", "be suspended") => {
                write!(
                    f,
                    "; it protects nothing new: `cloakroom keys compromise {version}` stops it if others may know it"
                )
            }
            ("active", "be retired" | "be destroyed") => {
                write!(f, "; it is a primary: `cloakroom rotate` first")
            }
            ("destroyed", "find out whose an entry is" | "reveal") => write!(
                f,
                "; what it protected is lost for good: `cloakroom purge --lost` deletes what a vault holds of it, and files are \
                 protected anew from the originals"
            ),
            ("destroyed", "be suspended" | "be retired" | "be destroyed" | "be marked as compromised") => {
                write!(f, "; its secret is gone, and nothing was changed")
            }
            _ => Ok(()),
        }
    }
}

/// ` (kind "name")`, or nothing when the name is empty.
struct Named<'a>(&'static str, &'a String);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.is_empty() { Ok(()) } else { write!(f, ", {} {:?}", self.0, self.1) }
    }
}
