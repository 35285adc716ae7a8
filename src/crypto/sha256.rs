//! `state = compress(… compress(IV, block 0) …, block n)`: SHA-256 by its blocks, so that what begins many messages is hashed once.
//!
//! ```text
//! message      what was absorbed: whole blocks │ rest          │ the message's own bytes
//! blocks                                state  │ block 0         block 1 …      0x80 0 … 0 │ length in bits, 8 bytes
//! ```
//!
//! Source: FIPS 180-4, sections 5.1.1 (padding), 5.3.3 (initial state) and 6.2. The compression is that of the `sha2` crate.

use sha2::block_api::compress256;
use std::slice;
use zeroize::optimization_barrier;

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;
/// The bytes of padding at least: `0x80`, and the length.
pub(super) const LEAST_PADDING: usize = 9;

const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The constants of the rounds, for kernels that do the rounds themselves.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(super) const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Between zeros, the byte behind a message.
const MARK: [u8; 2 * BLOCK] = {
    let mut mark = [0; 2 * BLOCK];
    mark[BLOCK - 1] = 0x80;
    mark
};

/// The hash of all messages that begin alike, up to where they differ. As secret as what it absorbed; wiped when dropped.
pub(super) struct Midstate {
    words: [u32; 8],
    /// What does not fill a block yet, and zeros.
    rest: [u8; BLOCK],
    /// Below `BLOCK`.
    rest_len: usize,
    /// Of all that was absorbed, the rest included.
    length: u64,
}

impl Midstate {
    pub(super) fn new() -> Self {
        Self { words: IV, rest: [0; BLOCK], rest_len: 0, length: 0 }
    }

    /// What goes on from here leaves this where it is.
    #[inline]
    pub(super) fn fork(&self) -> Self {
        Self { ..*self }
    }

    #[inline]
    pub(super) fn absorb(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = BLOCK - self.rest_len;
        if bytes.len() < room {
            self.rest[self.rest_len..][..bytes.len()].copy_from_slice(bytes);
            self.rest_len += bytes.len();
            return;
        }
        if self.rest_len > 0 {
            let (fill, after) = bytes.split_at(room);
            self.rest[self.rest_len..].copy_from_slice(fill);
            compress256(&mut self.words, slice::from_ref(&self.rest));
            bytes = after;
        }
        let (blocks, rest) = bytes.as_chunks();
        compress256(&mut self.words, blocks);
        self.rest = [0; BLOCK];
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_len = rest.len();
    }

    /// The hash of what was absorbed, as words.
    #[inline]
    pub(super) fn finish(&mut self) -> [u32; 8] {
        // In whole vectors: what is put there byte by byte is still on its way when vectors are loaded.
        let mark: &[u8; BLOCK] = MARK[BLOCK - 1 - self.rest_len..].first_chunk().expect("rest_len < BLOCK");
        self.rest.iter_mut().zip(mark).for_each(|(byte, mark)| *byte |= mark);
        if self.rest_len + LEAST_PADDING > BLOCK {
            compress256(&mut self.words, slice::from_ref(&self.rest));
            self.rest = [0; BLOCK];
        }
        let bits = self.bits(0).to_be_bytes();
        self.rest[BLOCK - 8..].copy_from_slice(&bits);
        compress256(&mut self.words, slice::from_ref(&self.rest));
        self.words
    }

    /// The hash of what was absorbed and these parts, if two blocks have room for it.
    #[inline]
    pub(super) fn hash_short(&self, parts: &[&[u8]]) -> Option<[u32; 8]> {
        let len = parts.iter().map(|part| part.len()).sum();
        let blocks = self.blocks(len);
        if blocks > 2 {
            return None;
        }
        let mut both = [0; 2 * BLOCK];
        both[..BLOCK].copy_from_slice(&self.rest);
        let mut at = self.rest_len;
        for part in parts {
            both[at..][..part.len()].copy_from_slice(part);
            at += part.len();
        }
        both[at] = 0x80;
        both[BLOCK * blocks - 8..][..8].copy_from_slice(&self.bits(len).to_be_bytes());
        let hash = self.behind(&both.as_chunks().0[..blocks]);
        both.fill(0);
        optimization_barrier(&both);
        Some(hash)
    }

