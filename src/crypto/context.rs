//! `encode(label, p1, …, pn) = len(label) ‖ label ‖ len(p1) ‖ p1 ‖ … ‖ len(pn) ‖ pn`, each length 4 bytes, big-endian.
//!
//! Two different lists never encode alike, whatever bytes their parts hold: a reader that knows nothing but the rule
//! gets the list back. Every HKDF info, every AAD and every tweak of the crate is made here and nowhere else. Gluing
//! names with a separator is not injective (`a-b` + `c` against `a` + `b-c`), and tenants choose their names.

use std::fmt;

/// What an encoding is for. One label, one use: no two uses of a key can be confused. (A key that seals one kind of
/// thing and the AAD of that thing share a label: as HKDF info and as AAD they never meet.) `SPEC.md` has the parts' types.
///
/// | label | parts |
/// |---|---|
/// | `Ff1Key` | tenant, field, radix, length |
/// | `Ff1Tweak` | tenant, field, caller's context |
/// | `NetworkKey` | tenant, field, cipher, caller's context |
/// | `PseudonymIdentity` | tenant |
/// | `PseudonymInput` | kind (the normalised value follows as the last part) |
/// | `PseudonymScope` | tenant, scope, epoch |
/// | `IndexKey`, `IndexTag` | tenant, index |
/// | `IndexInput` | field and normalised value, of each part |
/// | `PseudonymScope`, `PseudonymInteger` | tenant, scope, epoch |
/// | `SealKey` | tenant, field, suite |
/// | `SealAad` | tenant, subject, field, key version, format version |
/// | `SubjectSealKey` | suite |
/// | `SubjectSealAad` | tenant, subject, field, generation, format version, record number |
/// | `SubjectIdAad` | tenant, locator, generation |
/// | `WrapKey` | tenant |
/// | `WrapAad` | tenant, locator, key version |
/// | `RowKey` | tenant |
/// | `RowInput` | subject |
/// | `ReferenceKey`, `ReferenceMask` | tenant, field |
/// | `TokenRowKey`, `FingerprintKey`, `TokenKey` | tenant, field |
/// | `TokenInput` | token |
/// | `FingerprintInput` | value |
/// | `TokenAad` | tenant, field, key of the entry, key version, flags, expires, value, space |
/// | `TokenValueAad` | tenant, field, token, key version or generation |
/// | `TokenSpace` | tenant, field, layout |
/// | `Census` | –; as AAD the header |
/// | `Manifest` | – |
/// | `ManifestInput` | SHA-256 |
/// | `Anchor` | – |
/// | `CheckValue` | – |
/// | `PassphraseKey` | the header; as AAD – |
/// | `KeyFileKey` | – |
/// | `KeysetBody` | –; as AAD the header |
/// | `AuditHead` | the head |
/// | `AuditState` | – |
/// | `AuditSubject` | tenant, locator |
/// | `AuditField` | tenant, field |
/// | `AuditDetail` | tenant, audit subject id |
/// | `SubjectState` | tenant, locator, generation, format version |
/// | `SigningKey` | – |
/// | `Receipt` | the receipt |
/// | `Approval` | the request's parts |
/// | `VaultRules` | –; as AAD the header |
/// | `TwoFactorKey` | the header, Argon2id's output; as AAD – |
/// | `ShareKey` | the header; as AAD – |
/// | `ShareSet` | needed, count |
/// | `ShareCheck` | set, needed, count, index |
/// | `Pkcs11Key` | the header; as AAD – |
/// | `SealedExport` | –, as HPKE's info |
/// | `AccessSegment` | first leaf (the segment follows as the last part) |
/// | `AccessState` | – (the state follows as the last part) |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table above")]
pub enum Label {
    Ff1Key,
    Ff1Tweak,
    NetworkKey,
    PseudonymIdentity,
    PseudonymInput,
    PseudonymScope,
    IndexKey,
    IndexInput,
    IndexTag,
    PseudonymInteger,
    SealKey,
    SealAad,
    SubjectSealKey,
    SubjectSealAad,
    SubjectIdAad,
    WrapKey,
    WrapAad,
    RowKey,
    RowInput,
    ReferenceKey,
    ReferenceMask,
    TokenRowKey,
    TokenInput,
    FingerprintKey,
    FingerprintInput,
    TokenKey,
    TokenAad,
    TokenValueAad,
    TokenSpace,
    Census,
    Manifest,
    ManifestInput,
    Anchor,
    CheckValue,
    PassphraseKey,
    KeyFileKey,
    KeysetBody,
    AuditHead,
    AuditState,
    AuditSubject,
    AuditField,
    AuditDetail,
    SubjectState,
    SigningKey,
    Receipt,
    Approval,
    VaultRules,
    TwoFactorKey,
    ShareKey,
    ShareSet,
    ShareCheck,
    Pkcs11Key,
    SealedExport,
    AccessSegment,
    AccessState,
}

