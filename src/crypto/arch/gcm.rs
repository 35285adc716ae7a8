//! `C = P ⊕ CTR(K, J₀ + 1), T = E(K, J₀) ⊕ GHASH(A ‖ C ‖ lengths)`: AES-256-GCM of many small fields under one key.
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
//! most; longer ones are left to the portable code, which is good at them.
//!
//! What all AADs have in front is absorbed once, into a [`Start`].
//!
//! Source: NIST SP 800-38D, sections 6.4 (GHASH), 7.1 and 7.2; RFC 8452, appendix A, for GHASH by blocks with their bytes reversed: with
//! `dot(a, b) = a·b·x^-128` in POLYVAL's field and the key `H·x`, there is no bit to be reversed.
//!
//! # Security
//! Branches and addresses depend on lengths, and on which fields were found genuine, and on nothing else. Round keys and powers of H are
//! wiped when dropped. Of a field whose tag is wrong no byte of plaintext is written.

use super::Avx512;
use super::aes::RoundKeys;
use core::arch::x86_64::*;
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

/// A key, expanded.
pub(crate) struct Gcm {
    /// The round keys, each four times side by side.
    keys: Zeroizing<[[u64; 8]; 15]>,
    /// From the highest power of H to the first, and zeros: three blocks behind the last are none.
    powers: Zeroizing<[u64; 2 * (POWERS + LANES - 1)]>,
}

/// Where GHASH stands after the bytes that all AADs begin with.
pub(crate) struct Start {
    state: Zeroizing<[u64; 2]>,
    absorbed: usize,
}

/// A field to be sealed.
pub(crate) struct Sealing<'f> {
    /// No two fields under one key may have the same.
    pub(crate) nonce: &'f [u8; 12],
    /// The AAD behind what the [`Start`] has absorbed.
    pub(crate) aad: &'f [u8],
    pub(crate) plaintext: &'f [u8],
    /// `ciphertext ‖ tag`, 16 bytes longer than the plaintext.
    pub(crate) out: &'f mut [u8],
}

/// A field to be opened.
pub(crate) struct Opening<'f> {
    pub(crate) nonce: &'f [u8; 12],
    /// The AAD behind what the [`Start`] has absorbed.
    pub(crate) aad: &'f [u8],
    /// `ciphertext ‖ tag`.
    pub(crate) sealed: &'f [u8],
    /// The plaintext, 16 bytes shorter; zeros if the tag is wrong.
    pub(crate) out: &'f mut [u8],
    /// Whether the tag is right. Set by [`Gcm::open`].
    pub(crate) is_genuine: bool,
}

impl Gcm {
    /// Expands a key, where the processor has the instructions.
    pub(crate) fn detect(key: &[u8; 32]) -> Option<Self> {
        Avx512::detect().map(|proof| Self::new(proof, key))
    }

    /// Expands a key.
    pub(crate) fn new(proof: Avx512, key: &[u8; 32]) -> Self {
        let mut gcm = Self { keys: Zeroizing::new([[0; 8]; 15]), powers: Zeroizing::new([0; _]) };
        let keys = RoundKeys::new(proof, key);
        // SAFETY: the proof says that the processor has the instructions.
        unsafe { gcm.expand(&keys) };
        gcm
    }

