//! Everything that one key, domain and tweak fix, computed once.

use std::fmt;

use aes::cipher::Array;
use zeroize::{Zeroize, Zeroizing};

use super::bulk::{self, BulkError, Columns, DecimalText, EightDigits, NoBases, SixteenDigits, Text};
use super::digits::{Digits, Number};
use super::domain::Domain;
use super::lanes::Rounds;
use super::numeral::{self, Aes};
use super::reduce::{Double, Mask, Middle, Modulus, Narrow, Small, Wide};
use super::sealed::Expand;
use super::vectors::{Long, Short};
use super::words::Words;
use super::{Aes256, AsciiAlphabet, KeySize};
use crate::error::{Error, Result};

/// FF1 under one key and one tweak, on one domain: `FF1.Encrypt(K, T, ·)` and `FF1.Decrypt(K, T, ·)`.
///
/// A plan is immutable and owns what it needs, so one can be kept and shared among threads. Making it costs about as
/// much as one value; every further value then costs ten blocks of AES, however long the tweak is.
///
/// # Security
/// The expanded key and the round constants are wiped when the plan is dropped.
pub struct Plan<K: KeySize = Aes256> {
    cipher: K::Cipher,
    vector_keys: Option<K::VectorKeys>,
    domain: Domain,
    /// `K_0` to `K_9`, see [`super::lanes`].
    constants: [u128; 10],
    digits: Box<Digits>,
    /// Where numerals are bytes.
    words: Option<Box<Words>>,
    arithmetic: Arithmetic,
    short: Option<Short>,
    long: Option<Box<Long>>,
}

/// How the halves are computed with: the two moduli radix^u and radix^v, or word for word.
enum Arithmetic {
    Small([Small; 2]),
    Narrow([Narrow; 2]),
    Middle([Middle; 2]),
    Wide([Wide; 2]),
    Double([Double; 2]),
    Mask([Mask<false>; 2]),
    DoubleMask([Mask<true>; 2]),
    General { tweak: Zeroizing<Box<[u8]>> },
}

/// The expression with `$moduli` bound to the two moduli, whatever their type; or the other one, with the tweak.
macro_rules! with_moduli {
    ($arithmetic:expr, $moduli:ident => $fast:expr, $tweak:ident => $general:expr) => {
        match $arithmetic {
            Arithmetic::Small($moduli) => $fast,
            Arithmetic::Narrow($moduli) => $fast,
            Arithmetic::Middle($moduli) => $fast,
            Arithmetic::Wide($moduli) => $fast,
            Arithmetic::Double($moduli) => $fast,
            Arithmetic::Mask($moduli) => $fast,
            Arithmetic::DoubleMask($moduli) => $fast,
            Arithmetic::General { tweak: $tweak } => $general,
        }
    };
}

impl Plan<Aes256> {
    /// The longest tweak, in bytes. The standard allows 2^32 − 1; each plan has to run through all of it.
    pub const MAX_TWEAK: usize = 1 << 16;

    /// The plan of this key, domain and tweak. The tweak may be empty, and need not be secret.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a tweak over [`Plan::MAX_TWEAK`].
    pub fn new(key: &[u8; 32], domain: Domain, tweak: &[u8]) -> Result<Self> {
        Self::with_keys(Aes256::expand(key), Aes256::vector_keys(key), domain, tweak)
    }
}

impl<K: KeySize> Plan<K> {
    pub(super) fn with_keys(
        cipher: K::Cipher,
        vector_keys: Option<K::VectorKeys>,
        domain: Domain,
        tweak: &[u8],
    ) -> Result<Self> {
        if tweak.len() > Plan::MAX_TWEAK {
            return Err(Error::TooLong { what: "tweak", actual: tweak.len(), limit: Plan::MAX_TWEAK });
        }
        let (constants, arithmetic) = match half_bytes(domain) {
            Some(b) => (round_constants(&cipher, domain, tweak, b), Arithmetic::new(domain, b)),
            None => ([0; 10], Arithmetic::General { tweak: Zeroizing::new(tweak.into()) }),
        };
        let words =
            (domain.radix() <= 256).then(|| Box::new(Words::new(domain.radix().into(), domain.right())));
        let short = if vector_keys.is_some() { Short::new(domain) } else { None };
        let long = if vector_keys.is_some() { Long::new(domain).map(Box::new) } else { None };
        let digits = Box::new(Digits::new(domain));
        Ok(Plan { cipher, vector_keys, domain, constants, digits, words, arithmetic, short, long })
    }

