//! Columns of fields that all have 16 bytes, or all 64, and one AAD: they lie side by side in memory, as they do in registers.

use super::counter::{counter, counters};
use super::ghash::Sum;
use super::lanes::*;
use super::{BLOCK, Gcm, LANES, PIECE, Start, TAG};
use core::arch::x86_64::*;
use zeroize::Zeroizing;

/// Fields of one block that are worked on together: four registers of them, so that the cipher need not wait for itself.
const GROUP: usize = 4 * LANES;

/// Some fields of a column.
pub(crate) struct Fields<'c> {
    /// No two fields under one key may have the same.
    pub(crate) nonces: &'c [[u8; 12]],
    /// As many, one behind the other.
    pub(crate) texts: &'c mut [u8],
    pub(crate) tags: &'c mut [[u8; TAG]],
}

impl Gcm {
    /// Whether there is a form for fields of this width.
    pub(crate) fn has_column(width: usize) -> bool {
        matches!(width, BLOCK | PIECE)
    }

    /// Seals the texts in place, and writes their tags.
    ///
    /// # Panics
    /// When there are not as many nonces, texts and tags, or there is [no form](Self::has_column).
    pub(crate) fn seal_column(&self, aad: &Start, width: usize, fields: Fields<'_>) {
        fields.check(width);
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.column::<false>(aad, width, fields, &mut |_| {}) }
    }

    /// Opens the texts in place. Those whose tags are wrong become zeros, and are named by their index.
    ///
    /// # Panics
    /// When there are not as many nonces, texts and tags, or there is [no form](Self::has_column).
    pub(crate) fn open_column(
        &self,
        aad: &Start,
        width: usize,
        fields: Fields<'_>,
        failed: &mut impl FnMut(usize),
    ) {
        fields.check(width);
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.column::<true>(aad, width, fields, failed) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn column<const OPENS: bool>(
        &self,
        aad: &Start,
        width: usize,
        fields: Fields<'_>,
        failed: &mut impl FnMut(usize),
    ) {
        let end = self.end_of(aad, [0; LANES], [width; LANES]);
        let group = if width == BLOCK { GROUP } else { LANES };
        let texts = fields.texts.chunks_mut(group * width);
        let fields = fields.nonces.chunks(group).zip(texts).zip(fields.tags.chunks_mut(group));
        for (n, ((nonces, texts), tags)) in fields.enumerate() {
            let is_genuine = if nonces.len() == group {
                self.group::<OPENS>(end, width, nonces, texts, tags)
            } else {
                // What is left over is done in a group with nobody's.
                let mut room = Zeroizing::new(([[0; 12]; GROUP], [0; GROUP * BLOCK], [[0; TAG]; GROUP]));
                let (all_nonces, all_texts, all_tags) = &mut *room;
                all_nonces[..nonces.len()].copy_from_slice(nonces);
                all_texts[..texts.len()].copy_from_slice(texts);
                all_tags[..tags.len()].copy_from_slice(tags);
                let (all_texts, all_tags) = (&mut all_texts[..group * width], &mut all_tags[..group]);
                let is_genuine = self.group::<OPENS>(end, width, &all_nonces[..group], all_texts, all_tags);
                texts.copy_from_slice(&all_texts[..texts.len()]);
                tags.copy_from_slice(&all_tags[..tags.len()]);
                is_genuine
            };
            for i in (0..nonces.len()).filter(|i| OPENS && is_genuine & 1 << i == 0) {
                failed(n * group + i);
            }
        }
    }

    /// Works on one group, and returns a bit for each field that is genuine.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn group<const OPENS: bool>(
        &self,
        end: __m512i,
        width: usize,
        nonces: &[[u8; 12]],
        texts: &mut [u8],
        tags: &mut [[u8; TAG]],
    ) -> u16 {
        let tags = tags.as_flattened_mut();
        if width == BLOCK {
            self.blocks::<OPENS>(end, nonces, texts, tags)
        } else {
            self.pieces::<OPENS>(end, nonces, texts, tags)
        }
    }

    /// Four fields of a block to a register.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn blocks<const OPENS: bool>(
        &self,
        end: __m512i,
        nonces: &[[u8; 12]],
        texts: &mut [u8],
        tags: &mut [u8],
    ) -> u16 {
        let n = |quad: usize| nonces_of(&nonces[LANES * quad..][..LANES]);
        let (n0, n1, n2, n3) = (n(0), n(1), n(2), n(3));
        let [m0, s0, m1, s1, m2, s2, m3, s3] = self.encrypt([
            counter(n0, 1),
            counter(n0, 2),
            counter(n1, 1),
            counter(n1, 2),
            counter(n2, 1),
            counter(n2, 2),
            counter(n3, 1),
            counter(n3, 2),
        ]);
        let mut quad = |quad: usize, mask: __m512i, stream: __m512i| {
            let text = &mut texts[PIECE * quad..][..PIECE];
            let given = load_piece(text);
            let other = _mm512_xor_si512(given, stream);
            let sum = Sum::zero().plus(reverse(if OPENS { given } else { other }), in_all(self.power(2)));
            let computed = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
            let tags = &mut tags[PIECE * quad..][..PIECE];
            match OPENS {
                true => {
                    let genuine = equal_lanes(computed, load_piece(tags));
                    store_piece(text, _mm512_maskz_mov_epi64(genuine, other));
                    bits(genuine) << (LANES * quad)
                }
                false => {
                    store_piece(text, other);
                    store_piece(tags, computed);
                    0
                }
            }
        };
        quad(0, m0, s0) | quad(1, m1, s1) | quad(2, m2, s2) | quad(3, m3, s3)
    }

    /// A field of four blocks to a register.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn pieces<const OPENS: bool>(
        &self,
        end: __m512i,
        nonces: &[[u8; 12]],
        texts: &mut [u8],
        tags: &mut [u8],
    ) -> u16 {
        let nonces = nonces_of(nonces);
        let [a, b, c, d] = counters(nonces, 0);
        let [mask, streams @ ..] = self.encrypt([counter(nonces, 1), a, b, c, d]);
        let powers = self.powers_down(LANES + 1);
        let text = |lane: usize| load_piece(&texts[PIECE * lane..][..PIECE]);
        let given = [text(0), text(1), text(2), text(3)];
        let other = |lane: usize| _mm512_xor_si512(given[lane], streams[lane]);
        let others = [other(0), other(1), other(2), other(3)];
        let ciphertexts = if OPENS { given } else { others };
        let sum = |lane: usize| Sum::zero().plus(reverse(ciphertexts[lane]), powers);
        let sum = Sum::side_by_side([sum(0), sum(1), sum(2), sum(3)]);
        let computed = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
        let genuine = match OPENS {
            true => equal_lanes(computed, load_piece(tags)),
            false => {
                store_piece(tags, computed);
                0xFF
            }
        };
        for (lane, (text, other)) in texts.chunks_mut(PIECE).zip(others).enumerate() {
            let released = if is_set(genuine, lane) { 0xFF } else { 0 };
            store_piece(text, _mm512_maskz_mov_epi64(released, other));
        }
        bits(genuine)
    }
}

