//! Many short values by AVX-512: at most 16 numerals, halves below 2^32.
//!
//! ```text
//! text ──NUM──► left, right of a group of values ──ten rounds──► left, right ──STR──► text
//! ```
//!
//! Numerals below 256 are read and written by kernels as well, greater ones as in [`bulk`]. What is done here is what
//! [`bulk`] does, and is not needed for it: where the processor, the domain or the number of values does not suit, the
//! functions here say so and have done nothing. `no_vectors.rs` stands in for this file on other processors.

use zeroize::Zeroize;

use super::alphabet::AsciiAlphabet;
use super::bulk::{self, Bases, BulkError, Columns, Records};
use super::digits::Digits;
use super::domain::Domain;
use crate::crypto::arch::Avx512;
use crate::crypto::arch::aes::RoundKeys;
use crate::crypto::arch::ff1::{self, LANES, Modulus};
use crate::crypto::arch::ff1_text::{self, Layout, Symbols};
use crate::crypto::arch::ff1_wide;

pub use long::Long;

mod long;

/// The fewest values for which it pays: a vector waits as long for AES as one value does.
const FEWEST: usize = 10;
/// Vectors of a group: enough that the AES units are never idle, and few enough for the nearest cache.
const VECTORS: usize = 16;
/// Values of a group.
const GROUP: usize = VECTORS * LANES;

/// Round keys of AES.
#[derive(Clone)]
pub struct Keys<const N: usize>(RoundKeys<N>);

impl<const N: usize> Keys<N> {
    /// `None` on a processor without the instructions, or where `hazmat` says to do without them; which is asked again
    /// when the keys are used.
    pub(super) fn expand(key: &[u8]) -> Option<Self> {
        Avx512::detect().map(|proof| Keys(RoundKeys::new(proof, key)))
    }
}

/// Round keys, whatever their number.
pub trait VectorKeys {
    /// The ten rounds for all lanes.
    fn rounds<const ENCRYPT: bool>(&self, constants: &[u128; 10], short: &Short, group: Group<'_>);
    /// The same for longer values.
    fn long_rounds<const L: usize, const ENCRYPT: bool>(
        &self,
        constants: &[u128; 10],
        group: long::Group<'_, L>,
    );
}

/// The halves of a group of values.
pub struct Group<'a> {
    proof: Avx512,
    bases: Option<&'a [[[u8; 16]; LANES]]>,
    left: &'a mut [[u64; LANES]],
    right: &'a mut [[u64; LANES]],
}

impl<const N: usize> VectorKeys for Keys<N> {
    fn rounds<const ENCRYPT: bool>(&self, constants: &[u128; 10], short: &Short, group: Group<'_>) {
        let Group { proof, bases, left, right } = group;
        ff1::rounds::<N, ENCRYPT>(proof, &self.0, constants, bases, &short.moduli, left, right);
    }

    fn long_rounds<const L: usize, const ENCRYPT: bool>(
        &self,
        constants: &[u128; 10],
        group: long::Group<'_, L>,
    ) {
        let long::Group { proof, moduli, bases, left, right } = group;
        ff1_wide::rounds::<N, L, ENCRYPT>(proof, &self.0, constants, bases, moduli, left, right);
    }
}

/// What a domain of short values fixes.
pub struct Short {
    domain: Domain,
    moduli: [Modulus; 2],
    /// Where kernels read and write the values: radix ≤ 256.
    layout: Option<Layout>,
}

impl Short {
    /// `None` for longer values: reading and writing them takes longer than the rounds.
    pub(super) fn new(domain: Domain) -> Option<Self> {
        if domain.length() > 16 {
            return None;
        }
        let power = |m: usize| u64::from(domain.radix()).checked_pow(m as u32).filter(|m| *m <= 1 << 32);
        let moduli = [power(domain.left())?, power(domain.right())?].map(Modulus::new);
        Some(Short { domain, moduli, layout: Layout::new(domain.radix(), domain.length()) })
    }

