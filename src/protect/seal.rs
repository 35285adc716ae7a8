//! Sealed fields: an [envelope](crate::wire::envelope) whose AAD is
//! `encode(tenant, subject, field, key version, format version)`.
//!
//! A ciphertext moved to another tenant, subject or field does not open. [`Sealer`] works without a vault, under a key
//! of the keyset for (tenant, field, suite); [`SubjectSealer`] under one data subject's own key, so that destroying
//! that key erases what it sealed wherever copies are. A subject may have several records, so there the AAD has the
//! record's number as well: her old address does not open in the place of her new one.

use super::Erasability;
use crate::crypto::aead::{Aead, Batch, LONGEST, OVERHEAD, Suite};
use crate::crypto::context::{Context, Contexts, Label};
use crate::crypto::kdf;
use crate::crypto::radix_text::{base64url_len, decode_base64url, encode_base64url};
use crate::crypto::secret::{AeadKey, DataKey, Plaintext};
use crate::error::{Error, Result};
use crate::keys::UsableKey;
use crate::name::{FieldName, KeyVersion, SubjectId, TenantId};
use crate::wire::envelope::{Envelope, FORMAT};
use std::fmt;

/// What an envelope in a text cell starts with; base64url of the envelope follows.
pub const ENVELOPE_PREFIX: &str = "ck1e_";

/// The AADs of a field's envelopes, by the subject.
fn aads(tenant: &TenantId, field: &FieldName, version: KeyVersion) -> Contexts {
    Contexts::new(Context::new(Label::SealAad).part(tenant.as_str()), |after| {
        after.part(field.as_str()).number(version.get().into()).number(FORMAT.into())
    })
}

/// What an envelope holds that this key version and suite sealed.
fn parse<'e>(aead: &Aead, version: KeyVersion, envelope: &'e [u8]) -> Result<&'e [u8]> {
    let envelope = Envelope::parse(envelope)?;
    match envelope.key_version == version && envelope.suite == aead.suite() as u8 {
        true => Ok(envelope.sealed),
        false => Err(Error::Rejected),
    }
}

/// Opens an envelope that this key version and suite sealed.
fn open(aead: &Aead, version: KeyVersion, aad: &Context, envelope: &[u8]) -> Result<Plaintext> {
    aead.open(aad, parse(aead, version, envelope)?)
}

/// Seals the values of one field under one key version, without a vault. Shareable among threads.
pub struct Sealer {
    pub(super) aead: Aead,
    pub(super) aads: Contexts,
    tenant: TenantId,
    field: FieldName,
    pub(super) version: KeyVersion,
}

impl Sealer {
    /// The key is the field's, not the subject's.
    pub const ERASABILITY: Erasability = Erasability::DeleteRow;

    /// A sealer for this field.
    pub fn new(key: &UsableKey, suite: Suite, tenant: &TenantId, field: &FieldName) -> Self {
        let context =
            Context::new(Label::SealKey).part(tenant.as_str()).part(field.as_str()).number(suite as u64);
        let sub_key: AeadKey = kdf::derive(key.secret(), &context);
        let (aead, aads) = (Aead::new(suite, &sub_key), aads(tenant, field, key.number()));
        Self { aead, aads, tenant: tenant.clone(), field: field.clone(), version: key.number() }
    }

    /// The key version of the envelopes.
    pub fn key_version(&self) -> KeyVersion {
        self.version
    }

    /// An envelope of the plaintext, bound to the subject (which may be empty where rows have none).
    ///
    /// # Errors
    /// [`Error::TooLong`] over 256 MiB.
    pub fn seal(&self, subject: &str, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(plaintext.len().min(LONGEST) + 64);
        self.batch().seal(subject, plaintext, &mut out)?;
        Ok(out)
    }

