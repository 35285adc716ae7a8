//! ```text
//! m         = HMAC-SHA256(K_mask(tenant, field), subject cell)[0..16]
//! reference = AES-256(K_reference(tenant, field), record id ⊕ m) ⊕ m
//! ```
//!
//! What stands in a file for a field that the vault holds, written as `ck1r_` and 22 characters of base64url.
//!
//! The permutation hides that two rows belong to one subject, and one column's references say nothing about another's.
//! The mask binds a reference to its row: `subject cell` is the row's subject column as it stands in the protected
//! file, so a reference moved to another subject's row leads nowhere.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
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
    mask: Prf,
    version: KeyVersion,
}

impl References {
    /// What a reference in a text cell starts with.
    pub const PREFIX: &'static str = "ck1r_";

    /// The references of this field.
    pub fn new(key: &UsableKey, tenant: &TenantId, field: &FieldName) -> Self {
        let context = |label| Context::new(label).part(tenant.as_str()).part(field.as_str());
        Self {
            prp: Prp::new(&kdf::derive(key.secret(), &context(Label::ReferenceKey))),
            mask: Prf::new(&kdf::derive(key.secret(), &context(Label::ReferenceMask))),
            version: key.number(),
        }
    }

    /// The key version of the references.
    pub fn key_version(&self) -> KeyVersion {
        self.version
    }

    /// Appends the record's reference, bound to the row's subject cell (empty where rows have none).
    pub fn write(&self, record: RecordId, subject_cell: &[u8], out: &mut Vec<u8>) {
        let mask = self.mask(subject_cell);
        let mut block = [masked(record.0, mask)];
        self.prp.encrypt(&mut block);
        let mut text = [0; 22];
        BASE64.encode_slice(masked(block[0], mask), &mut text).expect("16 bytes are 22 characters");
        out.extend_from_slice(Self::PREFIX.as_bytes());
        out.extend_from_slice(&text);
    }

    /// The record that a reference stands for, if it is of this field, key version and subject cell: any other leads
    /// nowhere.
    ///
    /// # Errors
    /// [`Error::Value`] for what is no reference.
    pub fn parse(&self, cell: &str, subject_cell: &[u8]) -> Result<RecordId> {
        let bytes = cell.strip_prefix(Self::PREFIX).and_then(|text| BASE64.decode(text).ok());
        let block: Option<EntryKey> = bytes.and_then(|b| b.try_into().ok());
        let mask = self.mask(subject_cell);
        let mut block =
            [masked(block.ok_or(Error::Value { problem: "is no reference into a vault" })?, mask)];
        self.prp.decrypt(&mut block);
        Ok(RecordId(masked(block[0], mask)))
    }

    fn mask(&self, subject_cell: &[u8]) -> [u8; 16] {
        self.mask.tag(&[subject_cell]).into_public()
    }
}

fn masked(block: [u8; 16], mask: [u8; 16]) -> [u8; 16] {
    (u128::from_ne_bytes(block) ^ u128::from_ne_bytes(mask)).to_ne_bytes()
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "References(key version {})", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keyset;
    use crate::time::Timestamp;

    // SPEC: REF-1, REF-2
    #[test]
    fn a_reference_leads_back_from_its_place_only() {
        let keyset = Keyset::generate(Timestamp(0)).unwrap().rotated(Timestamp(1)).unwrap();
        let references = |version, tenant, field| {
            let key = keyset.for_reveal(KeyVersion::new(version).unwrap()).unwrap();
            References::new(&key, &TenantId::new(tenant).unwrap(), &FieldName::new(field).unwrap())
        };
        let (record, mut cell) = (RecordId([7; 16]), vec![]);
        references(2, "acme", "email").write(record, b"row 1", &mut cell);
        let cell = String::from_utf8(cell).unwrap();
        assert_eq!(cell.len(), 27);
        assert_eq!(references(2, "acme", "email").parse(&cell, b"row 1").unwrap(), record);
        for (other, subject) in [
            (references(2, "acme", "email"), &b"row 2"[..]),
            (references(2, "acme", "phone"), b"row 1"),
            (references(2, "other", "email"), b"row 1"),
            (references(1, "acme", "email"), b"row 1"),
        ] {
            assert_ne!(other.parse(&cell, subject).unwrap(), record);
        }
        for bad in ["", "ck1r_", "ck1r_AAAA", "ck1e_AAAAAAAAAAAAAAAAAAAAAA", &cell[1..], &format!("{cell}A")]
        {
            assert!(references(2, "acme", "email").parse(bad, b"row 1").is_err(), "{bad}");
        }
    }
}
