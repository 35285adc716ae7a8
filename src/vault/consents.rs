//! The ledger of consents: what subjects said about purposes, its whole history, and what it is worth now.
//!
//! It is sealed under the subject's own key as all that is known of her, so that erasing her erases it.

use super::subject_rights::{Rights, ends};
use super::subject_state::{KnownSubject, NO_SUBJECT};
use super::tenant::{Tenant, UNDECIDED};
use crate::duties::{Basis, Consent, ConsentEvent, ConsentStatus, SubjectState};
use crate::error::{Error, Result};
use crate::name::{Note, Purpose, SubjectId};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// A consent as it is given: all of it may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// When, if not now.
    pub at: Option<Timestamp>,
    /// The first second in which it is worth nothing.
    pub expires: Option<Timestamp>,
    /// Where: a form, a call.
    pub source: Option<Note>,
    /// Which wording she saw (GDPR Art. 7(1)).
    pub wording: Option<Note>,
}

/// A subject's consents.
#[derive(Clone, PartialEq, Eq)]
pub struct Consents {
    /// All that she said, in the order of time.
    pub history: Vec<Consent>,
    /// What that is worth now, for each purpose that she said something about or that the rules in force ask consent for.
    pub status: BTreeMap<Purpose, ConsentStatus>,
}

impl fmt::Debug for Consents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consents(..)") // it is about a person
    }
}

impl Rights<'_> {
    /// Records that she consents to a purpose. `false`: that very consent is known.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Setting`] for a purpose that is none of the rules in force, a time
    /// in the future, and a consent that ends before it begins; [`Error::Rejected`] when an entry was altered; the store's.
    pub fn grant(&self, purpose: &Purpose, grant: Grant) -> Result<bool> {
        self.tenant.check_purpose(purpose)?;
        self.change("consent", &format!("consents to {purpose}"), |state, now| {
            let Grant { at, expires, source, wording } = grant;
            let at = at.unwrap_or(now);
            check_past(at, now)?;
            state.grant(purpose.clone(), at, expires, source, wording)
        })
    }

    /// Records that she consents no longer. When this returns, no thread is shown anything for the purpose by consent.
    /// `false`: that very withdrawal is known.
    ///
    /// A time before her last consent to the purpose goes into the history, and changes nothing of what holds now.
    ///
    /// # Errors
    /// As [`grant`](Rights::grant).
    pub fn withdraw(&self, purpose: &Purpose, at: Option<Timestamp>, source: Option<Note>) -> Result<bool> {
        self.tenant.check_purpose(purpose)?;
        self.change("consent", &format!("withdraws consent to {purpose}"), |state, now| {
            check_past(at.unwrap_or(now), now)?;
            // A clock that went back must not let what she said before come after her withdrawal.
            let last = state.consents().iter().rev().find(|c| c.purpose == *purpose).map(|c| c.at);
            if let (None, Some(last)) = (at, last.filter(|last| *last > now)) {
                state.withdraw(purpose.clone(), last, source.clone())?;
            }
            state.withdraw(purpose.clone(), at.unwrap_or(now), source)
        })
    }

    /// Her consents: the history, and what it is worth.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; [`Error::Rejected`] when an entry was altered; [`Error::KeyState`] when the
    /// version that wraps her key may not reveal; the store's.
    pub fn consents(&self) -> Result<Consents> {
        let (_, subject) = self.look()?;
        let default = Default::default();
        let state = subject.known.as_ref().map_or(&default, |known| &known.state);
        let consents = self.tenant.consents_of(state);
        let mut draft = self.tenant.draft("show-consents");
        draft.item(subject.audit_id, UNDECIDED, subject.wrap_version, &[]);
        self.tenant.vault().noted(draft)?;
        Ok(consents)
    }
}

impl Tenant<'_> {
    pub(super) fn consents_of(&self, state: &SubjectState) -> Consents {
        let (rules, now) = (self.vault().rules(), self.vault().decision_time());
        let by_consent = rules.rules.purposes.iter().filter(|(_, rules)| rules.basis == Basis::Consent);
        let purposes = state.consents().iter().map(|c| &c.purpose).chain(by_consent.map(|(name, _)| name));
        let status = purposes.map(|purpose| (purpose.clone(), state.consent(purpose, now))).collect();
        Consents { history: state.consents().to_vec(), status }
    }

    /// Takes consents that another system has into the histories of their subjects, in one atomic batch; durable on return.
    /// A thousand at a time is a good size. A result for each, in order: whether it is new. One that is refused stops no
    /// other, and one that is known changes nothing, so that an import can be repeated.
    ///
    /// # Errors
    /// The store's; nothing is taken in then. In the results, as [`Rights::grant`].
    pub fn import_consents(&self, rows: &[(&SubjectId, &Consent)]) -> Result<Vec<Result<bool>>> {
        let vault = self.vault();
        let mut operation = vault.bookkeeping(self.draft("import-consents"))?;
        let now = operation.ledger.decided.max(vault.now());
        // Each subject is opened once, and written once: the batch does not see itself.
        let mut subjects = BTreeMap::<&str, (KnownSubject, u64)>::new();
        let mut results = Vec::with_capacity(rows.len());
        for (subject, consent) in rows {
            let id = subject.expose();
            if !subjects.contains_key(id) {
                match self.known_subject(&operation, subject) {
                    Ok(Some(known)) => drop(subjects.insert(id, (known, 0))),
                    Ok(None) => {
                        results.push(Err(NO_SUBJECT));
                        continue;
                    }
                    Err(error @ (Error::Rejected | Error::KeyState { .. })) => {
                        results.push(Err(error));
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            let (known, new) = subjects.get_mut(id).expect("inserted above");
            results.push(self.take_in(known, consent, now).inspect(|is_new| *new += u64::from(*is_new)));
        }
        let changed: Vec<_> = subjects.into_values().filter(|(_, new)| *new > 0).collect();
        if changed.is_empty() {
            return Ok(results);
        }
        for (known, new) in changed {
            if ends(&known.known.state) {
                operation.ledger.decided = now;
            }
            known.tell(self, &mut operation, &format!("{new} consents imported"))?;
            known.write(self, &mut operation)?;
        }
        vault.finish(operation)?;
        Ok(results)
    }

    fn take_in(&self, known: &mut KnownSubject, consent: &Consent, now: Timestamp) -> Result<bool> {
        self.check_purpose(&consent.purpose)?;
        check_past(consent.at, now)?;
        known.known.state.record(consent.clone())
    }
}

fn check_past(at: Timestamp, now: Timestamp) -> Result<()> {
    match at > now {
        true => Err(Error::Setting {
            what: "time of a consent",
            problem: "is in the future: is its offset right?".into(),
        }),
        false => Ok(()),
    }
}

impl Consents {
    /// `granted` or `withdrawn`.
    pub fn event_name(event: &ConsentEvent) -> &'static str {
        match event {
            ConsentEvent::Granted { .. } => "granted",
            ConsentEvent::Withdrawn => "withdrawn",
        }
    }

    /// When what was said ends.
    pub fn expires(event: &ConsentEvent) -> Option<Timestamp> {
        match event {
            ConsentEvent::Granted { expires } => *expires,
            ConsentEvent::Withdrawn => None,
        }
    }

    /// `none`, `granted`, `withdrawn` or `expired`.
    pub fn status_name(status: ConsentStatus) -> &'static str {
        match status {
            ConsentStatus::None => "none",
            ConsentStatus::Granted => "granted",
            ConsentStatus::Withdrawn => "withdrawn",
            ConsentStatus::Expired => "expired",
        }
    }
}
