//! Many short values by AVX-512: halves below 2^32, of at most 16 numerals below 256.
//!
//! ```text
//! text ──NUM──► left, right of a group of values ──ten rounds──► left, right ──STR──► text
//! ```
//!
//! What it does is what [`bulk`] does, and is not needed for it: where the processor, the domain or the number of values does not
//! suit, the functions here say so and have done nothing. `no_vectors.rs` stands in for this file on other processors.

use zeroize::Zeroize;

use super::alphabet::AsciiAlphabet;
use super::bulk::{self, BulkError};
use super::domain::Domain;
use crate::crypto::arch::Avx512;
use crate::crypto::arch::aes::RoundKeys;
use crate::crypto::arch::ff1::{self, LANES, Modulus};
use crate::crypto::arch::ff1_text::{self, Layout, Symbols};
use crate::crypto::arch::ff1_wide::{self, Vector};

pub use long::Long;

mod long;

/// The fewest values for which it pays: a vector waits as long for AES as one value does.
const FEWEST: usize = 8;
/// Vectors of a group: enough that the AES units are never idle, and few enough for the nearest cache.
const VECTORS: usize = 16;

/// Round keys of AES.
#[derive(Clone)]
pub struct Keys<const N: usize>(RoundKeys<N>);

impl<const N: usize> Keys<N> {
    /// `None` on a processor without the instructions, or where `hazmat` says to do without them.
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
        proof: Avx512,
        constants: &[u128; 10],
        moduli: &[ff1_wide::Modulus; 2],
        left: &mut [Vector<L>],
        right: &mut [Vector<L>],
    );
}

/// The halves of a group of values.
pub struct Group<'a> {
    proof: Avx512,
    left: &'a mut [[u64; LANES]],
    right: &'a mut [[u64; LANES]],
}

impl<const N: usize> VectorKeys for Keys<N> {
    fn rounds<const ENCRYPT: bool>(&self, constants: &[u128; 10], short: &Short, group: Group<'_>) {
        let Group { proof, left, right } = group;
        ff1::rounds::<N, ENCRYPT>(proof, &self.0, constants, None, &short.moduli, left, right);
    }

    fn long_rounds<const L: usize, const ENCRYPT: bool>(
        &self,
        proof: Avx512,
        constants: &[u128; 10],
        moduli: &[ff1_wide::Modulus; 2],
        left: &mut [Vector<L>],
        right: &mut [Vector<L>],
    ) {
        ff1_wide::rounds::<N, L, ENCRYPT>(proof, &self.0, constants, moduli, left, right);
    }
}

/// What a domain of short values fixes.
pub struct Short {
    moduli: [Modulus; 2],
    layout: Layout,
}

impl Short {
    /// `None` for longer values.
    pub(super) fn new(domain: Domain) -> Option<Self> {
        let layout = Layout::new(domain.radix(), domain.length())?;
        let [left, right] = [domain.left(), domain.right()].map(|m| u64::from(domain.radix()).pow(m as u32));
        (right <= 1 << 32).then(|| Short { moduli: [left, right].map(Modulus::new), layout })
    }

    /// FF1 of each value of the text, or `None` when that is not to be done here.
    pub(super) fn text<K: VectorKeys, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        let proof = self.proof(input.len())?;
        let made;
        let symbols = match alphabet.is_decimal() {
            true => Symbols::DIGITS,
            false => {
                made = Symbols::new(alphabet.characters());
                &made
            }
        };
        let n = self.layout.length();
        let stride = VECTORS * LANES * n;
        let mut halves = Halves::new();
        for (g, (input, out)) in input.chunks(stride).zip(out.chunks_mut(stride)).enumerate() {
            let (left, right) = halves.of(input.len().div_ceil(LANES * n));
            if !ff1_text::read_text(proof, &self.layout, symbols, input, left, right) {
                let first = input.chunks_exact(n).position(|value| !alphabet.holds(value)).unwrap_or(0);
                let index = g * VECTORS * LANES + first;
                return Some(Err(BulkError::Record { index, problem: bulk::FOREIGN_CHARACTER }));
            }
            keys.rounds::<ENCRYPT>(constants, self, Group { proof, left, right });
            ff1_text::write_text(proof, &self.layout, symbols, left, right, out);
        }
        Some(Ok(()))
    }

    /// FF1 of each value, in place, or `false` when that is not to be done here. The numerals are below the radix.
    pub(super) fn columns<K: VectorKeys, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        numerals: &mut [u16],
    ) -> bool {
        let Some(proof) = self.proof(numerals.len()) else { return false };
        let n = self.layout.length();
        let mut halves = Halves::new();
        for numerals in numerals.chunks_mut(VECTORS * LANES * n) {
            let (left, right) = halves.of(numerals.len().div_ceil(LANES * n));
            ff1_text::read_numerals(proof, &self.layout, numerals, left, right);
            keys.rounds::<ENCRYPT>(constants, self, Group { proof, left, right });
            ff1_text::write_numerals(proof, &self.layout, left, right, numerals);
        }
        true
    }

    /// The proof, when there are enough symbols.
    fn proof(&self, symbols: usize) -> Option<Avx512> {
        if symbols < FEWEST * self.layout.length() { None } else { Avx512::detect() }
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