impl Label {
    /// The bytes of the label. Fixed for ever: data made with them exists.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Ff1Key => "cloakroom/1/ff1-key",
            Label::Ff1Tweak => "cloakroom/1/ff1-tweak",
            Label::NetworkKey => "cloakroom/1/network-key",
            Label::PseudonymIdentity => "cloakroom/1/pseudonym-identity",
            Label::PseudonymInput => "cloakroom/1/pseudonym-input",
            Label::PseudonymScope => "cloakroom/1/pseudonym-scope",
            Label::IndexKey => "cloakroom/1/index-key",
            Label::IndexInput => "cloakroom/1/index-input",
            Label::IndexTag => "cloakroom/1/index-tag",
            Label::PseudonymInteger => "cloakroom/1/pseudonym-integer",
            Label::SealKey => "cloakroom/1/seal-key",
            Label::SealAad => "cloakroom/1/seal-aad",
            Label::SubjectSealKey => "cloakroom/1/subject-seal-key",
            Label::SubjectSealAad => "cloakroom/1/subject-seal-aad",
            Label::SubjectIdAad => "cloakroom/1/subject-id-aad",
            Label::WrapKey => "cloakroom/1/wrap-key",
            Label::WrapAad => "cloakroom/1/wrap-aad",
            Label::RowKey => "cloakroom/1/row-key",
            Label::RowInput => "cloakroom/1/row-input",
            Label::ReferenceKey => "cloakroom/1/reference-key",
            Label::ReferenceMask => "cloakroom/1/reference-mask",
            Label::TokenRowKey => "cloakroom/1/token-row-key",
            Label::TokenInput => "cloakroom/1/token-input",
            Label::FingerprintKey => "cloakroom/1/fingerprint-key",
            Label::FingerprintInput => "cloakroom/1/fingerprint-input",
            Label::TokenKey => "cloakroom/1/token-key",
            Label::TokenAad => "cloakroom/1/token-aad",
            Label::TokenValueAad => "cloakroom/1/token-value-aad",
            Label::TokenSpace => "cloakroom/1/token-space",
            Label::Census => "cloakroom/1/census",
            Label::Manifest => "cloakroom/1/manifest",
            Label::ManifestInput => "cloakroom/1/manifest-input",
            Label::Anchor => "cloakroom/1/anchor",
            Label::CheckValue => "cloakroom/1/check-value",
            Label::PassphraseKey => "cloakroom/1/passphrase-key",
            Label::KeyFileKey => "cloakroom/1/key-file-key",
            Label::KeysetBody => "cloakroom/1/keyset-body",
            Label::AuditHead => "cloakroom/1/audit-head",
            Label::AuditState => "cloakroom/1/audit-state",
            Label::AuditSubject => "cloakroom/1/audit-subject",
            Label::AuditField => "cloakroom/1/audit-field",
            Label::AuditDetail => "cloakroom/1/audit-detail",
            Label::SubjectState => "cloakroom/1/subject-state",
            Label::SigningKey => "cloakroom/1/signing-key",
            Label::Receipt => "cloakroom/1/receipt",
            Label::Approval => "cloakroom/1/approval",
            Label::VaultRules => "cloakroom/1/vault-rules",
            Label::TwoFactorKey => "cloakroom/1/two-factor-key",
            Label::ShareKey => "cloakroom/1/share-key",
            Label::ShareSet => "cloakroom/1/share-set",
            Label::ShareCheck => "cloakroom/1/share-check",
            Label::Pkcs11Key => "cloakroom/1/pkcs11-key",
            Label::SealedExport => "cloakroom/1/sealed-export",
            Label::AccessSegment => "cloakroom/1/access-segment",
            Label::AccessState => "cloakroom/1/access-state",
        }
    }
}

/// An encoding under construction, or done: it is valid after every part.
#[derive(Clone)]
pub struct Context(Vec<u8>);

