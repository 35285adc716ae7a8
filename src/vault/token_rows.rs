//! The entries of a random token, as one operation finds, gives up and removes them.

use super::census::{Line, Mode};
use super::keyring::FieldSet;
use super::log::Draft;
use super::migrate::{Mover, is_destroyed};
use super::open::{Operation, Vault};
use super::pages::Pages;
use super::tenant::Tenant;
use super::{ENTRY, SPACE, TOKEN, VALUE};
use crate::error::{Error, Result};
use crate::keys::KeyUse;
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::protect::SubjectSealer;
use crate::time::Timestamp;
use crate::wire::entry::{Entry, EntryKey, entry_key, split_entry_key};
use crate::wire::token::{FingerprintEntry, NO_KEY, SpaceEntry, TokenEntry, TokenKey};

/// A token's entry as it stands.
pub(super) struct TokenRow {
    pub(super) key: TokenKey,
    pub(super) bytes: Vec<u8>,
}

impl Operation<'_> {
    /// The token that a value has.
    pub(super) fn token_of_value(&self, fields: &FieldSet, value: &[u8]) -> Result<Option<TokenRow>> {
        for keys in fields.iter() {
            let value = keys.value_key(value);
            let Some(bytes) = self.get(VALUE, &value)? else { continue };
            let FingerprintEntry { key_version, token: key } = FingerprintEntry::parse(&bytes)?;
            if key_version != keys.version.get() {
                return Err(Error::Rejected);
            }
            let bytes = self.get(TOKEN, &key)?.ok_or_else(|| lost("a fingerprint leads to no token"))?;
            if TokenEntry::parse(&bytes)?.value != value {
                return Err(Error::Rejected);
            }
            return Ok(Some(TokenRow { key, bytes }));
        }
        Ok(None)
    }

    /// The entry of a token.
    pub(super) fn token_row(&self, fields: &FieldSet, token: &str) -> Result<Option<TokenRow>> {
        for keys in fields.iter() {
            let key = keys.token_key(token);
            if let Some(bytes) = self.get(TOKEN, &key)? {
                return Ok(Some(TokenRow { key, bytes }));
            }
        }
        Ok(None)
    }

    /// Removes a token with all that leads to it.
    pub(super) fn remove_token(&mut self, row: &TokenRow) -> Result<()> {
        let entry = TokenEntry::parse(&row.bytes)?;
        for link in entry.holders.iter().filter_map(|holder| holder.link) {
            self.remove_link(&link, &row.key)?;
        }
        self.remove_token_itself(&row.key, &row.bytes, &entry)
    }

    /// What a subject held of a token goes; the token itself goes with the last who held it. Her entry that refers to it
    /// is the caller's to remove.
    pub(super) fn remove_holder(&mut self, link: &EntryKey, key: &TokenKey) -> Result<()> {
        let bytes = self.get(TOKEN, key)?.ok_or_else(|| lost("a subject's entry leads to no token"))?;
        let mut entry = TokenEntry::parse(&bytes)?;
        let before = entry.holders.len();
        entry.holders.retain(|holder| holder.link.as_ref() != Some(link));
        if entry.holders.len() == before {
            return Err(lost("a token does not know a subject who refers to it"));
        }
        match entry.holders.is_empty() {
            true => self.remove_token_itself(key, &bytes, &entry),
            false => {
                let new = entry.to_bytes()?;
                self.put(TOKEN, key, Some(&bytes), new);
                Ok(())
            }
        }
    }

    /// Removes a subject's entry that refers to a token.
    pub(super) fn remove_link(&mut self, link: &EntryKey, key: &TokenKey) -> Result<()> {
        let bytes = self.get(ENTRY, link)?.ok_or_else(|| lost("a token leads to no subject"))?;
        if Entry::parse(&bytes)? != Entry::Link(*key) {
            return Err(lost("a token leads to another entry than its own"));
        }
        self.delete(ENTRY, link, &bytes);
        Ok(())
    }

    fn remove_token_itself(&mut self, key: &TokenKey, bytes: &[u8], entry: &TokenEntry<'_>) -> Result<()> {
        self.delete(TOKEN, key, bytes);
        self.ledger.census.remove(line_of(entry, Mode::Token))?;
        if entry.value != NO_KEY {
            let old = self.get(VALUE, &entry.value)?.ok_or_else(|| lost("a token has no fingerprint"))?;
            self.delete(VALUE, &entry.value, &old);
            self.ledger.census.remove(line_of(entry, Mode::Fingerprint))?;
        }
        if entry.space != NO_KEY {
            let old = self.get(SPACE, &entry.space)?.ok_or_else(|| lost("a token's space is not counted"))?;
            match SpaceEntry::parse(&old)?.used {
                0 | 1 => self.delete(SPACE, &entry.space, &old),
                used => self.put(SPACE, &entry.space, Some(&old), SpaceEntry { used: used - 1 }.to_bytes()),
            }
        }
        Ok(())
    }
}

