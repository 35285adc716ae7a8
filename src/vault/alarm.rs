//! What somebody has to be told at once.

use super::open::Vault;
use crate::duties::Access;
use crate::time::Timestamp;
use std::fmt;

/// Something that should not happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What.
    pub kind: AlarmKind,
    /// Who asked, and for what.
    pub access: Access,
    /// When.
    pub at: Timestamp,
}

/// What raises an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A field of a canary was shown: a subject who does not exist, and whom nobody has a reason to look at.
    Canary,
    /// A principal was shown more in an hour than its budget.
    OverBudget,
}

impl AlarmKind {
    /// A short name for programs.
    pub fn code(self) -> &'static str {
        match self {
            AlarmKind::Canary => "canary",
            AlarmKind::OverBudget => "over-budget",
        }
    }

    /// What the leaf says that it was raised about.
    pub(super) fn note(self) -> String {
        format!("alarm: {}", self.code())
    }
}

impl Alarm {
    pub(super) fn canary(access: &Access, at: Timestamp) -> Self {
        Self { kind: AlarmKind::Canary, access: access.clone(), at }
    }

    pub(super) fn over_budget(access: &Access, at: Timestamp) -> Self {
        Self { kind: AlarmKind::OverBudget, access: access.clone(), at }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Access { principal, purpose } = &self.access;
        write!(f, "{} {}: principal {principal}, purpose {purpose}", self.at, self.kind.code())
    }
}

/// Who is told.
pub(super) type Hook = Box<dyn Fn(&Alarm) + Send + Sync>;

impl Vault {
    /// Calls `hook` for every alarm, in the thread that raised it, after its leaf is durable and before the value is handed
    /// out.
    #[must_use]
    pub fn with_alarm(mut self, hook: impl Fn(&Alarm) + Send + Sync + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    pub(super) fn raise(&self, alarm: &Alarm) {
        if let Some(hook) = &self.hook {
            hook(alarm);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duties::{Basis, FieldRules, Permission, PrincipalRules, PurposeRules, RoleRules, Rules};
    use crate::keys::Keyset;
    use crate::name::{FieldName, Principal, Purpose, RoleName, SubjectId, TenantId};
    use crate::store::memory::MemoryStore;
    use std::sync::{Arc, Mutex, Weak};

    fn rules(email: &FieldName, access: &Access) -> Rules {
        let mut rules = Rules::default();
        let declared = PurposeRules {
            basis: Basis::Contract,
            text: None,
            recipients: vec![],
            special: false,
            despite_restriction: false,
            despite_hold: false,
        };
        rules.purposes.insert(access.purpose.clone(), declared);
        let purposes = [access.purpose.clone()];
        let agent = RoleName::new("agent").unwrap();
        let reveal = [(email.clone(), Permission::Token)].into();
        rules
            .roles
            .insert(agent.clone(), RoleRules { purposes: purposes.clone().into(), reveal, budget: None });
        let principal = PrincipalRules { roles: [agent].into(), ..PrincipalRules::default() };
        rules.principals.insert(access.principal.clone(), principal);
        rules.fields.insert(email.clone(), FieldRules { purposes: purposes.into(), ..FieldRules::default() });
        rules
    }

    // SPEC: ALARM-2
    #[test]
    fn a_canary_raises_an_alarm_after_its_leaf_and_before_the_value_is_out_and_others_do_not() {
        let (acme, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
        let access =
            Access { principal: Principal::new("alice").unwrap(), purpose: Purpose::new("support").unwrap() };
        let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap());
        let raised = Arc::new(Mutex::new(vec![]));
        let hook = Arc::clone(&raised);
        let vault = vault.unwrap().with_clock(|| Timestamp(7));
        let vault = Arc::new_cyclic(|this: &Weak<Vault>| {
            let this = this.clone();
            vault.with_alarm(move |alarm| {
                let leaves = this.upgrade().unwrap().log_guard().frontier.size();
                hook.lock().unwrap().push((alarm.clone(), leaves));
            })
        });
        let put = |id: &str| {
            let subject = SubjectId::new(id).unwrap();
            let record = vault.tenant(&acme).put(&subject, &[(&email, b"a@example.org")]).unwrap();
            (subject, record)
        };
        let ((canary, of_canary), (_, of_other)) = (put("canary"), put("other"));
        let tenant = vault.tenant(&acme);
        tenant
            .change_known(tenant.draft("canary"), &canary, "", |state, _| {
                state.set_canary(true);
                Ok(())
            })
            .unwrap();
        let revealer = vault.revealer(&acme, access.clone());
        assert!(revealer.reveal(of_canary, &email).is_err(), "without rules nothing is shown");
        assert!(raised.lock().unwrap().is_empty(), "a refusal shows nothing");
        let admin = vault.admin(Principal::new("root").unwrap());
        admin.set_rules(rules(&email, &access), None).unwrap();
        revealer.reveal(of_other, &email).unwrap();
        assert!(raised.lock().unwrap().is_empty());
        let leaves = vault.log_guard().frontier.size();
        revealer.reveal_many(&[(of_other, &email), (of_canary, &email)]).unwrap();
        let alarm = Alarm { kind: AlarmKind::Canary, access, at: Timestamp(7) };
        assert_eq!(*raised.lock().unwrap(), [(alarm.clone(), leaves + 1)]);
        assert_eq!(alarm.to_string(), "1970-01-01T00:00:07Z canary: principal alice, purpose support");
        let listing = vault.list_radius(&super::super::Query::default(), None, None).unwrap();
        assert_eq!((listing.subjects.len(), listing.canaries), (2, 1));
    }
}
