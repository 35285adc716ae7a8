//! `C = P ⊕ CTR(K, J₀ + 1), T = E(K, J₀) ⊕ GHASH(A ‖ C ‖ lengths)`: AES-256-GCM of many small fields under one key, and of long ones.
//!
//! Four fields are worked on together. The key stream comes four blocks of a field at a time, and so does GHASH: with the powers of H at
//! hand, `GHASH(X₁ … X_n) = Σ X_i·H^(n − i + 1)`, and the powers of four blocks that follow each other are one register, wherever the
//! field ends:
//!
//! ```text
//! blocks       X_i        X_(i+1)     X_(i+2)     X_(i+3)
//! powers    H^(n−i+1)     H^(n−i)    H^(n−i−1)   H^(n−i−2)
//! ```
//!
//! The products are added as they are, 256 bits wide. What each field has one of stands side by side in the lanes of a register: the masks
//! of the tags, the lengths, the reduction of the sums, and texts that are no longer than a block. A field may take `POWERS` blocks at
//! most: up to there four together are faster than one after the other (measured: a field of 256 bytes in 42 and 50 ns, of 496 bytes in
//! 74 and 93). Longer ones are done alone (`one`), and so is one that comes alone.
//!
//! What all AADs have in front is absorbed once, into a [`Start`].
//!
//! Source: NIST SP 800-38D, sections 6.4 (GHASH), 7.1 and 7.2; RFC 8452, appendix A, for GHASH by blocks with their bytes reversed: with
//! `dot(a, b) = a·b·x^-128` in POLYVAL's field and the key `H·x`, there is no bit to be reversed.
//!
//! # Security
//! Branches and addresses depend on lengths, and on which fields were found genuine, and on nothing else. Round keys and powers of H are
//! wiped when dropped. Of a field whose tag is wrong no byte of plaintext is written.

mod column;
mod counter;
mod frame;
mod ghash;
mod lanes;
mod one;
mod xaes;

use super::Avx512;
use super::aes::keys_of_256;
pub(crate) use column::Fields;
use core::arch::x86_64::*;
use counter::{counter, counters, nonces};
pub(crate) use frame::Frame;
use frame::{Around, Rest};
use ghash::{Sum, dot, times_x};
use lanes::*;
pub(crate) use xaes::Xaes;
use zeroize::Zeroizing;

const BLOCK: usize = 16;
/// Bytes of a tag.
const TAG: usize = 16;
/// Fields that are worked on together, and blocks in a register.
const LANES: usize = 4;
/// Bytes of a register.
const PIECE: usize = LANES * BLOCK;
/// Blocks of a field's AAD, text and lengths, in all.
const POWERS: usize = 32;

/// Registers of as many blocks.
const ROWS: usize = POWERS / LANES;

/// A key, expanded.
pub(crate) struct Gcm {
    keys: [[u64; 2]; 15],
    /// From the highest power of H to the first, and zeros: three blocks behind the last are none.
    powers: [u64; 2 * (POWERS + LANES - 1)],
}

/// Where GHASH stands after the bytes that all AADs begin with.
pub(crate) struct Start {
    state: Zeroizing<[u64; 2]>,
    absorbed: usize,
}

/// A field to be sealed.
pub(crate) struct Sealing<'f> {
    /// A big-endian number of 12 bytes, and 32 zeros behind it. No two fields under one key may have the same.
    pub(crate) nonce: u128,
    /// What the [`Frame`] makes the AAD of.
    pub(crate) part: &'f [u8],
    pub(crate) plaintext: &'f [u8],
    /// `ciphertext ‖ tag`, 16 bytes longer than the plaintext.
    pub(crate) out: &'f mut [u8],
}

/// A field to be opened.
pub(crate) struct Opening<'f> {
    /// A big-endian number of 12 bytes, and 32 zeros behind it.
    pub(crate) nonce: u128,
    /// What the [`Frame`] makes the AAD of.
    pub(crate) part: &'f [u8],
    /// `ciphertext ‖ tag`.
    pub(crate) sealed: &'f [u8],
    /// The plaintext, 16 bytes shorter; zeros if the tag is wrong.
    pub(crate) out: &'f mut [u8],
    /// Whether the tag is right.
    pub(crate) is_genuine: &'f mut bool,
}