    /// The domain that the plan permutes.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// `X ← FF1.Encrypt(K, T, X)`.
    ///
    /// # Errors
    /// [`Error::Value`] when there are more or fewer numerals than the domain has, or one is not below its radix; the
    /// numerals are unchanged then.
    pub fn encrypt(&self, numerals: &mut [u16]) -> Result<()> {
        self.one::<true>(numerals)
    }

    /// `X ← FF1.Decrypt(K, T, X)`.
    ///
    /// # Errors
    /// As [`Plan::encrypt`].
    pub fn decrypt(&self, numerals: &mut [u16]) -> Result<()> {
        self.one::<false>(numerals)
    }

    /// `X ← FF1.Encrypt(K, T, X)` for each of many values that lie one after the other.
    ///
    /// # Errors
    /// [`BulkError::Shape`] when the number of numerals is no multiple of the domain's length, and
    /// [`BulkError::Record`] for the first value with a numeral that is not below the radix. No value is changed then.
    pub fn encrypt_columns(&self, numerals: &mut [u16]) -> Result<(), BulkError> {
        self.columns::<true>(numerals)
    }

    /// `X ← FF1.Decrypt(K, T, X)` for each of many values that lie one after the other.
    ///
    /// # Errors
    /// As [`Plan::encrypt_columns`].
    pub fn decrypt_columns(&self, numerals: &mut [u16]) -> Result<(), BulkError> {
        self.columns::<false>(numerals)
    }

    /// `out ← FF1.Encrypt(K, T, input)` for each of many values, or one, spelled in the alphabet and one after the
    /// other: record j is `input[j·n..(j + 1)·n]`, and so is its result in `out`.
    ///
    /// # Errors
    /// [`BulkError::Shape`] when the alphabet has another radix than the domain, the input is no multiple of the
    /// domain's length, or `out` is not as long as the input; and [`BulkError::Record`] for the first record with a
    /// character that is not in the alphabet. What `out` holds then is unspecified, but never plaintext.
    pub fn encrypt_ascii(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.ascii::<true>(alphabet, input, out)
    }

    /// `out ← FF1.Decrypt(K, T, input)`, the inverse of [`Plan::encrypt_ascii`].
    ///
    /// # Errors
    /// As [`Plan::encrypt_ascii`]; but `out` may hold the plaintext of some records after an error.
    pub fn decrypt_ascii(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.ascii::<false>(alphabet, input, out)
    }

    fn one<const ENCRYPT: bool>(&self, numerals: &mut [u16]) -> Result<()> {
        if numerals.len() != self.domain.length() {
            return Err(Error::Value { problem: "is longer or shorter than the values of its domain" });
        }
        if !numerals.iter().all(|&numeral| self.domain.holds(numeral)) {
            return Err(Error::Value { problem: FOREIGN_NUMERAL });
        }
        with_moduli!(&self.arithmetic,
            moduli => self.one_fast::<_, ENCRYPT>(moduli, numerals),
            tweak => self.one_general::<ENCRYPT>(tweak, numerals));
        Ok(())
    }

    fn one_fast<M: Modulus<Half: Number>, const ENCRYPT: bool>(&self, moduli: &[M; 2], numerals: &mut [u16]) {
        let (left, right) = numerals.split_at_mut(self.domain.left());
        let rounds = Rounds { constants: &self.constants, moduli };
        let (a, b) = rounds.one::<_, ENCRYPT>(
            &self.cipher,
            M::Half::read(left, &self.digits, u64::from),
            M::Half::read(right, &self.digits, u64::from),
        );
        a.write(left, &self.digits, |numeral| numeral as u16);
        b.write(right, &self.digits, |numeral| numeral as u16);
    }

    fn one_general<const ENCRYPT: bool>(&self, tweak: &[u8], numerals: &mut [u16]) {
        if ENCRYPT {
            numeral::encrypt(&self.cipher, self.domain, tweak, numerals);
        } else {
            numeral::decrypt(&self.cipher, self.domain, tweak, numerals);
        }
    }

    fn columns<const ENCRYPT: bool>(&self, numerals: &mut [u16]) -> Result<(), BulkError> {
        let n = self.domain.length();
        self.check_columns(numerals)?;
        if let (Some(keys), Some(short)) = (&self.vector_keys, &self.short)
            && short.columns::<_, _, ENCRYPT>(keys, &self.constants, NoBases, &self.digits, numerals)
        {
            return Ok(());
        }
        with_moduli!(&self.arithmetic,
        moduli => {
            let columns = Columns { numerals, domain: self.domain, digits: &self.digits };
            bulk::run::<_, _, _, ENCRYPT>(&self.cipher, self.rounds(moduli), columns)
        },
        tweak => {
            numerals.chunks_exact_mut(n).for_each(|value| self.one_general::<ENCRYPT>(tweak, value));
            Ok(())
        })
    }