impl Vault {
    /// Moves a token to its field's primary key version. Whether it had to be moved.
    pub(super) fn move_token(
        &self,
        operation: &mut Operation<'_>,
        key: &TokenKey,
        bytes: &[u8],
        mover: &mut Mover,
    ) -> Result<bool> {
        let despite_state = mover.how.despite_state;
        let mut entry = TokenEntry::parse(bytes)?;
        if is_destroyed(&operation.keyring.keyset, entry.key_version)? {
            mover.sum.lost += 1;
            return Ok(false);
        }
        let tenant = Tenant::new(self, TenantId::new(entry.tenant)?);
        let field = FieldName::new(entry.field)?;
        let fields = operation.keyring.of_field(tenant.name(), &field);
        let new = fields.iter().next().expect("a keyset has a primary");
        if entry.key_version == new.version.get() {
            return Ok(false);
        }
        // It protects from now on.
        operation
            .keyring
            .keyset
            .primary_for(&KeyUse::Field { tenant: tenant.name().clone(), field: field.clone() })?;
        let old = match despite_state {
            true => fields.moving(entry.key_version)?,
            false => fields.revealing(entry.key_version)?,
        };
        let token = old.open_token(key, &entry)?;
        let (new_key, mut sealing) = (new.token_key(&token), new.batch());
        let mut value = None;
        for holder in &mut entry.holders {
            match holder.link {
                None => {
                    let opened = old.open_value(&token, &holder.envelope)?;
                    holder.envelope = sealing.seal_value(&token, opened.expose())?;
                    value = Some(opened);
                }
                Some(link) => {
                    let is_lost = || lost("a token leads to no subject");
                    let bytes = operation.get(ENTRY, &link)?.ok_or_else(is_lost)?;
                    if Entry::parse(&bytes)? != Entry::Link(*key) {
                        return Err(lost("a token leads to another entry than its own"));
                    }
                    operation.put(ENTRY, &link, Some(&bytes), Entry::Link(new_key).to_bytes()?);
                    if entry.value != NO_KEY && value.is_none() {
                        let (locator, _) = split_entry_key(&link);
                        let head = operation.get(ENTRY, &entry_key(&locator, 0))?.ok_or_else(is_lost)?;
                        let head = Entry::parse(&head)?.into_head()?;
                        let known = operation.keyring.of(tenant.name());
                        let wrapping = match despite_state {
                            true => known.moving(head.wrap_version)?,
                            false => known.revealing(head.wrap_version)?,
                        };
                        let data_key = tenant.data_key(wrapping, &head, &locator)?;
                        let generation = KeyVersion::new(head.generation)?;
                        let envelope = &holder.envelope;
                        let opened = SubjectSealer::open_token(
                            &data_key,
                            generation,
                            tenant.name(),
                            &field,
                            &token,
                            envelope,
                        )?;
                        value = Some(opened);
                    }
                }
            }
        }
        operation.ledger.census.remove(line_of(&entry, Mode::Token))?;
        if entry.value != NO_KEY {
            let value = value.ok_or_else(|| lost("a token has no holder"))?;
            let fingerprint =
                operation.get(VALUE, &entry.value)?.ok_or_else(|| lost("a token has no fingerprint"))?;
            operation.delete(VALUE, &entry.value, &fingerprint);
            operation.ledger.census.remove(line_of(&entry, Mode::Fingerprint))?;
            entry.value = new.value_key(value.expose());
        }
        entry.key_version = new.version.get();
        entry.token = sealing.seal_token(&new_key, &token, &entry)?;
        if entry.value != NO_KEY {
            let fingerprint = FingerprintEntry { key_version: entry.key_version, token: new_key };
            operation.put(VALUE, &entry.value, None, fingerprint.to_bytes());
            operation.ledger.census.add(line_of(&entry, Mode::Fingerprint));
        }
        operation.ledger.census.add(line_of(&entry, Mode::Token));
        operation.delete(TOKEN, key, bytes);
        let moved = entry.to_bytes()?;
        operation.put(TOKEN, &new_key, None, moved);
        Ok(true)
    }

