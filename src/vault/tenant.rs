//! A tenant's data subjects: putting records in, revealing them, erasing a subject.

use super::census::{Line, Mode};
use super::keyring::TenantKeys;
use super::open::{Operation, Vault};
use super::reference::{RecordId, References};
use super::{ENTRY, INDEX};
use crate::crypto::aead::Suite;
use crate::crypto::context::{Context, Label};
use crate::crypto::secret::Plaintext;
use crate::crypto::{rng, wrap};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::name::{FieldName, KeyVersion, SubjectId, TenantId};
use crate::protect::{SubjectSealer, Tokenizer};
use crate::store::{Commit, Store};
use crate::wire::entry::{Entry, EntryKey, Fields, Head, IndexEntry, Locator, entry_key, split_entry_key};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The fields of one row, to be sealed for one subject.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Whose they are.
    pub subject: &'a SubjectId,
    /// Names and values; each name once.
    pub fields: &'a [(&'a FieldName, &'a [u8])],
}

/// One record of a subject, revealed.
#[derive(Debug)]
pub struct Record {
    /// Which.
    pub id: RecordId,
    /// Its fields, in the order in which they were put.
    pub fields: Vec<(String, Plaintext)>,
}

/// What erasing a subject destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Records deleted.
    pub records: u64,
    /// Sealed fields that can no longer be opened, here or in any copy.
    pub fields: u64,
}

/// One tenant's part of a [`Vault`].
#[derive(Clone)]
pub struct Tenant<'v> {
    vault: &'v Vault,
    name: TenantId,
}

/// Where a subject is, and under which version her index entry was blinded.
pub(super) struct Found {
    pub(super) locator: Locator,
    pub(super) index_key: [u8; 16],
    pub(super) row_version: u32,
    pub(super) head: Vec<u8>,
}

impl<'v> Tenant<'v> {
    pub(super) fn new(vault: &'v Vault, name: TenantId) -> Self {
        Self { vault, name }
    }

    /// Whose part it is.
    pub fn name(&self) -> &TenantId {
        &self.name
    }

    /// A tokenizer for a field of this tenant, under the primary key version.
    ///
    /// # Errors
    /// [`Error::KeyState`]; what [`Format::check`] refuses.
    pub fn tokenizer(&self, field: &FieldName, format: Format) -> Result<Tokenizer> {
        Tokenizer::new(&self.vault.keyring().keyset.primary()?, &self.name, field, format)
    }

    /// The references that stand in files for this field, under a key version.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`], [`Error::KeyState`].
    pub fn references(&self, field: &FieldName, version: KeyVersion) -> Result<References> {
        Ok(References::new(&self.vault.keyring().keyset.for_reveal(version)?, &self.name, field))
    }

    /// Seals a record for a subject; durable on return.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the record is over the store's limit; the store's.
    pub fn put(&self, subject: &SubjectId, fields: &[(&FieldName, &[u8])]) -> Result<RecordId> {
        let ids = self.put_many(&[Row { subject, fields }])?;
        Ok(ids[0])
    }