    fn ascii<const ENCRYPT: bool>(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        let words = self.check_text(alphabet, input, out)?;
        if let (Some(keys), Some(short)) = (&self.vector_keys, &self.short)
            && let Some(done) =
                short.text::<_, _, ENCRYPT>(keys, &self.constants, NoBases, alphabet, input, out)
        {
            return done;
        }
        if let (Some(keys), Some(long)) = (&self.vector_keys, &self.long)
            && let Some(done) =
                long.text::<_, _, ENCRYPT>(keys, &self.constants, NoBases, alphabet, input, out)
        {
            return done;
        }
        let domain = self.domain;
        if let (Arithmetic::Narrow(moduli), 16, true) =
            (&self.arithmetic, domain.length(), alphabet.is_decimal())
        {
            let sixteen = SixteenDigits { input: input.as_chunks().0, out: out.as_chunks_mut().0 };
            return bulk::run::<_, _, _, ENCRYPT>(&self.cipher, self.rounds(moduli), sixteen);
        }
        if let (Arithmetic::Small(moduli), ..=8, true) =
            (&self.arithmetic, domain.length(), alphabet.is_decimal())
        {
            let right = Narrow::new(10u64.pow(domain.right() as u32));
            let eight = EightDigits { input, out, domain, right };
            return bulk::run::<_, _, _, ENCRYPT>(&self.cipher, self.rounds(moduli), eight);
        }
        with_moduli!(&self.arithmetic,
        moduli => if alphabet.is_decimal() {
            let text = DecimalText { input, out, domain };
            bulk::run::<_, _, _, ENCRYPT>(&self.cipher, self.rounds(moduli), text)
        } else {
            let text = Text { alphabet, input, out, domain, words };
            bulk::run::<_, _, _, ENCRYPT>(&self.cipher, self.rounds(moduli), text)
        },
        tweak => {
            let one = |_, numerals: &mut [u16]| self.one_general::<ENCRYPT>(tweak, numerals);
            self.ascii_general(one, alphabet, input, out)
        })
    }

    fn ascii_general(
        &self,
        mut one: impl FnMut(usize, &mut [u16]),
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        let n = self.domain.length();
        if let Some(index) = first(input, n, |text| alphabet.holds(text)) {
            return Err(BulkError::Record { index, problem: bulk::FOREIGN_CHARACTER });
        }
        let mut numerals = Zeroizing::new(vec![0; n]);
        for (j, (input, out)) in input.chunks_exact(n).zip(out.chunks_exact_mut(n)).enumerate() {
            out.copy_from_slice(input);
            alphabet.read(out);
            for (numeral, &byte) in numerals.iter_mut().zip(out.iter()) {
                *numeral = byte.into();
            }
            one(j, &mut numerals);
            for (byte, &numeral) in out.iter_mut().zip(numerals.iter()) {
                *byte = numeral as u8;
            }
            alphabet.write(out);
        }
        Ok(())
    }

    fn check_columns(&self, numerals: &[u16]) -> Result<(), BulkError> {
        let n = self.domain.length();
        if !numerals.len().is_multiple_of(n) {
            return Err(BulkError::Shape("the numerals are not a whole number of values"));
        }
        // The greatest of many is found without a branch, several at a time.
        let holds = |numerals: &[u16]| self.domain.holds(numerals.iter().fold(0, |most, &x| most.max(x)));
        match first(numerals, n, holds) {
            Some(index) => Err(BulkError::Record { index, problem: FOREIGN_NUMERAL }),
            None => Ok(()),
        }
    }

    fn check_text(&self, alphabet: &AsciiAlphabet, input: &[u8], out: &[u8]) -> Result<&Words, BulkError> {
        let Some(words) = self.words.as_deref().filter(|_| alphabet.radix() == self.domain.radix()) else {
            return Err(BulkError::Shape("the alphabet has another radix than the domain"));
        };
        if !input.len().is_multiple_of(self.domain.length()) {
            return Err(BulkError::Shape("the input is not a whole number of values"));
        }
        if out.len() != input.len() {
            return Err(BulkError::Shape("the output is not as long as the input"));
        }
        Ok(words)
    }

    fn rounds<'a, M>(&'a self, moduli: &'a [M; 2]) -> Rounds<'a, M> {
        Rounds { constants: &self.constants, moduli }
    }
}

const FOREIGN_NUMERAL: &str = "has a numeral that is not below the radix";

/// The index of the first chunk of n that is not as it should be.
fn first<T>(all: &[T], n: usize, good: impl Fn(&[T]) -> bool) -> Option<usize> {
    if good(all) { None } else { all.chunks_exact(n).position(|chunk| !good(chunk)) }
}