impl Gcm {
    /// Expands a key, where the processor has the instructions.
    #[cfg(feature = "hazmat")]
    pub(crate) fn detect(key: &[u8; 32]) -> Option<Box<Self>> {
        Avx512::detect().map(|proof| Self::new(proof, key))
    }

    /// Expands a key, in the place where it stays: a move would leave a copy behind.
    #[cfg(any(test, feature = "hazmat"))]
    pub(crate) fn new(proof: Avx512, key: &[u8; 32]) -> Box<Self> {
        let mut gcm = Self::empty(proof);
        // SAFETY: the proof says that the processor has the instructions.
        unsafe {
            let (first, second) = load_key(key);
            gcm.expand(first, second);
        }
        gcm
    }

    /// The place of a key. There is none without a proof that the processor has the instructions.
    fn empty(_proof: Avx512) -> Box<Self> {
        Box::new(Self { keys: [[0; 2]; 15], powers: [0; _] })
    }

    /// Whether a field has few enough blocks to be one of four. If not, it is done alone.
    fn fits(aad: usize, text: usize) -> bool {
        // No sum overflows: a slice has isize::MAX bytes at most.
        aad.div_ceil(BLOCK) + text.div_ceil(BLOCK) < POWERS
    }

    /// Absorbs what all AADs begin with: whole blocks of it, or all there is of each.
    pub(crate) fn start(&self, aad: &[u8]) -> Start {
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.absorb(aad) }
    }

    /// Seals each field.
    ///
    /// # Panics
    /// When a field does not [fit](Frame::fits), or its output has not 16 bytes more.
    pub(crate) fn seal<'f>(&self, start: &Start, frame: &Frame, fields: impl Iterator<Item = Sealing<'f>>) {
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.seal_all(start, frame, fields) }
    }

    /// Opens each field, and says of each whether it is genuine.
    ///
    /// # Panics
    /// When a field does not [fit](Frame::fits), or its output has not 16 bytes less.
    pub(crate) fn open<'f>(&self, start: &Start, frame: &Frame, fields: impl Iterator<Item = Opening<'f>>) {
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.open_all(start, frame, fields) }
    }
}

impl Gcm {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn expand(&mut self, first: __m128i, second: __m128i) {
        for (words, key) in self.keys.iter_mut().zip(keys_of_256(first, second)) {
            store_pair(words, key);
        }
        let [h] = self.encrypt([_mm512_setzero_si512()]);
        let h = in_all(times_x(_mm512_castsi512_si128(reverse(h))));
        // H⁴, H³, H², H side by side. What waits for each other are five products: those below stand side by side.
        let h2 = dot(h, h);
        let upper = dot(h2, _mm512_mask_mov_epi64(h, 0b0000_0011, h2));
        let h4 = _mm512_mask_mov_epi64(upper, 0b0011_0000, h2);
        let h4 = _mm512_mask_mov_epi64(h4, 0b1100_0000, h);
        let all = |x| _mm512_shuffle_i32x4(x, x, 0x00);
        let h8 = dot(h4, all(h4));
        let (h12, h16) = (dot(h4, all(h8)), dot(h8, all(h8)));
        let by = all(h16);
        let powers = [dot(h16, by), dot(h12, by), dot(h8, by), dot(h4, by), h16, h12, h8, h4];
        for (words, powers) in self.powers.as_chunks_mut().0.iter_mut().zip(powers) {
            store_wide(words, powers);
        }
    }

