//! The sub-keys of a tenant under one key version, derived when first needed and kept.

use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::prf::Prf;
use crate::crypto::wrap::WrapKey;
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

    pub(super) fn tenant(&self, tenant: &TenantId, key: &UsableKey) -> Arc<TenantKeys> {
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

    /// The tenant's keys under every version that reveals, the primary's first.
    pub(super) fn live(&self, tenant: &TenantId) -> Vec<Arc<TenantKeys>> {
        self.keyset.live().iter().map(|key| self.tenant(tenant, key)).collect()
    }
}
