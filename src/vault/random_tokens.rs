//! Random tokens: drawn, not computed, so that nothing but the vault's entry leads from a token to its value.
//!
//! ```text
//!  token:  HMAC-SHA256(K_row, encode(token))[0..16]          →  the token, sealed; the value, sealed for each who holds it
//!  value:  HMAC-SHA256(K_fingerprint, encode(value))[0..16]  →  which token the value has, where it always has the same
//!  space:  HMAC-SHA256(vault's key, encode(layout))[0..16]   →  how many tokens of this layout are taken, where they are few
//! ```
//!
//! The keys are those of (tenant, field). One operation reads, draws and writes, and operations happen one after the
//! other: two threads that ask for the token of one value get one token.

use super::ahead::in_threads;
use super::issue::{Issuer, LONGEST};
use super::keyring::{FieldSet, Keyring};
use super::log::{AuditId, Draft};
use super::open::Operation;
use super::reference::RecordId;
use super::tenant::{Tenant, UNDECIDED};
use super::token_rows::{TokenRow, held, is_over};
use super::{SPACE, TOKEN};
use crate::crypto::context::{Context, Label};
use crate::crypto::secret::Plaintext;
use crate::error::{Error, Result};
use crate::format::{Draw, Format};
use crate::keys::KeyUse;
use crate::name::{FieldName, KeyVersion, SubjectId};
use crate::protect::{Erasability, Spelling, SubjectSealer, is_blank};
use crate::store::Commit;
use crate::time::Timestamp;
use crate::wire::entry::{Entry, Locator, split_entry_key};
use crate::wire::token::{SpaceEntry, TokenEntry, TokenKey};
use std::fmt;
use std::sync::Arc;

/// What tokens look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Like their value; no floor applies.
    Like(Format),
    /// 128 random bits, spelled.
    Opaque(Spelling),
}

/// How the tokens of a field are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    pub(super) look: Look,
    pub(super) is_consistent: bool,
    pub(super) lifetime: Option<u64>,
    pub(super) is_once: bool,
}

impl TokenRules {
    /// One token for each value, for ever.
    pub fn new(look: Look) -> Self {
        Self { look, is_consistent: true, lifetime: None, is_once: false }
    }

    /// A new token each time, so that equal values do not show.
    pub fn fresh(self) -> Self {
        Self { is_consistent: false, ..self }
    }

    /// Tokens end so many seconds after they were issued. A value that has a consistent token keeps it, with the end and
    /// the look that it was issued with: only [`fresh`](TokenRules::fresh) tokens all end when these rules say.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0.
    pub fn lasting(self, seconds: u64) -> Result<Self> {
        match seconds {
            0 => {
                let problem = "0 seconds: tokens would have ended before they are issued".into();
                Err(Error::Setting { what: "token lifetime", problem })
            }
            _ => Ok(Self { lifetime: Some(seconds), ..self }),
        }
    }

    /// A token is good for one [`redeem`](RandomTokens::redeem); each is new.
    pub fn once(self) -> Self {
        Self { is_once: true, is_consistent: false, ..self }
    }

    /// What tokens look like.
    pub fn look(&self) -> &Look {
        &self.look
    }
}

/// A value to be given a token.
#[derive(Clone, Copy)]
pub struct TokenRequest<'r> {
    /// The value.
    pub value: &'r str,
    /// Whose it is; erasing her erases it. `None` for the tenant's own, which goes by [`delete`](RandomTokens::delete).
    pub subject: Option<&'r SubjectId>,
    /// When the token ends, in place of the rules' lifetime; later, if the value has a token that ends later.
    pub expires: Option<Timestamp>,
}

/// A token that was issued, or that the value had.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// Whether it is new.
    pub is_new: bool,
    /// How full its space is, where a new token is one of fewer than 2^40.
    pub fill: Option<Fill>,
}

/// How many of the tokens that look alike are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// As many.
    pub used: u64,
    /// Of so many.
    pub size: u64,
}

impl Fill {
    /// The step that was passed, in per cent: 90, 50, or none yet.
    pub fn warning(&self) -> Option<u8> {
        let at_least = |percent: u128| u128::from(self.used) * 100 >= u128::from(self.size) * percent;
        [90, 50].into_iter().find(|percent| at_least((*percent).into()))
    }
}