    /// FF1 of each value of the text, or `None` when that is not to be done here.
    pub(super) fn text<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        mut bases: B,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        let proof = self.proof(input.len())?;
        let layout = self.layout.as_ref()?;
        let made;
        let symbols = match alphabet.is_decimal() {
            true => Symbols::DIGITS,
            false => {
                made = Symbols::new(alphabet.characters());
                &made
            }
        };
        let n = self.domain.length();
        let stride = GROUP * n;
        let mut halves = Halves::new();
        for (g, (input, out)) in input.chunks(stride).zip(out.chunks_mut(stride)).enumerate() {
            let (left, right) = halves.of(input.len().div_ceil(LANES * n));
            if !ff1_text::read_text(proof, layout, symbols, input, left, right) {
                let first = input.chunks_exact(n).position(|value| !alphabet.holds(value)).unwrap_or(0);
                let index = g * GROUP + first;
                return Some(Err(BulkError::Record { index, problem: bulk::FOREIGN_CHARACTER }));
            }
            let bases = bases.of(g * GROUP..g * GROUP + input.len() / n);
            keys.rounds::<ENCRYPT>(constants, self, Group { proof, bases, left, right });
            ff1_text::write_text(proof, layout, symbols, left, right, out);
        }
        Some(Ok(()))
    }

    /// FF1 of each value, in place, or `false` when that is not to be done here. The numerals are below the radix.
    pub(super) fn columns<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        mut bases: B,
        digits: &Digits,
        numerals: &mut [u16],
    ) -> bool {
        let Some(proof) = self.proof(numerals.len()) else { return false };
        let domain = self.domain;
        let Some(layout) = &self.layout else {
            if let (pairs, []) = numerals.as_chunks_mut()
                && domain.length() == 2
            {
                self.records::<_, _, _, ENCRYPT>(proof, keys, constants, bases, Pairs(pairs));
            } else {
                let columns = Columns { numerals, domain, digits };
                self.records::<_, _, _, ENCRYPT>(proof, keys, constants, bases, columns);
            }
            return true;
        };
        let n = domain.length();
        let mut halves = Halves::new();
        for (g, numerals) in numerals.chunks_mut(GROUP * n).enumerate() {
            let (left, right) = halves.of(numerals.len().div_ceil(LANES * n));
            ff1_text::read_numerals(proof, layout, numerals, left, right);
            let bases = bases.of(g * GROUP..g * GROUP + numerals.len() / n);
            keys.rounds::<ENCRYPT>(constants, self, Group { proof, bases, left, right });
            ff1_text::write_numerals(proof, layout, left, right, numerals);
        }
        true
    }

    /// FF1 of records that are known to be values of the domain.
    fn records<K: VectorKeys, B: Bases, R: Records<u64>, const ENCRYPT: bool>(
        &self,
        proof: Avx512,
        keys: &K,
        constants: &[u128; 10],
        mut bases: B,
        mut records: R,
    ) {
        let count = records.count();
        let mut halves = Halves::new();
        for start in (0..count).step_by(GROUP) {
            let values = GROUP.min(count - start);
            let (left, right) = halves.of(values.div_ceil(LANES));
            let pairs = left.as_flattened_mut().iter_mut().zip(right.as_flattened_mut()).take(values);
            for (j, (left, right)) in pairs.enumerate() {
                (*left, *right, _) = records.load(start + j);
            }
            let bases = bases.of(start..start + values);
            let group = Group { proof, bases, left: &mut *left, right: &mut *right };
            keys.rounds::<ENCRYPT>(constants, self, group);
            let pairs = left.as_flattened().iter().zip(right.as_flattened()).take(values);
            for (j, (&left, &right)) in pairs.enumerate() {
                records.store(start + j, left, right);
            }
        }
    }

    /// The proof, when there are enough symbols.
    fn proof(&self, symbols: usize) -> Option<Avx512> {
        if symbols < FEWEST * self.domain.length() { None } else { Avx512::detect() }
    }
}

/// Values of two numerals, which are the halves: ranks, mostly.
struct Pairs<'a>(&'a mut [[u16; 2]]);

impl Records<u64> for Pairs<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn load(&self, j: usize) -> (u64, u64, bool) {
        let [left, right] = self.0[j];
        (left.into(), right.into(), true)
    }

    #[inline(always)]
    fn store(&mut self, j: usize, left: u64, right: u64) {
        self.0[j] = [left as u16, right as u16];
    }
}

/// Room for a group of values, wiped when dropped.
struct Halves {
    left: [[u64; LANES]; VECTORS],
    right: [[u64; LANES]; VECTORS],
    /// How many vectors have been in use.
    used: usize,
}

impl Halves {
    fn new() -> Self {
        Halves { left: [[0; LANES]; VECTORS], right: [[0; LANES]; VECTORS], used: 0 }
    }

    fn of(&mut self, vectors: usize) -> (&mut [[u64; LANES]], &mut [[u64; LANES]]) {
        self.used = self.used.max(vectors);
        (&mut self.left[..vectors], &mut self.right[..vectors])
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.left[..self.used].as_flattened_mut().zeroize();
        self.right[..self.used].as_flattened_mut().zeroize();
    }
}
