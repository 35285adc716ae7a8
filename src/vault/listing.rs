//! Who the data subjects in a [radius](super::Radius) are: whoever has to inform them (GDPR Art. 34) needs their ids.

use super::ENTRY;
use super::approvals::By;
use super::census::Mode;
use super::log::Draft;
use super::open::Vault;
use super::pages::Pages;
use super::radius::{Query, Radius};
use super::tenant::{Tenant, entry_key_of};
use crate::duties::{Action, Approval};
use crate::error::Result;
use crate::name::{Principal, SubjectId, TenantId};
use crate::wire::entry::{Entry, STATE_NUMBER, entry_key, split_entry_key};
use std::fmt;

/// The data subjects in a radius.
#[derive(Debug)]
pub struct Listing {
    /// The radius, which counts erased subjects too.
    pub radius: Radius,
    /// Those who are still in the vault.
    pub subjects: Vec<(TenantId, SubjectId)>,
    /// How many were erased since, or lost with a destroyed key version. Nobody can tell any more who they were.
    pub erased: u64,
    /// How many of those who are there are canaries.
    pub canaries: u64,
}

impl Vault {
    /// The radius, with the ids of the data subjects in it. The target of an approval of it
    /// ([`list-subjects`](Action::ListSubjects)) is the query as `Display` has it. It opens every subject's head, also those under a compromised key
    /// version; operations of other threads wait meanwhile. The audit log says, before the ids are handed out, who asked
    /// for what.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::error::Error::Denied) when the rules name somebody who approves, and nobody asks by name or
    /// there is no approval; [`Error::Approval`](crate::error::Error::Approval) when it approves something else;
    /// [`Error::Rejected`](crate::error::Error::Rejected) when an entry was altered; as [`radius`](Vault::radius).
    pub fn list_radius(
        &self,
        query: &Query,
        by: Option<&Principal>,
        approval: Option<&Approval>,
    ) -> Result<Listing> {
        let (radius, reached) = self.reached(query)?;
        let target = query.to_string();
        let mut operation = self.bookkeeping(Draft::noted("list-subjects", &target))?;
        operation.draft.principal = by.map_or("", Principal::as_str).to_owned();
        operation.permit(By { principal: by, approval }, Action::ListSubjects, &target)?;
        self.finish(operation)?;
        let mut listing = Listing {
            erased: radius.subjects + radius.state_subjects,
            radius,
            subjects: vec![],
            canaries: 0,
        };
        if self.census().total(Mode::SubjectKey) > 0 && !reached.is_empty() {
            let _nothing_is_written = self.hold();
            Pages::new(self.store(), ENTRY, &[], None).each(|key, bytes| {
                let key = entry_key_of(key)?;
                match split_entry_key(&key).1 {
                    0 => self.list_head(&mut listing, &reached, &key, bytes),
                    _ => Ok(()),
                }
            })?;
        }
        listing.subjects.sort_by(|(a, id_a), (b, id_b)| (a, id_a.expose()).cmp(&(b, id_b.expose())));
        Ok(listing)
    }

    fn list_head(&self, listing: &mut Listing, reached: &[u128], key: &[u8; 16], bytes: &[u8]) -> Result<()> {
        let locator = split_entry_key(key).0;
        let head = Entry::parse(bytes)?.into_head()?;
        let name = TenantId::new(head.tenant)?;
        let audit_id = u128::from_be_bytes(self.ids.subject(&name, &locator));
        if reached.binary_search(&audit_id).is_err() {
            return Ok(());
        }
        let tenant = Tenant::new(self, name.clone());
        let keyring = self.keyring();
        let keys = keyring.of(&name);
        // Whom a destroyed key version took with it cannot be told apart from who was erased.
        let Ok(keys) = keys.moving(head.wrap_version) else { return Ok(()) };
        let sealer = tenant.sealer_of_head(keys, &head, &locator)?;
        if let Some(state) = self.store().get(ENTRY, &entry_key(&locator, STATE_NUMBER))? {
            let data_key = tenant.data_key(keys, &head, &locator)?;
            let known = tenant.open_known(&data_key, &head, &locator, &state)?;
            listing.canaries += u64::from(known.state.is_canary());
        }
        listing.erased = listing.erased.saturating_sub(1);
        listing.subjects.push((name, sealer.subject().clone()));
        Ok(())
    }
}

/// In words, as an approver sees it and as the audit log has it.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Query { principal, key, from, to, field, purpose } = self;
        let parts = [
            principal.as_ref().map(|principal| format!("principal {principal}")),
            key.map(|version| format!("key version {version}")),
            field
                .as_ref()
                .map(|(tenant, field)| format!("field {:?} of tenant {:?}", field.as_str(), tenant.as_str())),
            purpose.as_ref().map(|purpose| format!("purpose {purpose}")),
            from.map(|from| format!("from {from}")),
            to.map(|to| format!("to {to}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "every access" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}
