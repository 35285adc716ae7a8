//! Many longer values by AVX-512: halves below 2^96, text of at most 32 symbols.

use zeroize::Zeroize;

use super::super::alphabet::AsciiAlphabet;
use super::super::bulk::{self, Bases, BulkError};
use super::super::domain::Domain;
use super::{FEWEST, VectorKeys};
use crate::crypto::arch::Avx512;
use crate::crypto::arch::ff1::LANES;
use crate::crypto::arch::ff1_text::Symbols;
use crate::crypto::arch::ff1_text_wide::{self, Layout};
use crate::crypto::arch::ff1_wide::{Modulus, Vector};

/// Vectors of a group: enough that the AES units are never idle, and few enough for the nearest cache.
const VECTORS: usize = 8;

/// What a domain of longer values fixes, by the words of a half.
pub enum Long {
    One(Shape<1>),
    Two(Shape<2>),
}

/// The same for halves of L words.
pub struct Shape<const L: usize> {
    moduli: [Modulus; 2],
    layout: Layout,
}

impl Long {
    /// `None` for shorter values, longer ones, and radices that the kernels do not take.
    pub(in super::super) fn new(domain: Domain) -> Option<Self> {
        let right = u128::from(domain.radix()).checked_pow(domain.right() as u32)?;
        match (right - 1).checked_ilog2()? {
            32..61 => Shape::new(domain, 12).map(Long::One),
            61..64 => Shape::new(domain, 12).map(Long::Two),
            64..96 => Shape::new(domain, 16).map(Long::Two),
            _ => None,
        }
    }

    /// FF1 of each value of the text, or `None` when that is not to be done here.
    pub(in super::super) fn text<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        bases: B,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        match self {
            Long::One(shape) => shape.text::<K, B, ENCRYPT>(keys, constants, bases, alphabet, input, out),
            Long::Two(shape) => shape.text::<K, B, ENCRYPT>(keys, constants, bases, alphabet, input, out),
        }
    }
}

impl<const L: usize> Shape<L> {
    /// For y of d bytes.
    fn new(domain: Domain, d: usize) -> Option<Self> {
        let modulus = |m: usize| Modulus::new(u128::from(domain.radix()).pow(m as u32), d, L);
        Some(Shape {
            moduli: [modulus(domain.left())?, modulus(domain.right())?],
            layout: Layout::new(domain.radix(), domain.length(), L)?,
        })
    }

    fn text<K: VectorKeys, B: Bases, const ENCRYPT: bool>(
        &self,
        keys: &K,
        constants: &[u128; 10],
        mut bases: B,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Option<Result<(), BulkError>> {
        let n = self.layout.length();
        let proof = if input.len() < FEWEST * n { None } else { Avx512::detect() }?;
        let made;
        let symbols = match alphabet.is_decimal() {
            true => Symbols::DIGITS,
            false => {
                made = Symbols::new(alphabet.characters());
                &made
            }
        };
        let stride = VECTORS * LANES * n;
        let mut halves = Halves::<L>::new();
        for (g, (input, out)) in input.chunks(stride).zip(out.chunks_mut(stride)).enumerate() {
            let vectors = input.len().div_ceil(LANES * n);
            let (left, right) = (&mut halves.left[..vectors], &mut halves.right[..vectors]);
            if !ff1_text_wide::read(proof, &self.layout, symbols, input, left, right) {
                let first = input.chunks_exact(n).position(|value| !alphabet.holds(value)).unwrap_or(0);
                let index = g * VECTORS * LANES + first;
                return Some(Err(BulkError::Record { index, problem: bulk::FOREIGN_CHARACTER }));
            }
            let first = g * VECTORS * LANES;
            let bases = bases.of(first..first + input.len() / n);
            let group = Group { proof, moduli: &self.moduli, bases, left: &mut *left, right: &mut *right };
            keys.long_rounds::<L, ENCRYPT>(constants, group);
            ff1_text_wide::write(proof, &self.layout, symbols, left, right, out);
        }
        Some(Ok(()))
    }
}

/// The halves of a group of values.
pub struct Group<'a, const L: usize> {
    pub(super) proof: Avx512,
    pub(super) moduli: &'a [Modulus; 2],
    pub(super) bases: Option<&'a [[[u8; 16]; LANES]]>,
    pub(super) left: &'a mut [Vector<L>],
    pub(super) right: &'a mut [Vector<L>],
}

/// Room for a group of values, wiped when dropped.
struct Halves<const L: usize> {
    left: [Vector<L>; VECTORS],
    right: [Vector<L>; VECTORS],
}

impl<const L: usize> Halves<L> {
    fn new() -> Self {
        Halves { left: [[[0; LANES]; L]; VECTORS], right: [[[0; LANES]; L]; VECTORS] }
    }
}

impl<const L: usize> Drop for Halves<L> {
    fn drop(&mut self) {
        self.left.as_flattened_mut().as_flattened_mut().zeroize();
        self.right.as_flattened_mut().as_flattened_mut().zeroize();
    }
}
