//! What is known of a subject herself: consents, restriction, objections, holds. Sealed under her own key, beside her
//! records, so that erasing her erases it.
//!
//! ```text
//!  entry  locator 12 │ 2^32 - 1   →   format 3 │ kind 5 │ sealed:  detail key 32 │ state, see duties::SubjectState
//! ```
//!
//! The detail key seals what audit leaves say of her for those who may know. It is random and stays when she gets a new
//! data key, because leaves are never written again; it goes with her.

use super::ENTRY;
use super::log::{AuditId, Draft};
use super::open::Operation;
use super::tenant::{Found, Tenant, UNDECIDED};
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::context::{Context, Label};
use crate::crypto::secret::{AeadKey, DataKey, Plaintext};
use crate::crypto::{kdf, rng};
use crate::duties::SubjectState;
use crate::error::{Error, Result};
use crate::name::{SubjectId, TenantId};
use crate::time::Timestamp;
use crate::wire::entry::{Entry, Head, Locator, STATE_NUMBER, entry_key};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;

/// Her state, and the key of the details.
pub(super) struct Known {
    detail: AeadKey,
    pub(super) state: SubjectState,
}

/// Where a state is sealed: whose, and under which of her data keys.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) tenant: &'p TenantId,
    pub(super) locator: &'p Locator,
    pub(super) generation: u32,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { detail: AeadKey::from_bytes(&mut rng::bytes()), state: SubjectState::default() }
    }

    pub(super) fn open(data_key: &DataKey, place: Place<'_>, sealed: &[u8]) -> Result<Self> {
        let body = state_aead(data_key).open(&place.aad(), sealed)?;
        let (detail, state) = body.expose().split_first_chunk::<32>().ok_or(Error::Rejected)?;
        let detail = AeadKey::from_bytes(&mut Zeroizing::new(*detail));
        Ok(Self { detail, state: SubjectState::parse(state)? })
    }

    pub(super) fn seal(&self, data_key: &DataKey, place: Place<'_>) -> Result<Vec<u8>> {
        let body = Zeroizing::new([&self.detail.expose()[..], &self.state.to_bytes()?].concat());
        let mut out = vec![];
        state_aead(data_key).seal(&place.aad(), &body, &mut out)?;
        Ok(out)
    }

    /// Seals what a leaf says of her for those who may know.
    pub(super) fn seal_detail(&self, tenant: &TenantId, subject: &AuditId, text: &str) -> Result<Vec<u8>> {
        let mut out = vec![];
        self.detail_aead().seal(&detail_aad(tenant, subject), text.as_bytes(), &mut out)?;
        Ok(out)
    }

    /// What [`seal_detail`](Known::seal_detail) sealed.
    pub(super) fn open_detail(
        &self,
        tenant: &TenantId,
        subject: &AuditId,
        sealed: &[u8],
    ) -> Result<Plaintext> {
        self.detail_aead().open(&detail_aad(tenant, subject), sealed)
    }

    fn detail_aead(&self) -> Aead {
        Aead::new(Suite::Xaes256Gcm, &self.detail)
    }
}

impl Place<'_> {
    fn aad(&self) -> Context {
        let context = Context::new(Label::SubjectState).part(self.tenant.as_str()).part(self.locator);
        context.number(self.generation.into()).number(FORMAT.into())
    }
}

fn state_aead(data_key: &DataKey) -> Aead {
    let key: AeadKey = kdf::derive(data_key, &Context::new(Label::SubjectState));
    Aead::new(Suite::Xaes256Gcm, &key)
}

fn detail_aad(tenant: &TenantId, subject: &AuditId) -> Context {
    Context::new(Label::AuditDetail).part(tenant.as_str()).part(subject)
}

/// A subject in an operation that changes what is known of her.
pub(super) struct KnownSubject {
    pub(super) found: Found,
    pub(super) known: Known,
    pub(super) audit_id: AuditId,
    pub(super) wrap_version: u32,
    pub(super) generation: u32,
    data_key: DataKey,
    old: Option<Vec<u8>>,
}

pub(super) const NO_SUBJECT: Error =
    Error::NotFound { what: "the subject", hint: "; check the id and the tenant, or she was erased" };

