//! The sub-keys of a tenant, and of each of her fields, under one key version: derived when first needed and kept.

use crate::crypto::aead::{Aead, Batch, Suite};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::crypto::secret::{AeadKey, Plaintext};
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use crate::keys::{KeyState, KeyUse, Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion, SubjectId, TenantId};
use crate::protect::token_aad;
use crate::wire::entry::Blind;
use crate::wire::envelope::Envelope;
use crate::wire::token::{TokenEntry, TokenKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// What a tenant's entries need of one key version.
pub(super) struct TenantKeys {
    pub(super) version: KeyVersion,
    row: Prf,
    pub(super) wrap: WrapKey,
}

impl TenantKeys {
    /// `blind = HMAC-SHA256(row key, encode(subject))[0..16]`: the subject's key in the index.
    pub(super) fn blind(&self, subject: &SubjectId) -> Blind {
        let input = Context::new(Label::RowInput).part(subject.expose());
        self.row.tag(&[input.as_bytes()]).into_public()
    }
}

/// What a field's random tokens need of one key version.
pub(super) struct FieldKeys {
    pub(super) version: KeyVersion,
    tenant: TenantId,
    field: FieldName,
    token: Prf,
    value: Prf,
    aead: Aead,
}

impl FieldKeys {
    /// `HMAC-SHA256(token row key, encode(token))[0..16]`: the key of a token's entry.
    pub(super) fn token_key(&self, token: &str) -> TokenKey {
        self.token.tag(&[Context::new(Label::TokenInput).part(token).as_bytes()]).into_public()
    }

    /// `HMAC-SHA256(value row key, encode(value))[0..16]`: the value's fingerprint, the key of the entry that leads to
    /// its token.
    pub(super) fn value_key(&self, value: &[u8]) -> TokenKey {
        let (input, length) = (Context::new(Label::FingerprintInput), Context::length_prefix(value.len()));
        self.value.tag(&[input.as_bytes(), &length, value]).into_public()
    }

    /// As [`token_key`](Self::token_key), of many.
    pub(super) fn token_keys<'t>(&self, tokens: impl ExactSizeIterator<Item = &'t str>) -> Vec<TokenKey> {
        keys_of(&self.token, Label::TokenInput, tokens.map(str::as_bytes))
    }

    /// As [`value_key`](Self::value_key), of many.
    pub(super) fn value_keys<'t>(&self, values: impl ExactSizeIterator<Item = &'t str>) -> Vec<TokenKey> {
        keys_of(&self.value, Label::FingerprintInput, values.map(str::as_bytes))
    }

    /// Starts sealing tokens and values: one derivation of the inner key serves all.
    pub(super) fn batch(&self) -> FieldBatch<'_> {
        FieldBatch { keys: self, aead: self.aead.batch() }
    }

    /// The token that [`FieldBatch::seal_token`] sealed, if its entry says what it said then.
    pub(super) fn open_token(&self, key: &TokenKey, entry: &TokenEntry<'_>) -> Result<String> {
        let token = self.aead.open(&self.token_aad(key, entry), &entry.token)?;
        token.expose_str().map(str::to_owned).ok_or(Error::Rejected)
    }

    /// The value that [`FieldBatch::seal_value`] sealed.
    pub(super) fn open_value(&self, token: &str, envelope: &[u8]) -> Result<Plaintext> {
        let envelope = Envelope::parse(envelope)?;
        if envelope.key_version != self.version || envelope.suite != Suite::Xaes256Gcm as u8 {
            return Err(Error::Rejected);
        }
        self.aead.open(&token_aad(&self.tenant, &self.field, token, self.version), envelope.sealed)
    }

    /// All that the entry says of the token as long as it is under one key version: who can write to the store must not
    /// prolong it, or lead another value to it.
    fn token_aad(&self, key: &TokenKey, entry: &TokenEntry<'_>) -> Context {
        let context = Context::new(Label::TokenAad).part(self.tenant.as_str()).part(self.field.as_str());
        let context = context.part(key).number(self.version.get().into());
        context.number(entry.is_once.into()).number(entry.expires).part(entry.value).part(entry.space)
    }
}

