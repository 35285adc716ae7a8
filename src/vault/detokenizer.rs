//! Computed tokens turned back for a principal and a purpose: decided, counted and logged as what the vault holds is.
//!
//! ```text
//!  decide (role × field × purpose × her state, where it is said whose it is) ─ [ budget ─ leaf ] ─ durable ─ FF1⁻¹ ─ mask
//! ```

use super::open::Vault;
use super::reference::RecordId;
use super::revealer::{Revealed, Revealer, denied, masked};
use crate::duties::Decision;
use crate::error::Result;
use crate::format::Format;
use crate::name::{FieldName, KeyVersion};
use crate::protect::Tokenizer;
use std::fmt;

/// Turns back the computed tokens of one field and key version, as far as the rules go. Shareable among threads.
///
/// # Security
/// Such a token says of nobody whose it is. With a record of her subject her restriction, objections and consents count, and
/// the leaf names her; without one her token is decided by role, field and purpose alone, as if nothing were known of her.
/// Say whose it is wherever that is known.
///
/// # Example
/// ```
/// # use cloakroom::{duties::*, format::Format, keys::Keyset, name::*, store::memory::MemoryStore, time::Timestamp, vault::*};
/// # let vault = Vault::create_in(Box::new(MemoryStore::new()), Keyset::generate(Timestamp(0))?)?;
/// # let (acme, card) = (TenantId::new("acme")?, FieldName::new("card")?);
/// # let access = Access { principal: Principal::new("alice")?, purpose: Purpose::new("support")? };
/// vault.admin(Principal::new("root")?).set_rules(Rules::default(), None)?;
/// let cards = vault.tokenizer(&acme, access.clone()).field(&card, Format::card())?;
/// let token = cards.tokenize("4111111111111111")?;
/// let revealer = vault.revealer(&acme, access);
/// let back = revealer.detokenizer(&card, Format::card(), cards.key_version())?;
/// assert!(back.detokenize(&token, None).is_err(), "these rules permit nothing");
/// # Ok::<(), cloakroom::Error>(())
/// ```
pub struct Detokenizer<'r> {
    revealer: &'r Revealer<'r>,
    field: FieldName,
    tokenizer: Tokenizer,
}

impl Revealer<'_> {
    /// Turns back tokens of a field that were computed with this format under this key version, which
    /// [`FieldTokenizer::key_version`](super::FieldTokenizer::key_version) says.
    ///
    /// # Errors
    /// [`Error::KeyVersionUnknown`](crate::error::Error::KeyVersionUnknown),
    /// [`Error::KeyState`](crate::error::Error::KeyState); what [`Format::check`] refuses.
    pub fn detokenizer(
        &self,
        field: &FieldName,
        format: Format,
        version: KeyVersion,
    ) -> Result<Detokenizer<'_>> {
        let key = self.vault().keyring().keyset.for_reveal(version)?;
        let tokenizer = Tokenizer::new(&key, self.tenant_id(), field, format)?;
        Ok(Detokenizer { revealer: self, field: field.clone(), tokenizer })
    }
}

impl Detokenizer<'_> {
    /// As [`Tokenizer::in_context`].
    ///
    /// # Errors
    /// As there.
    pub fn in_context(&self, context: &[u8]) -> Result<Self> {
        let (field, tokenizer) = (self.field.clone(), self.tokenizer.in_context(context)?);
        Ok(Self { revealer: self.revealer, field, tokenizer })
    }

    /// What the principal is shown of a token's value; `whose` is a record of its subject, if that is known.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::error::Error::Denied) with the reason; [`Error::Value`](crate::error::Error::Value) for a
    /// record that leads nowhere; as [`Tokenizer::detokenize`].
    pub fn detokenize(&self, token: &str, whose: Option<RecordId>) -> Result<Revealed> {
        self.detokenize_many(&[(token, whose)])?.pop().expect("one result for one token")
    }

    /// Many tokens, in order, in one leaf of the audit log. A thousand at a time is a good size.
    ///
    /// # Errors
    /// As [`Revealer::reveal_many`]; [`Error::KeyState`](crate::error::Error::KeyState) once the key version may not reveal
    /// any more. In the results, as [`detokenize`](Detokenizer::detokenize).
    pub fn detokenize_many(&self, given: &[(&str, Option<RecordId>)]) -> Result<Vec<Result<Revealed>>> {
        self.vault().keyring().keyset.for_reveal(self.tokenizer.key_version())?;
        let whose: Vec<_> = given.iter().map(|(_, whose)| *whose).collect();
        let decided = self.revealer.decide_many(&self.field, &whose)?;
        let turn_back = |((token, _), decision): (&(&str, _), Result<Decision>)| match decision? {
            Decision::Deny(reason) => Err(denied(reason)),
            Decision::Token => Ok(Revealed::Token((*token).to_owned())),
            Decision::Full => self.tokenizer.detokenize(token).map(Revealed::Full),
            Decision::Masked(mask) => masked(mask, &self.tokenizer.detokenize(token)?).map(Revealed::Masked),
        };
        Ok(given.iter().zip(decided).map(turn_back).collect())
    }

    fn vault(&self) -> &Vault {
        self.revealer.vault()
    }
}

impl fmt::Debug for Detokenizer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detokenizer({:?}, {})", self.revealer, self.field)
    }
}