    /// Whether a field has few enough blocks. If not, it is for the portable code.
    pub(crate) fn fits(aad: usize, text: usize) -> bool {
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
    /// When a field does not [fit](Self::fits), or its output has not 16 bytes more.
    pub(crate) fn seal(&self, start: &Start, fields: &mut [Sealing<'_>]) {
        for field in &*fields {
            assert!(Self::fits(field.aad.len(), field.plaintext.len()), "it was checked to fit");
            assert_eq!(field.out.len(), field.plaintext.len() + TAG, "there is room for it and its tag");
        }
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.seal_all(start, fields) }
    }

    /// Opens each field, and says of each whether it is genuine.
    ///
    /// # Panics
    /// When a field does not [fit](Self::fits), or its output has not 16 bytes less.
    pub(crate) fn open(&self, start: &Start, fields: &mut [Opening<'_>]) {
        for field in &*fields {
            assert!(Self::fits(field.aad.len(), field.out.len()), "it was checked to fit");
            assert_eq!(field.sealed.len(), field.out.len() + TAG, "there is room for it without its tag");
        }
        // SAFETY: a key was expanded with a proof that the processor has the instructions.
        unsafe { self.open_all(start, fields) }
    }
}

impl Gcm {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn expand(&mut self, keys: &RoundKeys<15>) {
        for (wide, key) in self.keys.iter_mut().zip(keys.keys()) {
            store_wide(wide, in_all(load(key)));
        }
        let [h] = self.encrypt([_mm512_setzero_si512()]);
        let h = times_x(_mm512_castsi512_si128(reverse(h)));
        // H⁴, H³, H², H side by side, then four higher at a time.
        let h1 = in_all(h);
        let h2 = dot(h1, h1);
        let (h3, h4) = (dot(h2, h1), dot(h2, h2));
        let one = |power| _mm512_castsi512_si128(power);
        let mut four = side_by_side([one(h4), one(h3), one(h2), h]);
        for powers in self.powers[..2 * POWERS].as_chunks_mut::<8>().0.iter_mut().rev() {
            store_wide(powers, four);
            four = dot(four, h4);
        }
    }

    /// `E(K, ·)` of each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn encrypt<const N: usize>(&self, mut blocks: [__m512i; N]) -> [__m512i; N] {
        let [first, middle @ .., last] = &*self.keys;
        let key = load_wide(first);
        blocks.iter_mut().for_each(|block| *block = _mm512_xor_si512(*block, key));
        for key in middle {
            let key = load_wide(key);
            blocks.iter_mut().for_each(|block| *block = _mm512_aesenc_epi128(*block, key));
        }
        let key = load_wide(last);
        blocks.iter_mut().for_each(|block| *block = _mm512_aesenclast_epi128(*block, key));
        blocks
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
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

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_all(&self, start: &Start, fields: &mut [Sealing<'_>]) {
        let mut ends = Ends::none();
        let (fours, rest) = fields.as_chunks_mut::<LANES>();
        for four in fours {
            self.seal_four(start, &mut ends, four);
        }
        if !rest.is_empty() {
            // The lanes that are left seal nothing, for nobody.
            let mut nobody = Zeroizing::new([[0; TAG]; LANES]);
            let mut rest = rest.iter_mut();
            let mut four = nobody.each_mut().map(|out| match rest.next() {
                Some(f) => Sealing { nonce: f.nonce, aad: f.aad, plaintext: f.plaintext, out: f.out },
                None => Sealing { nonce: &[0; 12], aad: &[], plaintext: &[], out },
            });
            self.seal_four(start, &mut ends, &mut four);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn seal_four(&self, start: &Start, ends: &mut Ends, four: &mut [Sealing<'_>; LANES]) {
        let [a, b, c, d] = &*four;
        let (aads, texts) =
            ([a.aad, b.aad, c.aad, d.aad], [a.plaintext, b.plaintext, c.plaintext, d.plaintext]);
        let nonces = nonces([a.nonce, b.nonce, c.nonce, d.nonce]);
        let lengths = texts.map(<[u8]>::len);
        let end = self.end(start, ends, aads.map(<[u8]>::len), lengths);
        let mut sums = self.sums_of_aads(aads, lengths);
        let (mask, sum);
        if longest(lengths) <= BLOCK {
            let stream;
            [mask, stream] = self.encrypt([counter(nonces, 1), counter(nonces, 2)]);
            let text = _mm512_xor_si512(first_blocks(texts), stream);
            let text = _mm512_maskz_mov_epi8(bytes_of_blocks(lengths), text);
            for (field, lane) in four.iter_mut().zip(apart(text)) {
                // A block that is cut short reaches into the tag's place, and the tag comes last.
                store(field.out.first_chunk_mut().expect("it was checked to have room"), lane);
            }
            sum = Sum::side_by_side(sums).plus(reverse(text), in_all(self.power(2)));
        } else {
            let [c0, c1, c2, c3] = counters(nonces, 0);
            let [m, s0, s1, s2, s3] = self.encrypt([counter(nonces, 1), c0, c1, c2, c3]);
            let (mut streams, mut piece) = ([s0, s1, s2, s3], 0);
            loop {
                for ((field, sum), stream) in four.iter_mut().zip(&mut sums).zip(streams) {
                    let plaintext = field.plaintext.get(PIECE * piece..).unwrap_or_default();
                    let text = _mm512_xor_si512(load_piece(plaintext), stream);
                    let text = _mm512_maskz_mov_epi8(bytes_of_piece(plaintext.len()), text);
                    let end = field.plaintext.len();
                    store_piece(field.out[..end].get_mut(PIECE * piece..).unwrap_or_default(), text);
                    *sum = sum.plus(reverse(text), self.powers_down(plaintext.len().div_ceil(BLOCK) + 1));
                }
                piece += 1;
                if PIECE * piece >= longest(lengths) {
                    break;
                }
                streams = self.encrypt(counters(nonces, piece));
            }
            (mask, sum) = (m, Sum::side_by_side(sums));
        }
        let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
        for (field, tag) in four.iter_mut().zip(apart(tags)) {
            store(field.out.last_chunk_mut().expect("it was checked to have room"), tag);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn open_all(&self, start: &Start, fields: &mut [Opening<'_>]) {
        let mut ends = Ends::none();
        let (fours, rest) = fields.as_chunks_mut::<LANES>();
        for four in fours {
            self.open_four(start, &mut ends, four);
        }
        if !rest.is_empty() {
            // The lanes that are left open nothing, for nobody.
            let mut left = rest.iter_mut();
            let mut four = std::array::from_fn(|_| match left.next() {
                Some(f) => {
                    Opening { nonce: f.nonce, aad: f.aad, sealed: f.sealed, out: f.out, is_genuine: false }
                }
                None => {
                    Opening { nonce: &[0; 12], aad: &[], sealed: &[0; TAG], out: &mut [], is_genuine: false }
                }
            });
            self.open_four(start, &mut ends, &mut four);
            let genuine = four.map(|field| field.is_genuine);
            rest.iter_mut().zip(genuine).for_each(|(field, genuine)| field.is_genuine = genuine);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn open_four(&self, start: &Start, ends: &mut Ends, four: &mut [Opening<'_>; LANES]) {
        let [a, b, c, d] = &*four;
        let aads = [a.aad, b.aad, c.aad, d.aad];
        let [(a_text, a_tag), (b_text, b_tag), (c_text, c_tag), (d_text, d_tag)] =
            [split(a.sealed), split(b.sealed), split(c.sealed), split(d.sealed)];
        let texts = [a_text, b_text, c_text, d_text];
        let given = side_by_side([a_tag, b_tag, c_tag, d_tag]);
        let nonces = nonces([a.nonce, b.nonce, c.nonce, d.nonce]);
        let lengths = texts.map(<[u8]>::len);
        let end = self.end(start, ends, aads.map(<[u8]>::len), lengths);
        let mut sums = self.sums_of_aads(aads, lengths);
        if longest(lengths) <= BLOCK {
            let [mask, stream] = self.encrypt([counter(nonces, 1), counter(nonces, 2)]);
            let text = first_blocks(texts);
            let sum = Sum::side_by_side(sums).plus(reverse(text), in_all(self.power(2)));
            let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
            let genuine = equal_lanes(tags, given);
            let text = _mm512_maskz_xor_epi64(genuine, text, stream);
            for ((lane, field), text) in four.iter_mut().enumerate().zip(apart(text)) {
                field.is_genuine = genuine & 1 << (2 * lane) != 0;
                store_part(field.out, text);
            }
            return;
        }
        let [c0, c1, c2, c3] = counters(nonces, 0);
        let [mask, s0, s1, s2, s3] = self.encrypt([counter(nonces, 1), c0, c1, c2, c3]);
        for piece in 0..longest(lengths).div_ceil(PIECE) {
            for (text, sum) in texts.iter().zip(&mut sums) {
                let text = text.get(PIECE * piece..).unwrap_or_default();
                *sum = sum.plus(reverse(load_piece(text)), self.powers_down(text.len().div_ceil(BLOCK) + 1));
            }
        }
        let sum = Sum::side_by_side(sums);
        let tags = _mm512_xor_si512(reverse(_mm512_xor_si512(sum.reduce(), end)), mask);
        let genuine = equal_lanes(tags, given);
        let (mut streams, mut piece) = ([s0, s1, s2, s3], 0);
        loop {
            for ((lane, field), stream) in four.iter_mut().enumerate().zip(streams) {
                field.is_genuine = genuine & 1 << (2 * lane) != 0;
                let released = if field.is_genuine { 0xFF } else { 0 };
                let text = load_piece(texts[lane].get(PIECE * piece..).unwrap_or_default());
                let text = _mm512_maskz_xor_epi64(released, text, stream);
                store_piece(field.out.get_mut(PIECE * piece..).unwrap_or_default(), text);
            }
            piece += 1;
            if PIECE * piece >= longest(lengths) {
                break;
            }
            streams = self.encrypt(counters(nonces, piece));
        }
    }

    /// The products of the AADs, of which each has behind it the field's text and the lengths.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn sums_of_aads(&self, aads: [&[u8]; LANES], texts: [usize; LANES]) -> [Sum; LANES] {
        let mut sums = [Sum::zero(); LANES];
        for piece in 0..longest(aads.map(<[u8]>::len)).div_ceil(PIECE) {
            for ((aad, text), sum) in aads.iter().zip(texts).zip(&mut sums) {
                let aad = aad.get(PIECE * piece..).unwrap_or_default();
                let powers = self.powers_down(aad.len().div_ceil(BLOCK) + text.div_ceil(BLOCK) + 1);
                *sum = sum.plus(reverse(load_piece(aad)), powers);
            }
        }
        sums
    }

    /// The products of what stands in front of the AADs, and of the lengths: the same for fields of the same lengths.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn end(&self, start: &Start, ends: &mut Ends, aads: [usize; LANES], texts: [usize; LANES]) -> __m512i {
        let lengths = [packed(aads), packed(texts)];
        if lengths != ends.lengths {
            let length = |lane: usize| {
                _mm_set_epi64x(8 * (start.absorbed + aads[lane]) as i64, 8 * texts[lane] as i64)
            };
            let lengths_block = side_by_side([length(0), length(1), length(2), length(3)]);
            let mut sum = Sum::zero().plus(lengths_block, in_all(self.power(1)));
            if start.absorbed > 0 {
                let power =
                    |lane: usize| self.power(aads[lane].div_ceil(BLOCK) + texts[lane].div_ceil(BLOCK) + 1);
                let powers = side_by_side([power(0), power(1), power(2), power(3)]);
                sum = sum.plus(in_all(load_pair(&start.state)), powers);
            }
            *ends = Ends { lengths, products: sum.reduce() };
        }
        ends.products
    }

    /// `H^n`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn power(&self, n: usize) -> __m128i {
        match self.powers.get(2 * (POWERS - n.min(POWERS))..).and_then(|powers| powers.first_chunk()) {
            Some(power) => load_pair(power),
            None => _mm_setzero_si128(),
        }
    }

    /// `H^n, H^(n − 1), H^(n − 2), H^(n − 3)`, and 0 for `H^0` and below.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn powers_down(&self, n: usize) -> __m512i {
        match self.powers.get(2 * (POWERS - n.min(POWERS))..).and_then(|powers| powers.first_chunk()) {
            Some(powers) => load_wide(powers),
            None => _mm512_setzero_si512(),
        }
    }
}

/// The last fields' lengths, and [`Gcm::end`] of them.
struct Ends {
    lengths: [u64; 2],
    products: __m512i,
}

impl Ends {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn none() -> Self {
        Self { lengths: [u64::MAX; 2], products: _mm512_setzero_si512() }
    }
}

/// Four lengths in one word: those of fields that [fit](Gcm::fits) have 9 bits.
#[inline]
fn packed([a, b, c, d]: [usize; LANES]) -> u64 {
    (a | b << 16 | c << 32 | d << 48) as u64
}

#[inline]
fn longest([a, b, c, d]: [usize; LANES]) -> usize {
    a.max(b).max(c.max(d))
}

/// `Σ X·H^n`, 256 bits in each lane, not reduced.
#[derive(Clone, Copy)]
struct Sum {
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn zero() -> Self {
        let zero = _mm512_setzero_si512();
        Self { low: zero, middle: zero, high: zero }
    }

    /// With `a·b` added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn plus(self, a: __m512i, b: __m512i) -> Self {
        let (across, back) = (_mm512_clmulepi64_epi128(a, b, 0x01), _mm512_clmulepi64_epi128(a, b, 0x10));
        Self {
            low: _mm512_xor_si512(self.low, _mm512_clmulepi64_epi128(a, b, 0x00)),
            middle: _mm512_xor_si512(self.middle, _mm512_xor_si512(across, back)),
            high: _mm512_xor_si512(self.high, _mm512_clmulepi64_epi128(a, b, 0x11)),
        }
    }

    /// In each lane the four lanes of one sum, added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn side_by_side([a, b, c, d]: [Self; LANES]) -> Self {
        Self {
            low: added_lanes([a.low, b.low, c.low, d.low]),
            middle: added_lanes([a.middle, b.middle, c.middle, d.middle]),
            high: added_lanes([a.high, b.high, c.high, d.high]),
        }
    }

    /// `· x^-128 mod x^128 + x^127 + x^126 + x^121 + 1`.
    ///
    /// To `v = v₁·x^64 + v₀` add `v₀` times the polynomial: the lower 64 bits become 0, and what stands above them is
    /// `v·x^-64 = v₁ + v₀·x^64 + v₀·(x^63 + x^62 + x^57)`. This twice, and the sum's upper half.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
    fn reduce(self) -> __m512i {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128(self.middle, 8));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128(self.middle, 8));
        let polynomial = _mm512_set1_epi64(0xC200_0000_0000_0000_u64 as i64);
        let mut v = low;
        for _ in 0..2 {
            let swapped = _mm512_shuffle_epi32(v, _MM_PERM_BADC);
            v = _mm512_xor_si512(swapped, _mm512_clmulepi64_epi128(v, polynomial, 0x00));
        }
        _mm512_xor_si512(high, v)
    }
}

/// `a·b·x^-128` in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn dot(a: __m512i, b: __m512i) -> __m512i {
    Sum::zero().plus(a, b).reduce()
}

/// `x·a` where bit i is the coefficient of `x^i`, and `x^128 = x^127 + x^126 + x^121 + 1`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn times_x(a: __m128i) -> __m128i {
    let carried = _mm_srli_epi64(a, 63);
    let shifted = _mm_or_si128(_mm_slli_epi64(a, 1), _mm_bslli_si128(carried, 8));
    // All ones if bit 127 was set.
    let overflow = _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(carried, carried));
    _mm_xor_si128(shifted, _mm_and_si128(overflow, _mm_set_epi64x(0xC2 << 56, 1)))
}

/// Lane l is the sum of the four lanes of vector l.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn added_lanes([a, b, c, d]: [__m512i; LANES]) -> __m512i {
    // The even lanes of two vectors, and the odd ones.
    let ab = _mm512_xor_si512(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
    let cd = _mm512_xor_si512(_mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xDD));
    _mm512_xor_si512(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xDD))
}

