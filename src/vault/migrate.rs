//! Moving every subject to the primary key version: her wrapped key, and her blinded index entry.
//!
//! `meta/migration = target version 4 │ key of the last head done 16`, in the same batch as the work, so that a
//! migration that was cut off goes on where it was.

use super::census::Mode;
use super::open::Vault;
use super::tenant::{Tenant, each_entry, entry_key_of, with_version, wrap_aad};
use super::{ENTRY, INDEX, META};
use crate::error::{Error, Result};
use crate::name::{KeyVersion, TenantId};
use crate::wire::Reader;
use crate::wire::entry::{Entry, EntryKey, IndexEntry, split_entry_key};

const MIGRATION: &[u8] = b"migration";
/// Entries looked at in one batch.
const PAGE: usize = 1024;

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
    /// entry was altered; the store's. What was moved stays moved.
    pub fn migrate(&self, mut progress: impl FnMut(Progress)) -> Result<Progress> {
        let target = self.keyset().primary_number();
        let mut after = self.migration_at(target)?;
        let mut sum = Progress { total: self.census().total(Mode::SubjectKey), ..Progress::default() };
        loop {
            let (next, done) = self.migrate_page(target, after.as_ref(), &mut sum)?;
            progress(sum);
            if done {
                return Ok(sum);
            }
            after = next;
        }
    }

    fn migration_at(&self, target: KeyVersion) -> Result<Option<EntryKey>> {
        let Some(bytes) = self.store.get(META, MIGRATION)? else { return Ok(None) };
        let mut r = Reader::new("migration checkpoint", &bytes);
        let (version, after) = (r.u32()?, r.array()?);
        r.finish()?;
        // One that was on its way to another version says nothing about this one.
        Ok((version == target.get()).then_some(after))
    }

    fn migrate_page(
        &self,
        target: KeyVersion,
        after: Option<&EntryKey>,
        sum: &mut Progress,
    ) -> Result<(Option<EntryKey>, bool)> {
        let mut operation = self.operation()?;
        if operation.primary.number() != target {
            let problem = "the keyset was rotated during the migration; start it again".into();
            return Err(Error::Setting { what: "migration", problem });
        }
        let page = self.store.scan(ENTRY, &[], after.map(|k| &k[..]), PAGE)?;
        let mut last = None;
        for (key, bytes) in &page {
            let key = entry_key_of(key)?;
            last = Some(key);
            let (locator, number) = split_entry_key(&key);
            if number != 0 {
                continue;
            }
            sum.seen += 1;
            let mut head = Entry::parse(bytes)?.into_head()?;
            let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
            let live = operation.keyring.live(tenant.name());
            let (old, new) = (with_version(&live, head.wrap_version)?, &live[0]);
            let aad = |version| wrap_aad(tenant.name(), &locator, version);
            let data_key = old.wrap.unwrap(&aad(old.version), head.wrapped)?;
            let sealer = tenant.sealer_of_head(old, &head, &locator)?;
            let found = tenant.find(&live, sealer.subject())?;
            let found = found
                .filter(|f| f.locator == locator)
                .ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
            let (wrap_moves, row_moves) =
                (head.wrap_version != target.get(), found.row_version != target.get());
            sum.moved += u64::from(wrap_moves || row_moves);
            if row_moves {
                operation.batch.delete(INDEX, found.index_key);
                let index = IndexEntry { key_version: target.get(), locator };
                operation.batch.put(INDEX, new.blind(sealer.subject()), index.to_bytes());
                operation.census.remove(tenant.line("", Mode::Row, found.row_version))?;
                operation.census.add(tenant.line("", Mode::Row, target.get()));
            }
            if wrap_moves {
                each_entry(&*self.store, &locator, |_, bytes| {
                    for (field, _) in &Entry::parse(bytes)?.fields().0 {
                        operation.census.remove(tenant.line(field, Mode::Seal, head.wrap_version))?;
                        operation.census.add(tenant.line(field, Mode::Seal, target.get()));
                    }
                    Ok(())
                })?;
                operation.census.remove(tenant.line("", Mode::SubjectKey, head.wrap_version))?;
                operation.census.add(tenant.line("", Mode::SubjectKey, target.get()));
                let mut wrapped = vec![];
                new.wrap.wrap(&aad(target), &data_key, &mut wrapped);
                head.wrap_version = target.get();
                head.wrapped = &wrapped;
                operation.batch.put(ENTRY, key, Entry::Head(head).to_bytes()?);
            }
        }
        let done = page.len() < PAGE;
        match (done, last) {
            (false, Some(last)) => {
                operation.batch.put(META, MIGRATION, [&target.get().to_be_bytes()[..], &last].concat())
            }
            _ => operation.batch.delete(META, MIGRATION),
        };
        self.finish(operation)?;
        Ok((last, done))
    }
}
