//! A tweak for each value: one key, one domain, and what of the round constants differs from value to value.
//!
//! ```text
//! base = CBC-MAC(P ‖ the whole blocks of T) ⊕ the last block of T ‖ [0]…      P holds t = |T|
//! K_i  = base ⊕ [i] ‖ [0]^b                                                   b < 16
//! K_i  = CIPH(base ⊕ [i])                                                     b = 16, where [i] ends the block before
//! ```
//!
//! A tweak with t + 1 + b ≤ 16 costs nothing but the base: CIPH(P) is kept for each t. Longer ones cost a block of AES
//! for each of theirs, in lockstep too; and ten more where b = 16. Of tweaks that begin alike, the blocks in which they do are kept
//! with CIPH(P). Since i is in the last block alone where b < 16, the kernels take the base as one more operand of each value.

use std::ops::Range;

use aes::cipher::Array;
use zeroize::Zeroize;

use super::super::bulk::{self, Bases, BulkError, Columns, DecimalText, Text, Tweaks, VECTOR};
use super::super::domain::Domain;
use super::super::lanes::{Each, LANES, Row};
use super::super::numeral::Aes;
use super::super::sealed::Expand;
use super::super::{Aes256, AsciiAlphabet, KeySize};
use super::{Arithmetic, Plan, half_bytes, padded};
use crate::crypto::context::{Context, Contexts};
use crate::crypto::wiped::WipedVec;

/// FF1 under one key on one domain, with a tweak for each value: `FF1.Encrypt(K, T_j, X_j)` for many j.
///
/// The results are those of a [`Plan`] for each tweak. Everywhere, `tweak(j)` is the tweak of value j; it may be asked
/// for more than once.
///
/// # Security
/// The expanded key and the round constants are wiped. The blocks in between, of tweaks, which are no secrets, are not.
///
/// # Example
/// ```
/// use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Plan, TweakedPlan};
///
/// let (key, domain, digits) = ([7; 32], Domain::new(10, 16)?, AsciiAlphabet::digits());
/// let customers = [&b"alice"[..], b"bob"];
/// let mut tokens = [0; 32];
/// let plan = TweakedPlan::new(&key, domain);
/// plan.encrypt_ascii(&digits, b"41111111111111114111111111111111", |j| customers[j], &mut tokens)?;
///
/// let mut of_bob = [0; 16];
/// Plan::new(&key, domain, b"bob")?.encrypt_ascii(&digits, b"4111111111111111", &mut of_bob)?;
/// assert_eq!(tokens[16..], of_bob);
/// assert_ne!(tokens[..16], of_bob);
/// # Ok::<(), cloakroom::Error>(())
/// ```
#[derive(Debug)]
pub struct TweakedPlan<K: KeySize = Aes256> {
    /// With the empty tweak.
    plan: Plan<K>,
    /// What comes before the part that is each value's own.
    before: Option<Contexts>,
}

impl TweakedPlan<Aes256> {
    /// The plan of this key and domain.
    pub fn new(key: &[u8; 32], domain: Domain) -> Self {
        Self::with_keys(Aes256::expand(key), Aes256::vector_keys(key), domain)
    }

    /// The plan for tweaks that are encodings of `before` and one more part: `T_j = before ‖ len(tweak(j)) ‖ tweak(j)`. Longer ones
    /// cost hardly more than short ones where they begin alike.
    ///
    /// # Example
    /// ```
    /// use cloakroom::crypto::context::{Context, Label};
    /// use cloakroom::crypto::ff1::{Domain, Plan, TweakedPlan};
    ///
    /// let (key, domain) = ([7; 32], Domain::new(10, 6)?);
    /// let before = Context::new(Label::Ff1Tweak).part("acme").part("card");
    /// let mut tokens = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6];
    /// let customers = [&b"alice"[..], b"bob"];
    /// TweakedPlan::in_contexts(&key, domain, &before).encrypt_columns(&mut tokens, |j| customers[j])?;
    ///
    /// let mut of_bob = [1, 2, 3, 4, 5, 6];
    /// Plan::new(&key, domain, before.part("bob").as_bytes())?.encrypt(&mut of_bob)?;
    /// assert_eq!(tokens[6..], of_bob);
    /// # Ok::<(), cloakroom::Error>(())
    /// ```
    pub fn in_contexts(key: &[u8; 32], domain: Domain, before: &Context) -> Self {
        let before = Some(Contexts::new(before.clone(), |after| after));
        TweakedPlan { before, ..Self::new(key, domain) }
    }
}

