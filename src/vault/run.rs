//! Many batches that count together or not at all.
//!
//! ```text
//!  run id 16 │ batch number 4   → the keys of the entries that the batch put, 16 bytes each │ tag 32
//! ```
//!
//! A file's rows go into the vault a few thousand at a time, each batch durable; the file itself appears at the end. A
//! run that does not get there, because a row was bad or the process was killed, is rolled back: at once, or when the
//! vault is next opened. Otherwise sealed personal data would stay that no file refers to.
//!
//! The [ledger](super::ledger) says which runs are under way and how many batches each has: taking a run off that list
//! is what ends it. Its journal is deleted after that, and no journal of an ended run, put back by a stranger, makes
//! the vault delete anything.

use super::census::Mode;
use super::files::ProtectedFile;
use super::ledger::Fingerprint;
use super::log::Draft;
use super::open::{Operation, Vault};
use super::random_tokens::{Issued, RandomTokens, TokenRequest};
use super::reference::RecordId;
use super::tenant::{Row, Tenant, entry_key_of};
use super::{ENTRY, INDEX, RUN};
use crate::crypto::rng;
use crate::error::{Error, Result};
use crate::name::{SubjectId, TenantId};
use crate::time::Timestamp;
use crate::wire::entry::{Entry, EntryKey, Locator, entry_key, split_entry_key};
use std::collections::BTreeMap;
use std::fmt;

/// Entries of a journal deleted at once.
const PAGE: usize = 64;

/// A run under way. Dropped before [`commit`](Run::commit), it is rolled back.
pub struct Run<'v> {
    vault: &'v Vault,
    id: [u8; 16],
    ended: bool,
}

impl Vault {
    /// Starts a run.
    pub fn begin_run(&self) -> Run<'_> {
        Run { vault: self, id: rng::bytes(), ended: false }
    }

    /// Rolls back what other processes left behind. Only while opening: no run of this process exists yet.
    pub(super) fn roll_back_runs(&self) -> Result<()> {
        let cut_off: Vec<_> = self.hold().ledger.runs.keys().copied().collect();
        cut_off.iter().try_for_each(|id| self.roll_back_run(id))?;
        // What is left of the journal belongs to runs that ended.
        while let Some((key, _)) = self.store.scan(RUN, &[], None, 1)?.pop() {
            self.forget_run(key.get(..16).unwrap_or(&key))?;
        }
        Ok(())
    }

    /// Deletes the journal of a run that has ended.
    fn forget_run(&self, id: &[u8]) -> Result<()> {
        loop {
            let mut operation = self.bookkeeping(Draft::new("forget-run"))?;
            let page = self.store.scan(RUN, id, None, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            page.iter().for_each(|(key, value)| operation.delete(RUN, key, value));
            self.finish(operation)?;
        }
    }

    /// Takes back every batch of a run, the last first. Each is one operation, so that rolling back can itself be cut
    /// off and started again.
    fn roll_back_run(&self, id: &[u8; 16]) -> Result<()> {
        loop {
            let mut operation = self.bookkeeping(Draft::new("roll-back"))?;
            let Some(batches) = operation.ledger.runs.get_mut(id) else { return Ok(()) };
            let last = batches.saturating_sub(1);
            *batches = last;
            if last == 0 {
                operation.ledger.runs.remove(id);
            }
            self.take_back(&mut operation, &journal_key(id, last))?;
            self.finish(operation)?;
        }
    }

    /// Deletes the entries of one batch. Those that are gone, with a subject erased since, are passed over.
    fn take_back(&self, operation: &mut Operation<'_>, key: &[u8; 20]) -> Result<()> {
        let corrupt = |problem: &str| Error::Corrupt { problem: problem.into() };
        let journal =
            self.store.get(RUN, key)?.ok_or_else(|| corrupt("part of a run's journal is missing"))?;
        let keys = Journal::open(&operation.ledger.fingerprint, key, &journal)
            .ok_or_else(|| corrupt("a run's journal was altered"))?;
        let mut of_subject = BTreeMap::<Locator, Vec<u32>>::new();
        for key in keys {
            let (locator, number) = split_entry_key(&key);
            of_subject.entry(locator).or_default().push(number);
        }
        for (locator, numbers) in &of_subject {
            self.take_back_records(operation, locator, numbers)?;
        }
        operation.delete(RUN, key, &journal);
        Ok(())
    }

    fn take_back_records(
        &self,
        operation: &mut Operation<'_>,
        locator: &Locator,
        numbers: &[u32],
    ) -> Result<()> {
        let head_key = entry_key(locator, 0);
        let Some(head_bytes) = self.store.get(ENTRY, &head_key)? else { return Ok(()) };
        let mut head = Entry::parse(&head_bytes)?.into_head()?;
        let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
        let uncount = |operation: &mut Operation<'_>, key: &EntryKey, entry: &Entry<'_>| {
            if let Entry::Link(token) = entry {
                operation.remove_holder(key, token)?;
            }
            let Some(record) = entry.record() else { return Ok(()) };
            for (field, _) in &record.sealed {
                operation.ledger.census.remove(tenant.line(field, Mode::Seal, head.wrap_version))?;
            }
            operation.delete_due(key, record.due);
            operation.delete_indexes(&tenant, key, record)
        };
        for &number in numbers.iter().filter(|n| **n != 0) {
            let key = entry_key(locator, number);
            let Some(bytes) = operation.get(ENTRY, &key)? else { continue };
            uncount(operation, &key, &Entry::parse(&bytes)?)?;
            operation.delete(ENTRY, &key, &bytes);
        }
        let first_goes = numbers.contains(&0) && head.first.is_some();
        if first_goes {
            uncount(operation, &head_key, &Entry::parse(&head_bytes)?)?;
            head.first = None;
        }
        let others = self.store.scan(ENTRY, locator, Some(&head_key), numbers.len() + 1)?;
        let taken = |key: &[u8]| numbers.iter().any(|n| *key == entry_key(locator, *n));
        if head.first.is_some() || !others.iter().all(|(key, _)| taken(key)) {
            // She was there before, or came to stay by another way.
            if first_goes {
                operation.put(ENTRY, &head_key, Some(&head_bytes), Entry::Head(head).to_bytes()?);
            }
            return Ok(());
        }
        let known = operation.keyring.of(tenant.name());
        let wrap_version = head.wrap_version;
        let subject = tenant.sealer_of_head(known.moving(wrap_version)?, &head, locator)?;
        let found = tenant.find_in(&known, subject.subject())?.filter(|found| found.locator == *locator);
        let found = found.ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
        operation.delete(INDEX, &found.index_key, &found.index_bytes);
        operation.delete(ENTRY, &head_key, &head_bytes);
        operation.ledger.census.remove(tenant.line("", Mode::Row, found.row_version))?;
        operation.ledger.census.remove(tenant.line("", Mode::SubjectKey, wrap_version))
    }
}

