//! The rules that are in force: who may see what, for what, and for how long it is kept.
//!
//! ```text
//!  meta  "rules"  →  format 1 │ key version 4 │ sealed under the version's rules key; the AAD is what stands in front │
//!                    version 4 │ rules
//! ```
//!
//! The ledger has their version and SHA-256, so that nobody puts back older ones. They are sealed anew whenever the keyset
//! has another primary.

use super::META;
use super::open::Vault;
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::secret::AeadKey;
use crate::duties::Rules;
use crate::error::{Error, Result};
use crate::keys::{Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion};
use crate::store::{Batch, Store};
use crate::wire::{Reader, Writer};

const PLACE: &[u8] = b"rules";
const FORMAT: u8 = 1;

/// Rules, and which they are.
#[derive(Clone)]
pub(super) struct Installed {
    /// From 1; 0 where there are none, and nobody has to be asked.
    pub(super) version: u32,
    pub(super) rules: Rules,
    sha256: [u8; 32],
}

impl Installed {
    pub(super) fn none() -> Self {
        Self { version: 0, rules: Rules::default(), sha256: [0; 32] }
    }

    pub(super) fn new(version: u32, rules: Rules) -> Self {
        Self { version, sha256: rules.sha256(), rules }
    }

    /// What the ledger says of them.
    pub(super) fn in_ledger(&self) -> Option<(u32, [u8; 32])> {
        (self.version > 0).then_some((self.version, self.sha256))
    }

    /// When the first of these fields, put at `since`, is to be purged; 0 for never.
    pub(super) fn due<'f>(&self, fields: impl IntoIterator<Item = &'f FieldName>, since: u64) -> u64 {
        let ends = fields.into_iter().filter_map(|field| self.rules.retention(field));
        ends.map(|kept| since.saturating_add(kept).max(1)).min().unwrap_or(0)
    }

    /// Puts them into the batch, sealed.
    pub(super) fn put(&self, key: &UsableKey, batch: &mut Batch) -> Result<()> {
        if self.version == 0 {
            return Ok(());
        }
        let mut w = Writer::new();
        w.u8(FORMAT).u32(key.number().get());
        let mut out = w.into_bytes();
        let aad = Context::new(Label::VaultRules).part(&out);
        let mut w = Writer::new();
        w.u32(self.version).bytes(&self.rules.to_bytes());
        aead(key).seal(&aad, w.as_bytes(), &mut out)?;
        batch.put(META, PLACE, out);
        Ok(())
    }
}

impl Vault {
    /// The rules that are in force and their version, from 1; `None` before any were installed.
    pub fn installed_rules(&self) -> Option<(u32, Rules)> {
        let installed = self.rules();
        (installed.version > 0).then(|| (installed.version, installed.rules.clone()))
    }
}

/// The rules in the store, which must be those that the ledger names.
///
/// # Errors
/// [`Error::Corrupt`] when they are missing, altered or others.
pub(super) fn open(
    keyset: &Keyset,
    store: &dyn Store,
    in_ledger: Option<(u32, [u8; 32])>,
) -> Result<Installed> {
    let Some(in_ledger) = in_ledger else { return Ok(Installed::none()) };
    let corrupt = |problem: &str| Error::Corrupt { problem: problem.into() };
    let bytes = store.get(META, PLACE)?.ok_or_else(|| corrupt("its rules are missing"))?;
    let mut r = Reader::new("rules", &bytes);
    r.expect(&[FORMAT], "has a format that this release does not know")?;
    let key = keyset.for_bookkeeping(KeyVersion::new(r.u32()?)?)?;
    let aad = Context::new(Label::VaultRules).part(r.consumed());
    let body = aead(&key).open(&aad, r.rest()).map_err(|_| corrupt("its rules were altered"))?;
    let mut r = Reader::new("rules", body.expose());
    let version = r.u32()?;
    let installed = Installed::new(version, Rules::parse(r.rest())?);
    match installed.in_ledger() == Some(in_ledger) {
        true => Ok(installed),
        false => Err(corrupt("its rules are older than its data")),
    }
}

fn aead(key: &UsableKey) -> Aead {
    let key: AeadKey = kdf::derive(key.secret(), &Context::new(Label::VaultRules));
    Aead::new(Suite::Xaes256Gcm, &key)
}
