//! The sub-keys of a tenant under one key version, derived when first needed and kept.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::crypto::wrap::WrapKey;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{KeyVersion, SubjectId, TenantId};
use crate::wire::entry::Blind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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

/// A keyset and what was derived from it.
pub(super) struct Keyring {
    pub(super) keyset: Keyset,
    tenants: Mutex<HashMap<(TenantId, KeyVersion), Arc<TenantKeys>>>,
}

impl Keyring {
    pub(super) fn new(keyset: Keyset) -> Self {
        Self { keyset, tenants: Mutex::default() }
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
    /// new one, and put her in twice. What such a version wraps is opened by [`TenantSet::revealing`] never.
    pub(super) fn of(&self, tenant: &TenantId) -> TenantSet {
        let primary = self.keyset.primary_number();
        let numbers = self.keyset.versions().iter().map(|v| v.number());
        let mut keys: Vec<_> = numbers
            .filter_map(|number| Some((number, self.keyset.for_bookkeeping(number).ok()?)))
            .map(|(number, key)| (self.tenant(tenant, &key), self.keyset.for_reveal(number).is_ok()))
            .collect();
        keys.sort_by_key(|(keys, _)| keys.version != primary);
        TenantSet(keys)
    }
}

/// A tenant's keys under several versions, and whether each may reveal.
pub(super) struct TenantSet(Vec<(Arc<TenantKeys>, bool)>);

impl TenantSet {
    pub(super) fn iter(&self) -> impl Iterator<Item = &TenantKeys> {
        self.0.iter().map(|(keys, _)| &**keys)
    }

    pub(super) fn version(&self, number: u32) -> Option<&TenantKeys> {
        self.iter().find(|keys| keys.version.get() == number)
    }

    /// The keys of a version that wraps a subject's key.
    ///
    /// # Errors
    /// [`Error::KeyState`] when it may not reveal.
    pub(super) fn revealing(&self, number: u32) -> Result<&TenantKeys> {
        let found = self.0.iter().find(|(keys, reveals)| *reveals && keys.version.get() == number);
        let refused = || Error::KeyState { version: number, state: "not in use", purpose: "reveal" };
        found.map(|(keys, _)| &**keys).ok_or_else(refused)
    }
}