    /// Many envelopes that share the first 12 bytes of their nonces, and so one derivation of the inner key.
    pub fn batch(&self) -> FieldBatch<'_> {
        FieldBatch { sealer: self, batch: self.aead.batch() }
    }

    /// The plaintext of an envelope.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no envelope; [`Error::Rejected`] for one of another key version, tenant,
    /// subject or field, or altered.
    pub fn open(&self, subject: &str, envelope: &[u8]) -> Result<Plaintext> {
        open(&self.aead, self.version, &self.aads.with(subject), envelope)
    }

    /// What an envelope of this field, suite and key version holds, not opened.
    #[inline]
    pub(super) fn parse<'e>(&self, envelope: &'e [u8]) -> Result<&'e [u8]> {
        // At once where it is an envelope of this sealer; what else it is takes longer to be said.
        let header = Envelope::header(self.aead.suite() as u8, self.version);
        match envelope.split_first_chunk() {
            Some((first, sealed)) if *first == header && sealed.len() >= OVERHEAD => Ok(sealed),
            _ => parse(&self.aead, self.version, envelope),
        }
    }

    /// The plaintext of an envelope in a text cell.
    ///
    /// # Errors
    /// As [`open`](Sealer::open), and [`Error::Value`] for a cell that holds no envelope.
    pub fn open_text(&self, subject: &str, cell: &str) -> Result<Plaintext> {
        let mut envelope = vec![];
        read_text(cell.as_bytes(), &mut envelope)?;
        self.open(subject, &envelope)
    }
}

/// A batch of envelopes of one field.
pub struct FieldBatch<'s> {
    pub(super) sealer: &'s Sealer,
    pub(super) batch: Batch<'s>,
}

impl FieldBatch<'_> {
    /// Appends an envelope of the plaintext to `out`.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 256 MiB.
    pub fn seal(&mut self, subject: &str, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let s = self.sealer;
        Envelope::write_header(s.aead.suite() as u8, s.version, out);
        self.batch.seal(&s.aads.with(subject), plaintext, out)
    }

    /// Appends an envelope for a text cell to `out`.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 256 MiB; [`Error::Value`] when the plaintext is such a cell already.
    pub fn seal_text(&mut self, subject: &str, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        refuse_sealed(plaintext)?;
        let mut envelope = Vec::with_capacity(plaintext.len().min(LONGEST) + 64);
        self.seal(subject, plaintext, &mut envelope)?;
        write_text(&envelope, out);
        Ok(())
    }
}

/// # Errors
/// [`Error::Value`] for a plaintext that is a cell with an envelope.
pub(super) fn refuse_sealed(plaintext: &[u8]) -> Result<()> {
    match plaintext.trim_ascii_start().starts_with(ENVELOPE_PREFIX.as_bytes()) {
        true => Err(Error::Value { problem: "is sealed already" }),
        false => Ok(()),
    }
}

/// Appends the text of an envelope.
pub(super) fn write_text(envelope: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(ENVELOPE_PREFIX.as_bytes());
    let start = out.len();
    out.resize(start + base64url_len(envelope.len()), 0);
    encode_base64url(envelope, &mut out[start..]);
}

/// Appends the envelope that a text cell holds.
///
/// # Errors
/// [`Error::Value`] for a cell that holds none.
pub(super) fn read_text(cell: &[u8], envelope: &mut Vec<u8>) -> Result<()> {
    match cell.strip_prefix(ENVELOPE_PREFIX.as_bytes()) {
        Some(text) if decode_base64url(text, envelope) => Ok(()),
        _ => Err(Error::Value { problem: "is no envelope" }),
    }
}

/// Seals the fields of one data subject under the subject's own key.
pub struct SubjectSealer {
    aead: Aead,
    tenant: TenantId,
    subject: SubjectId,
    generation: KeyVersion,
}

impl SubjectSealer {
    /// Destroying the subject's key erases every copy.
    pub const ERASABILITY: Erasability = Erasability::ShredSubject;

