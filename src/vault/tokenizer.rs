//! The handle of who protects data and never sees it again: records in, tokens out.

use super::open::Vault;
use super::random_tokens::{Issued, RandomTokens, TokenRequest, TokenRules};
use super::reference::RecordId;
use super::tenant::{Row, Tenant};
use crate::duties::Access;
use crate::error::Result;
use crate::format::Format;
use crate::name::{FieldName, KeyVersion, SubjectId, TenantId};
use crate::protect::{self, Cells, Column, Failures};
use crate::time::Timestamp;
use std::fmt;

/// Protects one tenant's data in the name of one principal, whom the audit log names. Shareable among threads.
///
/// # Example
/// ```
/// # use cloakroom::{duties::Access, format::Format, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0))?)?;
/// # let acme = TenantId::new("acme")?;
/// let access = Access { principal: Principal::new("intake")?, purpose: Purpose::new("onboarding")? };
/// let tokenizer = vault.tokenizer(&acme, access);
/// let card = tokenizer.field(&FieldName::new("card")?, Format::card().keep(6, 4))?;
/// assert!(card.tokenize("4111111111111111")?.starts_with("411111"));
/// # Ok::<(), cloakroom::Error>(())
/// ```
/// Nothing here leads back:
/// ```compile_fail,E0599
/// # use cloakroom::{duties::Access, format::Format, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// # let (acme, email) = (TenantId::new("acme").unwrap(), FieldName::new("email").unwrap());
/// # let access = Access { principal: Principal::new("intake").unwrap(), purpose: Purpose::new("onboarding").unwrap() };
/// let tokenizer = vault.tokenizer(&acme, access);
/// let record = tokenizer.put(&SubjectId::new("7").unwrap(), &[(&email, b"a@example.org")]).unwrap();
/// tokenizer.reveal(record, &email);
/// ```
/// ```compile_fail,E0599
/// # use cloakroom::{duties::Access, format::Format, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// # let acme = TenantId::new("acme").unwrap();
/// # let access = Access { principal: Principal::new("intake").unwrap(), purpose: Purpose::new("onboarding").unwrap() };
/// # let tokenizer = vault.tokenizer(&acme, access);
/// let card = tokenizer.field(&FieldName::new("card").unwrap(), Format::card().keep(6, 4)).unwrap();
/// card.detokenize("4111110000001111");
/// ```
/// ```compile_fail,E0599
/// # use cloakroom::{duties::Access, format::Format, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0)).unwrap()).unwrap();
/// # let acme = TenantId::new("acme").unwrap();
/// # let access = Access { principal: Principal::new("intake").unwrap(), purpose: Purpose::new("onboarding").unwrap() };
/// # let tokenizer = vault.tokenizer(&acme, access);
/// let rules = TokenRules::new(Look::Like(Format::digits()));
/// let pins = tokenizer.random_tokens(&FieldName::new("pin").unwrap(), rules).unwrap();
/// pins.redeem("4711", Timestamp(0));
/// ```
pub struct Tokenizer<'v> {
    tenant: Tenant<'v>,
}

impl Vault {
    /// Protects a tenant's data in this principal's name.
    pub fn tokenizer(&self, tenant: &TenantId, access: Access) -> Tokenizer<'_> {
        Tokenizer { tenant: self.tenant(tenant).by(access) }
    }
}

impl<'v> Tokenizer<'v> {
    /// As [`Tenant::put`].
    ///
    /// # Errors
    /// As there.
    pub fn put(&self, subject: &SubjectId, fields: &[(&FieldName, &[u8])]) -> Result<RecordId> {
        self.tenant.put(subject, fields)
    }

    /// As [`Tenant::put_many`].
    ///
    /// # Errors
    /// As there.
    pub fn put_many(&self, rows: &[Row<'_>]) -> Result<Vec<RecordId>> {
        self.tenant.put_many(rows)
    }

    /// Computes the tokens of a field, under its primary key version.
    ///
    /// # Errors
    /// [`Error::KeyState`](crate::error::Error::KeyState); what [`Format::check`] refuses.
    pub fn field(&self, field: &FieldName, format: Format) -> Result<FieldTokenizer> {
        self.tenant.unasked_tokenizer(field, format).map(FieldTokenizer)
    }

    /// Issues the random tokens of a field.
    ///
    /// # Errors
    /// As [`Tenant::random_tokens`].
    pub fn random_tokens(&self, field: &FieldName, rules: TokenRules) -> Result<TokenIssuer<'v>> {
        self.tenant.random_tokens(field, rules).map(TokenIssuer)
    }
}

/// Computes tokens of one field, and no values.
pub struct FieldTokenizer(protect::Tokenizer);

impl FieldTokenizer {
    /// As [`protect::Tokenizer::in_context`].
    ///
    /// # Errors
    /// As there.
    pub fn in_context(&self, context: &[u8]) -> Result<Self> {
        self.0.in_context(context).map(Self)
    }

    /// As [`protect::Tokenizer::key_version`].
    pub fn key_version(&self) -> KeyVersion {
        self.0.key_version()
    }

    /// As [`protect::Tokenizer::tokenize`].
    ///
    /// # Errors
    /// As there.
    pub fn tokenize(&self, value: &str) -> Result<String> {
        self.0.tokenize(value)
    }

    /// As [`protect::Tokenizer::tokenize_column`].
    pub fn tokenize_column(
        &self,
        values: &(impl Cells + ?Sized),
        tokens: &mut Column,
        failures: &mut Failures,
    ) {
        self.0.tokenize_column(values, tokens, failures);
    }

    /// As [`protect::Tokenizer::tokenize_column_in`].
    pub fn tokenize_column_in(
        &self,
        contexts: &(impl Cells + ?Sized),
        values: &(impl Cells + ?Sized),
        tokens: &mut Column,
        failures: &mut Failures,
    ) {
        self.0.tokenize_column_in(contexts, values, tokens, failures);
    }
}

/// Issues random tokens of one field, and redeems none.
pub struct TokenIssuer<'v>(RandomTokens<'v>);

impl TokenIssuer<'_> {
    /// As [`RandomTokens::issue`].
    ///
    /// # Errors
    /// As there.
    pub fn issue(&self, value: &str, subject: Option<&SubjectId>, now: Timestamp) -> Result<Issued> {
        self.0.issue(value, subject, now)
    }

    /// As [`RandomTokens::issue_many`].
    ///
    /// # Errors
    /// As there.
    pub fn issue_many(&self, requests: &[TokenRequest<'_>], now: Timestamp) -> Result<Vec<Result<Issued>>> {
        self.0.issue_many(requests, now)
    }
}

impl fmt::Debug for Tokenizer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({})", self.tenant.name())
    }
}

impl fmt::Debug for FieldTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldTokenizer({:?})", self.0)
    }
}

impl fmt::Debug for TokenIssuer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIssuer({:?})", self.0)
    }
}
