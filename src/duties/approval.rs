//! Four eyes: one principal asks for an action, another who may approve signs that very request.

use super::Rules;
use crate::crypto::rng;
use crate::error::{Error, Result};
use crate::name::Principal;
use crate::time::Timestamp;

/// What takes an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their codes say it")]
pub enum Action {
    BulkReveal,
    Export,
    DestroyKey,
    CompromiseKey,
    SetRules,
    ListSubjects,
    AdminReveal,
}

/// Codes, in the order of the documentation.
const ACTIONS: [(Action, &str); 7] = [
    (Action::BulkReveal, "bulk-reveal"),
    (Action::Export, "export"),
    (Action::DestroyKey, "destroy-key"),
    (Action::CompromiseKey, "compromise-key"),
    (Action::SetRules, "set-rules"),
    (Action::ListSubjects, "list-subjects"),
    (Action::AdminReveal, "admin-reveal"),
];

impl Action {
    /// All actions.
    pub fn all() -> impl Iterator<Item = Action> {
        ACTIONS.iter().map(|(action, _)| *action)
    }

    /// The name: `destroy-key`.
    pub fn code(self) -> &'static str {
        ACTIONS.iter().find(|(action, _)| *action == self).map_or("", |(_, code)| code)
    }

    /// The action of this name.
    pub fn from_code(code: &str) -> Option<Action> {
        ACTIONS.iter().find(|(_, known)| *known == code).map(|(action, _)| *action)
    }
}

/// What is to be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In which vault.
    pub vault: [u8; 16],
    /// What.
    pub action: Action,
    /// To what: a key version, a file, the SHA-256 of new rules.
    pub target: String,
    /// Who asks.
    pub requester: Principal,
    /// Tells it from any other request. The vault takes each once.
    pub nonce: [u8; 16],
    /// The first second in which it is worth nothing.
    pub expires: Timestamp,
}

/// What is about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which vault.
    pub vault: [u8; 16],
    /// What.
    pub action: Action,
    /// To what.
    pub target: String,
    /// By whom.
    pub requester: Principal,
}

/// A request with another principal's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What was approved.
    pub request: Request,
    /// By whom.
    pub approver: Principal,
    /// The signature.
    pub signature: [u8; 64],
}

impl Rules {
    /// A request for what is wanted, valid from now for as long as the rules say.
    pub fn request(&self, wanted: Wanted, now: Timestamp) -> Request {
        let Wanted { vault, action, target, requester } = wanted;
        let expires = Timestamp(now.0.saturating_add(self.approvals.valid));
        Request { vault, action, target, requester, nonce: rng::bytes(), expires }
    }

    /// Whether this approval is one of what is wanted, by another principal who may approve, now. That it is used once is the
    /// vault's to see to, by the nonce.
    ///
    /// # Errors
    /// [`Error::Approval`], which says what is wrong.
    pub fn verify_approval(&self, approval: &Approval, wanted: &Wanted, now: Timestamp) -> Result<()> {
        let Approval { request, approver, .. } = approval;
        let wrong = |problem| Err(Error::Approval { problem });
        if request.vault != wanted.vault {
            return wrong("is for another vault");
        }
        if request.action != wanted.action {
            return wrong("is for another action");
        }
        if request.target != wanted.target {
            return wrong("is for another target");
        }
        if request.requester != wanted.requester {
            return wrong("was asked for by another principal");
        }
        if now >= request.expires {
            return wrong("has expired: make a new request");
        }
        if request.expires.0 - now.0 > self.approvals.valid {
            return wrong("is valid for longer than the rules allow: make a new request");
        }
        if *approver == request.requester {
            return wrong("is the requester's own: another principal must approve");
        }
        let Some(principal) = self.principals.get(approver) else {
            return wrong("is by a principal that the rules do not know");
        };
        if !principal.approves {
            return wrong(
                "is by a principal that may not approve: `approves = true` in the policy permits it",
            );
        }
        Ok(())
    }
}
