//! Deleting what nobody can open any more: entries under key versions that were destroyed while something needed them.

use super::census::Mode;
use super::log::Draft;
use super::migrate::is_destroyed;
use super::open::Vault;
use super::pages::Pages;
use super::tenant::{Found, Tenant};
use super::token_rows::{TokenRow, token_key_of};
use super::{ENTRY, INDEX, TOKEN};
use crate::error::{Error, Result};
use crate::name::TenantId;
use crate::wire::entry::{Blind, Entry, IndexEntry, entry_key};
use crate::wire::token::TokenEntry;

/// What was lost with a key version, and is deleted now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgedLost {
    /// Subjects whose keys are under a destroyed version.
    pub subjects: u64,
    /// Their records.
    pub records: u64,
    /// The sealed fields of these.
    pub fields: u64,
    /// Their entries in blind indexes.
    pub indexes: u64,
    /// Random tokens that were theirs alone, or that are under a destroyed version themselves.
    pub tokens: u64,
}

impl Vault {
    /// Deletes what is under destroyed key versions: no key opens it, so only its place is given back, and
    /// [`check`](Vault::check) names it no more. A dry run counts alone. Both look at every subject and every token.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when entries are missing; the store's. What was deleted stays deleted.
    ///
    /// # Security
    /// A key version that was destroyed by mistake may be in a copy of the keyset file. What is deleted here is not.
    pub fn purge_lost(&self, dry_run: bool) -> Result<PurgedLost> {
        let mut sum = PurgedLost::default();
        self.purge_lost_subjects(dry_run, &mut sum)?;
        self.purge_lost_tokens(dry_run, &mut sum)?;
        Ok(sum)
    }

    fn purge_lost_subjects(&self, dry_run: bool, sum: &mut PurgedLost) -> Result<()> {
        let mut pages = Pages::new(self.store(), INDEX, &[], None);
        loop {
            let mut operation = self.bookkeeping(Draft::new("purge-lost"))?;
            let Some(page) = pages.next()? else { return Ok(()) };
            let before = sum.subjects;
            for (key, index_bytes) in page {
                let wrong =
                    |_| Error::Corrupt { problem: "an index entry's key has the wrong length".into() };
                let index_key: Blind = key.as_slice().try_into().map_err(wrong)?;
                let IndexEntry { key_version: row_version, locator } = IndexEntry::parse(&index_bytes)?;
                let leads_nowhere =
                    || Error::Corrupt { problem: "a subject's index entry leads nowhere".into() };
                let bytes = operation.get(ENTRY, &entry_key(&locator, 0))?.ok_or_else(leads_nowhere)?;
                let head = Entry::parse(&bytes)?.into_head()?;
                if !is_destroyed(&operation.keyring.keyset, head.wrap_version)? {
                    continue;
                }
                let tenant = Tenant::new(self, TenantId::new(head.tenant)?);
                let tokens = operation.ledger.census.total(Mode::Token);
                let found = Found { locator, index_key, index_bytes, row_version, head: bytes.clone() };
                let erased = tenant.erase_found(&mut operation, &found)?;
                sum.subjects += 1;
                sum.records += erased.erasure.records;
                sum.fields += erased.erasure.fields;
                sum.indexes += erased.erasure.indexes;
                sum.tokens += tokens - operation.ledger.census.total(Mode::Token);
            }
            if sum.subjects > before && !dry_run {
                self.finish(operation)?;
            }
        }
    }

    fn purge_lost_tokens(&self, dry_run: bool, sum: &mut PurgedLost) -> Result<()> {
        let mut pages = Pages::new(self.store(), TOKEN, &[], None);
        loop {
            let mut operation = self.bookkeeping(Draft::new("purge-lost"))?;
            let Some(page) = pages.next()? else { return Ok(()) };
            let before = sum.tokens;
            for (key, bytes) in page {
                let number = TokenEntry::parse(&bytes)?.key_version;
                if is_destroyed(&operation.keyring.keyset, number)? {
                    operation.remove_token(&TokenRow { key: token_key_of(&key)?, bytes })?;
                    sum.tokens += 1;
                }
            }
            if sum.tokens > before && !dry_run {
                self.finish(operation)?;
            }
        }
    }
}
