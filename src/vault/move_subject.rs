//! Moving one subject: her wrapped key, her index entry, her records' entries in blind indexes; or sealing all anew.

use super::blind::Indexers;
use super::census::Mode;
use super::migrate::{Mover, is_destroyed};
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::subject_state::{Known, Place};
use super::tenant::{Tenant, entry_key_of, wrap_aad};
use super::{ENTRY, INDEX, TOKEN};
use crate::crypto::aead::Suite;
use crate::crypto::secret::{DataKey, Plaintext};
use crate::crypto::wrap;
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::protect::SubjectSealer;
use crate::wire::entry::{
    Entry, EntryKey, Fields, Head, IndexEntry, Indexed, STATE_NUMBER, entry_key, split_entry_key,
};
use crate::wire::token::{TokenEntry, TokenKey};

/// A new data key in place of the old one.
struct Resealing {
    old_key: DataKey,
    old_generation: KeyVersion,
    new: SubjectSealer,
    new_key: DataKey,
    new_generation: KeyVersion,
}

impl Vault {
    /// Whether anything of hers had to be moved.
    pub(super) fn move_subject(
        &self,
        operation: &mut Operation<'_>,
        key: &EntryKey,
        bytes: &[u8],
        mover: &mut Mover,
    ) -> Result<bool> {
        let (locator, _) = split_entry_key(key);
        let target = operation.primary.number();
        let head = Entry::parse(bytes)?.into_head()?;
        if is_destroyed(&operation.keyring.keyset, head.wrap_version)? {
            mover.sum.lost += 1;
            return Ok(false);
        }
        let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
        let known = operation.keyring.of(tenant.name());
        let old = match mover.how.despite_state {
            true => known.moving(head.wrap_version)?,
            false => known.revealing(head.wrap_version)?,
        };
        let new = known.revealing(target.get())?;
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
        let reseals = mover.how.reseal;
        let (mut wrapped, mut sealed_id) = (head.wrapped.to_vec(), head.subject.to_vec());
        let mut generation = head.generation;
        let mut resealing = None;
        if wrap_moves || reseals {
            operation.ledger.census.remove(tenant.line("", Mode::SubjectKey, head.wrap_version))?;
            operation.ledger.census.add(tenant.line("", Mode::SubjectKey, target.get()));
            let old_key = tenant.data_key(old, &head, &locator)?;
            let aad = wrap_aad(tenant.name(), &locator, target);
            wrapped.clear();
            if reseals {
                let old_generation = KeyVersion::new(head.generation)?;
                let new_generation = old_generation.next().ok_or(Error::TooLong {
                    what: "number of a subject's data keys",
                    actual: head.generation as usize,
                    limit: u32::MAX as usize,
                })?;
                let new_key = wrap::generate();
                new.wrap.wrap(&aad, &new_key, &mut wrapped);
                let suite = Suite::Xaes256Gcm;
                let new =
                    SubjectSealer::new(&new_key, new_generation, suite, tenant.name(), sealer.subject());
                sealed_id = new.seal_id(&locator)?;
                generation = new_generation.get();
                resealing = Some(Resealing { old_key, old_generation, new, new_key, new_generation });
            } else {
                new.wrap.wrap(&aad, &old_key, &mut wrapped);
            }
        }
        let subject = Moving { tenant: &tenant, sealer: &sealer, resealing: resealing.as_ref() };
        let mut changed = row_moves;
        let mut first = None;
        let mut further = |operation: &mut Operation<'_>, key: &EntryKey, bytes: &[u8]| -> Result<()> {
            let entry = Entry::parse(bytes)?;
            if let Entry::Link(token) = &entry {
                return subject.reseal_token(operation, key, token);
            }
            if let Entry::State(sealed) = &entry {
                return subject.reseal_state(operation, key, bytes, sealed);
            }
            let Some(record) = entry.record() else { return Ok(()) };
            if wrap_moves {
                for (name, _) in &record.sealed {
                    operation.ledger.census.remove(tenant.line(name, Mode::Seal, head.wrap_version))?;
                    operation.ledger.census.add(tenant.line(name, Mode::Seal, target.get()));
                }
            }
            let indexers = mover.indexers(operation, &tenant)?;
            let Some(moved) = subject.record(operation, indexers, key, record)? else { return Ok(()) };
            changed = true;
            mover.sum.resealed += if reseals { moved.envelopes.len() as u64 } else { 0 };
            mover.sum.indexed += if moved.reindexed { moved.indexes.len() as u64 } else { 0 };
            match split_entry_key(key).1 {
                0 => first = Some(moved),
                _ => operation.put(ENTRY, key, Some(bytes), Entry::Record(moved.fields(record)).to_bytes()?),
            }
            Ok(())
        };
        // A subject with one record has no other entries but her state.
        match head.next_record {
            0 | 1 => {
                further(operation, key, bytes)?;
                let state = entry_key(&locator, STATE_NUMBER);
                if let Some(bytes) = if reseals { operation.get(ENTRY, &state)? } else { None } {
                    further(operation, &state, &bytes)?;
                }
            }
            _ => Pages::new(self.store(), ENTRY, &locator, None)
                .each(|key, bytes| further(operation, &entry_key_of(key)?, bytes))?,
        }
        if wrap_moves || reseals || first.is_some() {
            let stored = head.first.clone();
            let record = match (&first, &stored) {
                (Some(moved), Some(record)) => Some(moved.fields(record)),
                _ => stored,
            };
            let head = Head {
                wrap_version: target.get(),
                generation,
                wrapped: &wrapped,
                subject: &sealed_id,
                first: record,
                ..head
            };
            operation.put(ENTRY, key, Some(bytes), Entry::Head(head).to_bytes()?);
        }
        Ok(changed || wrap_moves || reseals)
    }
}

