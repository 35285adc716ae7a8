//! Moving every subject to the primary key version: her wrapped key, and her blinded index entry.
//!
//! `meta/migration = target version 4 │ key of the last head done 16`, in the same batch as the work, so that a
//! migration that was cut off goes on where it was.

use super::census::Mode;
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::tenant::{Tenant, entry_key_of, wrap_aad};
use super::{ENTRY, INDEX, META};
use crate::error::{Error, Result};
use crate::name::{KeyVersion, TenantId};
use crate::wire::Reader;
use crate::wire::entry::{Entry, EntryKey, IndexEntry, split_entry_key};

const MIGRATION: &[u8] = b"migration";

/// How far a migration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Subjects seen so far by this call.
    pub seen: u64,
    /// Subjects moved so far by this call.
    pub moved: u64,
    /// Subjects in the vault.
    pub total: u64,
}

impl Vault {
    /// Wraps every subject's key under the primary key version and blinds every index entry with it, then reports what
    /// was done. No field is opened. Goes on where an earlier call was cut off; other operations may run meanwhile.
    ///
    /// # Errors
    /// [`Error::KeyState`] when a subject's key is wrapped by a version that may not reveal; [`Error::Rejected`] when an
    /// entry was altered; [`Error::Corrupt`] when entries are missing; the store's. What was moved stays moved.
    pub fn migrate(&self, mut progress: impl FnMut(Progress)) -> Result<Progress> {
        let target = self.keyset().primary_number();
        let mut sum = Progress { total: self.census().total(Mode::SubjectKey), ..Progress::default() };
        let resumed = self.migration_at(target)?;
        self.migrate_from(target, resumed.as_ref(), &mut sum, &mut progress)?;
        if resumed.is_some() && self.left_behind(target) {
            // The checkpoint was a stranger's.
            sum = Progress { total: sum.total, ..Progress::default() };
            self.migrate_from(target, None, &mut sum, &mut progress)?;
        }
        match self.left_behind(target) {
            true => Err(Error::Corrupt {
                problem: "some of what it has counted is missing; `check` says what".into(),
            }),
            false => Ok(sum),
        }
    }

    /// Whether anything needs another version than the target, which still is the primary.
    fn left_behind(&self, target: KeyVersion) -> bool {
        let written = self.hold();
        self.keyring().keyset.primary_number() == target
            && written.ledger.census.needing_others_than(target) > 0
    }

    fn migration_at(&self, target: KeyVersion) -> Result<Option<EntryKey>> {
        let Some(bytes) = self.store.get(META, MIGRATION)? else { return Ok(None) };
        let mut r = Reader::new("migration checkpoint", &bytes);
        let mut read = || Ok::<_, Error>((r.u32()?, r.array()?));
        // One that was on its way to another version, or is none, says nothing about this one.
        Ok(read().ok().filter(|(version, _)| *version == target.get()).map(|(_, after)| after))
    }

    fn migrate_from(
        &self,
        target: KeyVersion,
        after: Option<&EntryKey>,
        sum: &mut Progress,
        progress: &mut impl FnMut(Progress),
    ) -> Result<()> {
        let mut pages = Pages::new(&*self.store, ENTRY, &[], after.map(|key| &key[..]));
        loop {
            let more = self.migrate_page(target, &mut pages, sum)?;
            progress(*sum);
            if !more {
                return Ok(());
            }
        }
    }

    /// Whether there may be more.
    fn migrate_page(&self, target: KeyVersion, pages: &mut Pages<'_>, sum: &mut Progress) -> Result<bool> {
        let mut operation = self.operation()?;
        if operation.primary.number() != target {
            let problem = "the keyset was rotated during the migration; start it again".into();
            return Err(Error::Setting { what: "migration", problem });
        }
        let Some(page) = pages.next()? else {
            operation.note(MIGRATION, None);
            self.finish(operation)?;
            return Ok(false);
        };
        let mut last = None;
        for (key, bytes) in &page {
            let key = entry_key_of(key)?;
            last = Some(key);
            if split_entry_key(&key).1 == 0 {
                sum.seen += 1;
                sum.moved += u64::from(self.migrate_subject(&mut operation, &key, bytes)?);
            }
        }
        operation.note(MIGRATION, last.map(|last| [&target.get().to_be_bytes()[..], &last].concat()));
        self.finish(operation)?;
        Ok(true)
    }

    /// Whether anything of hers had to be moved.
    fn migrate_subject(&self, operation: &mut Operation<'_>, key: &EntryKey, bytes: &[u8]) -> Result<bool> {
        let (locator, _) = split_entry_key(key);
        let target = operation.primary.number();
        let mut head = Entry::parse(bytes)?.into_head()?;
        let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
        let known = operation.keyring.of(tenant.name());
        let (old, new) = (known.revealing(head.wrap_version)?, known.revealing(target.get())?);
        let aad = |version| wrap_aad(tenant.name(), &locator, version);
        let sealer = tenant.sealer_of_head(old, &head, &locator)?;
        let found = tenant.find_in(&known, sealer.subject())?.filter(|found| found.locator == locator);
        let found = found.ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
        let row_moves = found.row_version != target.get();
        if row_moves {
            operation.delete(INDEX, &found.index_key, &found.index_bytes);
            let index = IndexEntry { key_version: target.get(), locator };
            operation.put(INDEX, &new.blind(sealer.subject()), None, index.to_bytes());
            operation.ledger.census.remove(tenant.line("", Mode::Row, found.row_version))?;
            operation.ledger.census.add(tenant.line("", Mode::Row, target.get()));
        }
        let wrap_moves = head.wrap_version != target.get();
        if wrap_moves {
            Pages::new(&*self.store, ENTRY, &locator, None).each(|_, bytes| {
                let entry = Entry::parse(bytes)?;
                for (field, _) in entry.record().into_iter().flat_map(|record| &record.sealed) {
                    operation.ledger.census.remove(tenant.line(field, Mode::Seal, head.wrap_version))?;
                    operation.ledger.census.add(tenant.line(field, Mode::Seal, target.get()));
                }
                Ok(())
            })?;
            operation.ledger.census.remove(tenant.line("", Mode::SubjectKey, head.wrap_version))?;
            operation.ledger.census.add(tenant.line("", Mode::SubjectKey, target.get()));
            let data_key = old.wrap.unwrap(&aad(old.version), head.wrapped)?;
            let mut wrapped = vec![];
            new.wrap.wrap(&aad(target), &data_key, &mut wrapped);
            head.wrap_version = target.get();
            head.wrapped = &wrapped;
            operation.put(ENTRY, key, Some(bytes), Entry::Head(head).to_bytes()?);
        }
        Ok(row_moves || wrap_moves)
    }
}
