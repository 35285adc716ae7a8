//! Deleting what is kept no longer: fields whose retention is over, and random tokens whose time is.
//!
//! ```text
//!  due │ locator │ number   ascending, as long as due ≤ as of  →  the record without the fields that are over
//! ```
//!
//! What is due stands in an index by time, so a purge of records takes as long as there is something to delete, however
//! large the vault is; random tokens are all looked at. A few hundred records go in one atomic batch with one leaf, so a
//! purge that is cut off has deleted some of it wholly, and the next one goes on. A subject of whom nothing is left goes
//! with her last record: her key, her entry in the index, her entries' place.

use super::census::Mode;
use super::log::Draft;
use super::migrate::is_destroyed;
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::retention::{due_of, with_record};
use super::rules::Installed;
use super::tenant::{Tenant, UNDECIDED, entry_key_of};
use super::token_rows::{TokenRow, is_over, token_key_of};
use super::{DUE, ENTRY, INDEX, TOKEN};
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::protect::BlindIndexer;
use crate::time::Timestamp;
use crate::wire::entry::{Entry, EntryKey, Fields, Head, Indexed, Locator, entry_key, split_entry_key};
use crate::wire::token::TokenEntry;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Records or subjects in one batch.
const BATCH: usize = 256;

/// What a purge deleted, or would delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records of which no field is left.
    pub records: u64,
    /// Sealed fields.
    pub fields: u64,
    /// Entries of blind indexes.
    pub indexes: u64,
    /// Subjects of whom nothing is left: their keys are gone.
    pub subjects: u64,
    /// Subjects without a record who keep their key, because consents, a restriction or the like is known of them, or
    /// they hold random tokens.
    pub emptied: u64,
    /// Subjects passed over because of a hold.
    pub held: u64,
    /// Subjects passed over because their key version is destroyed: see [`Vault::purge_lost`].
    pub lost: u64,
    /// Random tokens whose time was over.
    pub tokens: u64,
    /// How many of which field, by tenant and name.
    pub by_field: BTreeMap<(String, String), u64>,
}

impl Vault {
    /// Deletes every field whose retention was over at `as_of`, and random tokens that had ended by then. What is due later
    /// stays. Subjects with a hold are passed over. Others may use the vault meanwhile. A dry run counts what would go, and
    /// may look ahead.
    ///
    /// # Errors
    /// [`Error::Setting`] when `as_of` is in the future, but for a dry run; [`Error::Rejected`] when an entry was altered;
    /// [`Error::Corrupt`] when entries are missing; the store's. What was deleted stays deleted.
    pub fn purge(&self, as_of: Timestamp, dry_run: bool) -> Result<Purged> {
        let now = self.now();
        if !dry_run && as_of > now {
            let problem = format!(
                "{as_of} is in the future: it is {now}, and nothing is deleted before it is due; a dry run may look ahead"
            );
            return Err(Error::Setting { what: "time of a purge", problem });
        }
        let mut purge = Purge::new(self, as_of, dry_run);
        loop {
            self.catch_up()?;
            let version = self.rules().version;
            purge.tokens()?;
            if purge.records(version)? {
                purge.settle_rest()?;
                return Ok(purge.counted());
            }
            // Other rules were installed meanwhile. What went by the earlier ones is gone; a dry run begins anew.
            if dry_run {
                purge = Purge::new(self, as_of, dry_run);
            }
        }
    }
}

/// A purge under way.
struct Purge<'v> {
    vault: &'v Vault,
    as_of: Timestamp,
    dry_run: bool,
    sum: Purged,
    held: HashSet<Locator>,
    lost: HashSet<Locator>,
    emptied: HashSet<Locator>,
    /// Entries that go, of subjects who may go with them: in a dry run all, otherwise those of the batch.
    gone: BTreeMap<Locator, BTreeSet<u32>>,
}

/// What a subject has besides her head and what goes.
#[derive(PartialEq)]
enum Left {
    Nothing,
    NoRecord,
    Records,
}

impl<'v> Purge<'v> {
    fn new(vault: &'v Vault, as_of: Timestamp, dry_run: bool) -> Self {
        let (sum, gone) = (Purged::default(), BTreeMap::new());
        let (held, lost, emptied) = (HashSet::new(), HashSet::new(), HashSet::new());
        Self { vault, as_of, dry_run, sum, held, lost, emptied, gone }
    }

    fn counted(self) -> Purged {
        let count = |subjects: &HashSet<Locator>| subjects.len() as u64;
        let (held, lost, emptied) = (count(&self.held), count(&self.lost), count(&self.emptied));
        Purged { held, lost, emptied, ..self.sum }
    }

