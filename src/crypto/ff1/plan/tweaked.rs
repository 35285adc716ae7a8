//! A tweak for each value: one key, one domain, and what of the round constants differs from value to value.
//!
//! ```text
//! base = CBC-MAC(P ‖ the whole blocks of T) ⊕ the last block of T ‖ [0]…      P holds t = |T|
//! K_i  = base ⊕ [i] ‖ [0]^b                                                   b < 16
//! K_i  = CIPH(base ⊕ [i])                                                     b = 16, where [i] ends the block before
//! ```
//!
//! A tweak with t + 1 + b ≤ 16 costs nothing but the base: CIPH(P) is kept for each t. Longer ones cost a block of AES
//! for each of theirs, in lockstep too; and ten more where b = 16.

use std::ops::Range;

use aes::cipher::Array;
use zeroize::Zeroize;

use super::super::bulk::{self, BulkError, Columns, DecimalText, Text, Tweaks};
use super::super::domain::Domain;
use super::super::lanes::{Each, LANES, Row};
use super::super::numeral::Aes;
use super::super::sealed::Expand;
use super::super::{Aes256, AsciiAlphabet, KeySize};
use super::{Arithmetic, Plan, half_bytes, padded};

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
}

impl TweakedPlan<Aes256> {
    /// The plan of this key and domain.
    pub fn new(key: &[u8; 32], domain: Domain) -> Self {
        Self::with_keys(Aes256::expand(key), Aes256::vector_keys(key), domain)
    }
}

impl<K: KeySize> TweakedPlan<K> {
    pub(in super::super) fn with_keys(
        cipher: K::Cipher,
        vector_keys: Option<K::VectorKeys>,
        domain: Domain,
    ) -> Self {
        let plan = Plan::with_keys(cipher, vector_keys, domain, b"").expect("an empty tweak is not too long");
        TweakedPlan { plan }
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
        self.columns::<true>(numerals, &tweak)
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
        self.columns::<false>(numerals, &tweak)
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
        self.ascii::<true>(alphabet, input, &tweak, out)
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
        self.ascii::<false>(alphabet, input, &tweak, out)
    }

    fn columns<'t, const ENCRYPT: bool>(
        &self,
        numerals: &mut [u16],
        tweak: &dyn Fn(usize) -> &'t [u8],
    ) -> Result<(), BulkError> {
        let (plan, n) = (&self.plan, self.plan.domain.length());
        plan.check_columns(numerals)?;
        check_tweaks(numerals.len() / n, tweak)?;
        with_moduli!(&plan.arithmetic,
        moduli => {
            let columns = Columns { numerals, domain: plan.domain, digits: &plan.digits };
            bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, self.tweaks(tweak), columns)
        },
        _empty => {
            let values = numerals.chunks_exact_mut(n).enumerate();
            values.for_each(|(j, value)| plan.one_general::<ENCRYPT>(tweak(j), value));
            Ok(())
        })
    }

    fn ascii<'t, const ENCRYPT: bool>(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        tweak: &dyn Fn(usize) -> &'t [u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        let (plan, domain) = (&self.plan, self.plan.domain);
        let words = plan.check_text(alphabet, input, out)?;
        check_tweaks(input.len() / domain.length(), tweak)?;
        with_moduli!(&plan.arithmetic,
            moduli => if alphabet.is_decimal() {
                let text = DecimalText { input, out, domain };
                bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, self.tweaks(tweak), text)
            } else {
                let text = Text { alphabet, input, out, domain, words };
                bulk::run_tweaked::<_, _, _, _, ENCRYPT>(&plan.cipher, moduli, self.tweaks(tweak), text)
            },
            _empty => plan.ascii_general::<ENCRYPT>(tweak, alphabet, input, out))
    }

    fn tweaks<'a, 't>(&'a self, tweak: &'a dyn Fn(usize) -> &'t [u8]) -> Group<'a, 't, K::Cipher> {
        // Only called where halves are of at most 16 bytes.
        let b = half_bytes(self.plan.domain).unwrap_or(16);
        Group {
            cipher: &self.plan.cipher,
            domain: self.plan.domain,
            b,
            tweak,
            first: [None; KEPT],
            bases: [0; LANES],
            rows: (b == 16).then(|| Box::new([[0; LANES]; 10])),
        }
    }
}

fn check_tweaks<'t>(count: usize, tweak: &dyn Fn(usize) -> &'t [u8]) -> Result<(), BulkError> {
    match (0..count).find(|&j| tweak(j).len() > Plan::MAX_TWEAK) {
        Some(index) => Err(BulkError::Record { index, problem: "has a tweak over 65,536 bytes" }),
        None => Ok(()),
    }
}

/// How many CIPH(P) are kept; tweaks of one column are of few lengths.
const KEPT: usize = 16;

/// The round constants of one group of values after another; wiped when dropped.
struct Group<'a, 't, C> {
    cipher: &'a C,
    domain: Domain,
    b: usize,
    tweak: &'a dyn Fn(usize) -> &'t [u8],
    /// t and CIPH(P), at t mod [`KEPT`].
    first: [Option<(usize, u128)>; KEPT],
    bases: Row,
    /// K_0 to K_9 of each value where b = 16.
    rows: Option<Box<[Row; 10]>>,
}

impl<C: Aes> Group<'_, '_, C> {
    /// CIPH(P).
    fn first(&mut self, t: usize) -> u128 {
        match self.first[t % KEPT] {
            Some((length, state)) if length == t => state,
            _ => {
                let mut block = Array::from(self.domain.first_block(t));
                self.cipher.encrypt_block(&mut block);
                let state = u128::from_be_bytes(block.0);
                self.first[t % KEPT] = Some((t, state));
                state
            }
        }
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
}

impl<C: Aes> Tweaks for Group<'_, '_, C> {
    type Constants<'a>
        = Each<'a>
    where
        Self: 'a;

    fn constants(&mut self, values: Range<usize>) -> Each<'_> {
        let (b, tweak, start, count) = (self.b, self.tweak, values.start, values.len());
        // Which block of T ‖ [0]… the base ends with: that of [i].
        let last = |t: usize| if b == 16 { (t + 1).div_ceil(16) - 1 } else { (t + 1 + b).div_ceil(16) - 1 };
        let mut bases = [0; LANES];
        let mut most = 0;
        for (base, j) in bases.iter_mut().zip(values) {
            let t = tweak(j).len();
            *base = self.first(t);
            most = most.max(last(t));
        }
        for k in 0..most {
            self.absorb(&mut bases[..count], |j| {
                let tweak = tweak(start + j);
                (k < last(tweak.len())).then(|| padded(tweak, k))
            });
        }
        for (j, base) in bases[..count].iter_mut().enumerate() {
            let tweak = tweak(start + j);
            *base ^= padded(tweak, last(tweak.len()));
        }
        self.bases = bases;
        let Some(mut rows) = self.rows.take() else {
            return Each::Based { bases: &self.bases, shift: 8 * b as u32 };
        };
        for (i, row) in (0..).zip(rows.iter_mut()) {
            *row = bases;
            self.absorb(&mut row[..count], |_| Some(i));
        }
        Each::Whole(self.rows.insert(rows))
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
