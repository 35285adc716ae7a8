//! A tenant's data subjects: putting records in, and revealing them.

use super::blind::Indexers;
use super::census::{Line, Mode};
use super::keyring::{TenantKeys, TenantSet};
use super::log::{Draft, FieldId};
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::reference::{RecordId, References};
use super::subject::OpenSubject;
use super::{DUE, ENTRY, INDEX};
use crate::crypto::context::{Context, Label};
use crate::crypto::secret::{DataKey, Plaintext};
use crate::duties::Access;
use crate::error::{Error, Result};
use crate::format::Format;
use crate::keys::KeyUse;
use crate::name::{FieldName, KeyVersion, Principal, Purpose, SubjectId, TenantId};
use crate::protect::{SubjectSealer, Tokenizer};
use crate::store::Commit;
use crate::wire::entry::{
    Blind, Entry, EntryKey, Fields, Head, IndexEntry, Locator, entry_key, split_entry_key,
};
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

/// One tenant's part of a [`Vault`].
#[derive(Clone)]
pub struct Tenant<'v> {
    vault: &'v Vault,
    name: TenantId,
    by: Option<(Principal, Option<Purpose>)>,
}

/// Fields of a record, opened.
pub(super) struct OpenedFields {
    pub(super) subject: SubjectId,
    pub(super) wrap_version: u32,
    pub(super) fields: Vec<Plaintext>,
}

/// What leaves say where nothing had to be decided.
pub(super) const UNDECIDED: (u8, u8) = (0, 0);

/// Where a subject is, and under which version her index entry was blinded.
pub(super) struct Found {
    pub(super) locator: Locator,
    pub(super) index_key: Blind,
    pub(super) index_bytes: Vec<u8>,
    pub(super) row_version: u32,
    pub(super) head: Vec<u8>,
}

impl<'v> Tenant<'v> {
    pub(super) fn new(vault: &'v Vault, name: TenantId) -> Self {
        Self { vault, name, by: None }
    }

    /// Has the audit log say who puts, issues and erases, and what for.
    #[must_use]
    pub fn by(self, Access { principal, purpose }: Access) -> Self {
        Self { by: Some((principal, Some(purpose))), ..self }
    }

    /// As [`by`](Tenant::by), for who does what is for no purpose of the rules, such as erasing.
    #[must_use]
    pub fn in_the_name_of(self, principal: Principal) -> Self {
        Self { by: Some((principal, None)), ..self }
    }

    /// A leaf of something that is done here.
    pub(super) fn draft(&self, kind: &'static str) -> Draft {
        let mut draft = Draft::new(kind);
        if let Some((principal, purpose)) = &self.by {
            draft.principal = principal.as_str().to_owned();
            draft.purpose = purpose.as_ref().map_or("", Purpose::as_str).to_owned();
        }
        draft
    }