/// Two bits for each lane that is the same in both: both halves are compared, whatever the first one says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn equal_lanes(a: __m512i, b: __m512i) -> __mmask8 {
    let halves = _mm512_cmpeq_epi64_mask(a, b);
    let both = halves & (halves >> 1) & 0b0101_0101;
    both | both << 1
}

/// Each nonce, and a counter of 0 behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn nonces([a, b, c, d]: [&[u8; 12]; LANES]) -> __m512i {
    let lane = |nonce: &[u8; 12]| {
        let ([low @ .., _, _, _, _], [_, _, _, _, _, _, _, _, high @ ..]) = (nonce, nonce);
        _mm_set_epi64x(u32::from_le_bytes(*high).into(), i64::from_le_bytes(*low))
    };
    side_by_side([lane(a), lane(b), lane(c), lane(d)])
}

/// The counter block of this number of each field. The counter has 4 bytes, of which the last is enough.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn counter(nonces: __m512i, number: u8) -> __m512i {
    _mm512_or_si512(nonces, in_all(_mm_set_epi64x(i64::from(number) << 56, 0)))
}

/// The four counter blocks of a piece of each field: the text begins with number 2.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn counters(nonces: __m512i, piece: usize) -> [__m512i; LANES] {
    let number = |block: usize| ((2 + LANES * piece + block) << 56) as i64;
    let numbers = _mm512_set_epi64(number(3), 0, number(2), 0, number(1), 0, number(0), 0);
    [
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0x00), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0x55), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0xAA), numbers),
        _mm512_or_si512(_mm512_shuffle_i32x4(nonces, nonces, 0xFF), numbers),
    ]
}