impl Tenant<'_> {
    /// Changes what is known of a subject, in one operation of which `text` is what those may read who may know her. It
    /// counts from the next decision on, in every thread. What `change` returns.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a subject; what `change` refuses; [`Error::Rejected`] when an entry was altered; the
    /// store's.
    pub(super) fn change_known<R>(
        &self,
        draft: Draft,
        subject: &SubjectId,
        text: &str,
        change: impl FnOnce(&mut SubjectState, Timestamp) -> Result<R>,
    ) -> Result<R> {
        let mut operation = self.vault().bookkeeping(draft)?;
        let mut known = self.known_subject(&operation, subject)?.ok_or(NO_SUBJECT)?;
        let changed = change(&mut known.known.state, self.vault().now())?;
        known.tell(self, &mut operation, text)?;
        known.write(self, &mut operation)?;
        self.vault().finish(operation)?;
        Ok(changed)
    }

    /// Gives a subject a state, so that leaves can tell of her, if she has none.
    pub(super) fn begin_state(&self, subject: &SubjectId) -> Result<()> {
        self.change_known(self.draft("begin-state"), subject, "", |_, _| Ok(()))
    }

    /// A subject and what is known of her; `None` when the tenant has no such subject.
    pub(super) fn known_subject(
        &self,
        operation: &Operation<'_>,
        subject: &SubjectId,
    ) -> Result<Option<KnownSubject>> {
        let keys = operation.keyring.of(self.name());
        let Some(found) = self.find_in(&keys, subject)? else { return Ok(None) };
        let head = Entry::parse(&found.head)?.into_head()?;
        let (wrap_version, generation) = (head.wrap_version, head.generation);
        let wrapping = keys.moving(wrap_version)?;
        // Nobody else's state is changed because an index entry was redirected.
        self.sealer(wrapping, &head, &found.locator, subject)?;
        let data_key = self.data_key(wrapping, &head, &found.locator)?;
        let old = operation.get(ENTRY, &entry_key(&found.locator, STATE_NUMBER))?;
        let known = match &old {
            Some(bytes) => self.open_known(&data_key, &head, &found.locator, bytes)?,
            None => Known::new(),
        };
        let audit_id = self.vault().ids.subject(self.name(), &found.locator);
        Ok(Some(KnownSubject { found, known, audit_id, wrap_version, generation, data_key, old }))
    }

    /// What the entry of a subject's state says.
    pub(super) fn open_known(
        &self,
        data_key: &DataKey,
        head: &Head<'_>,
        locator: &Locator,
        bytes: &[u8],
    ) -> Result<Known> {
        let Entry::State(sealed) = Entry::parse(bytes)? else {
            return Err(Error::Corrupt { problem: "a subject's state is a record".into() });
        };
        Known::open(data_key, Place { tenant: self.name(), locator, generation: head.generation }, sealed)
    }
}

impl KnownSubject {
    /// Adds her to the operation's leaf, and what those may read who may know.
    pub(super) fn tell(&self, tenant: &Tenant<'_>, operation: &mut Operation<'_>, text: &str) -> Result<()> {
        let item = operation.draft.item(self.audit_id, UNDECIDED, self.wrap_version, &[]);
        if !text.is_empty() {
            operation.draft.detail(item, self.known.seal_detail(tenant.name(), &self.audit_id, text)?);
        }
        Ok(())
    }

    /// Writes her state.
    pub(super) fn write(&self, tenant: &Tenant<'_>, operation: &mut Operation<'_>) -> Result<()> {
        let locator = &self.found.locator;
        let place = Place { tenant: tenant.name(), locator, generation: self.generation };
        let sealed = self.known.seal(&self.data_key, place)?;
        let key = entry_key(locator, STATE_NUMBER);
        operation.put(ENTRY, &key, self.old.as_deref(), Entry::State(&sealed).to_bytes()?);
        operation.changes_decisions = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::wrap;

    // SPEC: VAULT-44
    #[test]
    fn a_state_opens_in_its_place_under_its_key_only() {
        let (acme, other) = (TenantId::new("acme").unwrap(), TenantId::new("other").unwrap());
        let (key, locator) = (wrap::generate(), [7; 12]);
        let place = Place { tenant: &acme, locator: &locator, generation: 2 };
        let mut known = Known::new();
        known.state.set_canary(true);
        let sealed = known.seal(&key, place).unwrap();
        let opened = Known::open(&key, place, &sealed).unwrap();
        assert!(opened.state.is_canary());
        let told = opened.seal_detail(&acme, &[1; 16], "ticket 7").unwrap();
        assert_eq!(known.open_detail(&acme, &[1; 16], &told).unwrap().expose(), b"ticket 7");
        assert!(known.open_detail(&acme, &[2; 16], &told).is_err(), "another subject");
        assert!(Known::new().open_detail(&acme, &[1; 16], &told).is_err(), "another detail key");
        for elsewhere in [
            Place { tenant: &other, ..place },
            Place { locator: &[8; 12], ..place },
            Place { generation: 3, ..place },
        ] {
            assert!(Known::open(&key, elsewhere, &sealed).is_err());
        }
        assert!(Known::open(&wrap::generate(), place, &sealed).is_err(), "another key");
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            assert!(Known::open(&key, place, &altered).is_err(), "byte {i}");
        }
    }
}
