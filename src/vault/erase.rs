//! Erasing a subject: her key, and with it every copy of what was sealed under it.

use super::census::Mode;
use super::log::{AuditId, Pin};
use super::migrate::is_destroyed;
use super::open::Operation;
use super::pages::Pages;
use super::tenant::{Found, Tenant, UNDECIDED, entry_key_of};
use super::{ENTRY, INDEX};
use crate::error::{Error, Result};
use crate::name::SubjectId;
use crate::wire::entry::{Entry, Head, Locator, STATE_NUMBER, entry_key};

/// What erasing a subject destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Records deleted.
    pub records: u64,
    /// Sealed fields that can no longer be opened, here or in any copy.
    pub fields: u64,
    /// Random tokens that no longer lead to a value of hers. One that others share goes on for them.
    pub tokens: u64,
    /// Entries of blind indexes deleted.
    pub indexes: u64,
}

/// A subject who was erased in an operation.
#[derive(Default)]
pub(super) struct Erased {
    pub(super) erasure: Erasure,
    pub(super) locator: Locator,
    pub(super) audit_id: AuditId,
    /// The version that wrapped her key, and which of her keys it was.
    pub(super) wrap_version: u32,
    pub(super) generation: u32,
    /// The version that blinded her index entry.
    pub(super) row_version: u32,
    /// Whether the version that wrapped her key was destroyed before.
    pub(super) was_lost: bool,
    /// Tokens that others hold as well, who keep them.
    pub(super) shared: u64,
    /// Fingerprints of values deleted.
    pub(super) fingerprints: u64,
    /// Records that were noted as due.
    pub(super) due: u64,
    /// Whether consents or anything else was known of her.
    pub(super) state: bool,
}

impl Tenant<'_> {
    /// Deletes a subject's key, her index entry and all her records; durable on return. `None` when the tenant has no
    /// such subject. One whose key version was destroyed can be erased as well, as long as her index entry is found.
    ///
    /// # Errors
    /// [`Error::Denied`] with the code `held` while a hold keeps her data; [`Error::Rejected`] when the index entry leads to
    /// another subject, or her key was altered; the store's.
    ///
    /// # Security
    /// Without her key no copy of her sealed fields opens, but for one thing: a store that only appends, as the default
    /// one does, keeps the wrapped key in its file until it reuses the place. Rotating, migrating and destroying the old
    /// version makes that unreadable too. Tokens and pseudonyms in exported files are not reached.
    pub fn erase(&self, subject: &SubjectId) -> Result<Option<Erasure>> {
        Ok(self.erase_subject(subject)?.map(|(erased, _)| erased.erasure))
    }

    /// Erases her, durably; what went, and how far the audit tree is with the leaf that says so.
    pub(super) fn erase_subject(&self, subject: &SubjectId) -> Result<Option<(Erased, Pin)>> {
        let mut operation = self.vault().bookkeeping(self.draft("erase"))?;
        let known = operation.keyring.of(self.name());
        let Some(found) = self.find_in(&known, subject)? else { return Ok(None) };
        let head = Entry::parse(&found.head)?.into_head()?;
        if !is_destroyed(&operation.keyring.keyset, head.wrap_version)? {
            // Nobody else's data goes because an index entry was redirected.
            self.sealer(known.moving(head.wrap_version)?, &head, &found.locator, subject)?;
            self.refuse_held(&operation, &head, &found.locator)?;
        }
        let erased = self.erase_found(&mut operation, &found)?;
        let (commit, pin) = operation.write_pinned()?;
        self.vault().store().sync(commit)?;
        self.vault().opened.forget(&erased.locator);
        Ok(Some((erased, pin)))
    }

    fn refuse_held(&self, operation: &Operation<'_>, head: &Head<'_>, locator: &Locator) -> Result<()> {
        match self.hold_names(operation, head, locator)?.first() {
            None => Ok(()),
            Some(_) => Err(Error::Denied {
                code: "held",
                problem:
                    "a hold keeps her data: where it may end, release it first (`cloakroom subject release`)"
                        .into(),
            }),
        }
    }

    /// The names of a subject's holds.
    pub(super) fn hold_names(
        &self,
        operation: &Operation<'_>,
        head: &Head<'_>,
        locator: &Locator,
    ) -> Result<Vec<String>> {
        let state = entry_key(locator, STATE_NUMBER);
        let Some(bytes) = operation.get(ENTRY, &state)? else { return Ok(vec![]) };
        let known = operation.keyring.of(self.name());
        let data_key = self.data_key(known.moving(head.wrap_version)?, head, locator)?;
        let known = self.open_known(&data_key, head, locator, &bytes)?;
        Ok(known.state.holds().iter().map(|hold| hold.name.as_str().to_owned()).collect())
    }

    /// Deletes all that is hers in the operation. No key is needed.
    pub(super) fn erase_found(&self, operation: &mut Operation<'_>, found: &Found) -> Result<Erased> {
        let head = Entry::parse(&found.head)?.into_head()?;
        let locator = found.locator;
        let mut erased = Erased {
            locator,
            audit_id: self.vault().ids.subject(self.name(), &locator),
            wrap_version: head.wrap_version,
            generation: head.generation,
            row_version: found.row_version,
            was_lost: is_destroyed(&operation.keyring.keyset, head.wrap_version)?,
            ..Erased::default()
        };
        let counted = |operation: &Operation<'_>, mode| operation.ledger.census.total(mode);
        let tokens = counted(operation, Mode::Token);
        let fingerprints = counted(operation, Mode::Fingerprint);
        let erasure = &mut erased.erasure;
        Pages::new(self.vault().store(), ENTRY, &locator, None).each(|key, bytes| {
            let (key, entry) = (entry_key_of(key)?, Entry::parse(bytes)?);
            match &entry {
                Entry::Link(token) => {
                    operation.remove_holder(&key, token)?;
                    erasure.tokens += 1;
                }
                Entry::State(_) => erased.state = true,
                _ => {}
            }
            if let Some(record) = entry.record() {
                for (name, _) in &record.sealed {
                    operation.ledger.census.remove(self.line(name, Mode::Seal, head.wrap_version))?;
                }
                operation.delete_indexes(self, &key, record)?;
                operation.delete_due(&key, record.due);
                erased.due += u64::from(record.due != 0);
                erasure.fields += record.sealed.len() as u64;
                erasure.indexes += record.indexes.len() as u64;
                erasure.records += 1;
            }
            operation.delete(ENTRY, &key, bytes);
            Ok(())
        })?;
        erased.shared = erased.erasure.tokens - (tokens - counted(operation, Mode::Token));
        erased.fingerprints = fingerprints - counted(operation, Mode::Fingerprint);
        operation.ledger.census.remove(self.line("", Mode::SubjectKey, head.wrap_version))?;
        operation.ledger.census.remove(self.line("", Mode::Row, found.row_version))?;
        operation.delete(INDEX, &found.index_key, &found.index_bytes);
        operation.draft.item(erased.audit_id, UNDECIDED, head.wrap_version, &[]);
        operation.changes_decisions = true;
        Ok(erased)
    }
}

