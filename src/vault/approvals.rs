//! Four eyes: what takes another principal's approval, and that each approval is used once.
//!
//! ```text
//!  approval  nonce 16  →  expires 8
//! ```
//!
//! Approvals are needed once rules are installed that name somebody who may give them. What is approved and the nonce are in
//! one batch, so of two who use one approval at the same time one is refused. An expired nonce is swept with the next one; the
//! ledger keeps the latest time that anything was decided by, so no clock that goes back makes the approval good again.

use super::APPROVAL;
use super::census::Census;
use super::log::Draft;
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::revealer::denied;
use crate::duties::{Access, Action, Approval, Reason, Request, Rules, Wanted};
use crate::error::{Error, Result};
use crate::keys::{KeyState, Keyset, Version};
use crate::name::{KeyVersion, Principal, TenantId};
use crate::time::Timestamp;

/// Who does something with the vault's keys or rules, and who else agreed.
#[derive(Clone, Copy, Default)]
pub(super) struct By<'a> {
    pub(super) principal: Option<&'a Principal>,
    pub(super) approval: Option<&'a Approval>,
}

const USED: Error = Error::Approval { problem: "was used already: each is good once, so make a new request" };
const NOBODY: Error =
    Error::Approval { problem: "is of use to the principal alone who asked for it: name it" };

impl Vault {
    /// Whether this action takes an approval: rules are installed, and they name somebody who may approve.
    pub fn needs_approval(&self, _action: Action) -> bool {
        has_approvers(&self.rules().rules)
    }

    /// A request for what is to be done, which another principal signs: see [`Request::approve`].
    ///
    /// # Errors
    /// [`Error::Approval`] for a target over 1,024 bytes or with control characters.
    pub fn request(&self, action: Action, target: &str, requester: &Principal) -> Result<Request> {
        self.rules().rules.request(self.wanted(action, target, requester), self.decision_time())
    }

    /// The target of an approval of [`destroy-key`](Action::DestroyKey): it says whether data goes with the version.
    pub fn destroy_target(&self, version: KeyVersion) -> String {
        target_of(&self.census(), Action::DestroyKey, version)
    }

    /// What an approval has to be for.
    pub(super) fn wanted(&self, action: Action, target: &str, requester: &Principal) -> Wanted {
        Wanted { vault: self.id(), action, target: target.to_owned(), requester: requester.clone() }
    }

    /// Uses an approval of a read, which has no operation of its own; durable on return.
    ///
    /// # Errors
    /// As [`Operation::consume`].
    pub(super) fn consume_for_read(&self, approval: &Approval, wanted: &Wanted) -> Result<()> {
        let mut operation = self.bookkeeping(Draft::new("approval").by(&wanted.requester))?;
        operation.consume(approval, wanted)?;
        self.finish(operation)
    }

    /// Refuses what takes an approval and has none, or not the right one. Nothing is used up.
    pub(super) fn may(&self, by: By<'_>, action: Action, target: &str, now: Timestamp) -> Result<()> {
        let Some(approval) = by.approval else {
            return match self.needs_approval(action) {
                true => Err(denied(Reason::ApprovalNeeded)),
                false => Ok(()),
            };
        };
        let wanted = self.wanted(action, target, by.principal.ok_or(NOBODY)?);
        self.rules().rules.verify_approval(approval, &wanted, now)?;
        match self.store().get(APPROVAL, &approval.request.nonce)? {
            Some(_) => Err(USED),
            None => Ok(()),
        }
    }
}

impl Operation<'_> {
    /// Does what [`Vault::may`] does, and uses the approval in this operation.
    pub(super) fn permit(&mut self, by: By<'_>, action: Action, target: &str) -> Result<()> {
        self.vault().may(by, action, target, self.approval_time())?;
        by.approval.map_or(Ok(()), |approval| self.use_up(approval))
    }

    /// Uses an approval for what is wanted. The leaf names who gave it, and to what.
    ///
    /// # Errors
    /// [`Error::Approval`] for one of something else, by somebody who may not approve, that has expired, or that was used
    /// already; the store's.
    pub(super) fn consume(&mut self, approval: &Approval, wanted: &Wanted) -> Result<()> {
        let by = By { principal: Some(&wanted.requester), approval: Some(approval) };
        self.permit(by, wanted.action, &wanted.target)
    }

    /// Marks an approval as used, which was verified while no other operation was under way.
    pub(super) fn use_up(&mut self, approval: &Approval) -> Result<()> {
        let now = self.approval_time();
        self.ledger.decided = now;
        let mut expired = vec![];
        Pages::new(self.vault().store(), APPROVAL, &[], None).each(|nonce, expires| {
            let end = expires.try_into().map(u64::from_be_bytes);
            if end.is_ok_and(|end| now.0 >= end) {
                expired.push((nonce.to_vec(), expires.to_vec()));
            }
            Ok(())
        })?;
        expired.iter().for_each(|(nonce, expires)| self.delete(APPROVAL, nonce, expires));
        let request = &approval.request;
        if self.get(APPROVAL, &request.nonce)?.is_some() {
            return Err(USED);
        }
        self.put(APPROVAL, &request.nonce, None, request.expires.0.to_be_bytes().to_vec());
        let gap = if self.draft.note.is_empty() { "" } else { "; " };
        let (action, approver) = (request.action.code(), &approval.approver);
        self.draft.note.push_str(&format!("{gap}{action} approved by {approver}"));
        Ok(())
    }

    fn approval_time(&self) -> Timestamp {
        self.vault().now().max(self.ledger.decided)
    }
}

fn has_approvers(rules: &Rules) -> bool {
    rules.principals.values().any(|principal| principal.approves && principal.key.is_some())
}

/// The target of an approval of [`set-rules`](Action::SetRules): their SHA-256.
pub fn rules_target(rules: &Rules) -> String {
    hex(&rules.sha256())
}

/// The target of an approval of [`bulk-reveal`](Action::BulkReveal) and [`admin-reveal`](Action::AdminReveal).
pub fn reveal_target(fields: u64, tenant: &TenantId, access: &Access) -> String {
    format!("{fields} fields of {tenant} for {}", access.purpose)
}

/// The target of an approval of [`bulk-reveal`](Action::BulkReveal) of a protected file, whose SHA-256 it names.
pub fn file_target(sha256: &[u8; 32], fields: u64, tenant: &TenantId, access: &Access) -> String {
    format!("{} in the file with SHA-256 {}", reveal_target(fields, tenant, access), hex(sha256))
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The target of an approval of what is done to a key version.
pub(super) fn target_of(census: &Census, action: Action, version: KeyVersion) -> String {
    match action == Action::DestroyKey && census.needing(version) > 0 {
        true => format!("key version {version}, with what needs it"),
        false => format!("key version {version}"),
    }
}

/// Which versions an edit of the keyset destroys or marks as compromised.
pub(super) fn ended(current: &Keyset, edited: &Keyset) -> Vec<(Action, KeyVersion)> {
    let step = |version: &Version| {
        let new = edited.version(version.number()).ok()?.state();
        let action = match new {
            KeyState::Destroyed => Action::DestroyKey,
            KeyState::Compromised => Action::CompromiseKey,
            _ => return None,
        };
        (new != version.state()).then_some((action, version.number()))
    };
    current.versions().iter().filter_map(step).collect()
}
