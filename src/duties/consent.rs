//! A consent as it was given or withdrawn, and what it is worth now.

use crate::name::{Note, Purpose};
use crate::time::Timestamp;
use std::fmt;

/// What a subject said about a purpose, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Consent {
    /// About what.
    pub purpose: Purpose,
    /// What was said.
    pub event: ConsentEvent,
    /// When.
    pub at: Timestamp,
    /// Where: a form, a call, an import.
    pub source: Option<Note>,
    /// Which wording the subject saw (GDPR Art. 7(1) asks for proof).
    pub wording: Option<Note>,
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consent(..)") // it is about a person
    }
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentEvent {
    /// Yes; until then, if it ends.
    Granted {
        /// The first second in which it is worth nothing.
        expires: Option<Timestamp>,
    },
    /// No longer.
    Withdrawn,
}

/// What a subject's consent to a purpose is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentStatus {
    /// There was none yet.
    None,
    /// It is there.
    Granted,
    /// It was withdrawn.
    Withdrawn,
    /// It ended.
    Expired,
}
