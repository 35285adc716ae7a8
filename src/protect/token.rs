//! `token = write(shape, FF1(K, T, read(value)))`: a token that looks like its value.
//!
//! `K` is the sub-key for (tenant, field, radix, length), one for each domain, because FF1 under one key on two
//! related domains can be attacked across them. `T` encodes (tenant, field, the caller's context). Where the format has
//! fewer values than FF1's domain, FF1 is repeated until it comes to rest at one (cycle walking).

use super::column::Cells;
#[cfg(feature = "ipcrypt")]
use super::network::{self, Network};
use super::token_column::Sorted;
use super::token_tweak::{OfAll, OfRow};
use super::{Column, Erasability, Failures};
use crate::crypto::context::{Context, Label};
use crate::crypto::ff1::{Domain, Plan, TweakedPlan};
use crate::crypto::kdf;
use crate::crypto::secret::{Ff1Secret, Plaintext};
use crate::error::{Error, Result};
use crate::format::{Format, Scratch, Side};
use crate::keys::UsableKey;
use crate::name::{FieldName, KeyVersion, TenantId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Tokenizes the values of one field, reversibly, under one key version. Shareable among threads.
///
/// # Security
/// Deterministic: equal values have equal tokens, and whoever can have values tokenized can look for matches. Kept
/// characters and separators are in the clear. Erased only by deleting the row, see [`Tokenizer::ERASABILITY`].
///
/// # Source
/// NIST SP 800-38G, FF1, with the domain floor of 1,000,000 of its first revision's draft.
pub struct Tokenizer {
    key: UsableKey,
    tenant: TenantId,
    field: FieldName,
    pub(super) format: Format,
    tweak: Context,
    /// The plan for each radix and length, made when first met.
    plans: Plans<Plan>,
    /// The same for contexts that differ from row to row.
    tweaked_plans: Plans<TweakedPlan>,
    #[cfg(feature = "ipcrypt")]
    network: Option<Network>,
}

/// Plans by radix and length.
type Plans<P> = RwLock<HashMap<(u32, usize), Arc<P>>>;

/// The most plans that are kept. Texts have a space for nearly each of them.
const MOST_PLANS: usize = 1024;

impl Tokenizer {
    /// Shredding a subject's key does not reach tokens.
    pub const ERASABILITY: Erasability = Erasability::DeleteRow;

    /// A tokenizer for this field.
    ///
    /// # Errors
    /// What [`Format::check`] refuses.
    pub fn new(key: &UsableKey, tenant: &TenantId, field: &FieldName, format: Format) -> Result<Self> {
        Self::with_context(key, tenant, field, format, b"")
    }

    fn with_context(
        key: &UsableKey,
        tenant: &TenantId,
        field: &FieldName,
        format: Format,
        context: &[u8],
    ) -> Result<Self> {
        format.check()?;
        #[cfg(not(feature = "ipcrypt"))]
        if format.network_cipher().is_some() {
            let problem =
                "this build has no cipher of the IPCrypt specification: enable the feature `ipcrypt`";
            return Err(Error::Setting { what: "format", problem: problem.into() });
        }
        Ok(Self {
            key: key.clone(),
            tenant: tenant.clone(),
            field: field.clone(),
            tweak: tweaks(tenant, field).part(context),
            plans: RwLock::default(),
            tweaked_plans: RwLock::default(),
            #[cfg(feature = "ipcrypt")]
            network: format.network_cipher().map(|cipher| Network::new(cipher, key, tenant, field, context)),
            format,
        })
    }

    /// The same field in another context: equal values in different contexts have unrelated tokens.
    ///
    /// # Errors
    /// [`Error::TooLong`] over 32 KiB of context.
    pub fn in_context(&self, context: &[u8]) -> Result<Self> {
        check_context(context)?;
        Self::with_context(&self.key, &self.tenant, &self.field, self.format.clone(), context)
    }

    /// The key version of the tokens.
    pub fn key_version(&self) -> KeyVersion {
        self.key.number()
    }

    /// The value's token.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`] when the value is not of the format; [`Error::DomainTooSmall`] when too
    /// little of it takes part.
    ///
    /// # Example
    /// ```
    /// # use cloakroom::{format::Format, keys::Keyset, name::{FieldName, TenantId}, protect::Tokenizer, time::Timestamp};
    /// let keyset = Keyset::generate(Timestamp(0))?;
    /// let (acme, card) = (TenantId::new("acme")?, FieldName::new("card")?);
    /// let cards = Tokenizer::new(&keyset.primary()?, &acme, &card, Format::card().keep(6, 4))?;
    /// let token = cards.tokenize("4111 1111 1111 1111")?;
    /// assert!(token.starts_with("4111 11") && token.ends_with(" 1111"));
    /// assert_eq!(cards.detokenize(&token)?.expose_str(), Some("4111 1111 1111 1111"));
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn tokenize(&self, value: &str) -> Result<String> {
        let out = self.one::<true>(value)?;
        Ok(String::from_utf8(out).expect("a token is made of characters"))
    }

    /// The token's value.
    ///
    /// # Errors
    /// [`Error::Value`], [`Error::Character`] when the token is not of the format, [`Error::Rejected`] when it is none of this field's. A
    /// format without check digits cannot tell: a token of another field or key version then gives a wrong value.
    pub fn detokenize(&self, token: &str) -> Result<Plaintext> {
        self.one::<false>(token).map(Plaintext::new)
    }

    /// Tokenizes a column, many values in lockstep; see [`protect`](super) for blank and failed cells.
    pub fn tokenize_column(
        &self,
        values: &(impl Cells + ?Sized),
        tokens: &mut Column,
        failures: &mut Failures,
    ) {
        self.column::<true>(values, tokens, failures);
    }

    /// The inverse of [`tokenize_column`](Tokenizer::tokenize_column).
    pub fn detokenize_column(
        &self,
        tokens: &(impl Cells + ?Sized),
        values: &mut Column,
        failures: &mut Failures,
    ) {
        self.column::<false>(tokens, values, failures);
    }

    /// Tokenizes a column whose rows have contexts of their own: the token of each row is that of
    /// [`in_context`](Tokenizer::in_context) with its cell of `contexts`, whatever this tokenizer's own context.
    ///
    /// A row whose context is over 32 KiB fails; the contexts of blank cells do not matter. Unless there are as many contexts as values,
    /// every row fails.
    ///
    /// # Example
    /// Equal numbers of two customers have unrelated tokens:
    /// ```
    /// # use cloakroom::{format::Format, keys::Keyset, name::{FieldName, TenantId}, protect::{Column, Tokenizer}, time::Timestamp};
    /// let keyset = Keyset::generate(Timestamp(0))?;
    /// let (acme, phone) = (TenantId::new("acme")?, FieldName::new("phone")?);
    /// let phones = Tokenizer::new(&keyset.primary()?, &acme, &phone, Format::digits())?;
    /// let (customers, numbers) = (["ann", "bob"], ["5550100", "5550100"]);
    /// let (mut tokens, mut back, mut failures) = (Column::new(), Column::new(), vec![]);
    /// phones.tokenize_column_in(&customers, &numbers, &mut tokens, &mut failures);
    /// assert_eq!(tokens.get(1), phones.in_context(b"bob")?.tokenize("5550100")?.as_bytes());
    /// assert_ne!(tokens.get(0), tokens.get(1));
    /// phones.detokenize_column_in(&customers, &tokens, &mut back, &mut failures);
    /// assert_eq!(back.get(0), b"5550100");
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn tokenize_column_in(
        &self,
        contexts: &(impl Cells + ?Sized),
        values: &(impl Cells + ?Sized),
        tokens: &mut Column,
        failures: &mut Failures,
    ) {
        self.column_in::<true>(contexts, values, tokens, failures);
    }

    /// The inverse of [`tokenize_column_in`](Tokenizer::tokenize_column_in).
    pub fn detokenize_column_in(
        &self,
        contexts: &(impl Cells + ?Sized),
        tokens: &(impl Cells + ?Sized),
        values: &mut Column,
        failures: &mut Failures,
    ) {
        self.column_in::<false>(contexts, tokens, values, failures);
    }

    /// One text, by itself.
    ///
    /// # Errors
    /// As [`tokenize`](Tokenizer::tokenize) and [`detokenize`](Tokenizer::detokenize).
    fn one<const TOKENIZE: bool>(&self, text: &str) -> Result<Vec<u8>> {
        #[cfg(feature = "ipcrypt")]
        if let Some(network) = &self.network {
            let mut out = vec![];
            return network.map::<TOKENIZE>(text, &mut out).map(|()| out);
        }
        let mut scratch = Scratch::default();
        let mut numerals = Zeroizing::new(Vec::with_capacity(text.len()));
        let reading = self.format.read(Sides::<TOKENIZE>::FROM, text, &mut scratch, &mut numerals)?;
        reading.check_floor()?;
        let plan = self.plan(reading.radix(), reading.length())?;
        loop {
            if TOKENIZE {
                plan.encrypt(&mut numerals)?
            } else {
                plan.decrypt(&mut numerals)?
            }
            if self.format.holds(|| text, &reading, &mut scratch, &numerals) {
                break;
            }
        }
        let mut out = Vec::with_capacity(text.len() + 8);
        self.format.write(Sides::<TOKENIZE>::TO, text, &reading, &mut scratch, &mut numerals, &mut out)?;
        Ok(out)
    }

    fn column<const TOKENIZE: bool>(
        &self,
        input: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        #[cfg(feature = "ipcrypt")]
        if let Some(network) = &self.network {
            return input.map_into(output, failures, |text, out| network.map::<TOKENIZE>(text, out));
        }
        Sorted::<_, TOKENIZE>::new(self, OfAll).run(input, output, failures);
    }

    fn column_in<const TOKENIZE: bool>(
        &self,
        contexts: &(impl Cells + ?Sized),
        input: &(impl Cells + ?Sized),
        output: &mut Column,
        failures: &mut Failures,
    ) {
        if contexts.len() != input.len() {
            return output.push_unpaired("contexts", input.len(), failures);
        }
        #[cfg(feature = "ipcrypt")]
        if let Some(cipher) = self.format.network_cipher() {
            let network = |context: &[u8]| {
                check_context(context)?;
                Ok(Network::new(cipher, &self.key, &self.tenant, &self.field, context))
            };
            return network::map_in::<TOKENIZE>(network, contexts, input, output, failures);
        }
        Sorted::<_, TOKENIZE>::new(self, OfRow { contexts }).run(input, output, failures);
    }

    /// The plan of a domain.
    ///
    /// # Errors
    /// What FF1 has no domain for.
    pub(super) fn plan(&self, radix: u32, length: usize) -> Result<Arc<Plan>> {
        self.kept(&self.plans, radix, length, |key, domain| Plan::new(key, domain, self.tweak.as_bytes()))
    }

    /// The plan of a domain for contexts that differ.
    ///
    /// # Errors
    /// As [`plan`](Tokenizer::plan).
    pub(super) fn tweaked_plan(&self, radix: u32, length: usize) -> Result<Arc<TweakedPlan>> {
        self.kept(&self.tweaked_plans, radix, length, |key, domain| {
            Ok(TweakedPlan::in_contexts(key, domain, &tweaks(&self.tenant, &self.field)))
        })
    }

    /// The plan that is kept, or one that is made of the sub-key and kept from now on.
    ///
    /// # Errors
    /// What FF1 has no domain for.
    fn kept<P>(
        &self,
        plans: &Plans<P>,
        radix: u32,
        length: usize,
        make: impl FnOnce(&[u8; 32], Domain) -> Result<P>,
    ) -> Result<Arc<P>> {
        if let Some(plan) = plans.read().unwrap_or_else(PoisonError::into_inner).get(&(radix, length)) {
            return Ok(plan.clone());
        }
        let context = Context::new(Label::Ff1Key).part(self.tenant.as_str()).part(self.field.as_str());
        let context = context.number(radix.into()).number(length as u64);
        let key: Ff1Secret = kdf::derive(self.key.secret(), &context);
        let plan = Arc::new(make(key.expose(), Domain::new(radix, length)?)?);
        let mut plans = plans.write().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert((radix, length), plan.clone());
        Ok(plan)
    }
}

/// What the tweaks of all contexts begin with.
fn tweaks(tenant: &TenantId, field: &FieldName) -> Context {
    Context::new(Label::Ff1Tweak).part(tenant.as_str()).part(field.as_str())
}

/// # Errors
/// [`Error::TooLong`] over 32 KiB.
pub(super) fn check_context(context: &[u8]) -> Result<()> {
    const LIMIT: usize = 32 << 10;
    match context.len() {
        ..=LIMIT => Ok(()),
        actual => Err(Error::TooLong { what: "tokenizing context", actual, limit: LIMIT }),
    }
}

/// What a direction reads, and what it writes.
pub(super) struct Sides<const TOKENIZE: bool>;

impl<const TOKENIZE: bool> Sides<TOKENIZE> {
    pub(super) const FROM: Side = if TOKENIZE { Side::Value } else { Side::Token };
    pub(super) const TO: Side = if TOKENIZE { Side::Token } else { Side::Value };
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({}, {}, key version {}, ..)", self.tenant, self.field, self.key_version())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;
    use crate::format::{Alphabet, Luhn};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn tokenizer(tenant: &str, field: &str, format: Format) -> Tokenizer {
        Tokenizer::new(&test_key(1), &TenantId::new(tenant).unwrap(), &FieldName::new(field).unwrap(), format)
            .unwrap()
    }

    fn luhn_passes(number: &str) -> bool {
        let digits = number.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'));
        let weigh = |(i, d): (usize, u32)| if i % 2 == 0 { d } else { 2 * d / 10 + 2 * d % 10 };
        digits.enumerate().map(weigh).sum::<u32>().is_multiple_of(10)
    }

    /// A card number with a valid check digit.
    fn card(n: u64) -> String {
        let body = format!("4{:014}", n % 100_000_000_000_000);
        (0..10).map(|d| format!("{body}{d}")).find(|c| luhn_passes(c)).unwrap()
    }

    fn formats() -> Vec<(Format, &'static str)> {
        vec![
            (Format::digits(), "[0-9]{6,40}"),
            (Format::digits().keep(1, 2), "[0-9 -]{30,60}"),
            (Format::letters(), "[A-Za-z']{12,20}"),
            (Format::alphanumeric().keep(0, 3), "[A-Za-z0-9./]{30,40}"),
            (Format::new(Alphabet::new("äöüßαβγδ").unwrap()), "[äöüßαβγδ]{7,90}"),
        ]
    }

    proptest! {
        #[test]
        fn tokens_come_back_one_by_one_and_in_columns(
            values in (0..formats().len()).prop_flat_map(|i| {
                (Just(i), prop::collection::vec(formats()[i].1, 1..80))
            })
        ) {
            let (format, values) = (formats().swap_remove(values.0).0, values.1);
            let t = tokenizer("acme", "f", format);
            let column: Column = values.iter().map(String::as_str).collect();
            let (mut tokens, mut back, mut failures) = (Column::new(), Column::new(), vec![]);
            t.tokenize_column(&column, &mut tokens, &mut failures);
            let failed: HashSet<usize> = failures.iter().map(|(i, _)| *i).collect();
            t.detokenize_column(&tokens, &mut back, &mut vec![]);
            for (i, value) in values.iter().enumerate() {
                let one = t.tokenize(value);
                prop_assert_eq!(one.is_err(), failed.contains(&i) || value.trim_ascii().is_empty());
                if let Ok(token) = one {
                    prop_assert_eq!(token.as_bytes(), tokens.get(i));
                    let revealed = t.detokenize(&token).unwrap();
                    prop_assert_eq!(revealed.expose(), value.as_bytes());
                    prop_assert_eq!(value.as_bytes(), back.get(i));
                    prop_assert_eq!(token.chars().count(), value.chars().count());
                }
            }
        }
    }

    // SPEC: CARD-2, CARD-3, FILE-4
    #[test]
    fn a_card_token_fails_the_luhn_check_and_comes_back() {
        let t = tokenizer("acme", "card", Format::card().keep(6, 4));
        let cards: Vec<String> = (0..2000).map(|i| card(i * 7_919_993)).collect();
        let column: Column = cards.iter().map(String::as_str).collect();
        let (mut tokens, mut back, mut failures) = (Column::new(), Column::new(), vec![]);
        t.tokenize_column(&column, &mut tokens, &mut failures);
        t.detokenize_column(&tokens, &mut back, &mut failures);
        assert!(failures.is_empty());
        for (i, card) in cards.iter().enumerate() {
            let token = std::str::from_utf8(tokens.get(i)).unwrap();
            assert!(!luhn_passes(token));
            assert_eq!((&token[..6], &token[12..]), (&card[..6], &card[12..]));
            assert_eq!(back.get(i), card.as_bytes());
            assert_eq!(t.tokenize(card).unwrap(), token);
            assert_eq!(t.detokenize(token).unwrap().expose(), card.as_bytes());
            assert!(t.tokenize(token).is_err(), "a token cannot be tokenized again");
            assert!(matches!(t.detokenize(card), Err(Error::Rejected)), "a card is no token");
        }
    }

    // SPEC: CARD-2, CARD-3
    #[test]
    fn breaking_the_check_is_one_to_one_over_a_whole_domain() {
        // All 100,000 valid cards with these kept digits have different tokens.
        let t = tokenizer("acme", "card", Format::card().keep(6, 4));
        let cards: Vec<String> =
            (0..1_000_000).map(|m| format!("411111{m:06}1111")).filter(|c| luhn_passes(c)).collect();
        assert_eq!(cards.len(), 100_000);
        let (mut tokens, mut failures) = (Column::new(), vec![]);
        t.tokenize_column(&cards[..], &mut tokens, &mut failures);
        assert!(failures.is_empty());
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 100_000);
        assert!(tokens.iter().all(|t| !luhn_passes(std::str::from_utf8(t).unwrap())));
    }

    // SPEC: CARD-1, CARD-4
    #[test]
    fn a_card_token_passes_the_check_when_asked_to() {
        let t = tokenizer("acme", "card", Format::card().keep(0, 4).luhn(Luhn::Keep));
        for i in 0..200 {
            let card = card(i * 1_234_567_891);
            let token = t.tokenize(&card).unwrap();
            assert!(luhn_passes(&token));
            assert_eq!(token[12..], card[12..]);
            assert_eq!(t.detokenize(&token).unwrap().expose(), card.as_bytes());
        }
        assert!(t.tokenize("4111111111111112").is_err());
    }

    // SPEC: FF1-5, FF1-6
    #[test]
    fn tenant_field_context_and_key_version_separate_tokens() {
        let value = "1234567890";
        let base = tokenizer("acme", "f", Format::digits());
        let other_key = Tokenizer::new(&test_key(2), &base.tenant, &base.field, Format::digits()).unwrap();
        let tokens = [
            base.tokenize(value),
            tokenizer("acme2", "f", Format::digits()).tokenize(value),
            tokenizer("acme", "g", Format::digits()).tokenize(value),
            base.in_context(b"eu").unwrap().tokenize(value),
            other_key.tokenize(value),
        ];
        let distinct: HashSet<String> = tokens.into_iter().map(Result::unwrap).collect();
        assert_eq!(distinct.len(), 5);
        assert_eq!(base.in_context(b"").unwrap().tokenize(value).unwrap(), base.tokenize(value).unwrap());
    }

    // What SECURITY.md says of them.
    #[test]
    fn kept_parts_do_not_enter_the_tweak() {
        let t = tokenizer("acme", "email", Format::email());
        let [a, b] = ["a.example", "b.example"].map(|d| t.tokenize(&format!("ann.smith@{d}")).unwrap());
        assert_eq!(a.split_once('@').unwrap().0, b.split_once('@').unwrap().0);
        let other = t.in_context(b"b.example").unwrap().tokenize("ann.smith@b.example").unwrap();
        assert_ne!(other, b);
    }

    // SPEC: COL-2
    #[test]
    fn one_bad_row_costs_no_other() {
        let t = tokenizer("acme", "f", Format::digits());
        let mut column: Column = ["1234567", "12", "", "x", " ", "76543210"].into_iter().collect();
        column.push(b"\xFF");
        let (mut tokens, mut failures) = (Column::new(), vec![]);
        t.tokenize_column(&column, &mut tokens, &mut failures);
        assert_eq!(failures.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 3, 6]);
        assert_eq!(tokens.get(0), t.tokenize("1234567").unwrap().as_bytes());
        assert_eq!((tokens.get(1), tokens.get(2), tokens.get(4)), (&b""[..], &b""[..], &b" "[..]));
        assert!(!format!("{t:?} {failures:?}").contains("1234567"));
    }
}