fn keys_of<'p>(prf: &Prf, label: Label, parts: impl ExactSizeIterator<Item = &'p [u8]>) -> Vec<TokenKey> {
    let prf = prf.after(Context::new(label).as_bytes());
    let mut messages = prf.messages(parts.len());
    parts.for_each(|part| messages.push_part(part));
    let mut keys = vec![[0; 16]; messages.len()];
    messages.public_tags(&mut keys);
    keys
}

/// Seals a field's tokens, and the values of those that no subject holds.
pub(super) struct FieldBatch<'k> {
    keys: &'k FieldKeys,
    aead: Batch<'k>,
}

impl FieldBatch<'_> {
    /// The token of the entry under this key, bound to what else the entry says of it.
    pub(super) fn seal_token(
        &mut self,
        key: &TokenKey,
        token: &str,
        entry: &TokenEntry<'_>,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(token.len() + 40);
        self.aead.seal(&self.keys.token_aad(key, entry), token.as_bytes(), &mut out)?;
        Ok(out)
    }

    /// An envelope of the value of a token.
    pub(super) fn seal_value(&mut self, token: &str, value: &[u8]) -> Result<Vec<u8>> {
        let keys = self.keys;
        let mut out = Vec::with_capacity(value.len() + 46);
        Envelope::write_header(Suite::Xaes256Gcm as u8, keys.version, &mut out);
        self.aead.seal(&token_aad(&keys.tenant, &keys.field, token, keys.version), value, &mut out)?;
        Ok(out)
    }
}

/// A keyset and what was derived from it.
pub(super) struct Keyring {
    pub(super) keyset: Keyset,
    tenants: Mutex<HashMap<(TenantId, KeyVersion), Arc<TenantKeys>>>,
    fields: Mutex<HashMap<(KeyUse, KeyVersion), Arc<FieldKeys>>>,
    audit: OnceLock<Prf>,
}

impl Keyring {
    pub(super) fn new(keyset: Keyset) -> Self {
        Self { keyset, tenants: Mutex::default(), fields: Mutex::default(), audit: OnceLock::new() }
    }

    /// What authenticates where the audit tree stands, under the primary.
    ///
    /// # Errors
    /// None: a primary is never destroyed.
    pub(super) fn audit_prf(&self) -> Result<&Prf> {
        if let Some(prf) = self.audit.get() {
            return Ok(prf);
        }
        let key = self.keyset.for_bookkeeping(self.keyset.primary_number())?;
        Ok(self.audit.get_or_init(|| audit_prf(&key)))
    }

    fn tenant(&self, tenant: &TenantId, key: &UsableKey) -> Arc<TenantKeys> {
        let mut tenants = self.tenants.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let derive = || {
            let context = |label| Context::new(label).part(tenant.as_str());
            Arc::new(TenantKeys {
                version: key.number(),
                row: Prf::new(&kdf::derive(key.secret(), &context(Label::RowKey))),
                wrap: WrapKey::derive(key.secret(), &context(Label::WrapKey)),
            })
        };
        tenants.entry((tenant.clone(), key.number())).or_insert_with(derive).clone()
    }

    /// The tenant's keys under every version whose secret is still there, the primary first and the others ascending.
    ///
    /// Suspended and compromised versions are among them: a lookup that passed them over would take a subject for a
    /// new one, and put her in twice. What such a version wraps is opened by [`KeySet::revealing`] never.
    pub(super) fn of(&self, tenant: &TenantId) -> TenantSet {
        self.all(self.keyset.primary_number(), |key| self.tenant(tenant, key))
    }

