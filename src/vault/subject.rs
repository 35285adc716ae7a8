//! A data subject in an operation: looked up or made, given further records, and written once.

use super::census::Mode;
use super::keyring::TenantSet;
use super::open::Operation;
use super::tenant::{Tenant, wrap_aad};
use super::{ENTRY, INDEX};
use crate::crypto::aead::Suite;
use crate::crypto::{rng, wrap};
use crate::error::{Error, Result};
use crate::name::{KeyVersion, SubjectId};
use crate::protect::SubjectSealer;
use crate::wire::entry::{Entry, Fields, Head, IndexEntry, Locator, entry_key};

/// A subject, and her head as it will be.
pub(super) struct OpenSubject {
    pub(super) locator: Locator,
    pub(super) sealer: SubjectSealer,
    pub(super) wrap_version: u32,
    generation: u32,
    next_record: u32,
    wrapped: Vec<u8>,
    sealed_id: Vec<u8>,
    /// Her head as it is in the store.
    old: Option<Vec<u8>>,
}

impl OpenSubject {
    /// Looks her up, or makes her.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the version that wraps her key may not be used; [`Error::Rejected`] when an entry was
    /// altered; the store's.
    pub(super) fn open(
        tenant: &Tenant<'_>,
        operation: &mut Operation<'_>,
        known: &TenantSet,
        subject: &SubjectId,
    ) -> Result<Self> {
        if let Some(found) = tenant.find_in(known, subject)? {
            let head = Entry::parse(&found.head)?.into_head()?;
            let sealer =
                tenant.sealer(known.revealing(head.wrap_version)?, &head, &found.locator, subject)?;
            return Ok(Self {
                locator: found.locator,
                sealer,
                wrap_version: head.wrap_version,
                generation: head.generation,
                next_record: head.next_record,
                wrapped: head.wrapped.to_vec(),
                sealed_id: head.subject.to_vec(),
                old: Some(found.head),
            });
        }
        let locator: Locator = rng::bytes();
        let primary = known.revealing(operation.primary.number().get())?;
        let (key, generation, mut wrapped) = (wrap::generate(), KeyVersion::FIRST, vec![]);
        primary.wrap.wrap(&wrap_aad(tenant.name(), &locator, primary.version), &key, &mut wrapped);
        let sealer = SubjectSealer::new(&key, generation, Suite::Xaes256Gcm, tenant.name(), subject);
        let sealed_id = sealer.seal_id(&locator)?;
        let version = primary.version.get();
        operation.put(
            INDEX,
            &primary.blind(subject),
            None,
            IndexEntry { key_version: version, locator }.to_bytes(),
        );
        operation.ledger.census.add(tenant.line("", Mode::SubjectKey, version));
        operation.ledger.census.add(tenant.line("", Mode::Row, version));
        let generation = generation.get();
        Ok(Self {
            locator,
            sealer,
            wrap_version: version,
            generation,
            next_record: 0,
            wrapped,
            sealed_id,
            old: None,
        })
    }

    /// The first of so many numbers that follow each other, for her next records.
    pub(super) fn records(&mut self, operation: &Operation<'_>, count: usize) -> Result<u32> {
        let start = self.next_record;
        let next = u32::try_from(count).ok().and_then(|n| start.checked_add(n));
        self.next_record = next.ok_or(Error::TooLong {
            what: "number of a subject's records",
            actual: start as usize + count,
            limit: u32::MAX as usize,
        })?;
        if self.old.is_some() && operation.get(ENTRY, &entry_key(&self.locator, start))?.is_some() {
            // Her head was altered or put back as it once was: the record would overwrite another.
            return Err(Error::Corrupt { problem: "a subject's count of records is too low".into() });
        }
        Ok(start)
    }

    /// The number of her next entry that is no record. Number 0 is her head's, so it cannot be that.
    pub(super) fn link(&mut self, operation: &Operation<'_>) -> Result<u32> {
        self.next_record = self.next_record.max(1);
        self.records(operation, 1)
    }

    /// Writes her head, with `first` as record 0 if that is new.
    pub(super) fn write(
        self,
        tenant: &Tenant<'_>,
        operation: &mut Operation<'_>,
        first: Option<Fields<'_>>,
    ) -> Result<()> {
        let stored = self.old.as_deref().map(|old| Entry::parse(old)?.into_head()).transpose()?;
        let head = Head {
            tenant: tenant.name().as_str(),
            wrap_version: self.wrap_version,
            generation: self.generation,
            next_record: self.next_record,
            wrapped: &self.wrapped,
            subject: &self.sealed_id,
            first: first.or_else(|| stored.and_then(|head| head.first)),
        };
        let bytes = Entry::Head(head).to_bytes()?;
        operation.put(ENTRY, &entry_key(&self.locator, 0), self.old.as_deref(), bytes);
        Ok(())
    }
}
