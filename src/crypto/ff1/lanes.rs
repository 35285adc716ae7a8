//! The ten rounds, for many values in lockstep and for one.
//!
//! ```text
//! left  ← left  ± F(i, right) mod radix^u      i even
//! right ← right ± F(i, left)  mod radix^v      i odd
//! F(i, x) = the first d bytes of R ‖ CIPH(R ⊕ [1]),  R = CIPH(K_i ⊕ x)
//! ```
//!
//! Algorithms 7 and 8 with the exchange of A and B written out: after an even number of rounds each half is in its
//! place. `K_i` is what CBC-MAC has made of P ‖ Q before the last block, with the bytes of that block that are the
//! same for all values; so a round costs one block of AES, or two where d = 20. Decryption subtracts, and goes
//! through the rounds from 9 to 0.
//!
//! Each round is one pass over all values, so that the blocks of one pass, which do not depend on each other, fill
//! the pipelines of the AES units. The whole of the rounds is one closure that the cipher calls with the machine's
//! features enabled.

use aes::cipher::array::Array;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockSizeUser, ParBlocks, consts::U16};

use super::numeral::Aes;
use super::reduce::{Half, Modulus, Output};

/// How many values go in lockstep: what the widest back end of `aes` takes at a time.
pub(super) const LANES: usize = 64;

/// K_0 to K_9 of every value.
pub(super) trait Constants: Copy {
    /// K_i of value j, one of at most [`LANES`].
    fn of(self, i: usize, j: usize) -> u128;
    /// K_i of all of them; `room` may be used for it.
    fn row(self, i: usize, room: &mut Row) -> impl Fn(usize) -> u128 + Copy;
}

/// One constant of each value.
pub(super) type Row = [u128; LANES];

/// The same for all values.
impl Constants for &[u128; 10] {
    #[inline(always)]
    fn of(self, i: usize, _: usize) -> u128 {
        self[i]
    }

    #[inline(always)]
    fn row(self, i: usize, _: &mut Row) -> impl Fn(usize) -> u128 + Copy {
        let constant = self[i];
        move |_| constant
    }
}

/// Those of values that have a tweak each.
#[derive(Clone, Copy)]
pub(super) enum Each<'a> {
    /// K_i = base ⊕ i·2^shift.
    Based { bases: &'a Row, shift: u32 },
    /// As they are.
    Whole(&'a [Row; 10]),
}

impl Constants for Each<'_> {
    #[inline(always)]
    fn of(self, i: usize, j: usize) -> u128 {
        match self {
            Each::Based { bases, shift } => bases[j % LANES] ^ (i as u128) << shift,
            Each::Whole(rows) => rows[i][j % LANES],
        }
    }

    #[inline(always)]
    fn row(self, i: usize, room: &mut Row) -> impl Fn(usize) -> u128 + Copy {
        match self {
            Each::Based { bases, shift } => {
                for (k, base) in room.iter_mut().zip(bases) {
                    *k = base ^ (i as u128) << shift;
                }
            }
            Each::Whole(rows) => *room = rows[i],
        }
        let row: &Row = room;
        move |j| row[j % LANES]
    }
}

/// The round constants, and the two moduli radix^u and radix^v.
#[derive(Clone, Copy)]
pub(super) struct Rounds<'a, M, K = &'a [u128; 10]> {
    pub(super) constants: K,
    pub(super) moduli: &'a [M; 2],
}

impl<M: Modulus, K: Constants> Rounds<'_, M, K> {
    /// All values, in lockstep: value j is (left\[j\], right\[j\]); at most [`LANES`] where each has its own constants.
    #[inline(always)]
    pub(super) fn many<C: Aes, const ENCRYPT: bool>(
        self,
        cipher: &C,
        left: &mut [M::Half],
        right: &mut [M::Half],
    ) {
        cipher.encrypt_with_backend(Many::<M, K, ENCRYPT> { rounds: self, left, right });
    }

    /// One value.
    #[inline(always)]
    pub(super) fn one<C: Aes, const ENCRYPT: bool>(
        self,
        cipher: &C,
        mut left: M::Half,
        mut right: M::Half,
    ) -> (M::Half, M::Half) {
        cipher.encrypt_with_backend(One::<M, K, ENCRYPT> {
            rounds: self,
            left: &mut left,
            right: &mut right,
        });
        (left, right)
    }

    /// Round `step` of the direction: its i, the modulus, and whether it changes the left half.
    #[inline(always)]
    fn at<const ENCRYPT: bool>(&self, step: usize) -> (usize, M, bool) {
        let i = if ENCRYPT { step } else { 9 - step };
        (i, self.moduli[i % 2], i % 2 == 0)
    }
}

struct Many<'a, M: Modulus, K, const ENCRYPT: bool> {
    rounds: Rounds<'a, M, K>,
    left: &'a mut [M::Half],
    right: &'a mut [M::Half],
}

impl<M: Modulus, K, const ENCRYPT: bool> BlockSizeUser for Many<'_, M, K, ENCRYPT> {
    type BlockSize = U16;
}

