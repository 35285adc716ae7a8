//! The one function that decides.
//!
//! It asks, in this order, and the first question that fails is the reason:
//!
//! 1. Do the rules know the principal?
//! 2. Do they know the purpose?
//! 3. Has a role of the principal the purpose? From here on, only those roles count.
//! 4. Is the field for the purpose?
//! 5. If the field is of a special category (GDPR Art. 9): is the purpose one by consent, or marked `special`?
//! 6. Does one of the roles reveal the field?
//! 7. If the subject's data is restricted (Art. 18): is the purpose marked `despite_restriction`?
//! 8. Has the subject not objected to the purpose (Art. 21)?
//! 9. If the purpose is one by consent (Art. 6(1)(a)): is the consent there, not withdrawn, not ended?
//! 10. If the field's retention is over: is there a hold, and the purpose marked `despite_hold`?
//! 11. Then it is the widest of what the roles permit: full, masked, or a token.

use super::{
    Access, Basis, Budget, ConsentStatus, Decision, OverBudget, Permission, Reason, RoleRules, Rules,
    SubjectState,
};
use crate::name::{FieldName, Purpose};
use crate::time::Timestamp;
use std::cmp::Reverse;

/// Decides for one principal and purpose; what does not depend on the subject is resolved already.
#[derive(Clone, Debug)]
pub struct Judge {
    purpose: Purpose,
    takes_consent: bool,
    despite_restriction: bool,
    despite_hold: bool,
    budget: Option<Budget>,
    /// The answer to questions 1 to 3.
    access: Result<(), Reason>,
    /// By name, for each field of the rules.
    fields: Vec<Resolved>,
}

/// A field, and the answer to questions 4 to 6.
#[derive(Clone, Debug)]
struct Resolved {
    field: FieldName,
    permission: Result<Permission, Reason>,
    retention: Option<u64>,
}

impl Judge {
    pub(super) fn new(rules: &Rules, access: &Access) -> Self {
        let purpose = rules.purposes.get(&access.purpose);
        let mut judge = Self {
            purpose: access.purpose.clone(),
            takes_consent: purpose.is_some_and(|p| p.basis == Basis::Consent),
            despite_restriction: purpose.is_some_and(|p| p.despite_restriction),
            despite_hold: purpose.is_some_and(|p| p.despite_hold),
            budget: None,
            access: Ok(()),
            fields: vec![],
        };
        let deny = |reason, judge| Self { access: Err(reason), ..judge };
        let Some(principal) = rules.principals.get(&access.principal) else {
            return deny(Reason::PrincipalUnknown, judge);
        };
        let Some(purpose) = purpose else {
            return deny(Reason::PurposeUnknown, judge);
        };
        let roles = principal.roles.iter().filter_map(|name| rules.roles.get(name));
        let roles: Vec<&RoleRules> = roles.filter(|role| role.purposes.contains(&access.purpose)).collect();
        if roles.is_empty() {
            return deny(Reason::RoleWithoutPurpose, judge);
        }
        judge.budget = widest_budget(&roles);
        let resolve = |(name, field): (&FieldName, &super::FieldRules)| {
            let widest = roles.iter().filter_map(|role| role.reveal.get(name)).max();
            let permission = if !field.purposes.contains(&access.purpose) {
                Err(Reason::FieldWithoutPurpose)
            } else if field.special && !purpose.special && !judge.takes_consent {
                Err(Reason::SpecialCategory)
            } else {
                widest.copied().ok_or(Reason::RoleWithoutField)
            };
            Resolved { field: name.clone(), permission, retention: field.retention }
        };
        judge.fields = rules.fields.iter().map(resolve).collect();
        judge
    }

    /// What the principal gets of this field of a subject, in this state, at this time. `since` is when the value was
    /// stored; without it, no retention runs.
    ///
    /// # Example
    /// ```
    /// use cloakroom::duties::{Access, Decision, Reason, Rules, SubjectState};
    /// use cloakroom::name::{FieldName, Principal, Purpose};
    /// use cloakroom::time::Timestamp;
    ///
    /// let access = Access { principal: Principal::new("alice")?, purpose: Purpose::new("support")? };
    /// let judge = Rules::default().judge(&access);
    /// let decision = judge.decide(&FieldName::new("email")?, &SubjectState::default(), None, Timestamp(0));
    /// assert_eq!(decision, Decision::Deny(Reason::PrincipalUnknown));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn decide(
        &self,
        field: &FieldName,
        state: &SubjectState,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Decision {
        match self.permit(field, state, since, now) {
            Ok(Permission::Full) => Decision::Full,
            Ok(Permission::Masked(mask)) => Decision::Masked(mask),
            Ok(Permission::Token) => Decision::Token,
            Err(reason) => Decision::Deny(reason),
        }
    }

    fn permit(
        &self,
        field: &FieldName,
        state: &SubjectState,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Permission, Reason> {
        self.access?;
        // A field without rules is for no purpose.
        let found = self.fields.binary_search_by(|resolved| resolved.field.cmp(field));
        let resolved = &self.fields[found.map_err(|_| Reason::FieldWithoutPurpose)?];
        let permission = resolved.permission?;
        if state.restriction().is_some() && !self.despite_restriction {
            return Err(Reason::Restricted);
        }
        if state.has_objected(&self.purpose) {
            return Err(Reason::Objected);
        }
        if self.takes_consent {
            match state.consent(&self.purpose, now) {
                ConsentStatus::Granted => {}
                ConsentStatus::None => return Err(Reason::ConsentNone),
                ConsentStatus::Withdrawn => return Err(Reason::ConsentWithdrawn),
                ConsentStatus::Expired => return Err(Reason::ConsentExpired),
            }
        }
        let ends = since.zip(resolved.retention).map(|(since, kept)| since.0.saturating_add(kept));
        if ends.is_some_and(|end| now.0 >= end) {
            match (state.holds().is_empty(), self.despite_hold) {
                (true, _) => return Err(Reason::RetentionOver),
                (false, false) => return Err(Reason::Held),
                (false, true) => {}
            }
        }
        Ok(permission)
    }

    /// How many reveals the principal has in an hour: the most that a role with this purpose gives. None when one of them
    /// sets no limit, or nothing is permitted.
    pub fn budget(&self) -> Option<Budget> {
        self.budget
    }
}

fn widest_budget(roles: &[&RoleRules]) -> Option<Budget> {
    let budgets: Option<Vec<Budget>> = roles.iter().map(|role| role.budget).collect();
    // Of two equal ones the one that refuses counts.
    budgets?.into_iter().min_by_key(|b| (Reverse(b.per_hour), b.over == OverBudget::Alert))
}