    /// `E(K, ·)` of each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn encrypt<const N: usize>(&self, blocks: [__m512i; N]) -> [__m512i; N] {
        encrypt(&self.keys, blocks)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn absorb(&self, aad: &[u8]) -> Start {
        let h = in_all(self.power(1));
        let mut state = _mm512_setzero_si512();
        for block in aad.chunks(BLOCK) {
            state = dot(_mm512_xor_si512(state, reverse(in_all(load_part(block)))), h);
        }
        let mut start = Start { state: Zeroizing::new([0; 2]), absorbed: aad.len() };
        store_pair(&mut start.state, _mm512_castsi512_si128(state));
        start
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_all<'f>(&self, start: &Start, frame: &Frame, mut fields: impl Iterator<Item = Sealing<'f>>) {
        let mut ends = Ends::none();
        // Lanes that are left seal nothing, for nobody.
        let mut nobody = Zeroizing::new([[0; TAG]; LANES - 1]);
        let [out_b, out_c, out_d] = &mut *nobody;
        while let Some(a) = fields.next() {
            let b = sealing_or_none(fields.next(), out_b);
            let c = sealing_or_none(fields.next(), out_c);
            let d = sealing_or_none(fields.next(), out_d);
            self.seal_four(start, frame, &mut ends, [a, b, c, d]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_four(&self, start: &Start, frame: &Frame, ends: &mut Ends, four: [Sealing<'_>; LANES]) {
        for field in &four {
            assert!(frame.fits(field.part.len(), field.plaintext.len()), "it was checked to fit");
            assert_eq!(field.out.len(), field.plaintext.len() + TAG, "there is room for it and its tag");
        }
        let [mut a, mut b, mut c, mut d] = four;
        let (a, b, c, d) = (&mut a, &mut b, &mut c, &mut d);
        let lengths = [a.plaintext.len(), b.plaintext.len(), c.plaintext.len(), d.plaintext.len()];
        let parts = [a.part, b.part, c.part, d.part];
        let aad = |part: &[u8]| frame.length(part.len());
        let aads = [aad(a.part), aad(b.part), aad(c.part), aad(d.part)];
        let end = self.end(start, ends, aads, lengths);
        let end = _mm512_xor_si512(end, self.products_of_aads(frame, &mut ends.rest, parts, lengths));
        let nonces = nonces([a.nonce, b.nonce, c.nonce, d.nonce]);
        let (mask, sum);
        if longest(lengths) <= BLOCK {
            let stream;
            [mask, stream] = self.encrypt([counter(nonces, 1), counter(nonces, 2)]);
            let text =
                _mm512_xor_si512(first_blocks([a.plaintext, b.plaintext, c.plaintext, d.plaintext]), stream);
            let text = _mm512_maskz_mov_epi8(bytes_of_blocks(lengths), text);
            let [text_a, text_b, text_c, text_d] = apart(text);
            // A block that is cut short reaches into the tag's place, and the tag comes last.
            store_first(a.out, text_a);
            store_first(b.out, text_b);
            store_first(c.out, text_c);
            store_first(d.out, text_d);
            sum = Sum::zero().plus(reverse(text), in_all(self.power(2)));
        } else {
            let [c0, c1, c2, c3] = counters(nonces, 0);
            let [m, s0, s1, s2, s3] = self.encrypt([counter(nonces, 1), c0, c1, c2, c3]);
            mask = m;
            let mut sums = [
                self.seal_piece(Sum::zero(), a, 0, s0),
                self.seal_piece(Sum::zero(), b, 0, s1),
                self.seal_piece(Sum::zero(), c, 0, s2),
                self.seal_piece(Sum::zero(), d, 0, s3),
            ];
            for piece in 1..longest(lengths).div_ceil(PIECE) {
                let streams = self.encrypt(counters(nonces, piece));
                for ((field, stream), sum) in [&mut *a, b, c, d].into_iter().zip(streams).zip(&mut sums) {
                    *sum = self.seal_piece(*sum, field, piece, stream);
                }
            }
            sum = Sum::side_by_side(sums);
        }
        let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
        let [tag_a, tag_b, tag_c, tag_d] = apart(tags);
        store_last(a.out, tag_a);
        store_last(b.out, tag_b);
        store_last(c.out, tag_c);
        store_last(d.out, tag_d);
    }

    /// Seals this piece of a field, and adds it to the sum.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_piece(&self, sum: Sum, field: &mut Sealing<'_>, piece: usize, stream: __m512i) -> Sum {
        let end = field.plaintext.len();
        let from = end.min(PIECE * piece);
        let plaintext = &field.plaintext[from..];
        let text = _mm512_xor_si512(load_piece(plaintext), stream);
        let text = _mm512_maskz_mov_epi8(bytes_of_piece(plaintext.len()), text);
        store_piece(&mut field.out[from..end], text);
        sum.plus(reverse(text), self.powers_down(plaintext.len().div_ceil(BLOCK) + 1))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn open_all<'f>(&self, start: &Start, frame: &Frame, mut fields: impl Iterator<Item = Opening<'f>>) {
        let mut ends = Ends::none();
        // Lanes that are left open nothing, for nobody.
        let mut nobody = [false; LANES - 1];
        let [is_b, is_c, is_d] = &mut nobody;
        while let Some(a) = fields.next() {
            let b = opening_or_none(fields.next(), is_b);
            let c = opening_or_none(fields.next(), is_c);
            let d = opening_or_none(fields.next(), is_d);
            self.open_four(start, frame, &mut ends, [a, b, c, d]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn open_four(&self, start: &Start, frame: &Frame, ends: &mut Ends, four: [Opening<'_>; LANES]) {
        for field in &four {
            assert!(frame.fits(field.part.len(), field.out.len()), "it was checked to fit");
            assert_eq!(field.sealed.len(), field.out.len() + TAG, "there is room for it without its tag");
        }
        let [mut a, mut b, mut c, mut d] = four;
        let (a, b, c, d) = (&mut a, &mut b, &mut c, &mut d);
        let [(text_a, tag_a), (text_b, tag_b), (text_c, tag_c), (text_d, tag_d)] =
            [split(a.sealed), split(b.sealed), split(c.sealed), split(d.sealed)];
        let given = side_by_side([tag_a, tag_b, tag_c, tag_d]);
        let lengths = [text_a.len(), text_b.len(), text_c.len(), text_d.len()];
        let parts = [a.part, b.part, c.part, d.part];
        let aad = |part: &[u8]| frame.length(part.len());
        let aads = [aad(a.part), aad(b.part), aad(c.part), aad(d.part)];
        let end = self.end(start, ends, aads, lengths);
        let end = _mm512_xor_si512(end, self.products_of_aads(frame, &mut ends.rest, parts, lengths));
        let nonces = nonces([a.nonce, b.nonce, c.nonce, d.nonce]);
        if longest(lengths) <= BLOCK {
            let [mask, stream] = self.encrypt([counter(nonces, 1), counter(nonces, 2)]);
            let text = first_blocks([text_a, text_b, text_c, text_d]);
            let sum = Sum::zero().plus(reverse(text), in_all(self.power(2)));
            let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
            let genuine = equal_lanes(tags, given);
            let [text_a, text_b, text_c, text_d] = apart(_mm512_maskz_xor_epi64(genuine, text, stream));
            store_part(a.out, text_a);
            store_part(b.out, text_b);
            store_part(c.out, text_c);
            store_part(d.out, text_d);
            for (lane, field) in [a, b, c, d].into_iter().enumerate() {
                *field.is_genuine = is_set(genuine, lane);
            }
            return;
        }
        let [c0, c1, c2, c3] = counters(nonces, 0);
        let [mask, s0, s1, s2, s3] = self.encrypt([counter(nonces, 1), c0, c1, c2, c3]);
        let mut sums = [
            self.add_piece(Sum::zero(), text_a, 0),
            self.add_piece(Sum::zero(), text_b, 0),
            self.add_piece(Sum::zero(), text_c, 0),
            self.add_piece(Sum::zero(), text_d, 0),
        ];
        for piece in 1..longest(lengths).div_ceil(PIECE) {
            for (text, sum) in [text_a, text_b, text_c, text_d].into_iter().zip(&mut sums) {
                *sum = self.add_piece(*sum, text, piece);
            }
        }
        let sum = Sum::side_by_side(sums);
        let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
        let genuine = equal_lanes(tags, given);
        open_piece(a, text_a, is_set(genuine, 0), 0, s0);
        open_piece(b, text_b, is_set(genuine, 1), 0, s1);
        open_piece(c, text_c, is_set(genuine, 2), 0, s2);
        open_piece(d, text_d, is_set(genuine, 3), 0, s3);
        for piece in 1..longest(lengths).div_ceil(PIECE) {
            let [s0, s1, s2, s3] = self.encrypt(counters(nonces, piece));
            open_piece(a, text_a, is_set(genuine, 0), piece, s0);
            open_piece(b, text_b, is_set(genuine, 1), piece, s1);
            open_piece(c, text_c, is_set(genuine, 2), piece, s2);
            open_piece(d, text_d, is_set(genuine, 3), piece, s3);
        }
    }

    /// Adds this piece of a ciphertext to the sum.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn add_piece(&self, sum: Sum, text: &[u8], piece: usize) -> Sum {
        let text = &text[text.len().min(PIECE * piece)..];
        sum.plus(reverse(load_piece(text)), self.powers_down(text.len().div_ceil(BLOCK) + 1))
    }

    /// The products of an AAD in a frame, behind which come so many blocks.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn sum_around(&self, around: &Around, rest: &mut Rest, part: &[u8], behind: usize) -> Sum {
        let length = around.length(part.len());
        let blocks = length.div_ceil(BLOCK) + behind;
        let [first, second] = around.put(rest, part);
        let sum = Sum::zero().plus(reverse(first), self.powers_down(blocks));
        match length > PIECE {
            true => sum.plus(reverse(second), self.powers_down(blocks - LANES)),
            false => sum,
        }
    }

    /// The products of an AAD as it is, behind which come so many blocks.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn sum_of_aad(&self, aad: &[u8], behind: usize) -> Sum {
        let blocks = aad.len().div_ceil(BLOCK) + behind;
        let sum = Sum::zero().plus(reverse(load_piece(aad)), self.powers_down(blocks));
        match aad.get(PIECE..) {
            Some(rest) if !rest.is_empty() => self.add_long_aad(sum, rest, behind),
            _ => sum,
        }
    }

    #[cold]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn add_long_aad(&self, mut sum: Sum, aad: &[u8], behind: usize) -> Sum {
        for (at, piece) in (0..).step_by(PIECE).zip(aad.chunks(PIECE)) {
            sum = sum.plus(
                reverse(load_piece(piece)),
                self.powers_down((aad.len() - at).div_ceil(BLOCK) + behind),
            );
        }
        sum
    }

    /// The products of four AADs, reduced: one register in place of twelve, which would go by memory.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn products_of_aads(
        &self,
        frame: &Frame,
        rest: &mut Rest,
        parts: [&[u8]; LANES],
        texts: [usize; LANES],
    ) -> __m512i {
        let ([a, b, c, d], [text_a, text_b, text_c, text_d]) = (parts, texts);
        let behind = |text: usize| text.div_ceil(BLOCK) + 1;
        let sums = match frame {
            Frame::Bare if longest([a.len(), b.len(), c.len(), d.len()]) == 0 => {
                return _mm512_setzero_si512();
            }
            Frame::Bare => [
                self.sum_of_aad(a, behind(text_a)),
                self.sum_of_aad(b, behind(text_b)),
                self.sum_of_aad(c, behind(text_c)),
                self.sum_of_aad(d, behind(text_d)),
            ],
            Frame::Around(around) => [
                self.sum_around(around, rest, a, behind(text_a)),
                self.sum_around(around, rest, b, behind(text_b)),
                self.sum_around(around, rest, c, behind(text_c)),
                self.sum_around(around, rest, d, behind(text_d)),
            ],
        };
        Sum::side_by_side(sums).reduce()
    }

    /// The products of what stands in front of the AADs, and of the lengths: the same for fields of the same lengths.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn end(&self, start: &Start, ends: &mut Ends, aads: [usize; LANES], texts: [usize; LANES]) -> __m512i {
        if !ends.are_of(aads, texts) {
            (ends.aads, ends.texts) = (aads, texts);
            ends.products = self.end_of(start, aads, texts);
        }
        ends.products
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn end_of(&self, start: &Start, aads: [usize; LANES], texts: [usize; LANES]) -> __m512i {
        let length =
            |lane: usize| _mm_set_epi64x(8 * (start.absorbed + aads[lane]) as i64, 8 * texts[lane] as i64);
        let lengths = side_by_side([length(0), length(1), length(2), length(3)]);
        let mut sum = Sum::zero().plus(lengths, in_all(self.power(1)));
        if start.absorbed > 0 {
            let power =
                |lane: usize| self.power(aads[lane].div_ceil(BLOCK) + texts[lane].div_ceil(BLOCK) + 1);
            let powers = side_by_side([power(0), power(1), power(2), power(3)]);
            sum = sum.plus(in_all(load_pair(&start.state)), powers);
        }
        sum.reduce()
    }

    /// `H^n`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn power(&self, n: usize) -> __m128i {
        match self.powers.get(2 * (POWERS - n.min(POWERS))..).and_then(|powers| powers.first_chunk()) {
            Some(power) => load_pair(power),
            None => _mm_setzero_si128(),
        }
    }

    /// `H^n, H^(n − 1), H^(n − 2), H^(n − 3)`, and 0 for `H^0` and below.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn powers_down(&self, n: usize) -> __m512i {
        match self.powers.get(2 * (POWERS - n.min(POWERS))..).and_then(|powers| powers.first_chunk()) {
            Some(powers) => load_wide(powers),
            None => _mm512_setzero_si512(),
        }
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        // Wiping word by word would take as long as the expansion.
        self.keys.as_flattened_mut().fill(0);
        self.powers.fill(0);
        zeroize::optimization_barrier(self);
    }
}

