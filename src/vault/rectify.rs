//! Correcting a value (GDPR Art. 16): it is sealed in the place of the old one.
//!
//! The record stays where it is: references in files go on, `since` and `due` are those of the record, and blind indexes
//! lead from the new value instead of the old.

use super::ENTRY;
use super::blind::Indexers;
use super::open::Operation;
use super::pages::Pages;
use super::subject_rights::Rights;
use super::subject_state::NO_SUBJECT;
use super::tenant::{UNDECIDED, entry_key_of};
use super::token_rows::held;
use crate::crypto::secret::Plaintext;
use crate::error::{Error, Result};
use crate::name::FieldName;
use crate::protect::{SubjectSealer, is_blank};
use crate::wire::entry::{Entry, EntryKey, Fields, Head, split_entry_key};

/// Which of a subject's records are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The only one that has the field.
    Only,
    /// The one with this number, see [`HeldRecord`](super::HeldRecord).
    Number(u32),
    /// All that have the field.
    All,
}

impl Rights<'_> {
    /// Replaces a value in her records; durable on return. In how many.
    ///
    /// # Errors
    /// [`Error::Denied`] while a hold keeps what she has; [`Error::NotFound`] without such a subject, or a record of hers that is meant and has the field; [`Error::Setting`] when
    /// several have it and [`Which::Only`] is asked for; [`Error::Value`] for a blank value; [`Error::KeyState`] when her key's
    /// version may not reveal, or the primary not protect; [`Error::Rejected`] when an entry was altered; the store's.
    ///
    /// # Security
    /// The old value is in no entry any more, as erased ones are; the same limits hold as for [`erase`](super::Tenant::erase):
    /// backups, and parts of the store's file that are not written over yet. Random tokens and files are not reached.
    pub fn rectify(&self, field: &FieldName, value: &[u8], which: Which) -> Result<u64> {
        if is_blank(value) {
            return Err(Error::Value { problem: "is blank: nothing can be rectified to that" });
        }
        let tenant = &self.tenant;
        let mut operation = tenant.vault().operation(tenant.draft("rectify"))?;
        let known = tenant.known_subject(&operation, &self.subject)?.ok_or(NO_SUBJECT)?;
        if !known.known.state.holds().is_empty() {
            return Err(held());
        }
        let head = Entry::parse(&known.found.head)?.into_head()?;
        let keys = operation.keyring.of(tenant.name());
        let locator = &known.found.locator;
        let sealer = tenant.sealer(keys.revealing(head.wrap_version)?, &head, locator, &self.subject)?;
        let mut meant = vec![];
        Pages::new(tenant.vault().store(), ENTRY, locator, None).each(|key, bytes| {
            let key = entry_key_of(key)?;
            let has =
                Entry::parse(bytes)?.record().is_some_and(|record| record.get(field.as_str()).is_some());
            if has && !matches!(which, Which::Number(number) if number != split_entry_key(&key).1) {
                meant.push((key, bytes.to_vec()));
            }
            Ok(())
        })?;
        match (meant.len(), which) {
            (0, _) => {
                return Err(Error::NotFound {
                    what: "a record of hers with this field",
                    hint: "; `subject show` lists what there is",
                });
            }
            (2.., Which::Only) => {
                let problem =
                    format!("of the field is in {} records: name one by its number, or all", meant.len());
                return Err(Error::Setting { what: "value", problem });
            }
            _ => {}
        }
        let indexers = Indexers::of(&operation, tenant.name())?;
        for (key, bytes) in &meant {
            self.replace(&mut operation, &sealer, &indexers, (key, bytes), (field, value))?;
        }
        let fields = tenant.field_ids([field.as_str()]);
        let item = operation.draft.item(known.audit_id, UNDECIDED, known.wrap_version, &fields);
        let text = self.told("rectified");
        operation.draft.detail(item, known.known.seal_detail(tenant.name(), &known.audit_id, &text)?);
        // Her state holds the key of the detail, which may be new; and what is being revealed is looked at again.
        known.write(tenant, &mut operation)?;
        tenant.vault().finish(operation)?;
        Ok(meant.len() as u64)
    }

    fn replace(
        &self,
        operation: &mut Operation<'_>,
        sealer: &SubjectSealer,
        indexers: &Indexers,
        (key, bytes): (&EntryKey, &[u8]),
        (field, value): (&FieldName, &[u8]),
    ) -> Result<()> {
        let (entry, number) = (Entry::parse(bytes)?, split_entry_key(key).1);
        let Some(record) = entry.record() else { return Ok(()) };
        let envelopes = sealer.seal([(number, field, value)])?;
        let mut opened = vec![];
        if !indexers.is_empty() {
            for (name, envelope) in &record.sealed {
                opened.push((
                    *name,
                    match *name == field.as_str() {
                        true => Plaintext::new(value.to_vec()),
                        false => sealer.open(number, &FieldName::new(name)?, envelope)?,
                    },
                ));
            }
        }
        let plain: Vec<_> = opened.iter().map(|(name, value)| (*name, value.expose())).collect();
        let sealed = record.sealed.iter().map(|(name, old)| match *name == field.as_str() {
            true => (*name, envelopes[0].as_slice()),
            false => (*name, *old),
        });
        let fields = Fields {
            since: record.since,
            due: record.due,
            sealed: sealed.collect(),
            indexes: indexers.entries(&plain),
        };
        operation.delete_indexes(&self.tenant, key, record)?;
        operation.put_indexes(&self.tenant, key, &fields);
        let new = match &entry {
            Entry::Head(head) => Entry::Head(Head { first: Some(fields), ..head.clone() }),
            _ => Entry::Record(fields),
        };
        operation.put(ENTRY, key, Some(bytes), new.to_bytes()?);
        Ok(())
    }
}