    /// The ids that leaves have for fields.
    pub(super) fn field_ids<'f>(&self, names: impl IntoIterator<Item = &'f str>) -> Vec<FieldId> {
        names.into_iter().map(|name| self.vault.ids.field(&self.name, name)).collect()
    }

    pub(super) fn vault(&self) -> &'v Vault {
        self.vault
    }

    pub(super) fn is_of(&self, vault: &Vault) -> bool {
        std::ptr::eq(self.vault, vault)
    }

    /// Whose part it is.
    pub fn name(&self) -> &TenantId {
        &self.name
    }

    /// A tokenizer for a field of this tenant, under the field's primary key version. It turns tokens back and asks nobody, so
    /// where there are rules, [`FieldTokenizer`](super::FieldTokenizer) makes tokens and
    /// [`Detokenizer`](super::Detokenizer) turns them back.
    ///
    /// # Errors
    /// [`Error::Denied`] where there are rules; [`Error::KeyState`]; what [`Format::check`] refuses.
    pub fn tokenizer(&self, field: &FieldName, format: Format) -> Result<Tokenizer> {
        match self.vault.rules().version {
            0 => self.unasked_tokenizer(field, format),
            _ => Err(no_principal(
                "make tokens with `Vault::tokenizer(..).field(..)`, and turn them back with \
                 `Revealer::detokenizer`, which names a principal and a purpose",
            )),
        }
    }

    /// For who does not hand it out.
    pub(super) fn unasked_tokenizer(&self, field: &FieldName, format: Format) -> Result<Tokenizer> {
        let use_ = KeyUse::Field { tenant: self.name.clone(), field: field.clone() };
        Tokenizer::new(&self.vault.keyring().keyset.primary_for(&use_)?, &self.name, field, format)
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
    /// [`Error::TooLong`] when the record is over the store's limit; [`Error::Setting`] when it has a field twice;
    /// [`Error::KeyState`] when the version that wraps the subject's key may not be used; the store's.
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
            check_names(row.fields)?;
            by_subject.entry(row.subject.expose()).or_default().push(i);
        }
        let mut ids = vec![RecordId([0; 16]); rows.len()];
        let mut operation = self.vault.operation(self.draft("put"))?;
        let known = operation.keyring.of(&self.name);
        let indexers = Indexers::of(&operation, &self.name)?;
        for of_subject in by_subject.values() {
            self.put_subject(&mut operation, &known, &indexers, rows, of_subject, &mut ids)?;
        }
        also(&mut operation, &ids)?;
        let commit = operation.write()?;
        Ok((ids, commit))
    }

    /// Adds one subject's rows to the operation.
    fn put_subject(
        &self,
        operation: &mut Operation<'_>,
        known: &TenantSet,
        indexers: &Indexers,
        rows: &[Row<'_>],
        of_subject: &[usize],
        ids: &mut [RecordId],
    ) -> Result<()> {
        let mut subject = OpenSubject::open(self, operation, known, rows[of_subject[0]].subject)?;
        let start = subject.records(operation, of_subject.len())?;
        let numbered = || of_subject.iter().zip(start..);
        let envelopes = subject.sealer.seal(numbered().flat_map(|(&i, number)| {
            rows[i].fields.iter().map(move |(field, value)| (number, *field, *value))
        }))?;
        let mut envelopes = envelopes.iter().map(Vec::as_slice);
        let mut first = None;
        let audit_id = self.vault.ids.subject(&self.name, &subject.locator);
        let (since, rules) = (self.vault.now().0.max(1), self.vault.rules());
        for (&i, number) in numbered() {
            let names = rows[i].fields.iter().map(|(name, _)| name.as_str());
            let sealed: Vec<_> = names.zip(envelopes.by_ref()).collect();
            for (name, _) in &sealed {
                operation.ledger.census.add(self.line(name, Mode::Seal, subject.wrap_version));
            }
            let names = rows[i].fields.iter().map(|(name, _)| *name);
            let due = rules.due(names.clone(), since);
            let key = entry_key(&subject.locator, number);
            operation.put_due(&key, due);
            let field_ids = self.field_ids(names.map(FieldName::as_str));
            operation.draft.item(audit_id, UNDECIDED, subject.wrap_version, &field_ids);
            let mut fields = Fields { since, due, sealed, indexes: vec![] };
            if !indexers.is_empty() {
                let plain: Vec<_> =
                    rows[i].fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                fields.indexes = indexers.entries(&plain);
                operation.put_indexes(self, &key, &fields);
            }
            ids[i] = RecordId(key);
            match number {
                0 => first = Some(fields),
                _ => operation.put(ENTRY, &key, None, Entry::Record(fields).to_bytes()?),
            }
        }
        subject.write(self, operation, first)
    }

    /// Whether the tenant has this subject.
    ///
    /// # Errors
    /// The store's.
    pub fn has(&self, subject: &SubjectId) -> Result<bool> {
        Ok(self.find_subject(subject)?.is_some())
    }

    /// All records of a subject, revealed; none when the tenant has no such subject.
    ///
    /// # Errors
    /// [`Error::Rejected`] when an entry was altered or moved; [`Error::KeyState`] when the version that wraps her key may
    /// not reveal; the store's. That a record is missing is for [`Vault::check`] to say.
    pub fn records(&self, subject: &SubjectId) -> Result<Vec<Record>> {
        self.is_free()?;
        let mut draft = self.draft("records");
        let records = self.all_records(subject, &mut draft)?;
        self.vault.noted(draft)?;
        Ok(records)
    }

    fn all_records(&self, subject: &SubjectId, draft: &mut Draft) -> Result<Vec<Record>> {
        loop {
            let Some((known, found)) = self.find_subject(subject)? else { return Ok(vec![]) };
            let head = Entry::parse(&found.head)?.into_head()?;
            let sealer = self.sealer(known.revealing(head.wrap_version)?, &head, &found.locator, subject)?;
            let read = self.read_records(&sealer, &found.locator);
            match self.vault.store.get(ENTRY, &entry_key(&found.locator, 0))? {
                // Erased while her records were read: half of them would be wrong.
                None => return Ok(vec![]),
                Some(now) if Entry::parse(&now)?.into_head()?.generation == head.generation => {
                    let records = read?;
                    let id = self.vault.ids.subject(&self.name, &found.locator);
                    for record in &records {
                        let fields = self.field_ids(record.fields.iter().map(|(name, _)| name.as_str()));
                        draft.item(id, UNDECIDED, head.wrap_version, &fields);
                    }
                    return Ok(records);
                }
                Some(_) => {} // sealed anew while they were read
            }
        }
    }

    fn read_records(&self, sealer: &SubjectSealer, locator: &Locator) -> Result<Vec<Record>> {
        let mut records = vec![];
        Pages::new(&*self.vault.store, ENTRY, locator, None).each(|key, bytes| {
            let key = entry_key_of(key)?;
            let entry = Entry::parse(bytes)?;
            let Some(record) = entry.record() else { return Ok(()) };
            let open = |(name, envelope): &(&str, &[u8])| {
                let field = FieldName::new(name)?;
                Ok(((*name).to_owned(), sealer.open(split_entry_key(&key).1, &field, envelope)?))
            };
            records.push(Record {
                id: RecordId(key),
                fields: record.sealed.iter().map(open).collect::<Result<_>>()?,
            });
            Ok(())
        })?;
        Ok(records)
    }

    /// One field of one record, or `None` when the record or the field is not there.
    ///
    /// # Errors
    /// [`Error::Rejected`] when an entry was altered or moved; [`Error::KeyState`] when the version that wraps the
    /// subject's key may not reveal; the store's.
    pub fn reveal(&self, record: RecordId, field: &FieldName) -> Result<Option<Plaintext>> {
        self.reveal_many(&[(record, field)])?.pop().expect("one result for one record")
    }

    /// As [`reveal`](Tenant::reveal), for many fields of many records, in order; they have one leaf in the audit log.
    ///
    /// # Errors
    /// The store's. In the results, as [`reveal`](Tenant::reveal).
    #[allow(clippy::type_complexity, reason = "a result for each, and a record may be gone")]
    pub fn reveal_many(&self, asked: &[(RecordId, &FieldName)]) -> Result<Vec<Result<Option<Plaintext>>>> {
        self.is_free()?;
        let mut draft = self.draft("reveal");
        let mut revealed = Vec::with_capacity(asked.len());
        for (record, field) in asked {
            let opened = match self.open_fields(&record.0, [*field]) {
                Err(error @ (Error::Io { .. } | Error::Corrupt { .. } | Error::Busy { .. })) => {
                    return Err(error);
                }
                opened => opened,
            };
            revealed.push(opened.map(|opened| {
                let mut opened = opened?;
                let id = self.vault.ids.subject(&self.name, &split_entry_key(&record.0).0);
                draft.item(id, UNDECIDED, opened.wrap_version, &self.field_ids([field.as_str()]));
                opened.fields.pop()
            }));
        }
        self.vault.noted(draft)?;
        Ok(revealed)
    }

    /// Whose a record is, and these fields of it; `None` when the record or one of them is not there.
    pub(super) fn open_fields<'f>(
        &self,
        record: &EntryKey,
        fields: impl IntoIterator<Item = &'f FieldName>,
    ) -> Result<Option<OpenedFields>> {
        let (locator, number) = split_entry_key(record);
        let (known, head_bytes, further) = loop {
            let Some((known, head)) = self.head(&locator)? else { return Ok(None) };
            if number == 0 {
                break (known, head, None);
            }
            let further = self.vault.store.get(ENTRY, record)?;
            // Between the two she may have been sealed anew.
            if self.vault.store.get(ENTRY, &entry_key(&locator, 0))?.as_ref() == Some(&head) {
                break (known, head, further);
            }
        };
        let head = Entry::parse(&head_bytes)?.into_head()?;
        if head.tenant != self.name.as_str() {
            return Ok(None);
        }
        let entry = match (number, &further) {
            (0, _) => Entry::Head(head.clone()),
            (_, Some(bytes)) => Entry::parse(bytes)?,
            (_, None) => return Ok(None),
        };
        let Some(stored) = entry.record() else { return Ok(None) };
        let envelope = |field: &'f FieldName| Some((field, stored.get(field.as_str())?));
        let Some(envelopes) = fields.into_iter().map(envelope).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let sealer = self.sealer_of_head(known.revealing(head.wrap_version)?, &head, &locator)?;
        let open = |(field, envelope)| sealer.open(number, field, envelope);
        let fields = envelopes.into_iter().map(open).collect::<Result<_>>()?;
        let (subject, wrap_version) = (sealer.subject().clone(), head.wrap_version);
        Ok(Some(OpenedFields { subject, wrap_version, fields }))
    }

    /// The head at this place, and the tenant's keys of the same moment.
    pub(super) fn head(&self, locator: &Locator) -> Result<Option<(TenantSet, Vec<u8>)>> {
        loop {
            let keyring = self.vault.keyring();
            let head = self.vault.store.get(ENTRY, &entry_key(locator, 0))?;
            // As in `find_subject`: her key may have been moved to a version that is new.
            if Arc::ptr_eq(&keyring, &self.vault.keyring()) {
                return Ok(head.map(|head| (keyring.of(&self.name), head)));
            }
        }
    }

    /// Where a subject is, and the tenant's keys of the same moment, while other threads rotate, migrate and erase.
    pub(super) fn find_subject(&self, subject: &SubjectId) -> Result<Option<(TenantSet, Found)>> {
        loop {
            let keyring = self.vault.keyring();
            let known = keyring.of(&self.name);
            let found = self.find_in(&known, subject);
            // A key version added meanwhile may be the one that she was moved to.
            if Arc::ptr_eq(&keyring, &self.vault.keyring()) {
                return Ok(found?.map(|found| (known, found)));
            }
        }
    }

    /// Asks the index for each key version, the primary first.
    pub(super) fn find_in(&self, known: &TenantSet, subject: &SubjectId) -> Result<Option<Found>> {
        for keys in known.asked() {
            let index_key = keys.blind(subject);
            while let Some(index_bytes) = self.vault.store.get(INDEX, &index_key)? {
                let IndexEntry { key_version, locator } = IndexEntry::parse(&index_bytes)?;
                if key_version != keys.version.get() {
                    return Err(Error::Rejected);
                }
                if let Some(head) = self.vault.store.get(ENTRY, &entry_key(&locator, 0))? {
                    let row_version = key_version;
                    return Ok(Some(Found { locator, index_key, index_bytes, row_version, head }));
                }
                // Erased between the two questions, or damaged.
                if self.vault.store.get(INDEX, &index_key)?.as_ref() == Some(&index_bytes) {
                    let problem = "a subject's index entry leads nowhere".into();
                    return Err(Error::Corrupt { problem });
                }
            }
        }
        Ok(None)
    }

    /// The sealer of a subject whose id the caller has.
    pub(super) fn sealer(
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
        let key = self.data_key(keys, head, locator)?;
        SubjectSealer::of_sealed_id(
            &key,
            KeyVersion::new(head.generation)?,
            &self.name,
            locator,
            head.subject,
        )
    }

    /// The data key of the subject whose head this is.
    pub(super) fn data_key(&self, keys: &TenantKeys, head: &Head<'_>, locator: &Locator) -> Result<DataKey> {
        keys.wrap.unwrap(&wrap_aad(&self.name, locator, keys.version), head.wrapped)
    }

    /// Refuses to reveal without a principal where there are rules: who may see what is for a
    /// [`Revealer`](super::Revealer) to ask.
    pub(super) fn is_free(&self) -> Result<()> {
        match self.vault.rules().version {
            0 => Ok(()),
            _ => Err(no_principal("name a principal and a purpose")),
        }
    }

    pub(super) fn line(&self, field: &str, mode: Mode, version: u32) -> Line {
        Line { tenant: self.name.as_str().to_owned(), field: field.to_owned(), mode, version }
    }
}