impl Fields<'_> {
    fn check(&self, width: usize) {
        assert!(Gcm::has_column(width), "it was asked whether there is a form");
        assert_eq!(self.texts.len(), self.nonces.len() * width, "there is a text for each nonce");
        assert_eq!(self.tags.len(), self.nonces.len(), "there is a tag for each nonce");
    }
}

/// A bit for each lane that is set.
#[inline]
fn bits(lanes: __mmask8) -> u16 {
    let bit = |lane: usize| u16::from(is_set(lanes, lane)) << lane;
    bit(0) | bit(1) | bit(2) | bit(3)
}

/// Four nonces that lie side by side, each with a counter of 0 behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn nonces_of(nonces: &[[u8; 12]]) -> __m512i {
    const FROM: [u64; 8] = {
        let mut from = [0; 8];
        let mut i = 0;
        while i < 64 {
            from[i / 8] |= ((i / 16 * 12 + i % 16) as u64 & 63) << (8 * (i % 8));
            i += 1;
        }
        from
    };
    const TWELVE_OF_SIXTEEN: u64 = 0x0FFF_0FFF_0FFF_0FFF;
    _mm512_maskz_permutexvar_epi8(TWELVE_OF_SIXTEEN, load_wide(&FROM), load_piece(nonces.as_flattened()))
}