impl<K: KeySize> TweakedPlan<K> {
    pub(in super::super) fn with_keys(
        cipher: K::Cipher,
        vector_keys: Option<K::VectorKeys>,
        domain: Domain,
    ) -> Self {
        let plan = Plan::with_keys(cipher, vector_keys, domain, b"").expect("an empty tweak is not too long");
        TweakedPlan { plan, before: None }
    }

    /// The domain that the plan permutes.
    pub fn domain(&self) -> Domain {
        self.plan.domain
    }

    /// `X_j ← FF1.Encrypt(K, T_j, X_j)` for each of many values that lie one after the other.
    ///
    /// # Errors
    /// As [`Plan::encrypt_columns`], and [`BulkError::Record`] for the first value whose tweak is over
    /// [`Plan::MAX_TWEAK`]. No value is changed then.
    pub fn encrypt_columns<'t>(
        &self,
        numerals: &mut [u16],
        tweak: impl Fn(usize) -> &'t [u8],
    ) -> Result<(), BulkError> {
        self.columns::<true>(numerals, &gather(tweak))
    }

    /// `X_j ← FF1.Decrypt(K, T_j, X_j)` for each of many values that lie one after the other.
    ///
    /// # Errors
    /// As [`TweakedPlan::encrypt_columns`].
    pub fn decrypt_columns<'t>(
        &self,
        numerals: &mut [u16],
        tweak: impl Fn(usize) -> &'t [u8],
    ) -> Result<(), BulkError> {
        self.columns::<false>(numerals, &gather(tweak))
    }

    /// `out ← FF1.Encrypt(K, T_j, input)` for each of many values, or one, spelled in the alphabet and one after the other.
    ///
    /// # Errors
    /// As [`Plan::encrypt_ascii`], and [`BulkError::Record`] for the first value whose tweak is over
    /// [`Plan::MAX_TWEAK`].
    pub fn encrypt_ascii<'t>(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        tweak: impl Fn(usize) -> &'t [u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.ascii::<true>(alphabet, input, &gather(tweak), out)
    }

    /// `out ← FF1.Decrypt(K, T_j, input)`, the inverse of [`TweakedPlan::encrypt_ascii`].
    ///
    /// # Errors
    /// As [`TweakedPlan::encrypt_ascii`]; but `out` may hold the plaintext of some records after an error.
    pub fn decrypt_ascii<'t>(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        tweak: impl Fn(usize) -> &'t [u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.ascii::<false>(alphabet, input, &gather(tweak), out)
    }

    fn columns<'t, const ENCRYPT: bool>(
        &self,
        numerals: &mut [u16],
        tweaks: &Gather<'_, 't>,
    ) -> Result<(), BulkError> {
        let (plan, n) = (&self.plan, self.plan.domain.length());
        plan.check_columns(numerals)?;
        self.check_tweaks(numerals.len() / n, tweaks)?;
        let mut group = self.group(tweaks);
        if let (Some(keys), Some(short)) = (&plan.vector_keys, &plan.short)
            && short.columns::<_, _, ENCRYPT>(keys, &group.counters(), &mut group, &plan.digits, numerals)
        {
            return Ok(());
        }
        with_moduli!(&plan.arithmetic,
        moduli => {
            let columns = Columns { numerals, domain: plan.domain, digits: &plan.digits };
            bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, group, columns)
        },
        _empty => {
            let mut one = self.one_general::<ENCRYPT>(tweaks);
            numerals.chunks_exact_mut(n).enumerate().for_each(|(j, value)| one(j, value));
            Ok(())
        })
    }

    fn ascii<'t, const ENCRYPT: bool>(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        tweaks: &Gather<'_, 't>,
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        let (plan, domain) = (&self.plan, self.plan.domain);
        let words = plan.check_text(alphabet, input, out)?;
        self.check_tweaks(input.len() / domain.length(), tweaks)?;
        let mut group = self.group(tweaks);
        let counters = group.counters();
        if let (Some(keys), Some(short)) = (&plan.vector_keys, &plan.short)
            && let Some(done) = short.text::<_, _, ENCRYPT>(keys, &counters, &mut group, alphabet, input, out)
        {
            return done;
        }
        if let (Some(keys), Some(long)) = (&plan.vector_keys, &plan.long)
            && let Some(done) = long.text::<_, _, ENCRYPT>(keys, &counters, &mut group, alphabet, input, out)
        {
            return done;
        }
        with_moduli!(&plan.arithmetic,
            moduli => if alphabet.is_decimal() {
                let text = DecimalText { input, out, domain };
                bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, group, text)
            } else {
                let text = Text { alphabet, input, out, domain, words };
                bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, group, text)
            },
            _empty => plan.ascii_general(self.one_general::<ENCRYPT>(tweaks), alphabet, input, out))
    }

    /// One value after another, where halves are too long for more.
    fn one_general<'t, const ENCRYPT: bool>(&self, tweaks: &Gather<'_, 't>) -> impl FnMut(usize, &mut [u16]) {
        let mut whole = Contexts::room();
        move |j, numerals| {
            let mut parts = [&[][..]; LANES];
            tweaks(j..j + 1, &mut parts);
            let tweak = match &self.before {
                Some(before) => {
                    before.write(parts[0], &mut whole);
                    whole.as_bytes()
                }
                None => parts[0],
            };
            self.plan.one_general::<ENCRYPT>(tweak, numerals);
        }
    }

    fn group<'a, 't>(&'a self, tweaks: &'a Gather<'a, 't>) -> Group<'a, 't, K::Cipher> {
        // Only asked for constants where halves are of at most 16 bytes.
        let b = half_bytes(self.plan.domain).unwrap_or(16);
        Group {
            cipher: &self.plan.cipher,
            domain: self.plan.domain,
            b,
            before: self.before.as_ref().map(Contexts::before),
            tweaks,
            first: [None; KEPT],
            bases: [0; LANES],
            rows: (b == 16).then(|| Box::new([[0; LANES]; 10])),
            vectors: WipedVec::new(),
        }
    }

    fn check_tweaks(&self, count: usize, tweaks: &Gather<'_, '_>) -> Result<(), BulkError> {
        let head = head(self.before.as_ref().map(Contexts::before));
        let mut parts = [&[][..]; LANES];
        for start in (0..count).step_by(LANES) {
            let values = start..count.min(start + LANES);
            tweaks(values.clone(), &mut parts);
            if let Some(j) = parts[..values.len()].iter().position(|part| head + part.len() > Plan::MAX_TWEAK)
            {
                let problem = "has a tweak over 65,536 bytes";
                return Err(BulkError::Record { index: start + j, problem });
            }
        }
        Ok(())
    }
}