impl Context {
    /// Starts with the label.
    pub fn new(label: Label) -> Self {
        Self(Vec::with_capacity(96)).part(label.as_str().as_bytes())
    }

    /// Appends a part: bytes or text.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        let length =
            u32::try_from(part.len()).expect("every part is bounded far below 4 GiB by its own type");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// Appends a number, as a part of 8 bytes, big-endian.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.part(number.to_be_bytes())
    }

    /// What stands between this encoding and one more part of this length: for appending that part without a copy.
    pub fn length_prefix(length: usize) -> [u8; 4] {
        u32::try_from(length).expect("every part is bounded far below 4 GiB by its own type").to_be_bytes()
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Encodings that differ in one part: `before ‖ len(part) ‖ part ‖ after`. Made once for many values, so that each adds its own part.
#[derive(Clone)]
pub struct Contexts {
    before: Context,
    after: Context,
}

impl Contexts {
    /// The parts in front of the one that differs, and those behind it.
    ///
    /// # Example
    /// ```
    /// use cloakroom::crypto::context::{Context, Contexts, Label};
    /// let rows = Contexts::new(Context::new(Label::RowInput).part("a"), |after| after.number(7));
    /// let row = Context::new(Label::RowInput).part("a").part("b").number(7);
    /// assert_eq!(rows.with("b").as_bytes(), row.as_bytes());
    /// ```
    pub fn new(before: Context, after: impl FnOnce(Context) -> Context) -> Self {
        Self { before, after: after(Context(Vec::with_capacity(64))) }
    }

    /// The encoding with this part.
    pub fn with(&self, part: impl AsRef<[u8]>) -> Context {
        let part = part.as_ref();
        let mut context = Context(Vec::with_capacity(self.length(part)));
        self.write(part, &mut context);
        context
    }

    /// Puts the encoding with this part in the place of another.
    pub(super) fn write(&self, part: &[u8], context: &mut Context) {
        let length = self.length(part);
        if context.0.capacity() < length {
            // Growing would leave a copy of a part behind.
            *context = Context(Vec::with_capacity(length.max(128)));
        }
        context.0.clear();
        context.0.extend_from_slice(&self.before.0);
        context.0.extend_from_slice(&Context::length_prefix(part.len()));
        context.0.extend_from_slice(part);
        context.0.extend_from_slice(&self.after.0);
    }

    fn length(&self, part: &[u8]) -> usize {
        self.before.0.len() + 4 + part.len() + self.after.0.len()
    }

    /// No encoding yet, for [`write`](Self::write).
    pub(super) fn room() -> Context {
        Context(vec![])
    }

    /// The bytes in front of the part and its length.
    pub(super) fn before(&self) -> &[u8] {
        &self.before.0
    }

    /// The bytes behind the part.
    pub(super) fn after(&self) -> &[u8] {
        &self.after.0
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contexts(..)")
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(..)") // a part can be a subject id
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        super::wiped::wipe(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(parts: &[Vec<u8>]) -> Vec<u8> {
        parts.iter().fold(Context::new(Label::SealAad), |c, p| c.part(p)).as_bytes().to_vec()
    }

    fn decode(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut parts = vec![];
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(4);
            let (part, rest) = rest.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            parts.push(part.to_vec());
            bytes = rest;
        }
        parts
    }

    proptest! {
        // SPEC: CTX-2
        #[test]
        fn the_list_comes_back(parts: Vec<Vec<u8>>) {
            let decoded = decode(&encode(&parts));
            prop_assert_eq!(&decoded[0], Label::SealAad.as_str().as_bytes());
            prop_assert_eq!(&decoded[1..], &parts[..]);
        }
    }

    // SPEC: CTX-2
    #[test]
    fn the_classic_confusion_is_none() {
        assert_ne!(encode(&[b"a-b".into(), b"c".into()]), encode(&[b"a".into(), b"b-c".into()]));
        assert_ne!(encode(&[b"".into(), b"".into()]), encode(&[b"".into()]));
    }

    // SPEC: CTX-1
    #[test]
    fn the_bytes_are_fixed() {
        assert_eq!(
            Context::new(Label::Census).part("é").number(258).as_bytes(),
            b"\0\0\0\x12cloakroom/1/census\0\0\0\x02\xC3\xA9\0\0\0\x08\0\0\0\0\0\0\x01\x02"
        );
    }
}