fn journal_key(id: &[u8; 16], number: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(id);
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

/// What one batch of a run put.
struct Journal;

impl Journal {
    fn write(fingerprint: &Fingerprint, key: &[u8], ids: &[RecordId]) -> Vec<u8> {
        let mut journal: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
        let tag = fingerprint.journal_tag(key, &journal);
        journal.extend_from_slice(&tag);
        journal
    }

    /// `None` for what [`write`](Journal::write) did not write for this key.
    fn open(fingerprint: &Fingerprint, key: &[u8], journal: &[u8]) -> Option<Vec<EntryKey>> {
        let (keys, tag) = journal.split_last_chunk::<32>()?;
        let right = subtle::ConstantTimeEq::ct_eq(&fingerprint.journal_tag(key, keys)[..], &tag[..]);
        bool::from(right).then(|| keys.chunks(16).map(entry_key_of).collect::<Result<_>>().ok())?
    }
}

impl Run<'_> {
    /// As [`Tenant::put_many`], as part of the run.
    ///
    /// # Errors
    /// As [`Tenant::put_many`]; [`Error::Setting`] for a tenant of another vault.
    pub fn put_many(&self, tenant: &Tenant<'_>, rows: &[Row<'_>]) -> Result<Vec<RecordId>> {
        if !tenant.is_of(self.vault) {
            return Err(Error::Setting { what: "run", problem: "is another vault's than the tenant".into() });
        }
        let (ids, commit) = tenant.put_rows(rows, |operation, ids| self.journal(operation, ids))?;
        self.vault.store.sync(commit)?;
        Ok(ids)
    }

    /// As [`RandomTokens::issue_many`], as part of the run: every token is for a subject, so that it can be found again
    /// and taken back.
    ///
    /// # Errors
    /// As [`RandomTokens::issue_many`]; [`Error::Setting`] for tokens of another vault.
    pub fn issue_many(
        &self,
        tokens: &RandomTokens<'_>,
        requests: &[(&SubjectId, &str)],
        now: Timestamp,
    ) -> Result<Vec<Result<Issued>>> {
        if !tokens.tenant.is_of(self.vault) {
            return Err(Error::Setting { what: "run", problem: "is another vault's than the tokens".into() });
        }
        let request = |&(subject, value)| TokenRequest { value, subject: Some(subject), expires: None };
        let requests: Vec<TokenRequest<'_>> = requests.iter().map(request).collect();
        let (issued, commit) =
            tokens.issue_with(&requests, Some(self.id), now, |operation, links| match links.is_empty() {
                true => Ok(()),
                false => self.journal(operation, links),
            })?;
        self.vault.store.sync(commit)?;
        Ok(issued)
    }

    /// Adds the journal of a batch, and the batch to the ledger's count.
    fn journal(&self, operation: &mut Operation<'_>, ids: &[RecordId]) -> Result<()> {
        // Numbered in the order of writing, which rolling back relies on.
        let batches = operation.ledger.runs.entry(self.id).or_default();
        let key = journal_key(&self.id, *batches);
        *batches = batches.checked_add(1).ok_or(Error::TooLong {
            what: "number of a run's batches",
            actual: u32::MAX as usize,
            limit: u32::MAX as usize,
        })?;
        let journal = Journal::write(&operation.ledger.fingerprint, &key, ids);
        operation.put(RUN, &key, None, journal);
        Ok(())
    }

    /// Ends the run: what it put stays. `output` is the file that was made of it: the vault knows it again, and counts
    /// what in it needs which key version.
    ///
    /// # Errors
    /// As [`Vault::add_file`], and the run is taken back; the store's: whether the run then counts is seen when the vault is
    /// next opened.
    pub fn commit(mut self, output: Option<&ProtectedFile>) -> Result<()> {
        let mut operation = self.vault.operation(Draft::new("commit-run"))?;
        operation.ledger.runs.remove(&self.id);
        if let Some(file) = output {
            operation.put_file(file)?;
        }
        let commit = operation.write()?;
        self.ended = true; // from here on nothing may be taken back
        self.vault.store.sync(commit)?;
        match self.vault.forget_run(&self.id) {
            // The primary was stopped just now. The run counts all the same, and its journal goes at the next opening.
            Err(Error::KeyState { .. }) => Ok(()),
            forgotten => forgotten,
        }
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