    /// A sealer for this subject; `generation` says which of the subject's data keys it is.
    pub fn new(
        key: &DataKey,
        generation: KeyVersion,
        suite: Suite,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Self {
        let sub_key: AeadKey = kdf::derive(key, &Context::new(Label::SubjectSealKey).number(suite as u64));
        let aead = Aead::new(suite, &sub_key);
        Self { aead, tenant: tenant.clone(), subject: subject.clone(), generation }
    }

    /// The sealer of the subject whose id [`seal_id`](SubjectSealer::seal_id) sealed for this place.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn of_sealed_id(
        key: &DataKey,
        generation: KeyVersion,
        tenant: &TenantId,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Self> {
        let suite = Suite::from_number(Envelope::parse(sealed)?.suite).ok_or(Error::Rejected)?;
        let sub_key: AeadKey = kdf::derive(key, &Context::new(Label::SubjectSealKey).number(suite as u64));
        let aead = Aead::new(suite, &sub_key);
        let id = open(&aead, generation, &id_aad(tenant, place, generation), sealed)?;
        let subject = SubjectId::new(id.expose_str().ok_or(Error::Rejected)?)?;
        Ok(Self { aead, tenant: tenant.clone(), subject, generation })
    }

    /// Whose fields it seals.
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// An envelope of the subject's id, bound to the place where it is kept.
    ///
    /// # Errors
    /// None for a checked id.
    pub fn seal_id(&self, place: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![];
        Envelope::write_header(self.aead.suite() as u8, self.generation, &mut out);
        let aad = id_aad(&self.tenant, place, self.generation);
        self.aead.seal(&aad, self.subject.expose().as_bytes(), &mut out)?;
        Ok(out)
    }

    /// Envelopes of several fields, in order, each with the number of the subject's record that it belongs to; one
    /// derivation of the inner key serves all.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 256 MiB.
    pub fn seal<'p>(
        &self,
        fields: impl IntoIterator<Item = (u32, &'p FieldName, &'p [u8])>,
    ) -> Result<Vec<Vec<u8>>> {
        let mut batch = self.aead.batch();
        fields
            .into_iter()
            .map(|(record, field, plaintext)| {
                let mut out = Vec::with_capacity(plaintext.len().min(LONGEST) + 64);
                Envelope::write_header(self.aead.suite() as u8, self.generation, &mut out);
                batch.seal(&self.aad(record, field), plaintext, &mut out)?;
                Ok(out)
            })
            .collect()
    }

    /// The plaintext of an envelope.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn open(&self, record: u32, field: &FieldName, envelope: &[u8]) -> Result<Plaintext> {
        open(&self.aead, self.generation, &self.aad(record, field), envelope)
    }

    /// An envelope of the value that a random token of this field stands for.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 256 MiB.
    pub fn seal_token(&self, field: &FieldName, token: &str, value: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(value.len() + 64);
        Envelope::write_header(self.aead.suite() as u8, self.generation, &mut out);
        self.aead.seal(&token_aad(&self.tenant, field, token, self.generation), value, &mut out)?;
        Ok(out)
    }

    /// The value in an envelope of [`seal_token`](SubjectSealer::seal_token). Whose it is need not be known.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn open_token(
        key: &DataKey,
        generation: KeyVersion,
        tenant: &TenantId,
        field: &FieldName,
        token: &str,
        envelope: &[u8],
    ) -> Result<Plaintext> {
        let suite = Suite::from_number(Envelope::parse(envelope)?.suite).ok_or(Error::Rejected)?;
        let sub_key: AeadKey = kdf::derive(key, &Context::new(Label::SubjectSealKey).number(suite as u64));
        let aad = token_aad(tenant, field, token, generation);
        open(&Aead::new(suite, &sub_key), generation, &aad, envelope)
    }

    fn aad(&self, record: u32, field: &FieldName) -> Context {
        Context::new(Label::SubjectSealAad)
            .part(self.tenant.as_str())
            .part(self.subject.expose())
            .part(field.as_str())
            .number(self.generation.get().into())
            .number(FORMAT.into())
            .number(record.into())
    }
}

/// The AAD of the value that a random token stands for, sealed by a subject's key or by the field's own.
pub(crate) fn token_aad(
    tenant: &TenantId,
    field: &FieldName,
    token: &str,
    generation: KeyVersion,
) -> Context {
    let context = Context::new(Label::TokenValueAad).part(tenant.as_str()).part(field.as_str()).part(token);
    context.number(generation.get().into())
}

