//! Many batches that count together or not at all.
//!
//! ```text
//!  run id 16 │ batch number 4   → the keys of the entries that the batch put, 16 bytes each
//!  run id 16 │ FF FF FF FF      → nothing: the run has ended
//! ```
//!
//! A file's rows go into the vault a few thousand at a time, each batch durable; the file itself appears at the end. A
//! run that does not get there, because a row was bad or the process was killed, is rolled back: at once, or when the
//! vault is next opened. Otherwise sealed personal data would stay that no file refers to.

use super::census::Mode;
use super::open::Vault;
use super::reference::RecordId;
use super::tenant::{Row, Tenant, each_entry, entry_key_of, with_version};
use super::{ENTRY, INDEX, OUTPUT, RUN};
use crate::crypto::rng;
use crate::error::{Error, Result};
use crate::name::TenantId;
use crate::store::Batch;
use crate::wire::entry::{Entry, EntryKey, Fields, IndexEntry, entry_key, split_entry_key};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

const ENDED: [u8; 4] = [0xFF; 4];
const PAGE: usize = 64;

/// A run under way. Dropped before [`commit`](Run::commit), it is rolled back.
pub struct Run<'v> {
    vault: &'v Vault,
    id: [u8; 16],
    batches: AtomicU32,
    ended: bool,
}

impl Vault {
    /// Starts a run.
    pub fn begin_run(&self) -> Run<'_> {
        Run { vault: self, id: rng::bytes(), batches: AtomicU32::new(0), ended: false }
    }

    /// Rolls back what other processes left behind. Only while opening: no run of this process exists yet.
    pub(super) fn roll_back_runs(&self) -> Result<()> {
        while let Some((key, _)) = self.store.scan(RUN, &[], None, 1)?.pop() {
            let id =
                key.first_chunk().ok_or(Error::Corrupt { problem: "a run's key is cut short".into() })?;
            match self.store.get(RUN, &[&id[..], &ENDED].concat())? {
                Some(_) => self.forget_run(id)?,
                None => self.roll_back_run(id)?,
            }
        }
        Ok(())
    }

    /// Deletes the journal of a run, the mark of its end last.
    fn forget_run(&self, id: &[u8; 16]) -> Result<()> {
        loop {
            let page = self.store.scan(RUN, id, None, PAGE)?;
            let is_mark = |key: &[u8]| key.ends_with(&ENDED);
            let only_mark = page.iter().all(|(key, _)| is_mark(key));
            let mut batch = Batch::new();
            for (key, _) in page.iter().filter(|(key, _)| only_mark || !is_mark(key)) {
                batch.delete(RUN, key.clone());
            }
            self.store.apply(batch)?;
            if only_mark {
                return Ok(());
            }
        }
    }

    /// Takes back every batch of a run, the last first: a subject's head goes after her further records.
    fn roll_back_run(&self, id: &[u8; 16]) -> Result<()> {
        let mut batches = vec![];
        loop {
            let page = self.store.scan(RUN, id, batches.last().map(Vec::as_slice), PAGE)?;
            if page.is_empty() {
                break;
            }
            batches.extend(page.into_iter().map(|(key, _)| key));
        }
        for key in batches.iter().rev() {
            let value = self.store.get(RUN, key)?.unwrap_or_default();
            let keys = value.chunks_exact(16).map(entry_key_of).collect::<Result<Vec<_>>>()?;
            // Further records first, in a batch of their own: what is then left of a subject decides about her head.
            self.take_back(keys.iter().filter(|k| split_entry_key(k).1 != 0), None)?;
            self.take_back(keys.iter().filter(|k| split_entry_key(k).1 == 0), Some(key))?;
        }
        Ok(())
    }

    /// Deletes these entries; a head with further records only loses its own fields. Entries that are gone are passed
    /// over, so that rolling back can itself be cut off and started again.
    fn take_back<'k>(&self, keys: impl Iterator<Item = &'k EntryKey>, journal: Option<&[u8]>) -> Result<()> {
        let mut operation = self.operation()?;
        for key in keys {
            let (locator, number) = split_entry_key(key);
            let Some(bytes) = self.store.get(ENTRY, key)? else { continue };
            let Some(head_bytes) = self.store.get(ENTRY, &entry_key(&locator, 0))? else { continue };
            let head = Entry::parse(&head_bytes)?.into_head()?;
            let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
            for (field, _) in &Entry::parse(&bytes)?.fields().0 {
                operation.census.remove(tenant.line(field, Mode::Seal, head.wrap_version))?;
            }
            if number != 0 {
                operation.batch.delete(ENTRY, *key);
                continue;
            }
            let mut entries = 0;
            each_entry(&*self.store, &locator, |_, _| {
                entries += 1;
                Ok(())
            })?;
            if entries > 1 {
                let mut head = head;
                head.fields = Fields::default();
                operation.batch.put(ENTRY, *key, Entry::Head(head).to_bytes()?);
                continue;
            }
            let live = operation.keyring.live(tenant.name());
            let sealer = tenant.sealer_of_head(with_version(&live, head.wrap_version)?, &head, &locator)?;
            for keys in &live {
                let blind = keys.blind(sealer.subject());
                if let Some(index) = self.store.get(INDEX, &blind)? {
                    operation.batch.delete(INDEX, blind);
                    let version = IndexEntry::parse(&index)?.key_version;
                    operation.census.remove(tenant.line("", Mode::Row, version))?;
                }
            }
            operation.census.remove(tenant.line("", Mode::SubjectKey, head.wrap_version))?;
            operation.batch.delete(ENTRY, *key);
        }
        if let Some(journal) = journal {
            operation.batch.delete(RUN, journal);
        }
        self.finish(operation)
    }
}

impl Run<'_> {
    /// As [`Tenant::put_many`], as part of the run.
    ///
    /// # Errors
    /// As [`Tenant::put_many`].
    pub fn put_many(&self, tenant: &Tenant<'_>, rows: &[Row<'_>]) -> Result<Vec<RecordId>> {
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let journal = [&self.id[..], &number.to_be_bytes()].concat();
        let (ids, commit) = tenant.put_rows(rows, |operation, ids| {
            operation.batch.put(RUN, journal, ids.iter().flat_map(|id| id.0).collect::<Vec<u8>>());
            Ok(())
        })?;
        self.vault.store.sync(commit)?;
        Ok(ids)
    }

    /// Ends the run: what it put stays. `output` is the SHA-256 of the file that was made of it, so that the vault
    /// knows it again.
    ///
    /// # Errors
    /// The store's; whether the run then counts is seen when the vault is next opened.
    pub fn commit(mut self, output: Option<&[u8; 32]>) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(RUN, [&self.id[..], &ENDED].concat(), []);
        if let Some(sha256) = output {
            batch.put(OUTPUT, *sha256, []);
        }
        self.ended = true; // from here on nothing may be taken back
        self.vault.store.apply(batch)?;
        self.vault.forget_run(&self.id)
    }

    /// Takes back everything that the run put.
    ///
    /// # Errors
    /// The store's; the rest is taken back when the vault is next opened.
    pub fn roll_back(mut self) -> Result<()> {
        self.ended = true;
        self.vault.roll_back_run(&self.id)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // What cannot be taken back now is when the vault is next opened.
            let _ = self.vault.roll_back_run(&self.id);
        }
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run(..)")
    }
}
