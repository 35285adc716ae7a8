//! Finding records by values that are sealed: the vault's blind indexes.
//!
//! ```text
//!  blind:  tag 8 │ value's keyed hash 16, truncated │ locator 12 │ record number 4   →  nothing
//! ```
//!
//! Every record says where indexes have it, so that it can be taken out of them without being opened. Which indexes a
//! tenant has stands in the [ledger](super::ledger).

use super::BLIND;
use super::census::Mode;
use super::ledger::DefinedIndex;
use super::log::Draft;
use super::open::Operation;
use super::pages::Pages;
use super::reference::RecordId;
use super::tenant::{Tenant, UNDECIDED, entry_key_of};
use crate::crypto::secret::Plaintext;
use crate::error::{Error, Result};
use crate::keys::{KeyUse, Keyset};
use crate::name::{FieldName, SubjectId, TenantId};
use crate::protect::{BlindIndex, BlindIndexer, is_blank};
use crate::wire::entry::{EntryKey, Fields, Indexed, split_entry_key};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A record that a lookup found.
pub struct Hit {
    /// Whose it is.
    pub subject: SubjectId,
    /// Which.
    pub record: RecordId,
}

impl Tenant<'_> {
    /// Defines an index. Records that are put from now on are in it; [`Vault::migrate`](super::Vault::migrate) puts in
    /// those that are there. Defining the same again does nothing.
    ///
    /// # Errors
    /// [`Error::Setting`] when the tenant has another index of this name: drop that first; and during a migration, which
    /// must not meet indexes that it does not know; the store's.
    pub fn define_index(&self, index: &BlindIndex) -> Result<()> {
        let _one = self.vault().defining();
        let _no_migration = self.vault().only_migration()?;
        let mut operation = self.vault().operation(Draft::noted("define-index", index.name().as_str()))?;
        let key = (self.name().as_str().to_owned(), index.name().as_str().to_owned());
        match operation.ledger.indexes.get(&key) {
            Some(defined) if defined.index == *index => return Ok(()),
            Some(_) => {
                let problem = format!(
                    "tenant {:?} has another blind index {:?}: drop it first, or choose another name",
                    key.0, key.1
                );
                return Err(Error::Setting { what: "blind index", problem });
            }
            None => {}
        }
        // What an earlier index of this name left has to go before.
        let of_tenant = |mode| {
            let lines = operation.ledger.census.lines();
            lines.filter(|(line, _)| line.mode == mode && line.tenant == key.0).count()
        };
        let built = of_tenant(Mode::Seal) + of_tenant(Mode::Index) == 0;
        operation.ledger.indexes.insert(key, DefinedIndex { index: index.clone(), built });
        // A migration that was cut off passed over records that this index lacks.
        operation.ledger.migration = None;
        self.vault().finish(operation)
    }

    /// Drops an index: lookups end now, and the next [`Vault::migrate`](super::Vault::migrate) removes its entries.
    /// Whether there was one.
    ///
    /// # Errors
    /// [`Error::Setting`] during a migration; the store's.
    pub fn drop_index(&self, name: &FieldName) -> Result<bool> {
        let _one = self.vault().defining();
        let _no_migration = self.vault().only_migration()?;
        let mut operation = self.vault().bookkeeping(Draft::noted("drop-index", name.as_str()))?;
        let key = (self.name().as_str().to_owned(), name.as_str().to_owned());
        let dropped = operation.ledger.indexes.remove(&key).is_some();
        if dropped {
            operation.ledger.migration = None;
            self.vault().finish(operation)?;
        }
        Ok(dropped)
    }

    /// The tenant's indexes, and whether each has every record.
    pub fn indexes(&self) -> Vec<(BlindIndex, bool)> {
        let published = self.vault().published();
        let of_tenant = published.indexes.iter().filter(|((tenant, _), _)| tenant == self.name().as_str());
        of_tenant.map(|(_, defined)| (defined.index.clone(), defined.built)).collect()
    }

    /// The records whose fields have these values, one for each field of the index, after normalisation. Every key
    /// version is asked; what the index has for other values is opened and left out.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an index; [`Error::Setting`] while it lacks records, or for another number of
    /// values; [`Error::Value`] for a blank value or one that cannot be normalised; [`Error::Rejected`] when an entry was
    /// altered; [`Error::KeyState`] when a version that a record needs may not reveal; the store's.
    pub fn find(&self, index: &FieldName, values: &[&str]) -> Result<Vec<Hit>> {
        self.is_free()?;
        let index = self.built_index(index)?;
        let hits = self.hits(&index, values)?;
        let mut draft = self.draft("find");
        let fields = self.field_ids(index.parts().iter().map(|(name, _)| name.as_str()));
        for hit in &hits {
            let id = self.vault().ids.subject(self.name(), &split_entry_key(&hit.record.0).0);
            draft.item(id, UNDECIDED, 0, &fields);
        }
        self.vault().noted(draft)?;
        Ok(hits)
    }

    /// The records with these values, in no log yet.
    pub(super) fn hits(&self, index: &BlindIndex, values: &[&str]) -> Result<Vec<Hit>> {
        let mut hits = BTreeMap::<EntryKey, SubjectId>::new();
        // A version added meanwhile may be the one that a record was moved to.
        let mut keyring = self.vault().keyring();
        loop {
            let indexers = asked(&keyring.keyset, self.name(), index)?;
            for indexer in &indexers {
                let prefix = blind_prefix(indexer, values)?;
                Pages::new(self.vault().store(), BLIND, &prefix, None).each(|key, _| {
                    let record = entry_key_of(&key[prefix.len()..])?;
                    if !hits.contains_key(&record)
                        && let Some(subject) = self.holds(&record, index, values)?
                    {
                        hits.insert(record, subject);
                    }
                    Ok(())
                })?;
            }
            let now = self.vault().keyring();
            if Arc::ptr_eq(&keyring, &now) {
                break;
            }
            keyring = now;
        }
        Ok(hits.into_iter().map(|(record, subject)| Hit { subject, record: RecordId(record) }).collect())
    }

    pub(super) fn built_index(&self, name: &FieldName) -> Result<BlindIndex> {
        let published = self.vault().published();
        let key = (self.name().as_str().to_owned(), name.as_str().to_owned());
        match published.indexes.get(&key) {
            Some(DefinedIndex { index, built: true }) => Ok(index.clone()),
            Some(_) => {
                let problem = format!("{:?} does not have every record yet: run `cloakroom migrate`", key.1);
                Err(Error::Setting { what: "blind index", problem })
            }
            None => Err(Error::NotFound { what: "the blind index", hint: "; they are per tenant" }),
        }
    }

    /// Whose record it is, if it has these values: one that was erased, changed or is a false positive has not.
    fn holds(&self, record: &EntryKey, index: &BlindIndex, values: &[&str]) -> Result<Option<SubjectId>> {
        let Some(opened) = self.open_fields(record, index.parts().iter().map(|(name, _)| name))? else {
            return Ok(None);
        };
        let subject = opened.subject;
        let texts: Option<Vec<&str>> = opened.fields.iter().map(Plaintext::expose_str).collect();
        Ok(match texts {
            Some(texts) if index.matches(&texts, values)? => Some(subject),
            _ => None,
        })
    }
}

