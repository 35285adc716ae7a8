//! One field, of any length: its own blocks side by side, 32 of them a turn.
//!
//! ```text
//! counters   2 … 33     34 … 65     66 …       eight registers, four blocks each
//! GHASH      s ← Σ (s ‖ X₁ … X₃₂)·(H³² … H)    one reduction a turn
//! ```
//!
//! The stream comes in one pass and GHASH in another, over pieces that stay in the nearest cache: both are bound by the same units of the
//! processor, so that done together they take as long. To open is to do the second pass first.

use super::counter::{counter, counters_of_turn, nonce_in_all};
use super::ghash::Sum;
use super::lanes::*;
use super::{BLOCK, Gcm, LANES, Opening, PIECE, ROWS, Sealing, TAG};
use core::arch::x86_64::*;

/// Bytes of a turn.
const TURN: usize = ROWS * PIECE;
/// Bytes that are encrypted before they are absorbed.
const NEAR: usize = 16 * TURN;

impl Gcm {
    /// Seals a field, whose part is its AAD.
    ///
    /// # Panics
    /// When its output has not 16 bytes more, or it has 4 GiB.
    pub(crate) fn seal_one(&self, field: Sealing<'_>) {
        assert_eq!(field.out.len(), field.plaintext.len() + TAG, "there is room for it and its tag");
        assert!(field.plaintext.len() >> 32 == 0, "a counter has 32 bits");
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.seal_alone(field) }
    }

    /// Opens a field, whose part is its AAD, and says whether it is genuine.
    ///
    /// # Panics
    /// When its output has not 16 bytes less, or it has 4 GiB.
    pub(crate) fn open_one(&self, field: Opening<'_>) {
        assert_eq!(field.sealed.len(), field.out.len() + TAG, "there is room for it without its tag");
        assert!(field.out.len() >> 32 == 0, "a counter has 32 bits");
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.open_alone(field) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_alone(&self, Sealing { nonce, part: aad, plaintext, out }: Sealing<'_>) {
        let nonce = nonce_in_all(nonce);
        let (out, tag) = out.split_at_mut(plaintext.len());
        let lengths = lengths(aad, plaintext);
        let mask;
        let mut hash;
        if plaintext.len() <= ROWS / 2 * PIECE && Gcm::fits(aad.len(), plaintext.len()) {
            let [c0, c1, c2, c3] = counters_of_turn(nonce, 0);
            let [m, streams @ ..] = self.encrypt([counter(nonce, 1), c0, c1, c2, c3]);
            mask = m;
            add_rows(plaintext, out, streams);
            hash = self.sum(Sum::zero(), aad, out.len().div_ceil(BLOCK) + 1);
            hash = self.sum(hash, out, 1);
        } else {
            [mask] = self.encrypt([counter(nonce, 1)]);
            let mut state = self.absorbed(_mm512_setzero_si512(), aad);
            let front = absorbed_first(plaintext.len());
            for first in (0..plaintext.len()).step_by(NEAR) {
                let behind = plaintext.len().min(first + NEAR);
                self.add_stream(nonce, first / TURN, &plaintext[first..behind], &mut out[first..behind]);
                state = self.absorbed(state, &out[first.min(front)..behind.min(front)]);
            }
            hash = self.last_sum(state, &out[front..]);
        }
        hash = hash.plus(lengths, self.powers_down(1));
        store_last(tag, _mm512_castsi512_si128(_mm512_xor_si512(reverse(hash.added().reduce()), mask)));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn open_alone(&self, Opening { nonce, part: aad, sealed, out, is_genuine }: Opening<'_>) {
        let nonce = nonce_in_all(nonce);
        let (text, tag) = sealed.split_last_chunk().expect("it was checked to have a tag");
        let lengths = lengths(aad, text);
        let is_short = text.len() <= ROWS / 2 * PIECE && Gcm::fits(aad.len(), text.len());
        let mask;
        let mut streams = [_mm512_setzero_si512(); ROWS / 2];
        let mut hash;
        if is_short {
            let [c0, c1, c2, c3] = counters_of_turn(nonce, 0);
            let [m, s @ ..] = self.encrypt([counter(nonce, 1), c0, c1, c2, c3]);
            (mask, streams) = (m, s);
            hash = self.sum(Sum::zero(), aad, text.len().div_ceil(BLOCK) + 1);
            hash = self.sum(hash, text, 1);
        } else {
            [mask] = self.encrypt([counter(nonce, 1)]);
            let state = self.absorbed(_mm512_setzero_si512(), aad);
            let (front, rest) = text.split_at(absorbed_first(text.len()));
            hash = self.last_sum(self.absorbed(state, front), rest);
        }
        hash = hash.plus(lengths, self.powers_down(1));
        let computed = _mm512_xor_si512(reverse(hash.added().reduce()), mask);
        *is_genuine = is_set(equal_lanes(computed, _mm512_castsi128_si512(load(tag))), 0);
        match (*is_genuine, is_short) {
            (true, true) => add_rows(text, out, streams),
            (true, false) => self.add_stream(nonce, 0, text, out),
            (false, _) => out.fill(0),
        }
    }

    /// The text with the stream from this turn on added.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn add_stream(&self, nonce: __m512i, turn: usize, text: &[u8], out: &mut [u8]) {
        let (turns, rest) = text.as_chunks::<TURN>();
        let (turns_out, rest_out) = out.as_chunks_mut::<TURN>();
        let last = turn + turns.len();
        for (turn, (text, out)) in (turn..).zip(turns.iter().zip(turns_out)) {
            let streams = self.encrypt::<ROWS>(counters_of_turn(nonce, turn));
            let rows = text.as_chunks().0.iter().zip(out.as_chunks_mut().0);
            for ((text, out), stream) in rows.zip(streams) {
                store_row(out, _mm512_xor_si512(load_row(text), stream));
            }
        }
        if rest.len() > ROWS / 2 * PIECE {
            add_rows(rest, rest_out, self.encrypt::<ROWS>(counters_of_turn(nonce, last)));
        } else if !rest.is_empty() {
            add_rows(rest, rest_out, self.encrypt::<{ ROWS / 2 }>(counters_of_turn(nonce, last)));
        }
    }

    /// GHASH after these bytes, and zeros up to a whole block. Of the state the first lane counts, and the others are zeros.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn absorbed(&self, mut state: __m512i, bytes: &[u8]) -> __m512i {
        let (turns, rest) = bytes.as_chunks::<TURN>();
        for turn in turns {
            let (Some([first, rows @ ..]), Some([highest, powers @ ..])) =
                (turn.as_chunks().0.first_chunk::<ROWS>(), self.powers.as_chunks().0.first_chunk::<ROWS>())
            else {
                unreachable!()
            };
            let mut sum = Sum::zero();
            for (row, powers) in rows.iter().zip(powers) {
                sum = sum.plus(reverse(load_row(row)), load_wide(powers));
            }
            sum = sum.plus(_mm512_xor_si512(reverse(load_row(first)), state), load_wide(highest));
            state = sum.added().reduce();
        }
        if !rest.is_empty() {
            let sum = Sum::zero().plus(state, self.powers_down(rest.len().div_ceil(BLOCK)));
            state = self.sum(sum, rest, 0).added().reduce();
        }
        state
    }

    /// The products of what is absorbed and of the rest of a text, with the lengths behind it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn last_sum(&self, state: __m512i, rest: &[u8]) -> Sum {
        let sum = Sum::zero().plus(state, self.powers_down(rest.len().div_ceil(BLOCK) + 1));
        self.sum(sum, rest, 1)
    }

    /// The products of these bytes, with so many blocks behind them, added to the sum.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn sum(&self, mut sum: Sum, bytes: &[u8], behind: usize) -> Sum {
        let mut blocks = bytes.len().div_ceil(BLOCK) + behind;
        for piece in bytes.chunks(PIECE) {
            sum = sum.plus(reverse(load_piece(piece)), self.powers_down(blocks));
            blocks = blocks.saturating_sub(LANES);
        }
        sum
    }
}

/// How many bytes of a text are absorbed before its last sum, in which the lengths have a power as well.
fn absorbed_first(text: usize) -> usize {
    match text % TURN > TURN - BLOCK {
        true => text,
        false => text - text % TURN,
    }
}

/// The block of lengths, in the first lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn lengths(aad: &[u8], text: &[u8]) -> __m512i {
    _mm512_zextsi128_si512(_mm_set_epi64x(8 * aad.len() as i64, 8 * text.len() as i64))
}

/// The text with the streams added.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn add_rows<const N: usize>(text: &[u8], out: &mut [u8], streams: [__m512i; N]) {
    for ((text, out), stream) in text.chunks(PIECE).zip(out.chunks_mut(PIECE)).zip(streams) {
        store_piece(out, _mm512_xor_si512(load_piece(text), stream));
    }
}

#[cfg(test)]
#[path = "one/tests.rs"]
mod tests;
