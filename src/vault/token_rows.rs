//! The entries of a random token, as one operation finds, gives up and removes them.

use super::census::{Line, Mode};
use super::keyring::FieldSet;
use super::open::Operation;
use super::{ENTRY, SPACE, TOKEN, VALUE};
use crate::error::{Error, Result};
use crate::wire::entry::{Entry, EntryKey};
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
            let Some(bytes) = self.get(VALUE, &keys.value_key(value))? else { continue };
            let FingerprintEntry { key_version, token: key } = FingerprintEntry::parse(&bytes)?;
            if key_version != keys.version.get() {
                return Err(Error::Rejected);
            }
            let bytes = self.get(TOKEN, &key)?.ok_or_else(|| lost("a fingerprint leads to no token"))?;
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

/// The census line that counts a token's entry or fingerprint.
pub(super) fn line_of(entry: &TokenEntry<'_>, mode: Mode) -> Line {
    Line { tenant: entry.tenant.into(), field: entry.field.into(), mode, version: entry.key_version }
}

pub(super) fn lost(problem: &str) -> Error {
    Error::Corrupt { problem: format!("{problem}; `check` says what is missing") }
}