/// `E(K, ·)` of each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn encrypt<const N: usize>(keys: &[[u64; 2]; 15], mut blocks: [__m512i; N]) -> [__m512i; N] {
    let [first, middle @ .., last] = keys;
    let key = in_all(load_pair(first));
    blocks.iter_mut().for_each(|block| *block = _mm512_xor_si512(*block, key));
    for key in middle {
        let key = in_all(load_pair(key));
        blocks.iter_mut().for_each(|block| *block = _mm512_aesenc_epi128(*block, key));
        // Else the compiler would do the rounds of one block after the other, and each would wait for itself.
        in_this_order(&mut blocks);
    }
    let key = in_all(load_pair(last));
    blocks.iter_mut().for_each(|block| *block = _mm512_aesenclast_epi128(*block, key));
    blocks
}

/// Decrypts this piece of a field if it is genuine, and else makes it zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn open_piece(field: &mut Opening<'_>, text: &[u8], is_genuine: bool, piece: usize, stream: __m512i) {
    *field.is_genuine = is_genuine;
    let from = text.len().min(PIECE * piece);
    let released = if is_genuine { 0xFF } else { 0 };
    let text = _mm512_maskz_xor_epi64(released, load_piece(&text[from..]), stream);
    store_piece(&mut field.out[from..], text);
}