    /// Deletes the tokens whose time is over. How many.
    ///
    /// # Errors
    /// [`Error::Setting`] for a time in the future; [`Error::Rejected`] when an entry was altered; [`Error::Corrupt`] when
    /// entries are missing; the store's.
    pub fn purge_tokens(&self, now: Timestamp) -> Result<u64> {
        if now > self.now() {
            let problem = format!("{now} is in the future: nothing is deleted before it has ended");
            return Err(Error::Setting { what: "time of a purge", problem });
        }
        let (mut purged, mut pages) = (0, Pages::new(self.store(), TOKEN, &[], None));
        loop {
            let mut operation = self.bookkeeping(Draft::new("purge-tokens"))?;
            operation.ledger.latest = operation.ledger.latest.max(now);
            let now = operation.ledger.latest;
            let Some(page) = pages.next()? else { return Ok(purged) };
            let before = purged;
            for (key, bytes) in page {
                let entry = TokenEntry::parse(&bytes)?;
                if is_over(&entry, now) && !self.keeps_token(&operation, &entry)? {
                    let key = token_key_of(&key)?;
                    operation.remove_token(&TokenRow { key, bytes })?;
                    purged += 1;
                }
            }
            if purged > before {
                self.finish(operation)?;
            }
        }
    }
}

impl Vault {
    /// Whether a hold of somebody who holds the token keeps it.
    pub(super) fn keeps_token(&self, operation: &Operation<'_>, entry: &TokenEntry<'_>) -> Result<bool> {
        let tenant = Tenant::new(self, TenantId::new(entry.tenant)?);
        for link in entry.holders.iter().filter_map(|holder| holder.link) {
            let (locator, _) = split_entry_key(&link);
            let head = operation.get(ENTRY, &entry_key(&locator, 0))?;
            let head = head.ok_or_else(|| lost("a token leads to no subject"))?;
            let head = Entry::parse(&head)?.into_head()?;
            if !is_destroyed(&operation.keyring.keyset, head.wrap_version)?
                && !tenant.hold_names(operation, &head, &locator)?.is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The refusal of what a hold keeps.
pub(super) fn held() -> Error {
    let problem = "a hold keeps it: where it may end, release it first (`cloakroom subject release`)".into();
    Error::Denied { code: "held", problem }
}

/// Whether a token's time is over.
pub(super) fn is_over(entry: &TokenEntry<'_>, now: Timestamp) -> bool {
    entry.expires != 0 && entry.expires <= now.0
}

/// The bytes of a key in the token map.
pub(super) fn token_key_of(key: &[u8]) -> Result<TokenKey> {
    key.try_into().map_err(|_| Error::Corrupt { problem: "a token's key has the wrong length".into() })
}

/// The census line that counts a token's entry or fingerprint.
pub(super) fn line_of(entry: &TokenEntry<'_>, mode: Mode) -> Line {
    Line { tenant: entry.tenant.into(), field: entry.field.into(), mode, version: entry.key_version }
}

pub(super) fn lost(problem: &str) -> Error {
    Error::Corrupt { problem: problem.into() }
}
