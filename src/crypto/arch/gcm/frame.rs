//! `front ‖ len(part) ‖ part ‖ after`: AADs that differ in one part, put together in registers.
//!
//! ```text
//! front with room for the length   f f f 0 0 0 n 0 0 0 0 0 …
//! part, turned to its place        . . . . . . . p p . . . …      by a permutation of bytes, under a mask
//! after, turned to its place       . . . . . . . . . a a a …
//! ```
//!
//! Places are modulo 64, so that what goes beyond the first register is at its place in the second one already.

use super::lanes::*;
use super::{BLOCK, Gcm, PIECE};
use core::arch::x86_64::*;

/// Bytes of the length in front of a part.
const PREFIX: usize = 4;

/// What the AADs of some fields are made of, behind what is absorbed.
pub(crate) enum Frame {
    /// Each is the part itself.
    Bare,
    /// Something stands in front of the part, and something behind it.
    Around(Around),
}

/// What stands around a part.
pub(crate) struct Around {
    /// Zeros behind it.
    front: [u64; 8],
    /// Zeros behind it.
    after: [u64; 8],
    /// Where the part begins: at least at 4, and at most at 20.
    at: usize,
    after_len: usize,
}

impl Frame {
    /// With this in front of the length, at most a block, and this behind the part, at most 64 bytes.
    pub(crate) fn around(front: &[u8], after: &[u8]) -> Option<Self> {
        (front.len() <= BLOCK && after.len() <= PIECE).then(|| {
            let (at, after_len) = (front.len() + PREFIX, after.len());
            Frame::Around(Around { front: words(front), after: words(after), at, after_len })
        })
    }

    /// Whether a field with a part of this length and such a text can be one of four. If not, it is done alone.
    #[inline]
    pub(crate) fn fits(&self, part: usize, text: usize) -> bool {
        let has_room = match self {
            Frame::Bare => true,
            Frame::Around(around) => part <= PIECE && around.length(part) <= 2 * PIECE,
        };
        has_room && Gcm::fits(self.length(part), text)
    }

    /// The length of an AAD.
    #[inline]
    pub(super) fn length(&self, part: usize) -> usize {
        match self {
            Frame::Bare => part,
            Frame::Around(around) => around.length(part),
        }
    }
}

impl Around {
    #[inline]
    pub(super) fn length(&self, part: usize) -> usize {
        self.at + part + self.after_len
    }

    /// The AAD with this part of at most 64 bytes, and zeros behind it; 128 bytes at most.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn put(&self, rest: &mut Rest, part: &[u8]) -> [__m512i; 2] {
        if rest.part != part.len() {
            *rest = self.rest(part.len());
        }
        let bytes = bytes_of_piece(part.len());
        let part = turned(load_piece(part), self.at);
        let [first, second] = rest.aad;
        let first = _mm512_mask_mov_epi8(first, bytes << self.at, part);
        [first, _mm512_mask_mov_epi8(second, bytes >> (PIECE - self.at), part)]
    }

    /// The AADs with parts of this length, without the part.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn rest(&self, part: usize) -> Rest {
        let behind = self.at + part;
        // A length of at most 64 is in the last of its bytes.
        let front = _mm512_mask_set1_epi8(load_wide(&self.front), 1 << (self.at - 1), part as i8);
        let after = turned(load_wide(&self.after), behind);
        let (in_first, in_second) = match behind < PIECE {
            true => (u64::MAX << behind, bytes_of_piece(behind)),
            false => (0, u64::MAX << (behind - PIECE)),
        };
        let aad = [_mm512_mask_mov_epi8(front, in_first, after), _mm512_maskz_mov_epi8(in_second, after)];
        Rest { part, aad }
    }
}

/// The last AAD without its part: the same for parts of one length.
pub(super) struct Rest {
    part: usize,
    aad: [__m512i; 2],
}

impl Rest {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    pub(super) fn none() -> Self {
        Self { part: usize::MAX, aad: [_mm512_setzero_si512(); 2] }
    }
}

/// The bytes moved up by this many, modulo 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn turned(bytes: __m512i, by: usize) -> __m512i {
    _mm512_permutexvar_epi8(_mm512_sub_epi8(load_wide(&COUNT), _mm512_set1_epi8(by as i8)), bytes)
}

/// 0, 1, 2, … 63, in bytes.
const COUNT: [u64; 8] = {
    let mut count = [0; 8];
    let mut i = 0;
    while i < PIECE {
        count[i / 8] |= (i as u64) << (8 * (i % 8));
        i += 1;
    }
    count
};

fn words(bytes: &[u8]) -> [u64; 8] {
    let mut all = [0; PIECE];
    all[..bytes.len()].copy_from_slice(bytes);
    let (words, _) = all.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}