impl<K: KeySize> Drop for Plan<K> {
    fn drop(&mut self) {
        self.constants.zeroize();
    }
}

impl<K: KeySize> fmt::Debug for Plan<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// b, the bytes of radix^v − 1, where that is below 2^128.
fn half_bytes(domain: Domain) -> Option<usize> {
    let greatest = match u128::from(domain.radix()).checked_pow(domain.right() as u32) {
        Some(power) => power - 1,
        // 2^128 itself does not fit, but its halves do.
        None if bits(domain, domain.right()) == Some(128) => u128::MAX,
        None => return None,
    };
    Some((128 - greatest.leading_zeros()).div_ceil(8) as usize)
}

/// e where radix^m = 2^e.
fn bits(domain: Domain, m: usize) -> Option<u32> {
    domain.radix().is_power_of_two().then(|| domain.radix().ilog2() * m as u32)
}

impl Arithmetic {
    /// For halves of b ≤ 16 bytes. y is d = 4⌈b/4⌉ + 4 bytes.
    ///
    /// b is that of radix^v, and radix^u may be 2^16 times smaller: hence the lower bounds in [`super::reduce`].
    fn new(domain: Domain, b: usize) -> Self {
        let d = 4 * b.div_ceil(4) + 4;
        let halves = [domain.left(), domain.right()];
        if b <= 4 {
            let moduli = halves.map(|m| u64::from(domain.radix()).pow(m as u32));
            return match moduli.iter().all(|m| Small::takes(*m)) {
                true => Self::Small(moduli.map(Small::new)),
                false => Self::Narrow(moduli.map(Narrow::new)),
            };
        }
        if let [Some(u), Some(v)] = halves.map(|m| bits(domain, m)) {
            return match d {
                20 => Self::DoubleMask([Mask::new(u, d), Mask::new(v, d)]),
                _ => Self::Mask([Mask::new(u, d), Mask::new(v, d)]),
            };
        }
        // radix^v is no power of two, so it is below 2^128.
        let moduli = halves.map(|m| u128::from(domain.radix()).pow(m as u32));
        match d {
            20 => Self::Double(moduli.map(Double::new)),
            12 if moduli[1] < 1 << 61 => Self::Middle(moduli.map(|m| Middle::new(m as u64))),
            _ => Self::Wide(moduli.map(|m| Wide::new(m, d))),
        }
    }
}

/// `K_0` to `K_9`: CBC-MAC of P ‖ Q up to its last block, ⊕ that block with 0 for NUM(B), for b ≤ 16.
///
/// Q = T ‖ \[0\]^((−t−b−1) mod 16) ‖ \[i\] ‖ \[NUM(B)\]^b ends with a whole block, so NUM(B) lies in the last one, and so
/// does i, unless b = 16, when i is the last byte of the block before.
fn round_constants<C: Aes>(cipher: &C, domain: Domain, tweak: &[u8], b: usize) -> [u128; 10] {
    let ciph = |block: u128| {
        let mut block = Array::from(block.to_be_bytes());
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.0)
    };
    let last = (tweak.len() + 1 + b).div_ceil(16) - 1;
    let whole = if b == 16 { last - 1 } else { last };
    let mut state = ciph(u128::from_be_bytes(domain.first_block(tweak.len())));
    for j in 0..whole {
        state = ciph(state ^ padded(tweak, 16 * j));
    }
    std::array::from_fn(|i| match b {
        16 => ciph(state ^ padded(tweak, 16 * whole) ^ i as u128),
        _ => state ^ padded(tweak, 16 * last) ^ (i as u128) << (8 * b),
    })
}

/// The 16 bytes from this one on of T ‖ 0 ‖ 0 ‖ …
#[inline]
fn padded(tweak: &[u8], from: usize) -> u128 {
    let rest = tweak.get(from..).unwrap_or_default();
    if let Some(block) = rest.first_chunk() {
        return u128::from_be_bytes(*block);
    }
    // Two words that may overlap: a copy of unknown length is a call.
    let words = |first: u64, last: u64, bits: usize| {
        u128::from(first) << (128 - bits) | u128::from(last) << (128 - 8 * rest.len())
    };
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        words(u64::from_be_bytes(*first), u64::from_be_bytes(*last), 64)
    } else if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        words(u32::from_be_bytes(*first).into(), u32::from_be_bytes(*last).into(), 32)
    } else if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        words(u16::from_be_bytes(*first).into(), u16::from_be_bytes(*last).into(), 16)
    } else {
        rest.first().map_or(0, |byte| u128::from(*byte) << 120)
    }
}

mod tweaked;

pub use tweaked::TweakedPlan;

#[cfg(test)]
mod tests;
