//! `decision = rules × who, for what × field × what the subject said × when`: who may see what, and why.
//!
//! Pure: nothing here reads a clock, a file or a store. The vault asks, obeys and records.
//!
//! | part | what |
//! |---|---|
//! | [`Rules`] | what the organisation decided: purposes, roles, principals, fields |
//! | [`SubjectState`] | what a data subject said, or a court: consents, restriction, objections, holds |
//! | [`Judge`] | the one function that decides, and in which order it asks |
//! | [`Approval`] | a second person's signed yes to one action |
//!
//! What no rule permits is denied.

mod access;
mod approval;
mod consent;
mod decision;
mod judge;
mod permission;
mod rules;
mod state;

pub use access::Access;
pub use approval::{Action, Approval, Request, Wanted};
pub use consent::{Consent, ConsentEvent, ConsentStatus};
pub use decision::{Decision, Reason};
pub use judge::Judge;
pub use permission::Permission;
pub use rules::{
    ApprovalRules, Basis, Budget, FieldRules, OverBudget, PrincipalRules, PurposeRules, Register, RoleRules,
    Rules,
};
pub use state::{Hold, Objection, Restriction, SubjectState};