/// The random tokens of one field of a tenant. Shareable among threads.
///
/// # Security
/// A token says nothing of its value but what it keeps of the value's looks; a consistent one shows which values are
/// equal. Who can write to the store but has no key can remove tokens, or put back ones that are gone, which
/// [`check`](super::Vault::check) reports, and cannot exchange them, prolong them or make them good for more uses.
///
/// # Example
/// ```
/// # use cloakroom::{format::Format, keys::Keyset, name::{FieldName, TenantId}, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let now = Timestamp(1_795_600_000);
/// let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(now)?)?;
/// let acme = vault.tenant(&TenantId::new("acme")?);
/// let rules = TokenRules::new(Look::Like(Format::digits()));
/// let pins = acme.random_tokens(&FieldName::new("pin")?, rules)?;
/// let token = pins.issue("4711", None, now)?.token;
/// assert_eq!(pins.issue("4711", None, now)?.token, token);
/// assert_eq!(pins.redeem(&token, now)?.expose_str(), Some("4711"));
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub struct RandomTokens<'v> {
    pub(super) tenant: Tenant<'v>,
    pub(super) field: FieldName,
    pub(super) rules: TokenRules,
}

/// Spaces of this size and more are not counted: 2^40 entries of a vault are a petabyte.
const COUNTED: u64 = 1 << 40;

impl<'v> Tenant<'v> {
    /// The random tokens of a field.
    ///
    /// # Errors
    /// [`Error::Setting`] for a format that contradicts itself.
    pub fn random_tokens(&self, field: &FieldName, rules: TokenRules) -> Result<RandomTokens<'v>> {
        if let Look::Like(format) = &rules.look {
            format.check_consistent()?;
        }
        Ok(RandomTokens { tenant: self.clone(), field: field.clone(), rules })
    }
}