#[cfg(test)]
mod tests {
    use super::super::approvals::By;
    use super::super::log::Draft;
    use super::super::open::Vault;
    use super::*;
    use crate::keys::{KeyState, Keyset};
    use crate::name::{FieldName, KeyVersion, TenantId};
    use crate::store::memory::MemoryStore;
    use crate::time::Timestamp;
    use crate::vault::ReceiptOptions;
    use crate::wire::entry::IndexEntry;

    // SPEC: RET-8
    #[test]
    fn a_subject_whose_key_was_lost_can_be_erased_as_long_as_her_index_entry_is_found() {
        let keyset = Keyset::generate(Timestamp(0)).unwrap();
        let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset.clone()).unwrap();
        let tenant = vault.tenant(&TenantId::new("acme").unwrap());
        let (ann, email) = (SubjectId::new("ann").unwrap(), FieldName::new("email").unwrap());
        tenant.put(&ann, &[(&email, b"a@b.c")]).unwrap();
        let rotated = keyset.rotated(Timestamp(1)).unwrap();
        let rotated = rotated.with_identity(rotated.primary_number(), Timestamp(1)).unwrap();
        vault.adopt(rotated.clone()).unwrap();
        // As a migration leaves it that is cut off between the two.
        let mut operation = vault.bookkeeping(Draft::new("test")).unwrap();
        let known = operation.keyring.of(tenant.name());
        let found = tenant.find_in(&known, &ann).unwrap().unwrap();
        let index = IndexEntry { key_version: 2, locator: found.locator };
        operation.delete(INDEX, &found.index_key, &found.index_bytes);
        operation.put(INDEX, &known.moving(2).unwrap().blind(&ann), None, index.to_bytes());
        operation.ledger.census.remove(tenant.line("", Mode::Row, 1)).unwrap();
        operation.ledger.census.add(tenant.line("", Mode::Row, 2));
        vault.finish(operation).unwrap();
        assert!(vault.check().unwrap().is_clean());
        let retired = rotated.with_state(KeyVersion::FIRST, KeyState::Retired, Timestamp(2)).unwrap();
        let destroyed = retired.with_state(KeyVersion::FIRST, KeyState::Destroyed, Timestamp(2)).unwrap();
        vault.edited("destroy", By::default(), None, |_, _| Ok(destroyed), |_| Ok(())).unwrap();
        assert!(matches!(tenant.records(&ann), Err(Error::KeyState { .. })));
        assert!(!vault.check().unwrap().is_clean());
        let receipt = tenant.erase_with_receipt(&ann, &ReceiptOptions::default()).unwrap();
        assert!(receipt.destroyed.key_version_was_destroyed);
        let versions = (receipt.destroyed.wrapped_by_key_version, receipt.destroyed.index_entry_key_version);
        assert_eq!(versions, (1, 2));
        assert!(vault.check().unwrap().is_clean());
        assert_eq!(vault.census().needing(KeyVersion::FIRST), 0);
    }
}