/// A field, or nobody's.
#[inline]
fn sealing_or_none<'f>(field: Option<Sealing<'f>>, nobody: &'f mut [u8; TAG]) -> Sealing<'f> {
    field.unwrap_or(Sealing { nonce: 0, part: &[], plaintext: &[], out: nobody })
}

/// A field, or nobody's.
#[inline]
fn opening_or_none<'f>(field: Option<Opening<'f>>, nobody: &'f mut bool) -> Opening<'f> {
    field.unwrap_or(Opening { nonce: 0, part: &[], sealed: &[0; TAG], out: &mut [], is_genuine: nobody })
}

/// The last fields' lengths, and [`Gcm::end`] of them; and what stands around the last part.
struct Ends {
    aads: [usize; LANES],
    texts: [usize; LANES],
    products: __m512i,
    rest: Rest,
}

impl Ends {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn none() -> Self {
        Self {
            aads: [usize::MAX; LANES],
            texts: [usize::MAX; LANES],
            products: _mm512_setzero_si512(),
            rest: Rest::none(),
        }
    }

    /// Lane by lane: the lengths are in general registers, and fields that differ do so in the first one.
    #[inline]
    fn are_of(&self, aads: [usize; LANES], texts: [usize; LANES]) -> bool {
        let differ = |lane: usize| (self.aads[lane] ^ aads[lane]) | (self.texts[lane] ^ texts[lane]);
        differ(0) | differ(1) | differ(2) | differ(3) == 0
    }
}

#[inline]
fn longest([a, b, c, d]: [usize; LANES]) -> usize {
    a.max(b).max(c.max(d))
}

/// `ciphertext ‖ tag`, taken apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn split(sealed: &[u8]) -> (&[u8], __m128i) {
    let (text, tag) = sealed.split_last_chunk().expect("it was checked to have a tag");
    (text, load(tag))
}

#[cfg(test)]
#[path = "gcm/tests.rs"]
mod tests;
