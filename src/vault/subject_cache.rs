//! Subjects whose keys are unwrapped: opening a key costs more than opening a field.

use super::ENTRY;
use super::log::AuditId;
use super::subject_state::Known;
use super::tenant::Tenant;
use crate::error::{Error, Result};
use crate::protect::SubjectSealer;
use crate::wire::entry::{Entry, Locator, STATE_NUMBER, entry_key};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Subjects kept at a time. When there are more, all are let go.
const KEPT: usize = 4096;

/// A subject's key and state, as long as the store has what they were opened from.
pub(super) struct OpenedSubject {
    pub(super) head: Vec<u8>,
    state: Option<Vec<u8>>,
    pub(super) sealer: SubjectSealer,
    pub(super) known: Option<Known>,
    pub(super) audit_id: AuditId,
    pub(super) wrap_version: u32,
}

/// The subjects that were opened last.
#[derive(Default)]
pub(super) struct OpenedSubjects(Mutex<HashMap<Locator, Arc<OpenedSubject>>>);

impl OpenedSubjects {
    fn get(&self, locator: &Locator) -> Option<Arc<OpenedSubject>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(locator).cloned()
    }

    fn keep(&self, locator: Locator, subject: &Arc<OpenedSubject>) {
        let mut opened = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if opened.len() >= KEPT {
            opened.clear();
        }
        opened.insert(locator, Arc::clone(subject));
    }

    /// Lets a subject's key go.
    pub(super) fn forget(&self, locator: &Locator) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).remove(locator);
    }

    /// Lets all keys go, as when the keyset is edited: a version may reveal no more.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }
}

impl Tenant<'_> {
    /// The subject whose entries are at this place, as she is now; `None` when there is none of this tenant.
    ///
    /// # Errors
    /// [`Error::Rejected`] when an entry was altered; [`Error::KeyState`] when the version that wraps her key may not
    /// reveal; the store's.
    pub(super) fn opened(&self, locator: &Locator) -> Result<Option<Arc<OpenedSubject>>> {
        let state_key = entry_key(locator, STATE_NUMBER);
        loop {
            let Some((known, head_bytes)) = self.head(locator)? else {
                self.vault().opened.forget(locator);
                return Ok(None);
            };
            let state = self.vault().store().get(ENTRY, &state_key)?;
            let head = Entry::parse(&head_bytes)?.into_head()?;
            if head.tenant != self.name().as_str() {
                return Ok(None);
            }
            let keys = known.revealing(head.wrap_version)?;
            if let Some(kept) = self.vault().opened.get(locator)
                && kept.head == head_bytes
                && kept.state == state
            {
                return Ok(Some(kept));
            }
            let opened = self.open_subject(keys, &head, locator, state.as_deref());
            let (sealer, known) = match opened {
                Ok(opened) => opened,
                // Between the two she may have been sealed anew.
                Err(Error::Rejected) if self.head(locator)?.is_none_or(|(_, now)| now != head_bytes) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (audit_id, wrap_version) =
                (self.vault().ids.subject(self.name(), locator), head.wrap_version);
            let opened =
                Arc::new(OpenedSubject { head: head_bytes, state, sealer, known, audit_id, wrap_version });
            self.vault().opened.keep(*locator, &opened);
            if self.head(locator)?.is_none() {
                // Erased meanwhile: her key does not stay.
                self.vault().opened.forget(locator);
            }
            return Ok(Some(opened));
        }
    }

    fn open_subject(
        &self,
        keys: &super::keyring::TenantKeys,
        head: &crate::wire::entry::Head<'_>,
        locator: &Locator,
        state: Option<&[u8]>,
    ) -> Result<(SubjectSealer, Option<Known>)> {
        let sealer = self.sealer_of_head(keys, head, locator)?;
        let known = match state {
            Some(bytes) => {
                Some(self.open_known(&self.data_key(keys, head, locator)?, head, locator, bytes)?)
            }
            None => None,
        };
        Ok((sealer, known))
    }
}