/// An index's keys: under its primary, every other version, and its primary again, where a migration moves entries.
fn asked(keyset: &Keyset, tenant: &TenantId, index: &BlindIndex) -> Result<Vec<BlindIndexer>> {
    let primary = keyset.primary_number_for(&use_of(tenant, index));
    let mut numbers: Vec<_> = keyset.versions().iter().map(|version| version.number()).collect();
    numbers.sort_by_key(|number| *number != primary);
    numbers.extend((numbers.len() > 1).then_some(primary));
    let keys = numbers.into_iter().filter_map(|number| keyset.for_bookkeeping(number).ok());
    Ok(keys.map(|key| BlindIndexer::new(&key, tenant, index)).collect())
}

fn use_of(tenant: &TenantId, index: &BlindIndex) -> KeyUse {
    KeyUse::Field { tenant: tenant.clone(), field: index.name().clone() }
}

fn blind_prefix(indexer: &BlindIndexer, values: &[&str]) -> Result<Vec<u8>> {
    Ok([&indexer.tag()[..], &indexer.value(values)?.padded()].concat())
}

/// A tenant's indexes as records are put in: each under its primary.
pub(super) struct Indexers(Vec<BlindIndexer>);

impl Indexers {
    pub(super) fn of(operation: &Operation<'_>, tenant: &TenantId) -> Result<Self> {
        let defined = operation.ledger.indexes.iter().filter(|((name, _), _)| name == tenant.as_str());
        let keyset = &operation.keyring.keyset;
        let indexer = |(_, defined): (_, &DefinedIndex)| {
            let key = keyset.primary_for(&use_of(tenant, &defined.index))?;
            Ok(BlindIndexer::new(&key, tenant, &defined.index))
        };
        defined.map(indexer).collect::<Result<_>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record that stands there should stand elsewhere: under a key that is no primary any more, in an index that
    /// was dropped, or perhaps in one that is being built.
    pub(super) fn are_behind(
        &self,
        operation: &Operation<'_>,
        tenant: &TenantId,
        has: &[Indexed<'_>],
    ) -> bool {
        let is_current = |indexed: &Indexed<'_>| {
            let same = |indexer: &&BlindIndexer| indexer.index().name().as_str() == indexed.name;
            self.0.iter().find(same).is_some_and(|indexer| {
                indexer.key_version().get() == indexed.key_version && indexer.tag() == indexed.tag
            })
        };
        let is_built = |indexer: &BlindIndexer| {
            let key = (tenant.as_str().to_owned(), indexer.index().name().as_str().to_owned());
            operation.ledger.indexes.get(&key).is_some_and(|defined| defined.built)
        };
        !has.iter().all(is_current) || !self.0.iter().all(is_built)
    }

    /// Where a record with these fields stands. An index that one of its fields is missing for, is blank in, is no text
    /// in or cannot be normalised in does not have the record: no lookup can name such a value.
    pub(super) fn entries<'i>(&'i self, fields: &[(&str, &[u8])]) -> Vec<Indexed<'i>> {
        let text = |name: &FieldName| {
            let (_, value) = fields.iter().find(|(field, _)| *field == name.as_str())?;
            std::str::from_utf8(value).ok().filter(|_| !is_blank(value))
        };
        let entry = |indexer: &'i BlindIndexer| {
            let parts = indexer.index().parts();
            let values = parts.iter().map(|(name, _)| text(name)).collect::<Option<Vec<_>>>()?;
            Some(Indexed {
                name: indexer.index().name().as_str(),
                key_version: indexer.key_version().get(),
                tag: indexer.tag(),
                value: indexer.value(&values).ok()?.padded(),
            })
        };
        self.0.iter().filter_map(entry).collect()
    }
}

/// The key of a record's entry in a blind index.
pub(super) fn blind_key(indexed: &Indexed<'_>, record: &EntryKey) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&indexed.tag);
    key[8..24].copy_from_slice(&indexed.value);
    key[24..].copy_from_slice(record);
    key
}

impl Operation<'_> {
    /// Puts a record into the indexes that it names.
    pub(super) fn put_indexes(&mut self, tenant: &Tenant<'_>, record: &EntryKey, fields: &Fields<'_>) {
        for indexed in &fields.indexes {
            self.put(BLIND, &blind_key(indexed, record), None, vec![]);
            self.ledger.census.add(tenant.line(indexed.name, Mode::Index, indexed.key_version));
        }
    }

    /// Takes a record out of the indexes that it names.
    pub(super) fn delete_indexes(
        &mut self,
        tenant: &Tenant<'_>,
        record: &EntryKey,
        fields: &Fields<'_>,
    ) -> Result<()> {
        for indexed in &fields.indexes {
            self.delete(BLIND, &blind_key(indexed, record), &[]);
            self.ledger.census.remove(tenant.line(indexed.name, Mode::Index, indexed.key_version))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hit(..)")
    }
}