    fn field(&self, field: &KeyUse, key: &UsableKey) -> Arc<FieldKeys> {
        let mut fields = self.fields.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let derive = || {
            let KeyUse::Field { tenant, field } = field else { unreachable!("only fields have tokens") };
            let context = |label| Context::new(label).part(tenant.as_str()).part(field.as_str());
            let aead: AeadKey = kdf::derive(key.secret(), &context(Label::TokenKey));
            Arc::new(FieldKeys {
                version: key.number(),
                tenant: tenant.clone(),
                field: field.clone(),
                token: Prf::new(&kdf::derive(key.secret(), &context(Label::TokenRowKey))),
                value: Prf::new(&kdf::derive(key.secret(), &context(Label::FingerprintKey))),
                aead: Aead::new(Suite::Xaes256Gcm, &aead),
            })
        };
        fields.entry((field.clone(), key.number())).or_insert_with(derive).clone()
    }

    /// The keys of a field's tokens, as [`of`](Keyring::of) has those of a tenant; the field's primary first.
    pub(super) fn of_field(&self, tenant: &TenantId, field: &FieldName) -> FieldSet {
        let field = KeyUse::Field { tenant: tenant.clone(), field: field.clone() };
        self.all(self.keyset.primary_number_for(&field), |key| self.field(&field, key))
    }

    fn all<K>(&self, primary: KeyVersion, keys: impl Fn(&UsableKey) -> Arc<K>) -> KeySet<K>
    where
        Arc<K>: HasVersion,
    {
        let versions = self.keyset.versions().iter();
        let mut all: Vec<_> = versions
            .filter_map(|version| Some((version, self.keyset.for_bookkeeping(version.number()).ok()?)))
            .map(|(version, key)| (keys(&key), version.state()))
            .collect();
        all.sort_by_key(|(keys, _)| keys.version() != primary);
        KeySet(all)
    }
}

/// What authenticates where the audit tree stands, under a version.
pub(super) fn audit_prf(key: &UsableKey) -> Prf {
    Prf::new(&kdf::derive(key.secret(), &Context::new(Label::AuditState)))
}

/// The key version of derived keys.
pub(super) trait HasVersion {
    fn version(&self) -> KeyVersion;
}

impl HasVersion for Arc<TenantKeys> {
    fn version(&self) -> KeyVersion {
        self.version
    }
}

impl HasVersion for Arc<FieldKeys> {
    fn version(&self) -> KeyVersion {
        self.version
    }
}

/// A tenant's keys.
pub(super) type TenantSet = KeySet<TenantKeys>;
/// A field's keys.
pub(super) type FieldSet = KeySet<FieldKeys>;

/// Keys under several versions, the primary's first, and the state of each.
pub(super) struct KeySet<K>(Vec<(Arc<K>, KeyState)>);

impl<K> KeySet<K>
where
    Arc<K>: HasVersion,
{
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(keys, _)| &**keys)
    }

    /// Each version, and the first once more: a migration moves entries there, and may do so between two questions.
    pub(super) fn asked(&self) -> impl Iterator<Item = &K> {
        let again = self.iter().take(1).filter(|_| self.0.len() > 1);
        self.iter().chain(again)
    }

    pub(super) fn version(&self, number: u32) -> Option<&K> {
        self.0.iter().find(|(keys, _)| keys.version().get() == number).map(|(keys, _)| &**keys)
    }

    /// The keys of a version that seals what is to be revealed.
    ///
    /// # Errors
    /// [`Error::KeyState`] when it may not reveal.
    pub(super) fn revealing(&self, number: u32) -> Result<&K> {
        let refused =
            |state: KeyState| Error::KeyState { version: number, state: state.as_str(), purpose: "reveal" };
        match self.0.iter().find(|(keys, _)| keys.version().get() == number) {
            Some((keys, state)) if state.reveals() => Ok(keys),
            Some((_, state)) => Err(refused(*state)),
            None => Err(refused(KeyState::Destroyed)),
        }
    }

    /// The keys of a version, for moving or deleting what it seals: nothing is revealed.
    ///
    /// # Errors
    /// [`Error::KeyState`] when its secret is gone.
    pub(super) fn moving(&self, number: u32) -> Result<&K> {
        let refused =
            || Error::KeyState { version: number, state: "destroyed", purpose: "find out whose an entry is" };
        self.version(number).ok_or_else(refused)
    }
}