/// A record as it will be.
struct Moved {
    envelopes: Vec<Vec<u8>>,
    indexes: Vec<IndexedOwned>,
    reindexed: bool,
}

/// An [`Indexed`] that owns its name.
struct IndexedOwned {
    name: String,
    key_version: u32,
    tag: [u8; 8],
    value: [u8; 16],
}

impl Moved {
    fn fields<'m>(&'m self, old: &Fields<'m>) -> Fields<'m> {
        let sealed = old.sealed.iter().zip(&self.envelopes).map(|((name, _), new)| (*name, new.as_slice()));
        let indexed = |i: &'m IndexedOwned| Indexed {
            name: &i.name,
            key_version: i.key_version,
            tag: i.tag,
            value: i.value,
        };
        let indexes = self.indexes.iter().map(indexed).collect();
        Fields { sealed: sealed.collect(), indexes, ..*old }
    }
}

/// A subject whose entries are moved one by one.
struct Moving<'m> {
    tenant: &'m Tenant<'m>,
    sealer: &'m SubjectSealer,
    resealing: Option<&'m Resealing>,
}

impl Moving<'_> {
    /// The record under new keys, unless it can stay as it is.
    fn record(
        &self,
        operation: &mut Operation<'_>,
        indexers: &Indexers,
        key: &EntryKey,
        record: &Fields<'_>,
    ) -> Result<Option<Moved>> {
        let reindexed = indexers.are_behind(operation, self.tenant.name(), &record.indexes);
        if !reindexed && self.resealing.is_none() {
            return Ok(None);
        }
        let number = split_entry_key(key).1;
        let names = record.sealed.iter().map(|(name, _)| FieldName::new(name));
        let names = names.collect::<Result<Vec<_>>>()?;
        let open = |((_, envelope), name): (&(&str, &[u8]), _)| self.sealer.open(number, name, envelope);
        let values = record.sealed.iter().zip(&names).map(open).collect::<Result<Vec<Plaintext>>>()?;
        let envelopes = match self.resealing {
            Some(resealing) => {
                let fields = names.iter().zip(&values).map(|(name, value)| (number, name, value.expose()));
                resealing.new.seal(fields)?
            }
            None => record.sealed.iter().map(|(_, envelope)| envelope.to_vec()).collect(),
        };
        let owned = |indexed: &Indexed<'_>| IndexedOwned {
            name: indexed.name.into(),
            key_version: indexed.key_version,
            tag: indexed.tag,
            value: indexed.value,
        };
        let mut indexes: Vec<IndexedOwned> = record.indexes.iter().map(owned).collect();
        if reindexed {
            let plain: Vec<_> =
                record.sealed.iter().zip(&values).map(|((name, _), value)| (*name, value.expose())).collect();
            let entries = indexers.entries(&plain);
            indexes = entries.iter().map(owned).collect();
            operation.delete_indexes(self.tenant, key, record)?;
            operation.put_indexes(self.tenant, key, &Fields { indexes: entries, ..Fields::default() });
        }
        Ok(Some(Moved { envelopes, indexes, reindexed }))
    }

    /// What is known of her, sealed under her new key.
    fn reseal_state(
        &self,
        operation: &mut Operation<'_>,
        key: &EntryKey,
        bytes: &[u8],
        sealed: &[u8],
    ) -> Result<()> {
        let Some(Resealing { old_key, old_generation, new_key, new_generation, .. }) = self.resealing else {
            return Ok(());
        };
        let (locator, _) = split_entry_key(key);
        let place = |generation: &KeyVersion| Place {
            tenant: self.tenant.name(),
            locator: &locator,
            generation: generation.get(),
        };
        let known = Known::open(old_key, place(old_generation), sealed)?;
        let sealed = known.seal(new_key, place(new_generation))?;
        operation.put(ENTRY, key, Some(bytes), Entry::State(&sealed).to_bytes()?);
        Ok(())
    }

    /// What she holds of a token, sealed under her new key.
    fn reseal_token(&self, operation: &mut Operation<'_>, link: &EntryKey, key: &TokenKey) -> Result<()> {
        let Some(Resealing { old_key, old_generation, new, .. }) = self.resealing else { return Ok(()) };
        let lost = || Error::Corrupt { problem: "a subject's entry leads to no token".into() };
        let bytes = operation.get(TOKEN, key)?.ok_or_else(lost)?;
        let mut entry = TokenEntry::parse(&bytes)?;
        if is_destroyed(&operation.keyring.keyset, entry.key_version)? {
            return Ok(());
        }
        let (tenant, field) = (self.tenant.name(), FieldName::new(entry.field)?);
        let fields = operation.keyring.of_field(tenant, &field);
        let token = fields.moving(entry.key_version)?.open_token(key, &entry)?;
        let holder = entry.holders.iter_mut().find(|holder| holder.link.as_ref() == Some(link));
        let holder = holder.ok_or_else(lost)?;
        let value =
            SubjectSealer::open_token(old_key, *old_generation, tenant, &field, &token, &holder.envelope)?;
        holder.envelope = new.seal_token(&field, &token, value.expose())?;
        let moved = entry.to_bytes()?;
        operation.put(TOKEN, key, Some(&bytes), moved);
        Ok(())
    }
}