    /// The state before [`rest`](Self::rest).
    pub(super) fn words(&self) -> &[u32; 8] {
        &self.words
    }

    /// The working variables after the first eight rounds of block 0, if what was absorbed has all of their words: those rounds are the
    /// same for every message.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn eight_rounds(&self) -> Option<[u32; 8]> {
        const ROUNDS: usize = 8;
        if self.rest_len < 4 * ROUNDS {
            return None;
        }
        let sum = |x: u32, [i, j, k]: [u32; 3]| x.rotate_right(i) ^ x.rotate_right(j) ^ x.rotate_right(k);
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = self.words;
        for (word, k) in self.rest.as_chunks().0.iter().zip(K).take(ROUNDS) {
            let t1 = h
                .wrapping_add(sum(e, [6, 11, 25]))
                .wrapping_add((e & f) ^ (!e & g))
                .wrapping_add(k.wrapping_add(u32::from_be_bytes(*word)));
            let t2 = sum(a, [2, 13, 22]).wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
            (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
        }
        Some([a, b, c, d, e, f, g, h])
    }

    /// What stands in front of a message in its block 0, with zeros behind it, and how much that is.
    #[inline]
    pub(super) fn rest(&self) -> (&[u8; BLOCK], usize) {
        (&self.rest, self.rest_len)
    }

    /// What the last block of a message of this length says: the length of all, in bits.
    #[inline]
    pub(super) fn bits(&self, message_len: usize) -> u64 {
        (self.length + message_len as u64) << 3
    }

    /// How many blocks a message of this length has from here on.
    #[inline]
    pub(super) fn blocks(&self, message_len: usize) -> usize {
        (self.rest_len + message_len + LEAST_PADDING).div_ceil(BLOCK)
    }

    /// The state behind these blocks, the first of which begins with [`rest`](Self::rest).
    #[inline]
    pub(super) fn behind(&self, blocks: &[[u8; BLOCK]]) -> [u32; 8] {
        let mut words = self.words;
        compress256(&mut words, blocks);
        words
    }
}

impl Drop for Midstate {
    fn drop(&mut self) {
        // In whole vectors: word by word it would take a good part of a compression.
        self.words.fill(0);
        self.rest.fill(0);
        optimization_barrier(self);
    }
}

/// The hash that goes on from this state, of one block, with one more hash.
#[inline]
pub(super) fn of_hash(state: &[u32; 8], hash: &[u32; 8]) -> [u32; 8] {
    // All but the hash from a constant: bytes put there one by one would still be on their way when vectors are loaded.
    const PADDED: [u8; BLOCK] = {
        let mut block = [0; BLOCK];
        block[32] = 0x80;
        [block[BLOCK - 2], block[BLOCK - 1]] = (OF_HASH_BITS as u16).to_be_bytes();
        block
    };
    let (mut words, mut block) = (*state, PADDED);
    block[..32].copy_from_slice(&bytes(hash));
    compress256(&mut words, &[block]);
    words
}

/// How many bits [`of_hash`] hashes.
pub(super) const OF_HASH_BITS: u64 = 8 * (BLOCK as u64 + 32);

/// The bytes of a hash.
#[inline]
pub(super) fn bytes(words: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn absorbed_in_any_pieces_it_is_the_hash() {
        let message: Vec<u8> = (0..300).map(|i| (i * 7) as u8).collect();
        for length in 0..=300 {
            for first in [0, 1, 55, 56, 63, 64, 65, 128, 200] {
                let (first, second) = message[..length].split_at(first.min(length));
                let mut state = Midstate::new();
                state.absorb(first);
                state.absorb(&[]);
                state.absorb(second);
                assert_eq!(bytes(&state.finish())[..], Sha256::digest(&message[..length])[..]);
            }
        }
    }
}