impl<M: Modulus, K: Constants, const ENCRYPT: bool> BlockCipherEncClosure for Many<'_, M, K, ENCRYPT> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut room = [0; LANES];
        for step in 0..10 {
            let (i, modulus, even) = self.rounds.at::<ENCRYPT>(step);
            let constant = self.rounds.constants.row(i, &mut room);
            if even {
                pass::<B, M, _, ENCRYPT>(backend, constant, modulus, self.left, self.right);
            } else {
                pass::<B, M, _, ENCRYPT>(backend, constant, modulus, self.right, self.left);
            }
        }
    }
}

/// target\[j\] ← target\[j\] ± F(source\[j\]) for all j.
#[inline(always)]
fn pass<
    B: BlockCipherEncBackend<BlockSize = U16>,
    M: Modulus,
    F: Fn(usize) -> u128 + Copy,
    const ENCRYPT: bool,
>(
    backend: &B,
    constant: F,
    modulus: M,
    target: &mut [M::Half],
    source: &[M::Half],
) {
    let width = B::ParBlocksSize::USIZE;
    let mut targets = target.chunks_exact_mut(width);
    let mut sources = source.chunks_exact(width);
    let mut start = 0;
    for (target, source) in (&mut targets).zip(&mut sources) {
        group::<B, M, _, ENCRYPT>(backend, move |j| constant(start + j), modulus, target, source);
        start += width;
    }
    let constant = move |j| constant(start + j);
    let (target, source) = (targets.into_remainder(), sources.remainder());
    // A back end takes a whole group for the price of about a quarter as many single blocks: idle lanes pay off.
    if 4 * target.len() > width {
        group::<B, M, _, ENCRYPT>(backend, constant, modulus, target, source);
    } else {
        for (j, (target, source)) in target.iter_mut().zip(source).enumerate() {
            let output = single::<B, M>(backend, constant(j) ^ source.wide());
            *target = combine::<M, ENCRYPT>(modulus, *target, output);
        }
    }
}

/// One call of the back end's parallel form, for as many values as that takes, or fewer.
#[inline(always)]
fn group<B: BlockCipherEncBackend<BlockSize = U16>, M: Modulus, F: Fn(usize) -> u128, const ENCRYPT: bool>(
    backend: &B,
    constant: F,
    modulus: M,
    target: &mut [M::Half],
    source: &[M::Half],
) {
    let mut blocks = ParBlocks::<B>::default();
    for (j, (block, x)) in blocks.iter_mut().zip(source).enumerate() {
        *block = M::block(constant(j), *x).into();
    }
    backend.encrypt_par_blocks_inplace(&mut blocks);
    if M::TWO_BLOCKS {
        let mut next = ParBlocks::<B>::default();
        for (next, first) in next.iter_mut().zip(&blocks) {
            *next = (u128::from_be_bytes(first.0) ^ 1).to_be_bytes().into();
        }
        backend.encrypt_par_blocks_inplace(&mut next);
        for ((target, first), next) in target.iter_mut().zip(&blocks).zip(&next) {
            let output = Output { first: u128::from_be_bytes(first.0), next: top(next.0) };
            *target = combine::<M, ENCRYPT>(modulus, *target, output);
        }
    } else {
        for (target, first) in target.iter_mut().zip(&blocks) {
            *target = modulus.combine::<ENCRYPT>(*target, first.0);
        }
    }
}

struct One<'a, M: Modulus, K, const ENCRYPT: bool> {
    rounds: Rounds<'a, M, K>,
    left: &'a mut M::Half,
    right: &'a mut M::Half,
}

impl<M: Modulus, K, const ENCRYPT: bool> BlockSizeUser for One<'_, M, K, ENCRYPT> {
    type BlockSize = U16;
}

impl<M: Modulus, K: Constants, const ENCRYPT: bool> BlockCipherEncClosure for One<'_, M, K, ENCRYPT> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let (mut left, mut right) = (*self.left, *self.right);
        for step in 0..10 {
            let (i, modulus, even) = self.rounds.at::<ENCRYPT>(step);
            let constant = self.rounds.constants.of(i, 0);
            if even {
                let output = single::<B, M>(backend, constant ^ right.wide());
                left = combine::<M, ENCRYPT>(modulus, left, output);
            } else {
                let output = single::<B, M>(backend, constant ^ left.wide());
                right = combine::<M, ENCRYPT>(modulus, right, output);
            }
        }
        (*self.left, *self.right) = (left, right);
    }
}

#[inline(always)]
fn single<B: BlockCipherEncBackend<BlockSize = U16>, M: Modulus>(backend: &B, input: u128) -> Output {
    let mut block = Array::from(input.to_be_bytes());
    backend.encrypt_block_inplace(&mut block);
    let first = u128::from_be_bytes(block.0);
    if !M::TWO_BLOCKS {
        return Output { first, next: 0 };
    }
    let mut block = Array::from((first ^ 1).to_be_bytes());
    backend.encrypt_block_inplace(&mut block);
    Output { first, next: top(block.0) }
}

#[inline(always)]
fn combine<M: Modulus, const ENCRYPT: bool>(modulus: M, half: M::Half, output: Output) -> M::Half {
    if ENCRYPT { modulus.add(half, output) } else { modulus.subtract(half, output) }
}

/// The first four bytes.
#[inline(always)]
fn top(block: [u8; 16]) -> u32 {
    (u128::from_be_bytes(block) >> 96) as u32
}