impl RandomTokens<'_> {
    /// The entry goes with the last subject who held the token; one that no subject holds, by deleting it.
    pub const ERASABILITY: Erasability = Erasability::ShredSubject;

    /// The value's token; durable on return.
    ///
    /// # Errors
    /// As [`issue_many`](RandomTokens::issue_many), and as its results.
    pub fn issue(&self, value: &str, subject: Option<&SubjectId>, now: Timestamp) -> Result<Issued> {
        let request = TokenRequest { value, subject, expires: None };
        self.issue_many(&[request], now)?.pop().expect("one result for one request")
    }

    /// The tokens of many values in one atomic batch, in order; durable on return. A value that can have none costs no
    /// other its token. A thousand at a time is a good size.
    ///
    /// # Errors
    /// [`Error::KeyState`] when the primary may not protect; the store's: no token is issued then. In the results:
    /// [`Error::Value`], [`Error::Character`] for a value that is blank or not of the format;
    /// [`Error::TokensExhausted`]; [`Error::Setting`] for an end that is past; [`Error::KeyState`] when the value's token
    /// needs a version that may not reveal; [`Error::Rejected`] when an entry was altered.
    pub fn issue_many(&self, requests: &[TokenRequest<'_>], now: Timestamp) -> Result<Vec<Result<Issued>>> {
        let (issued, commit) = self.issue_with(requests, None, now, |_, _| Ok(()))?;
        self.tenant.vault().store().sync(commit)?;
        Ok(issued)
    }

    /// Whether a value can have a token: it is not blank, not too long, and of the format.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`], [`Error::TooLong`].
    pub fn check(&self, value: &str) -> Result<()> {
        if is_blank(value.as_bytes()) {
            return Err(Error::Value { problem: "is blank: a blank value has no token" });
        }
        if value.len() > LONGEST {
            let what = "value to be given a token";
            return Err(Error::TooLong { what, actual: value.len(), limit: LONGEST });
        }
        match &self.rules.look {
            Look::Like(format) => Draw::new(format, value).map(|_| ()),
            Look::Opaque(_) => Ok(()),
        }
    }

    /// Writes the tokens' batch, as a run's if it is one's, with what `also` adds to it: it is told the subjects' entries
    /// that were put.
    pub(super) fn issue_with(
        &self,
        requests: &[TokenRequest<'_>],
        run: Option<[u8; 16]>,
        now: Timestamp,
        also: impl FnOnce(&mut Operation<'_>, &[RecordId]) -> Result<()>,
    ) -> Result<(Vec<Result<Issued>>, Commit)> {
        let keyring = self.tenant.vault().keyring();
        let ahead = self.look_ahead(&keyring.of_field(self.tenant.name(), &self.field), requests)?;
        let mut operation = self.tenant.vault().operation(self.tenant.draft("issue"))?;
        operation.trust(ahead.sequence, ahead.absent);
        let mut drawn = ahead.drawn.into_iter();
        let now = if self.rules.lifetime.is_some() || requests.iter().any(|r| r.expires.is_some()) {
            operation.ledger.latest = operation.ledger.latest.max(now);
            operation.ledger.latest
        } else {
            now.max(operation.ledger.latest)
        };
        let fields = operation.keyring.of_field(self.tenant.name(), &self.field);
        let known = operation.keyring.of(self.tenant.name());
        operation.keyring.keyset.primary_for(&self.use_())?;
        let mut issuer = Issuer::new(self, &fields, &known, run, now);
        let mut issued = Vec::with_capacity(requests.len());
        for request in requests {
            match issuer.issue(&mut operation, request, drawn.next().flatten()) {
                // What is wrong with the vault or the disk is not the value's fault.
                Err(error) if is_of_the_vault(&error) => return Err(error),
                result => issued.push(result),
            }
        }
        let links = issuer.finish(&mut operation)?;
        also(&mut operation, &links)?;
        // Written even if every value had its token: the sync then covers the thread that issued it.
        let commit = operation.write()?;
        Ok((issued, commit))
    }

    /// The value of a token. A token for one use is gone then, durably.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a token of another field, tenant or vault, or one that was used or erased;
    /// [`Error::TokenEnded`]; [`Error::KeyState`] when the version that it needs may not reveal; [`Error::Rejected`] when
    /// an entry was altered; the store's.
    pub fn redeem(&self, token: &str, now: Timestamp) -> Result<Plaintext> {
        self.redeem_many(&[token], now)?.pop().expect("one result for one token")
    }

    /// The values of many tokens, in order.
    ///
    /// # Errors
    /// The store's. In the results, as [`redeem`](RandomTokens::redeem).
    pub fn redeem_many(&self, tokens: &[&str], now: Timestamp) -> Result<Vec<Result<Plaintext>>> {
        self.tenant.is_free()?;
        let now = now.max(self.tenant.vault().published().latest);
        let parts = in_threads(tokens, |part| {
            let mut keys = self.keys();
            let at_first = Arc::clone(&keys.0);
            let primary = keys.1.iter().next().expect("a keyset has a primary");
            let under_primary = primary.token_keys(part.iter().copied());
            let redeem = |(token, key): (&&str, TokenKey)| {
                let key = Arc::ptr_eq(&keys.0, &at_first).then_some(key);
                match self.redeem_under(&mut keys, token, key, now) {
                    Err(error @ (Error::Io { .. } | Error::Corrupt { .. } | Error::Busy { .. })) => {
                        Err(error)
                    }
                    result => Ok(result),
                }
            };
            part.iter().zip(under_primary).map(redeem).collect::<Result<Vec<_>>>()
        });
        let mut draft = self.tenant.draft("redeem");
        let field = self.tenant.field_ids([self.field.as_str()]);
        let mut redeemed = Vec::with_capacity(tokens.len());
        for result in parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            redeemed.push(result.map(|Redeemed { value, version, holder }| {
                draft.item(self.holder_id(holder), UNDECIDED, version, &field);
                value
            }));
        }
        self.tenant.vault().noted(draft)?;
        Ok(redeemed)
    }

    /// What leaves call the subject who holds a token; zeros for one that is the tenant's own.
    fn holder_id(&self, holder: Option<Locator>) -> AuditId {
        holder.map_or([0; 16], |locator| self.tenant.vault().ids.subject(self.tenant.name(), &locator))
    }

    /// The keyring of this moment, and the field's keys in it.
    fn keys(&self) -> (Arc<Keyring>, FieldSet) {
        let keyring = self.tenant.vault().keyring();
        let fields = keyring.of_field(self.tenant.name(), &self.field);
        (keyring, fields)
    }

    /// The value of a token; `keys` are those of a moment, made new when the keyset was edited since. `key` is the token's under
    /// their primary, where that is known.
    fn redeem_under(
        &self,
        keys: &mut (Arc<Keyring>, FieldSet),
        token: &str,
        mut key: Option<TokenKey>,
        now: Timestamp,
    ) -> Result<Redeemed> {
        loop {
            let row = self.row(&keys.1, token, key);
            // A key version added meanwhile may be the one that the token was moved to.
            if !Arc::ptr_eq(&keys.0, &self.tenant.vault().keyring()) {
                *keys = self.keys();
                key = None;
                continue;
            }
            let row = row?.ok_or(UNKNOWN)?;
            let entry = entry_of(&keys.1, &row, now)?;
            if entry.is_once {
                return self.use_up(token, now, || Ok(()));
            }
            let opened = self.open(&keys.1, &entry, token);
            // Her key and what she holds may have been made anew between reading the one and the other, or she was erased
            // after another came to hold it too.
            if matches!(opened, Err(Error::Rejected | Error::NotFound { .. }))
                && self.row(&keys.1, token, key)?.is_none_or(|now| now.bytes != row.bytes)
            {
                continue;
            }
            return opened;
        }
    }

    /// Who holds a token that has not ended; nobody, where it is the tenant's own. And whether it is for one use.
    pub(super) fn holders(&self, token: &str, now: Timestamp) -> Result<(Vec<Locator>, bool)> {
        loop {
            let keys = self.keys();
            let row = self.row(&keys.1, token, None);
            if !Arc::ptr_eq(&keys.0, &self.tenant.vault().keyring()) {
                continue;
            }
            let row = row?.ok_or(UNKNOWN)?;
            let entry = entry_of(&keys.1, &row, now)?;
            let links = entry.holders.iter().filter_map(|holder| holder.link);
            return Ok((links.map(|link| split_entry_key(&link).0).collect(), entry.is_once));
        }
    }

    /// Uses up a token that is for one use, if `may` agrees once nothing can change any more.
    pub(super) fn redeem_once(
        &self,
        token: &str,
        now: Timestamp,
        may: impl FnOnce() -> Result<()>,
    ) -> Result<Plaintext> {
        self.use_up(token, now, may).map(|redeemed| redeemed.value)
    }

    /// As [`redeem`](RandomTokens::redeem), decided and logged by who asks.
    pub(super) fn redeem_decided(&self, token: &str, now: Timestamp) -> Result<Plaintext> {
        self.redeem_under(&mut self.keys(), token, None, now).map(|redeemed| redeemed.value)
    }

    /// Deletes a token, whoever holds it; durable on return. Whether there was one.
    ///
    /// # Errors
    /// [`Error::Denied`] when a hold of somebody who holds it keeps it; the store's.
    pub fn delete(&self, token: &str) -> Result<bool> {
        let mut operation = self.tenant.vault().bookkeeping(self.tenant.draft("delete-token"))?;
        let fields = operation.keyring.of_field(self.tenant.name(), &self.field);
        let Some(row) = operation.token_row(&fields, token)? else { return Ok(false) };
        let entry = TokenEntry::parse(&row.bytes)?;
        if self.tenant.vault().keeps_token(&operation, &entry)? {
            return Err(held());
        }
        let field = self.tenant.field_ids([self.field.as_str()]);
        for holder in &entry.holders {
            let locator = holder.link.map(|link| split_entry_key(&link).0);
            operation.draft.item(self.holder_id(locator), UNDECIDED, entry.key_version, &field);
        }
        operation.remove_token(&row)?;
        self.tenant.vault().finish(operation)?;
        Ok(true)
    }

    /// How many of the tokens that look like this value are taken; `None` where they are not counted.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`] for a value that is not of the format; the store's.
    pub fn fill(&self, value: &str) -> Result<Option<Fill>> {
        let Look::Like(format) = &self.rules.look else { return Ok(None) };
        let operation = self.tenant.vault().bookkeeping(Draft::default())?;
        Ok(self.space(&operation, &mut Draw::new(format, value)?)?.map(|(_, _, fill)| fill))
    }

    fn use_(&self) -> KeyUse {
        KeyUse::Field { tenant: self.tenant.name().clone(), field: self.field.clone() }
    }

    /// The key and the entry of a value's space, and how full it is.
    #[allow(clippy::type_complexity, reason = "three things that are read together")]
    pub(super) fn space(
        &self,
        operation: &Operation<'_>,
        draw: &mut Draw<'_>,
    ) -> Result<Option<(TokenKey, Option<Vec<u8>>, Fill)>> {
        let Some(size) = draw.count().filter(|size| *size < COUNTED) else { return Ok(None) };
        let context =
            Context::new(Label::TokenSpace).part(self.tenant.name().as_str()).part(self.field.as_str());
        let key = operation.ledger.fingerprint.space_key(&context.part(draw.layout()?));
        let bytes = operation.get(SPACE, &key)?;
        let used = bytes.as_deref().map_or(Ok(0), |bytes| Ok::<_, Error>(SpaceEntry::parse(bytes)?.used))?;
        Ok(Some((key, bytes, Fill { used, size })))
    }

    /// The entry of a token, whose key under the first of the versions may be known.
    fn row(&self, fields: &FieldSet, token: &str, mut first: Option<TokenKey>) -> Result<Option<TokenRow>> {
        for keys in fields.asked() {
            let key = first.take().unwrap_or_else(|| keys.token_key(token));
            if let Some(bytes) = self.tenant.vault().store().get(TOKEN, &key)? {
                return Ok(Some(TokenRow { key, bytes }));
            }
        }
        Ok(None)
    }

    /// The value, from the tenant or the first subject who holds it.
    fn open(&self, fields: &FieldSet, entry: &TokenEntry<'_>, token: &str) -> Result<Redeemed> {
        let keys = fields.revealing(entry.key_version)?;
        let mut refused = UNKNOWN;
        for holder in &entry.holders {
            let locator = holder.link.map(|link| split_entry_key(&link).0);
            let opened = match locator {
                None => keys.open_value(token, &holder.envelope).map(Some),
                Some(locator) => self.open_held(&locator, token, &holder.envelope),
            };
            match opened {
                Ok(Some(value)) => {
                    return Ok(Redeemed { value, version: entry.key_version, holder: locator });
                }
                Ok(None) => {} // erased since
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// The value that a subject holds, or `None` when she is gone.
    fn open_held(&self, locator: &[u8; 12], token: &str, envelope: &[u8]) -> Result<Option<Plaintext>> {
        let Some((known, bytes)) = self.tenant.head(locator)? else { return Ok(None) };
        let head = Entry::parse(&bytes)?.into_head()?;
        let key = self.tenant.data_key(known.revealing(head.wrap_version)?, &head, locator)?;
        let generation = KeyVersion::new(head.generation)?;
        SubjectSealer::open_token(&key, generation, self.tenant.name(), &self.field, token, envelope)
            .map(Some)
    }

    /// Reveals a token for one use, and removes it in the same operation: of two who redeem it, one gets the value.
    ///
    /// `may` agrees while no other operation is under way, so that no state of a subject changes meanwhile.
    fn use_up(&self, token: &str, now: Timestamp, may: impl FnOnce() -> Result<()>) -> Result<Redeemed> {
        let mut operation = self.tenant.vault().bookkeeping(self.tenant.draft("use-up"))?;
        may()?;
        let fields = operation.keyring.of_field(self.tenant.name(), &self.field);
        let row = operation.token_row(&fields, token)?.ok_or(UNKNOWN)?;
        let entry = entry_of(&fields, &row, now)?;
        let redeemed = self.open(&fields, &entry, token)?;
        operation.remove_token(&row)?;
        let field = self.tenant.field_ids([self.field.as_str()]);
        operation.draft.item(self.holder_id(redeemed.holder), UNDECIDED, redeemed.version, &field);
        self.tenant.vault().finish(operation)?;
        Ok(redeemed)
    }
}

/// The value of a token, and who held it.
struct Redeemed {
    value: Plaintext,
    version: u32,
    holder: Option<Locator>,
}

const UNKNOWN: Error = Error::NotFound {
    what: "the token",
    hint: "; tokens belong to one vault, tenant and field, and it may have been used, deleted or erased",
};

/// Whether an error tells of the vault and not of one value: then a part of what is to be written for it may
/// be in the batch already, and the batch must not be written.
fn is_of_the_vault(error: &Error) -> bool {
    matches!(error, Error::Io { .. } | Error::Corrupt { .. } | Error::Malformed { .. } | Error::Busy { .. })
}

/// The token's entry as it was written, unless the token has ended.
fn entry_of<'r>(fields: &FieldSet, row: &'r TokenRow, now: Timestamp) -> Result<TokenEntry<'r>> {
    let entry = TokenEntry::parse(&row.bytes)?;
    fields.moving(entry.key_version)?.open_token(&row.key, &entry)?;
    match is_over(&entry, now) {
        true => Err(Error::TokenEnded { at: Timestamp(entry.expires).to_string() }),
        false => Ok(entry),
    }
}

impl fmt::Debug for RandomTokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RandomTokens({}, {}, ..)", self.tenant.name(), self.field)
    }
}

impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRequest(..)")
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued(new: {}, {:?}, ..)", self.is_new, self.fill)
    }
}