fn id_aad(tenant: &TenantId, place: &[u8], generation: KeyVersion) -> Context {
    Context::new(Label::SubjectIdAad).part(tenant.as_str()).part(place).number(generation.get().into())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, {}, key version {}, ..)", self.tenant, self.field, self.version)
    }
}

impl fmt::Debug for FieldBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldBatch({:?})", self.sealer)
    }
}

impl fmt::Debug for SubjectSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectSealer({}, ..)", self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;
    use crate::crypto::wrap;

    fn field(name: &str) -> FieldName {
        FieldName::new(name).unwrap()
    }

    fn tenant() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    // SPEC: ENV-4
    #[test]
    fn an_envelope_opens_in_its_place_only() {
        for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
            let sealer = Sealer::new(&test_key(1), suite, &tenant(), &field("email"));
            let envelope = sealer.seal("10423", b"ann@example.com").unwrap();
            assert_eq!(sealer.open("10423", &envelope).unwrap().expose(), b"ann@example.com");
            assert!(matches!(sealer.open("10424", &envelope), Err(Error::Rejected)));
            let elsewhere = [
                Sealer::new(&test_key(1), suite, &tenant(), &field("phone")),
                Sealer::new(&test_key(1), suite, &TenantId::new("other").unwrap(), &field("email")),
                Sealer::new(&test_key(2), suite, &tenant(), &field("email")),
            ];
            assert!(elsewhere.iter().all(|s| matches!(s.open("10423", &envelope), Err(Error::Rejected))));
            for i in 0..envelope.len() {
                let mut altered = envelope.clone();
                altered[i] ^= 4;
                assert!(sealer.open("10423", &altered).is_err(), "byte {i}");
            }
        }
    }

    // SPEC: ENV-6, FILE-4
    #[test]
    fn text_cells_come_back_and_are_not_sealed_twice() {
        let sealer = Sealer::new(&test_key(1), Suite::Xaes256Gcm, &tenant(), &field("email"));
        let mut batch = sealer.batch();
        for plaintext in [&b""[..], b" x", &[0xFF; 300]] {
            let mut cell = vec![];
            batch.seal_text("s", plaintext, &mut cell).unwrap();
            let cell = String::from_utf8(cell).unwrap();
            assert_eq!(sealer.open_text("s", &cell).unwrap().expose(), plaintext);
            assert!(batch.seal_text("s", cell.as_bytes(), &mut vec![]).is_err());
        }
        for bad in ["", "x", "ck1e_", "ck1e_!!", "ck1e_AAAA"] {
            assert!(sealer.open_text("s", bad).is_err());
        }
    }

    // SPEC: VAULT-7
    #[test]
    fn a_subjects_fields_open_with_her_key_only() {
        let (ann, bob) = (SubjectId::new("ann").unwrap(), SubjectId::new("bob").unwrap());
        let key = wrap::generate();
        let sealer = |key: &DataKey, who, generation| {
            SubjectSealer::new(key, KeyVersion::new(generation).unwrap(), Suite::Xaes256Gcm, &tenant(), who)
        };
        let (email, phone) = (field("email"), field("phone"));
        let fields: [(u32, &FieldName, &[u8]); 2] = [(7, &email, b"a@b"), (7, &phone, b"123")];
        let envelopes = sealer(&key, &ann, 1).seal(fields).unwrap();
        assert_eq!(sealer(&key, &ann, 1).open(7, &phone, &envelopes[1]).unwrap().expose(), b"123");
        assert!(sealer(&key, &ann, 1).open(8, &phone, &envelopes[1]).is_err(), "another record");
        assert!(sealer(&key, &ann, 1).open(7, &email, &envelopes[1]).is_err(), "another field");
        assert!(sealer(&key, &bob, 1).open(7, &phone, &envelopes[1]).is_err(), "another subject");
        assert!(sealer(&key, &ann, 2).open(7, &phone, &envelopes[1]).is_err(), "another generation");
        assert!(sealer(&wrap::generate(), &ann, 1).open(7, &phone, &envelopes[1]).is_err(), "another key");
    }
}