    fn operation(&self) -> Result<Operation<'v>> {
        self.vault.bookkeeping(Draft::noted("purge", format!("as of {}", self.as_of)))
    }

    /// Random tokens first: a subject who held nothing else goes with her last record.
    fn tokens(&mut self) -> Result<()> {
        let mut pages = Pages::new(self.vault.store(), TOKEN, &[], None);
        loop {
            let mut operation = self.operation()?;
            let Some(page) = pages.next()? else { return Ok(()) };
            let before = self.sum.tokens;
            for (key, bytes) in page {
                let entry = TokenEntry::parse(&bytes)?;
                let links: Vec<EntryKey> = entry.holders.iter().filter_map(|holder| holder.link).collect();
                if !is_over(&entry, self.as_of) || self.keep_any(&operation, &links)? {
                    continue;
                }
                operation.remove_token(&TokenRow { key: token_key_of(&key)?, bytes })?;
                self.sum.tokens += 1;
                for link in links {
                    let (locator, number) = split_entry_key(&link);
                    self.gone.entry(locator).or_default().insert(number);
                }
            }
            if self.sum.tokens > before {
                self.end(operation)?;
            }
        }
    }

    fn keep_any(&mut self, operation: &Operation<'_>, links: &[EntryKey]) -> Result<bool> {
        for link in links {
            let (locator, _) = split_entry_key(link);
            let bytes = operation.get(ENTRY, &entry_key(&locator, 0))?.ok_or_else(missing)?;
            if self.keeps(operation, &Entry::parse(&bytes)?.into_head()?, &locator)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all was seen; not when other rules were installed meanwhile.
    fn records(&mut self, version: u32) -> Result<bool> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut operation = self.operation()?;
            let rules = self.vault.rules();
            if (rules.version, operation.ledger.scheduled) != (version, version) {
                return Ok(false);
            }
            let page = self.vault.store().scan(DUE, &[], after.as_deref(), BATCH)?;
            let before = self.sum.fields;
            let mut done = true;
            for (key, _) in page {
                let (due, record) = key.split_first_chunk::<8>().ok_or_else(missing)?;
                let due = u64::from_be_bytes(*due);
                if due > self.as_of.0 {
                    done = true;
                    break;
                }
                self.expire(&mut operation, &rules, due, &entry_key_of(record)?)?;
                (after, done) = (Some(key), false);
            }
            if self.sum.fields > before {
                self.end(operation)?;
            }
            if done {
                return Ok(true);
            }
        }
    }

    /// Ends a batch: writes it, with the subjects who go.
    fn end(&mut self, mut operation: Operation<'_>) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        let gone = std::mem::take(&mut self.gone);
        for (locator, numbers) in &gone {
            self.settle(&mut operation, locator, numbers)?;
        }
        operation.changes_decisions = true;
        self.vault.finish(operation)?;
        gone.keys().for_each(|locator| self.vault.opened.forget(locator));
        Ok(())
    }

    /// What a dry run left to see: who would go. Nothing is written.
    fn settle_rest(&mut self) -> Result<()> {
        let gone: Vec<_> = std::mem::take(&mut self.gone).into_iter().collect();
        for some in gone.chunks(BATCH) {
            let mut operation = self.operation()?;
            for (locator, numbers) in some {
                self.settle(&mut operation, locator, numbers)?;
            }
        }
        Ok(())
    }

    /// Whether a subject is passed over.
    fn keeps(&mut self, operation: &Operation<'_>, head: &Head<'_>, locator: &Locator) -> Result<bool> {
        if is_destroyed(&operation.keyring.keyset, head.wrap_version)? {
            self.lost.insert(*locator);
            return Ok(true);
        }
        let tenant = Tenant::new(self.vault, TenantId::new(head.tenant)?);
        let is_held = !tenant.hold_names(operation, head, locator)?.is_empty();
        if is_held {
            self.held.insert(*locator);
        }
        Ok(is_held)
    }

    /// Deletes a record's fields that are over.
    fn expire(
        &mut self,
        operation: &mut Operation<'_>,
        rules: &Installed,
        due: u64,
        key: &EntryKey,
    ) -> Result<()> {
        let (locator, number) = split_entry_key(key);
        let bytes = operation.get(ENTRY, key)?.ok_or_else(missing)?;
        let head_bytes = operation.get(ENTRY, &entry_key(&locator, 0))?.ok_or_else(missing)?;
        let head = Entry::parse(&head_bytes)?.into_head()?;
        if self.keeps(operation, &head, &locator)? {
            return Ok(());
        }
        let tenant = Tenant::new(self.vault, TenantId::new(head.tenant)?);
        let entry = Entry::parse(&bytes)?;
        let record = entry.record().filter(|record| record.due == due).cloned().ok_or_else(missing)?;
        let mut over = vec![];
        let mut left = Fields { sealed: vec![], indexes: vec![], ..record };
        for (name, envelope) in record.sealed {
            let kept = rules.rules.retention(&FieldName::new(name)?);
            match kept.is_some_and(|kept| record.since.saturating_add(kept) <= self.as_of.0) {
                true => over.push(name),
                false => left.sealed.push((name, envelope)),
            }
        }
        let mut dead = Fields::default();
        for indexed in record.indexes {
            match left.sealed.is_empty() || tells_of(operation, &tenant, &indexed, &over)? {
                true => dead.indexes.push(indexed),
                false => left.indexes.push(indexed),
            }
        }
        for name in &over {
            operation.ledger.census.remove(tenant.line(name, Mode::Seal, head.wrap_version))?;
            let of_tenant = (head.tenant.to_owned(), (*name).to_owned());
            *self.sum.by_field.entry(of_tenant).or_default() += 1;
        }
        operation.delete_indexes(&tenant, key, &dead)?;
        operation.delete_due(key, due);
        left.due = due_of(rules, &left)?;
        operation.put_due(key, left.due);
        self.sum.fields += over.len() as u64;
        self.sum.indexes += dead.indexes.len() as u64;
        let record = Some(left).filter(|left| !left.sealed.is_empty());
        if record.is_none() {
            self.sum.records += 1;
            self.gone.entry(locator).or_default().insert(number);
        }
        match with_record(entry, record) {
            Some(entry) => operation.put(ENTRY, key, Some(&bytes), entry.to_bytes()?),
            None => operation.delete(ENTRY, key, &bytes),
        }
        let id = self.vault.ids.subject(tenant.name(), &locator);
        operation.draft.item(id, UNDECIDED, head.wrap_version, &tenant.field_ids(over));
        Ok(())
    }

    /// Deletes a subject of whom nothing is left.
    fn settle(
        &mut self,
        operation: &mut Operation<'_>,
        locator: &Locator,
        numbers: &BTreeSet<u32>,
    ) -> Result<()> {
        let head_key = entry_key(locator, 0);
        let bytes = operation.get(ENTRY, &head_key)?.ok_or_else(missing)?;
        let head = Entry::parse(&bytes)?.into_head()?;
        if head.first.is_some() && !numbers.contains(&0) {
            return Ok(());
        }
        match self.left(locator, numbers)? {
            Left::Records => return Ok(()),
            Left::NoRecord => {
                self.emptied.insert(*locator);
                return Ok(());
            }
            Left::Nothing => self.emptied.remove(locator),
        };
        let tenant = Tenant::new(self.vault, TenantId::new(head.tenant)?);
        let known = operation.keyring.of(tenant.name());
        let sealer = tenant.sealer_of_head(known.moving(head.wrap_version)?, &head, locator)?;
        let found = tenant.find_in(&known, sealer.subject())?.filter(|found| found.locator == *locator);
        let found = found.ok_or_else(|| Error::Corrupt { problem: "a subject has no index entry".into() })?;
        operation.delete(INDEX, &found.index_key, &found.index_bytes);
        operation.delete(ENTRY, &head_key, &bytes);
        operation.ledger.census.remove(tenant.line("", Mode::Row, found.row_version))?;
        operation.ledger.census.remove(tenant.line("", Mode::SubjectKey, head.wrap_version))?;
        let id = self.vault.ids.subject(tenant.name(), locator);
        operation.draft.item(id, UNDECIDED, head.wrap_version, &[]);
        self.sum.subjects += 1;
        Ok(())
    }

    fn left(&self, locator: &Locator, numbers: &BTreeSet<u32>) -> Result<Left> {
        let head_key = entry_key(locator, 0);
        let mut left = Left::Nothing;
        let mut pages = Pages::new(self.vault.store(), ENTRY, locator, Some(&head_key));
        while let Some(page) = pages.next()? {
            for (key, bytes) in page {
                if numbers.contains(&split_entry_key(&entry_key_of(&key)?).1) {
                    continue;
                }
                if Entry::parse(&bytes)?.record().is_some() {
                    return Ok(Left::Records);
                }
                left = Left::NoRecord;
            }
        }
        Ok(left)
    }
}

fn missing() -> Error {
    Error::Corrupt { problem: "what is noted as due is not there; `check` says what".into() }
}

/// Whether an entry of a blind index tells of one of these fields. One whose definition is not known, because the index was
/// dropped or is another by now, may.
fn tells_of(
    operation: &Operation<'_>,
    tenant: &Tenant<'_>,
    indexed: &Indexed<'_>,
    fields: &[&str],
) -> Result<bool> {
    let name = (tenant.name().as_str().to_owned(), indexed.name.to_owned());
    let Some(defined) = operation.ledger.indexes.get(&name) else { return Ok(true) };
    if defined.index.parts().iter().any(|(field, _)| fields.contains(&field.as_str())) {
        return Ok(true);
    }
    if defined.built {
        return Ok(false);
    }
    let key = operation.keyring.keyset.for_bookkeeping(KeyVersion::new(indexed.key_version)?);
    Ok(key.map_or(true, |key| BlindIndexer::new(&key, tenant.name(), &defined.index).tag() != indexed.tag))
}
