//! The handle of who administers a vault: keys, rules, upkeep. It shows no value.

use super::approvals::{By, reveal_target};
use super::check::CheckReport;
use super::lifecycle::Despite;
use super::migrate::{Migration, Progress};
use super::open::Vault;
use super::purge::Purged;
use super::revealer::Revealer;
use crate::duties::{Access, Action, Approval, Request, Rules};
use crate::error::{Error, Result};
use crate::keys::{KeyProvider, KeyState, KeyUse, Keyset};
use crate::name::{KeyVersion, Principal, TenantId};
use crate::time::Timestamp;
use std::fmt;

/// Administers a vault in the name of one principal, whom the audit log names. What cannot be taken back, or could be used
/// to see everything, takes another principal's approval once the rules name somebody who may give it.
///
/// | what | approval of | target |
/// |---|---|---|
/// | [`destroy`](Admin::destroy) | [`Action::DestroyKey`] | [`Vault::destroy_target`] |
/// | [`change_state`](Admin::change_state) to compromised | [`Action::CompromiseKey`] | `key version 2` |
/// | [`set_rules`](Admin::set_rules) | [`Action::SetRules`] | [`rules_target`](super::rules_target) |
/// | [`revealer`](Admin::revealer), always | [`Action::AdminReveal`] | [`reveal_target`](super::reveal_target) |
///
/// # Security
/// Approvals bind who has this handle or the vault. They do not bind who has the keyset file and what unlocks it.
///
/// # Example
/// Nothing here reveals:
/// ```compile_fail,E0599
/// # use cloakroom::{keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// # let (acme, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
/// # let record = vault.tenant(&acme).put(&SubjectId::new("7").unwrap(), &[(&email, b"a@example.org")]).unwrap();
/// let admin = vault.admin(Principal::new("root").unwrap());
/// admin.reveal(record, &email);
/// ```
/// ```
/// # use cloakroom::{keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// let admin = vault.admin(Principal::new("root").unwrap());
/// assert!(admin.check().unwrap().is_clean());
/// ```
pub struct Admin<'v> {
    vault: &'v Vault,
    principal: Principal,
}

impl Vault {
    /// Administers the vault in this principal's name.
    pub fn admin(&self, principal: Principal) -> Admin<'_> {
        Admin { vault: self, principal }
    }
}

impl<'v> Admin<'v> {
    fn by<'a>(&'a self, approval: Option<&'a Approval>) -> By<'a> {
        By { principal: Some(&self.principal), approval }
    }

    /// In whose name it is done.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// A request for another principal to sign.
    ///
    /// # Errors
    /// As [`Vault::request`].
    pub fn request(&self, action: Action, target: &str) -> Result<Request> {
        self.vault.request(action, target, &self.principal)
    }

    /// As [`Vault::rotate`].
    ///
    /// # Errors
    /// As there.
    pub fn rotate(&self, provider: &dyn KeyProvider, now: Timestamp) -> Result<KeyVersion> {
        self.vault.rotate_by(self.by(None), provider, now)
    }

    /// As [`Vault::rotate_use`].
    ///
    /// # Errors
    /// As there.
    pub fn rotate_use(
        &self,
        use_: &KeyUse,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<KeyVersion> {
        self.vault.rotate_use_by(self.by(None), use_, provider, now)
    }

    /// As [`Vault::retire`].
    ///
    /// # Errors
    /// As there.
    pub fn retire(&self, version: KeyVersion, provider: &dyn KeyProvider, now: Timestamp) -> Result<()> {
        self.vault.retire_by(self.by(None), version, provider, now)
    }

    /// As [`Vault::destroy`].
    ///
    /// # Errors
    /// As there; [`Error::Denied`] without the approval that the rules ask for; [`Error::Approval`] for another, an expired or
    /// a used one. What is refused for another reason uses up no approval.
    pub fn destroy(
        &self,
        version: KeyVersion,
        despite: Despite,
        approval: Option<&Approval>,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        self.vault.destroy_by(self.by(approval), version, despite, provider, now)
    }

    /// As [`Vault::change_state`].
    ///
    /// # Errors
    /// As there; for a compromise as [`destroy`](Admin::destroy).
    pub fn change_state(
        &self,
        version: KeyVersion,
        state: KeyState,
        approval: Option<&Approval>,
        provider: &dyn KeyProvider,
        now: Timestamp,
    ) -> Result<()> {
        self.vault.change_state_by(self.by(approval), version, state, provider, now)
    }

    /// As [`Vault::edit_keyset`].
    ///
    /// # Errors
    /// As there; [`Error::Denied`] for an edit that takes an approval: there is a method for each that does.
    pub fn edit_keyset(
        &self,
        provider: &dyn KeyProvider,
        edit: impl FnOnce(&Keyset) -> Result<Keyset>,
    ) -> Result<()> {
        self.vault.edit_keyset_by(self.by(None), provider, edit)
    }

    /// As [`Vault::migrate_with`].
    ///
    /// # Errors
    /// As there.
    pub fn migrate(&self, how: Migration, progress: impl FnMut(Progress)) -> Result<Progress> {
        self.vault.migrate_with(how, progress)
    }

    /// As [`Vault::purge`].
    ///
    /// # Errors
    /// As there.
    pub fn purge(&self, as_of: Timestamp, dry_run: bool) -> Result<Purged> {
        self.vault.purge(as_of, dry_run)
    }

    /// As [`Vault::check`].
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<CheckReport> {
        self.vault.check()
    }

    /// As [`Vault::set_rules`].
    ///
    /// # Errors
    /// As there; [`Error::Denied`] and [`Error::Approval`] as [`destroy`](Admin::destroy), by the rules that are in force.
    pub fn set_rules(&self, rules: Rules, approval: Option<&Approval>) -> Result<u32> {
        self.vault.set_rules_by(self.by(approval), rules)
    }

    /// Shows at most so many fields to the administrator, by dual control: whoever the rules name, another principal has
    /// approved it. The rules decide about each field all the same.
    ///
    /// # Errors
    /// [`Error::Setting`] when the access is another principal's; [`Error::Approval`].
    pub fn revealer(
        &self,
        tenant: &TenantId,
        access: Access,
        fields: u64,
        approval: &Approval,
    ) -> Result<Revealer<'v>> {
        if access.principal != self.principal {
            let problem = "is another's than the administrator's".into();
            return Err(Error::Setting { what: "principal", problem });
        }
        let target = reveal_target(fields, tenant, &access);
        let revealer = self.vault.revealer(tenant, access);
        revealer.approved_for(Action::AdminReveal, &target, fields, None, approval)
    }
}

impl fmt::Debug for Admin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admin({})", self.principal)
    }
}
