//! `reference = AES-256(K_reference(tenant, field), locator ‖ record number)`: what stands in a file for a field that
//! the vault holds.
//!
//! Written as `ck1r_` and 22 characters of base64url. The permutation hides that two rows belong to one subject, and
//! one column's references say nothing about another's.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prp::Prp;
use crate::error::{Error, Result};
use crate::keys::UsableKey;
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::wire::entry::EntryKey;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use std::fmt;

/// Which record: for use inside the process. Outside it stands as a reference, see [`References`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId(pub(super) EntryKey);

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordId(..)")
    }
}

/// Turns the record ids of one field into references and back, under one key version.
pub struct References {
    prp: Prp,
    version: KeyVersion,
}

impl References {
    /// What a reference in a text cell starts with.
    pub const PREFIX: &'static str = "ck1r_";

    /// The references of this field.
    pub fn new(key: &UsableKey, tenant: &TenantId, field: &FieldName) -> Self {
        let context = Context::new(Label::ReferenceKey).part(tenant.as_str()).part(field.as_str());
        Self { prp: Prp::new(&kdf::derive(key.secret(), &context)), version: key.number() }
    }

    /// The key version of the references.
    pub fn key_version(&self) -> KeyVersion {
        self.version
    }

    /// Appends the record's reference.
    pub fn write(&self, record: RecordId, out: &mut Vec<u8>) {
        let mut block = [record.0];
        self.prp.encrypt(&mut block);
        let mut text = [0; 22];
        BASE64.encode_slice(block[0], &mut text).expect("16 bytes are 22 characters");
        out.extend_from_slice(Self::PREFIX.as_bytes());
        out.extend_from_slice(&text);
    }

    /// The record that a reference stands for, if it is of this field and key version: any other leads nowhere.
    ///
    /// # Errors
    /// [`Error::Value`] for what is no reference.
    pub fn parse(&self, cell: &str) -> Result<RecordId> {
        let bytes = cell.strip_prefix(Self::PREFIX).and_then(|text| BASE64.decode(text).ok());
        let block: Option<EntryKey> = bytes.and_then(|b| b.try_into().ok());
        let mut block = [block.ok_or(Error::Value { problem: "is no reference into a vault" })?];
        self.prp.decrypt(&mut block);
        Ok(RecordId(block[0]))
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "References(key version {})", self.version)
    }
}