/// The first block of each text, with zeros from where it ends.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn first_blocks([a, b, c, d]: [&[u8]; LANES]) -> __m512i {
    side_by_side([load_part(a), load_part(b), load_part(c), load_part(d)])
}

/// A bit for each byte that there is in the first block of each text.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn bytes_of_blocks([a, b, c, d]: [usize; LANES]) -> __mmask64 {
    let lane = |length: usize| u64::from(bytes_of_block(length));
    lane(a) | lane(b) << 16 | lane(c) << 32 | lane(d) << 48
}

/// A bit for each of the first `length` bytes of a block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn bytes_of_block(length: usize) -> __mmask16 {
    _bzhi_u32(0xFFFF, length.min(BLOCK) as u32) as __mmask16
}

/// A bit for each of the first `length` bytes of a piece.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn bytes_of_piece(length: usize) -> __mmask64 {
    _bzhi_u64(u64::MAX, length.min(PIECE) as u32)
}

/// The bytes of each lane in reverse.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn reverse(x: __m512i) -> __m512i {
    let order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_shuffle_epi8(x, in_all(order))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn in_all(lane: __m128i) -> __m512i {
    _mm512_broadcast_i32x4(lane)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn side_by_side([a, b, c, d]: [__m128i; LANES]) -> __m512i {
    let x = _mm512_inserti32x4(_mm512_castsi128_si512(a), b, 1);
    _mm512_inserti32x4(_mm512_inserti32x4(x, c, 2), d, 3)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn apart(x: __m512i) -> [__m128i; LANES] {
    [
        _mm512_castsi512_si128(x),
        _mm512_extracti32x4_epi32(x, 1),
        _mm512_extracti32x4_epi32(x, 2),
        _mm512_extracti32x4_epi32(x, 3),
    ]
}

/// `ciphertext ‖ tag`, taken apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn split(sealed: &[u8]) -> (&[u8], __m128i) {
    let (text, tag) = sealed.split_last_chunk().expect("it was checked to have a tag");
    (text, load(tag))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn load(bytes: &[u8; BLOCK]) -> __m128i {
    // SAFETY: 16 bytes are there to be read, at any alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn load_pair(words: &[u64; 2]) -> __m128i {
    // SAFETY: 16 bytes are there to be read, at any alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn load_wide(words: &[u64; 8]) -> __m512i {
    // SAFETY: 64 bytes are there to be read, at any alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The first 16 bytes, or as many as there are and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn load_part(bytes: &[u8]) -> __m128i {
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not read.
    unsafe { _mm_maskz_loadu_epi8(bytes_of_block(bytes.len()), bytes.as_ptr().cast()) }
}

/// The first 64 bytes, or as many as there are and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn load_piece(bytes: &[u8]) -> __m512i {
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not read.
    unsafe { _mm512_maskz_loadu_epi8(bytes_of_piece(bytes.len()), bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn store(bytes: &mut [u8; BLOCK], x: __m128i) {
    // SAFETY: 16 bytes are there to be written, at any alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn store_pair(words: &mut [u64; 2], x: __m128i) {
    // SAFETY: 16 bytes are there to be written, at any alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn store_wide(words: &mut [u64; 8], x: __m512i) {
    // SAFETY: 64 bytes are there to be written, at any alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), x) }
}

/// The first 16 bytes, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn store_part(bytes: &mut [u8], x: __m128i) {
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not written.
    unsafe { _mm_mask_storeu_epi8(bytes.as_mut_ptr().cast(), bytes_of_block(bytes.len()), x) }
}

/// The first 64 bytes, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,pclmulqdq,bmi2")]
fn store_piece(bytes: &mut [u8], x: __m512i) {
    // SAFETY: the mask has bits for bytes of the slice alone, and what has no bit is not written.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), bytes_of_piece(bytes.len()), x) }
}

#[cfg(test)]
#[path = "gcm/tests.rs"]
mod tests;