/// Puts what is their own of the tweaks of these values, which are at most [`LANES`], in the first places.
type Gather<'a, 't> = dyn Fn(Range<usize>, &mut [&'t [u8]; LANES]) + 'a;

/// One call that cannot be inlined for many that are.
fn gather<'t>(tweak: impl Fn(usize) -> &'t [u8]) -> impl Fn(Range<usize>, &mut [&'t [u8]; LANES]) {
    move |values, parts| parts.iter_mut().zip(values).for_each(|(part, j)| *part = tweak(j))
}

/// How many bytes come before the part that is each value's own.
fn head(before: Option<&[u8]>) -> usize {
    before.map_or(0, |before| before.len() + Context::length_prefix(0).len())
}

/// How many beginnings are kept; tweaks of one column are of few lengths.
const KEPT: usize = 32;

/// The round constants of one group of values after another; wiped when dropped.
struct Group<'a, 't, C> {
    cipher: &'a C,
    domain: Domain,
    b: usize,
    /// What comes before the length of a value's own part, if there is such a thing.
    before: Option<&'a [u8]>,
    tweaks: &'a Gather<'a, 't>,
    /// The length of a value's own part, and what it fixes, at that length mod [`KEPT`].
    first: [Option<(usize, u128)>; KEPT],
    bases: Row,
    /// K_0 to K_9 of each value where b = 16.
    rows: Option<Box<[Row; 10]>>,
    /// The bases of a group of the kernels.
    vectors: WipedVec<[[u8; 16]; VECTOR]>,
}

impl<C: Aes> Group<'_, '_, C> {
    /// What is XORed to all bases in round i: \[i\] ‖ \[0\]^b, for b < 16.
    fn counters(&self) -> [u128; 10] {
        std::array::from_fn(|i| if self.b < 16 { (i as u128) << (8 * self.b) } else { 0 })
    }

    /// CBC-MAC of P and the whole blocks in which tweaks with a part of this length begin alike, ⊕ what is alike of the next block.
    fn first(&mut self, part: usize) -> u128 {
        match self.first[part % KEPT] {
            Some((length, state)) if length == part => state,
            _ => {
                let state = self.beginning(part);
                self.first[part % KEPT] = Some((part, state));
                state
            }
        }
    }

    #[cold]
    fn beginning(&self, part: usize) -> u128 {
        let ciph = |block: u128| {
            let mut block = Array::from(block.to_be_bytes());
            self.cipher.encrypt_block(&mut block);
            u128::from_be_bytes(block.0)
        };
        let (head, length) = (head(self.before), Context::length_prefix(part));
        let mut state = ciph(u128::from_be_bytes(self.domain.first_block(head + part)));
        let Some(before) = self.before else { return state };
        for (k, at) in (0..=head).step_by(16).enumerate() {
            if k > 0 {
                state = ciph(state);
            }
            // The length begins before this block, in it, or behind it.
            let length = match before.len().checked_sub(at) {
                Some(ahead) => padded(&length, 0).checked_shr(8 * ahead as u32).unwrap_or(0),
                None => padded(&length, at - before.len()),
            };
            state ^= padded(before, at) | length;
        }
        state
    }

    /// state\[j\] ← CIPH(state\[j\] ⊕ block(j)) for these j, where there is a block.
    fn absorb(&self, state: &mut [u128], block: impl Fn(usize) -> Option<u128>) {
        let mut blocks = [Array::from([0; 16]); LANES];
        let mut lanes = [0; LANES];
        let mut count = 0;
        for (j, state) in state.iter().enumerate() {
            if let Some(block) = block(j) {
                blocks[count] = (state ^ block).to_be_bytes().into();
                lanes[count] = j;
                count += 1;
            }
        }
        self.cipher.encrypt_blocks(&mut blocks[..count]);
        for (block, &j) in blocks[..count].iter().zip(&lanes) {
            state[j] = u128::from_be_bytes(block.0);
        }
    }

    /// The bases of these values, which are at most [`LANES`].
    fn fill(&mut self, values: Range<usize>) {
        let (b, head, count) = (self.b, head(self.before), values.len());
        // What is alike ends in block `whole`, before this byte of it.
        let (whole, inner) = (head / 16, head % 16);
        // Which block of T ‖ [0]… the base ends with: that of [i], or the one before.
        let last = |part: &[u8]| (head + part.len() + if b == 16 { 1 } else { 1 + b }).div_ceil(16) - 1;
        let block = |part: &[u8], k: usize| match k - whole {
            0 => padded(part, 0) >> (8 * inner),
            k => padded(part, 16 * k - inner),
        };
        let mut parts = [&[][..]; LANES];
        let mut bases = [0; LANES];
        let mut most = whole;
        (self.tweaks)(values, &mut parts);
        let parts = &parts[..count];
        for (base, part) in bases.iter_mut().zip(parts) {
            *base = self.first(part.len());
            most = most.max(last(part));
        }
        for k in whole..most {
            self.absorb(&mut bases[..count], |j| (k < last(parts[j])).then(|| block(parts[j], k)));
        }
        for (base, part) in bases.iter_mut().zip(parts) {
            *base ^= block(part, last(part));
        }
        self.bases = bases;
    }
}

impl<C: Aes> Tweaks for Group<'_, '_, C> {
    type Constants<'a>
        = Each<'a>
    where
        Self: 'a;

    fn constants(&mut self, values: Range<usize>) -> Each<'_> {
        let count = values.len();
        self.fill(values);
        let Some(mut rows) = self.rows.take() else {
            return Each::Based { bases: &self.bases, shift: 8 * self.b as u32 };
        };
        for (i, row) in (0..).zip(rows.iter_mut()) {
            *row = self.bases;
            self.absorb(&mut row[..count], |_| Some(i));
        }
        Each::Whole(self.rows.insert(rows))
    }
}

impl<C: Aes> Bases for &mut Group<'_, '_, C> {
    fn of(&mut self, values: Range<usize>) -> Option<&[[[u8; 16]; VECTOR]]> {
        self.vectors.clear();
        // No group is larger than the first: growing would leave bases behind.
        self.vectors.reserve(values.len().div_ceil(VECTOR));
        for start in values.clone().step_by(LANES) {
            let some = start..values.end.min(start + LANES);
            let vectors = some.len().div_ceil(VECTOR);
            self.fill(some);
            let bases = self.bases.as_chunks().0[..vectors].iter();
            self.vectors.extend(bases.map(|bases| bases.map(u128::to_be_bytes)));
        }
        Some(&self.vectors)
    }
}

impl<C> Drop for Group<'_, '_, C> {
    fn drop(&mut self) {
        self.first.zeroize();
        self.bases.zeroize();
        if let Some(rows) = &mut self.rows {
            rows.as_flattened_mut().zeroize();
        }
    }
}

#[cfg(test)]
mod tests;
