//! What a data subject asks for, or a court: her consents, restriction, holds and objections, and what she is shown.
//!
//! | she asks | GDPR | |
//! |---|---|---|
//! | what is held, why, and who saw it | Art. 15 | [`holdings`](Rights::holdings), [`seen`](Rights::seen) |
//! | for a copy to take along | Art. 15(3), 20 | [`export`](Rights::export) |
//! | that a value is corrected | Art. 16 | [`rectify`](Rights::rectify) |
//! | to be erased | Art. 17 | [`Tenant::erase`] |
//! | that nothing else is done with it | Art. 18 | [`restrict`](Rights::restrict), [`lift`](Rights::lift) |
//! | that it is not used for a purpose | Art. 21 | [`object`](Rights::object), [`retract`](Rights::retract) |
//! | or consents, and no longer | Art. 7 | [`grant`](Rights::grant), [`withdraw`](Rights::withdraw) |
//!
//! What changes something is one operation with one leaf in the audit log, durable on return, and counts from the next
//! decision on, in every thread. What is there already changes nothing and writes nothing.

use super::subject_cache::OpenedSubject;
use super::subject_state::NO_SUBJECT;
use super::tenant::Tenant;
use crate::duties::{ConsentEvent, SubjectState};
use crate::error::{Error, Result};
use crate::name::{Note, Purpose, SubjectId};
use crate::time::Timestamp;
use crate::wire::entry::Locator;
use std::fmt;
use std::sync::Arc;

/// The rights of one data subject, exercised in one [`Tenant`].
pub struct Rights<'v> {
    pub(super) tenant: Tenant<'v>,
    pub(super) subject: SubjectId,
    /// What leaves say to those who may know her.
    pub(super) because: String,
}

impl<'v> Tenant<'v> {
    /// The rights of a subject. Whether there is such a subject is asked by each of them.
    pub fn rights_of(&self, subject: &SubjectId) -> Rights<'v> {
        Rights { tenant: self.clone(), subject: subject.clone(), because: String::new() }
    }

    /// Refuses a purpose that the installed rules do not know: nothing could ever come of it.
    pub(super) fn check_purpose(&self, purpose: &Purpose) -> Result<()> {
        let rules = self.vault().rules();
        match rules.version == 0 || rules.rules.purposes.contains_key(purpose) {
            true => Ok(()),
            false => Err(Error::Setting {
                what: "purpose",
                problem: "is none of the rules in force: declare it in the policy and install that, or correct its name"
                    .into(),
            }),
        }
    }
}

impl Rights<'_> {
    /// Has the audit log say why, sealed for those who may know the subject: a ticket's number.
    #[must_use]
    pub fn because(self, reason: &Note) -> Self {
        Self { because: reason.as_str().to_owned(), ..self }
    }

    /// Restricts the processing of her data (Art. 18): only purposes that the rules mark `despite_restriction` are
    /// served. `false`: it is restricted already, and the first reason stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Rejected`] when an entry was altered; the store's.
    pub fn restrict(&self, reason: &Note) -> Result<bool> {
        let text = format!("restricted: {reason}");
        self.change("restrict", &text, |state, now| Ok(state.restrict(now, reason.clone())))
    }

    /// Lifts the restriction. `false`: there was none.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict).
    pub fn lift(&self) -> Result<bool> {
        self.change("lift", "restriction lifted", |state, _| Ok(state.lift()))
    }

    /// Keeps her data though its retention ends (Art. 17(3)(e)), until [`release`](Rights::release). `false`: a hold of
    /// this name is there already.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict); [`Error::TooLong`] over 10,000 holds.
    pub fn hold(&self, name: &Note) -> Result<bool> {
        self.change("hold", &format!("hold {name}"), |state, now| state.hold(name.clone(), now))
    }

    /// Releases a hold. `false`: there was none of this name.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict).
    pub fn release(&self, name: &Note) -> Result<bool> {
        self.change("release", &format!("hold {name} released"), |state, _| Ok(state.release(name)))
    }

    /// Records that she objects to a purpose (Art. 21). `false`: that is known.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict); [`Error::Setting`] for a purpose that is none of the rules in force.
    pub fn object(&self, purpose: &Purpose) -> Result<bool> {
        self.tenant.check_purpose(purpose)?;
        self.change("object", &format!("objects to {purpose}"), |state, now| {
            state.object(purpose.clone(), now)
        })
    }

    /// Takes an objection back. `false`: there was none.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict).
    pub fn retract(&self, purpose: &Purpose) -> Result<bool> {
        let text = format!("objection to {purpose} retracted");
        self.change("retract", &text, |state, _| Ok(state.retract(purpose)))
    }

    /// Says whether this is nobody: a canary, whose reveal raises an alarm. `false`: it was said already.
    ///
    /// # Errors
    /// As [`restrict`](Rights::restrict).
    ///
    /// # Security
    /// The leaf's kind is no other than that of a consent, so that whoever reads the log does not learn who is one.
    pub fn canary(&self, is_canary: bool) -> Result<bool> {
        let text = if is_canary { "is a canary" } else { "is no canary" };
        self.change("consent", text, |state, _| {
            let is_new = state.is_canary() != is_canary;
            state.set_canary(is_canary);
            Ok(is_new)
        })
    }

    /// Changes what is known of her, unless `change` says that nothing is new.
    pub(super) fn change(
        &self,
        kind: &'static str,
        text: &str,
        change: impl FnOnce(&mut SubjectState, Timestamp) -> Result<bool>,
    ) -> Result<bool> {
        let vault = self.tenant.vault();
        let mut operation = vault.bookkeeping(self.tenant.draft(kind))?;
        let mut known = self.tenant.known_subject(&operation, &self.subject)?.ok_or(NO_SUBJECT)?;
        let now = operation.ledger.decided.max(vault.now());
        if !change(&mut known.known.state, now)? {
            return Ok(false);
        }
        if ends(&known.known.state) {
            operation.ledger.decided = now;
        }
        known.tell(&self.tenant, &mut operation, &self.told(text))?;
        known.write(&self.tenant, &mut operation)?;
        vault.finish(operation)?;
        Ok(true)
    }

    /// What a leaf's detail says.
    pub(super) fn told(&self, text: &str) -> String {
        match self.because.as_str() {
            "" => text.to_owned(),
            because => format!("{text}; {because}"),
        }
    }

    /// Her entries' place, and she as she is now.
    pub(super) fn look(&self) -> Result<(Locator, Arc<OpenedSubject>)> {
        let (_, found) = self.tenant.find_subject(&self.subject)?.ok_or(NO_SUBJECT)?;
        let opened = self.tenant.opened(&found.locator)?.ok_or(NO_SUBJECT)?;
        match *opened.sealer.subject() == self.subject {
            true => Ok((found.locator, opened)),
            false => Err(Error::Rejected),
        }
    }
}

/// Whether she said something that a clock that goes back must not bring back.
pub(super) fn ends(state: &SubjectState) -> bool {
    let ends = |event: &ConsentEvent| !matches!(event, ConsentEvent::Granted { expires: None });
    state.consents().iter().any(|consent| ends(&consent.event))
}

impl fmt::Debug for Rights<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({}, ..)", self.tenant.name())
    }
}