fn no_principal(advice: &str) -> Error {
    let problem = format!("this vault has rules for who may see what: {advice}");
    Error::Denied { code: "no-principal", problem }
}

/// Each name once: of two values under one name the second would never be found again.
fn check_names(fields: &[(&FieldName, &[u8])]) -> Result<()> {
    let mut names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let problem = format!("has the field {:?} twice", pair[0].as_str());
            Err(Error::Setting { what: "record", problem })
        }
        None => Ok(()),
    }
}

/// The bytes of a key in the entry map.
pub(super) fn entry_key_of(key: &[u8]) -> Result<EntryKey> {
    key.try_into().map_err(|_| Error::Corrupt { problem: "an entry's key has the wrong length".into() })
}

pub(super) fn wrap_aad(tenant: &TenantId, locator: &Locator, version: KeyVersion) -> Context {
    Context::new(Label::WrapAad).part(tenant.as_str()).part(locator).number(version.get().into())
}

impl Operation<'_> {
    /// Notes when a record is due.
    pub(super) fn put_due(&mut self, key: &EntryKey, due: u64) {
        if due != 0 {
            self.put(DUE, &due_key(key, due), None, vec![]);
        }
    }

    /// Takes back when it was due.
    pub(super) fn delete_due(&mut self, key: &EntryKey, due: u64) {
        if due != 0 {
            self.delete(DUE, &due_key(key, due), &[]);
        }
    }
}

/// `due 8 │ locator 12 │ record number 4`: those that are due first come first.
pub(super) fn due_key(key: &EntryKey, due: u64) -> [u8; 24] {
    let mut due_key = [0; 24];
    due_key[..8].copy_from_slice(&due.to_be_bytes());
    due_key[8..].copy_from_slice(key);
    due_key
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