    /// Seals many records in one atomic batch; durable on return. A few thousand at a time is a good size.
    ///
    /// # Errors
    /// As [`put`](Tenant::put); nothing is put then.
    pub fn put_many(&self, rows: &[Row<'_>]) -> Result<Vec<RecordId>> {
        let (ids, commit) = self.put_rows(rows, |_, _| Ok(()))?;
        self.vault.store.sync(commit)?;
        Ok(ids)
    }

    /// Writes the rows' batch, with what `also` adds to it.
    pub(super) fn put_rows(
        &self,
        rows: &[Row<'_>],
        also: impl FnOnce(&mut Operation<'_>, &[RecordId]) -> Result<()>,
    ) -> Result<(Vec<RecordId>, Commit)> {
        let mut by_subject = BTreeMap::<&str, Vec<usize>>::new();
        for (i, row) in rows.iter().enumerate() {
            by_subject.entry(row.subject.expose()).or_default().push(i);
        }
        let mut ids = vec![RecordId([0; 16]); rows.len()];
        let mut operation = self.vault.operation()?;
        let live = operation.keyring.live(&self.name);
        for of_subject in by_subject.values() {
            self.put_subject(&mut operation, &live, rows, of_subject, &mut ids)?;
        }
        also(&mut operation, &ids)?;
        let commit = operation.write()?;
        Ok((ids, commit))
    }

    /// Adds one subject's rows to the operation.
    fn put_subject(
        &self,
        operation: &mut Operation<'_>,
        live: &[Arc<TenantKeys>],
        rows: &[Row<'_>],
        of_subject: &[usize],
        ids: &mut [RecordId],
    ) -> Result<()> {
        let subject = rows[of_subject[0]].subject;
        let primary = &live[0];
        let found = self.find(live, subject)?;
        let stored = found.as_ref().map(|f| Entry::parse(&f.head)?.into_head()).transpose()?;
        let locator = found.as_ref().map_or_else(rng::bytes, |f| f.locator);
        let mut wrapped = vec![];
        let sealed_id;
        let (sealer, wrap_version, mut head) = match stored {
            Some(head) => {
                let keys = with_version(live, head.wrap_version)?;
                let sealer = self.sealer(keys, &head, &locator, subject)?;
                (sealer, head.wrap_version, head)
            }
            None => {
                let key = wrap::generate();
                let generation = KeyVersion::FIRST;
                primary.wrap.wrap(&wrap_aad(&self.name, &locator, primary.version), &key, &mut wrapped);
                let sealer = SubjectSealer::new(&key, generation, Suite::Xaes256Gcm, &self.name, subject);
                sealed_id = sealer.seal_id(&locator)?;
                let index = IndexEntry { key_version: primary.version.get(), locator };
                operation.batch.put(INDEX, primary.blind(subject), index.to_bytes());
                operation.census.add(self.line("", Mode::SubjectKey, primary.version.get()));
                operation.census.add(self.line("", Mode::Row, primary.version.get()));
                let head = Head {
                    tenant: self.name.as_str(),
                    wrap_version: primary.version.get(),
                    generation: generation.get(),
                    next_record: 0,
                    wrapped: &wrapped,
                    subject: &sealed_id,
                    fields: Fields::default(),
                };
                (sealer, primary.version.get(), head)
            }
        };
        let fields: Vec<_> = of_subject.iter().flat_map(|&i| rows[i].fields.iter().copied()).collect();
        let envelopes = sealer.seal(fields.iter().copied())?;
        let mut sealed = fields.iter().zip(&envelopes).map(|((name, _), e)| (name.as_str(), e.as_slice()));
        for &i in of_subject {
            let number = head.next_record;
            head.next_record = number.checked_add(1).ok_or(Error::TooLong {
                what: "number of a subject's records",
                actual: u32::MAX as usize,
                limit: u32::MAX as usize,
            })?;
            let fields = Fields(sealed.by_ref().take(rows[i].fields.len()).collect());
            for (name, _) in &fields.0 {
                operation.census.add(self.line(name, Mode::Seal, wrap_version));
            }
            let key = entry_key(&locator, number);
            ids[i] = RecordId(key);
            match number {
                0 => head.fields = fields,
                _ => drop(operation.batch.put(ENTRY, key, Entry::Record(fields).to_bytes()?)),
            }
        }
        operation.batch.put(ENTRY, entry_key(&locator, 0), Entry::Head(head).to_bytes()?);
        Ok(())
    }

    /// Whether the tenant has this subject.
    ///
    /// # Errors
    /// The store's.
    pub fn has(&self, subject: &SubjectId) -> Result<bool> {
        let live = self.vault.keyring().live(&self.name);
        Ok(self.find(&live, subject)?.is_some())
    }

    /// All records of a subject, revealed; none when the tenant has no such subject.
    ///
    /// # Errors
    /// [`Error::Rejected`] when an entry was altered or moved; [`Error::Corrupt`] when one is missing; the store's.
    pub fn records(&self, subject: &SubjectId) -> Result<Vec<Record>> {
        let live = self.vault.keyring().live(&self.name);
        let Some(found) = self.find(&live, subject)? else { return Ok(vec![]) };
        let head = Entry::parse(&found.head)?.into_head()?;
        let sealer = self.sealer(with_version(&live, head.wrap_version)?, &head, &found.locator, subject)?;
        let mut records = vec![];
        each_entry(&*self.vault.store, &found.locator, |key, bytes| {
            let entry = Entry::parse(bytes)?;
            let open = |(name, envelope): &(&str, &[u8])| {
                Ok(((*name).to_owned(), sealer.open(&FieldName::new(name)?, envelope)?))
            };
            let fields = entry.fields().0.iter().map(open).collect::<Result<_>>()?;
            records.push(Record { id: RecordId(key), fields });
            Ok(())
        })?;
        Ok(records)
    }

    /// One field of one record, or `None` when the record or the field is not there.
    ///
    /// # Errors
    /// [`Error::Rejected`] when an entry was altered or moved; the store's.
    pub fn reveal(&self, record: RecordId, field: &FieldName) -> Result<Option<Plaintext>> {
        let (locator, _) = split_entry_key(&record.0);
        let Some(head_bytes) = self.vault.store.get(ENTRY, &entry_key(&locator, 0))? else { return Ok(None) };
        let head = Entry::parse(&head_bytes)?.into_head()?;
        if head.tenant != self.name.as_str() {
            return Ok(None);
        }
        let record_bytes = self.vault.store.get(ENTRY, &record.0)?;
        let Some(entry) = record_bytes.as_deref().map(Entry::parse).transpose()? else { return Ok(None) };
        let Some(envelope) = entry.fields().get(field.as_str()) else { return Ok(None) };
        let live = self.vault.keyring().live(&self.name);
        let keys = with_version(&live, head.wrap_version)?;
        self.sealer_of_head(keys, &head, &locator)?.open(field, envelope).map(Some)
    }

    /// Deletes a subject's key, her index entry and all her records; durable on return. `None` when the tenant has no
    /// such subject.
    ///
    /// # Errors
    /// The store's.
    ///
    /// # Security
    /// Without her key no copy of her sealed fields opens, but for one thing: a store that only appends, as the default
    /// one does, keeps the wrapped key in its file until it reuses the place. Rotating, migrating and destroying the old
    /// version makes that unreadable too. Tokens and pseudonyms in exported files are not reached.
    pub fn erase(&self, subject: &SubjectId) -> Result<Option<Erasure>> {
        let mut operation = self.vault.operation()?;
        let live = operation.keyring.live(&self.name);
        let Some(found) = self.find(&live, subject)? else { return Ok(None) };
        let head = Entry::parse(&found.head)?.into_head()?;
        let mut erasure = Erasure::default();
        each_entry(&*self.vault.store, &found.locator, |key, bytes| {
            for (name, _) in &Entry::parse(bytes)?.fields().0 {
                operation.census.remove(self.line(name, Mode::Seal, head.wrap_version))?;
                erasure.fields += 1;
            }
            operation.batch.delete(ENTRY, key);
            erasure.records += 1;
            Ok(())
        })?;
        operation.census.remove(self.line("", Mode::SubjectKey, head.wrap_version))?;
        operation.census.remove(self.line("", Mode::Row, found.row_version))?;
        operation.batch.delete(INDEX, found.index_key);
        self.vault.finish(operation)?;
        Ok(Some(erasure))
    }

    /// Asks the index for each live key version, the primary first.
    pub(super) fn find(&self, live: &[Arc<TenantKeys>], subject: &SubjectId) -> Result<Option<Found>> {
        for keys in live {
            let index_key = keys.blind(subject);
            if let Some(bytes) = self.vault.store.get(INDEX, &index_key)? {
                let IndexEntry { key_version, locator } = IndexEntry::parse(&bytes)?;
                let head = self.vault.store.get(ENTRY, &entry_key(&locator, 0))?.ok_or_else(|| {
                    Error::Corrupt { problem: "a subject's index entry leads nowhere".into() }
                })?;
                return Ok(Some(Found { locator, index_key, row_version: key_version, head }));
            }
        }
        Ok(None)
    }

    /// The sealer of a subject whose id the caller has.
    fn sealer(
        &self,
        keys: &TenantKeys,
        head: &Head<'_>,
        locator: &Locator,
        subject: &SubjectId,
    ) -> Result<SubjectSealer> {
        let sealer = self.sealer_of_head(keys, head, locator)?;
        // The index led here, and 128 bits of PRF do not collide: a difference means that entries were exchanged.
        if sealer.subject() != subject { Err(Error::Rejected) } else { Ok(sealer) }
    }

    /// The sealer of the subject whose head this is.
    pub(super) fn sealer_of_head(
        &self,
        keys: &TenantKeys,
        head: &Head<'_>,
        locator: &Locator,
    ) -> Result<SubjectSealer> {
        let key = keys.wrap.unwrap(&wrap_aad(&self.name, locator, keys.version), head.wrapped)?;
        SubjectSealer::of_sealed_id(
            &key,
            KeyVersion::new(head.generation)?,
            &self.name,
            locator,
            head.subject,
        )
    }

    pub(super) fn line(&self, field: &str, mode: Mode, version: u32) -> Line {
        Line { tenant: self.name.as_str().to_owned(), field: field.to_owned(), mode, version }
    }
}

/// `f(key, bytes)` for the head and each further record, in order.
pub(super) fn each_entry(
    store: &dyn Store,
    locator: &Locator,
    mut f: impl FnMut(EntryKey, &[u8]) -> Result<()>,
) -> Result<()> {
    const PAGE: usize = 256;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(ENTRY, locator, after.as_deref(), PAGE)?;
        for (key, bytes) in &page {
            f(entry_key_of(key)?, bytes)?;
        }
        match page.len() {
            PAGE => after = page.into_iter().next_back().map(|(key, _)| key),
            _ => return Ok(()),
        }
    }
}

/// The bytes of a key in the entry map.
pub(super) fn entry_key_of(key: &[u8]) -> Result<EntryKey> {
    key.try_into().map_err(|_| Error::Corrupt { problem: "an entry's key has the wrong length".into() })
}

/// The keys of the version that wraps a subject's key.
pub(super) fn with_version(live: &[Arc<TenantKeys>], version: u32) -> Result<&TenantKeys> {
    let keys = live.iter().find(|keys| keys.version.get() == version);
    keys.map(Arc::as_ref).ok_or(Error::KeyState { version, state: "not in use", purpose: "reveal" })
}

pub(super) fn wrap_aad(tenant: &TenantId, locator: &Locator, version: KeyVersion) -> Context {
    Context::new(Label::WrapAad).part(tenant.as_str()).part(locator).number(version.get().into())
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({} fields, ..)", self.fields.len())
    }
}

impl fmt::Debug for Tenant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.name)
    }
}
