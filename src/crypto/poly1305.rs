//! `tag = ((c₁·r^q + c₂·r^(q−1) + … + c_q·r) mod (2^130 − 5)) + s mod 2^128`: the authenticator of ChaCha20-Poly1305.
//!
//! Numbers are three limbs: `a = a₀ + a₁·2^44 + a₂·2^88`, of 44, 44 and 42 bits when reduced, each in 64. What lies above 2^130 folds back
//! by 5, and a limb product of weight 2^132 or 2^176 by `4·5 = 20`, since `2^132 = 4·2^130`.
//!
//! For messages of a few hundred bytes, where it has no set-up to speak of; see [`aead`](super::aead) for where that ends.
//!
//! Source: RFC 8439, section 2.5.
//!
//! # Security
//! No branch and no address depends on the key or the message, but on its length. The state is wiped when dropped.

use zeroize::{Zeroize, ZeroizeOnDrop};

const MASK_44: u64 = (1 << 44) - 1;
const MASK_42: u64 = (1 << 42) - 1;

/// The accumulator, and the two halves of a one-time key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Poly1305 {
    /// Clamped.
    r: [u64; 3],
    s: [u64; 2],
    accumulator: [u64; 3],
}

impl Poly1305 {
    /// Steps 1 to 4 of `poly1305_mac`: `r = clamp(key[0..16]), s = key[16..32]`, and an accumulator of 0.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let words: [u64; 4] = std::array::from_fn(|i| u64::from_le_bytes(key.as_chunks().0[i]));
        let (r0, r1) = (words[0] & 0x0FFF_FFFC_0FFF_FFFF, words[1] & 0x0FFF_FFFC_0FFF_FFFC);
        Self { r: limbs(r0, r1, 0), s: [words[2], words[3]], accumulator: [0; 3] }
    }

    /// Takes in a message and zeros up to a multiple of 16 bytes, as `pad16` of the AEAD does.
    pub(super) fn update_padded(&mut self, message: &[u8]) {
        let (blocks, rest) = message.as_chunks::<16>();
        blocks.iter().for_each(|block| self.block(block, 1));
        if !rest.is_empty() {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, 1);
            block.zeroize();
        }
    }

    /// Takes in a message to its end, which is where a block may be short.
    #[cfg(test)]
    fn update_last(&mut self, message: &[u8]) {
        let (blocks, rest) = message.as_chunks::<16>();
        blocks.iter().for_each(|block| self.block(block, 1));
        if !rest.is_empty() {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 1;
            self.block(&block, 0);
        }
    }

    /// Steps 7 to 9: `accumulator = (accumulator + block + 2^128·high)·r mod p`.
    ///
    /// Bounds, in and out: `a₀ < 2^44, a₁ < 2^44 + 2^8, a₂ < 2^42`. Those of a clamped r are `2^44, 2^44, 2^36`, and those of a block
    /// `2^44, 2^44, 2^41`.
    #[inline]
    fn block(&mut self, block: &[u8; 16], high: u64) {
        let number = u128::from_le_bytes(*block);
        let [c0, c1, c2] = limbs(number as u64, (number >> 64) as u64, high);
        let [a0, a1, a2] = self.accumulator;
        // Below 2^45, 2^45 + 2^8 and 2^43.
        let (a0, a1, a2) = (a0 + c0, a1 + c1, a2 + c2);
        let [r0, r1, r2] = self.r;
        // Below 2^49 and 2^41.
        let (r1_folded, r2_folded) = (20 * r1, 20 * r2);
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        // Below 2^89 + 2^87 + 2^92, so the carry is below 2^49.
        let d0 = product(a0, r0) + product(a1, r2_folded) + product(a2, r1_folded);
        let d1 = product(a0, r1) + product(a1, r0) + product(a2, r2_folded) + (d0 >> 44);
        // Below 2^81 + 2^90 + 2^87 + 2^47 < 2^91, so what is carried around is below 2^49, and five times that below 2^52.
        let d2 = product(a0, r2) + product(a1, r1) + product(a2, r0) + (d1 >> 44);
        let a0 = (d0 as u64 & MASK_44) + 5 * (d2 >> 42) as u64;
        self.accumulator = [a0 & MASK_44, (d1 as u64 & MASK_44) + (a0 >> 44), d2 as u64 & MASK_42];
    }

    /// Steps 10 and 11: the tag.
    pub(super) fn tag(self) -> [u8; 16] {
        let [mut a0, mut a1, mut a2] = self.accumulator;
        // Twice around: the first time at most 1 is carried out of each limb, and then only limbs that are nearly 0 are left to carry into.
        for _ in 0..2 {
            a2 += a1 >> 44;
            a1 &= MASK_44;
            a0 += 5 * (a2 >> 42);
            a2 &= MASK_42;
            a1 += a0 >> 44;
            a0 &= MASK_44;
        }
        a2 += a1 >> 44;
        a1 &= MASK_44;
        // b = a − p = a + 5 − 2^130, which is negative if a < p; the choice is made by a mask.
        let b0 = a0 + 5;
        let b1 = a1 + (b0 >> 44);
        let b2 = (a2 + (b1 >> 44)).wrapping_sub(1 << 42);
        let is_below_p = 0_u64.wrapping_sub(b2 >> 63);
        let choose = |a: u64, b: u64| a & is_below_p | b & !is_below_p;
        let (a0, a1, a2) = (choose(a0, b0 & MASK_44), choose(a1, b1 & MASK_44), choose(a2, b2));
        let number = u128::from(a0) | u128::from(a1) << 44 | u128::from(a2) << 88;
        let s = u128::from(self.s[0]) | u128::from(self.s[1]) << 64;
        number.wrapping_add(s).to_le_bytes()
    }
}

/// The limbs of `low + 2^64·middle + 2^128·high`.
#[inline]
fn limbs(low: u64, middle: u64, high: u64) -> [u64; 3] {
    [low & MASK_44, (low >> 44 | middle << 20) & MASK_44, middle >> 24 | high << 40]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
        let mut poly1305 = Poly1305::new(key);
        poly1305.update_last(message);
        poly1305.tag()
    }

    /// The definition, by numbers of 5 times 32 bits: each bit of r doubles and adds, modulo p.
    fn by_definition(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
        const P: [u32; 5] = [0xFFFF_FFFB, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 3];
        fn minus_p(a: [u32; 5]) -> [u32; 5] {
            let mut borrow = 0;
            let difference = std::array::from_fn(|i| {
                let d = i64::from(a[i]) - i64::from(P[i]) - borrow;
                borrow = i64::from(d < 0);
                d as u32
            });
            if borrow == 1 { a } else { difference }
        }
        fn plus(a: [u32; 5], b: [u32; 5]) -> [u32; 5] {
            let mut carry = 0;
            minus_p(std::array::from_fn(|i| {
                let sum = u64::from(a[i]) + u64::from(b[i]) + carry;
                carry = sum >> 32;
                sum as u32
            }))
        }
        let mut r: [u8; 16] = *key.first_chunk().unwrap();
        [3, 7, 11, 15].into_iter().for_each(|i| r[i] &= 15);
        [4, 8, 12].into_iter().for_each(|i| r[i] &= 252);
        let mut accumulator = [0; 5];
        for block in message.chunks(16) {
            let mut bytes = [0; 20];
            bytes[..block.len()].copy_from_slice(block);
            bytes[block.len()] = 1;
            let number = std::array::from_fn(|i| u32::from_le_bytes(bytes.as_chunks().0[i]));
            let sum = plus(accumulator, number);
            accumulator = [0; 5];
            for bit in (0..128).rev() {
                accumulator = plus(accumulator, accumulator);
                if r[bit / 8] & 1 << (bit % 8) != 0 {
                    accumulator = plus(accumulator, sum);
                }
            }
        }
        let low = accumulator.iter().take(4).rev().fold(0, |n, word| n << 32 | u128::from(*word));
        low.wrapping_add(u128::from_le_bytes(*key.last_chunk().unwrap())).to_le_bytes()
    }

    fn key(r: u128, s: u128) -> [u8; 32] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&r.to_le_bytes());
        key[16..].copy_from_slice(&s.to_le_bytes());
        key
    }

    // Source: RFC 8439, section 2.5.2.
    #[test]
    fn the_example_of_the_standard() {
        let key = key(0xa806_d542_fe52_447f_336d_5557_78be_d685, 0x1bf5_4941_aff6_bf4a_fdb2_0dfb_8a80_0301);
        let tag = 0xa927_010c_af8b_2bc2_c636_5130_c11d_06a8_u128;
        assert_eq!(mac(&key, b"Cryptographic Forum Research Group"), tag.to_le_bytes());
    }

    // Source: RFC 8439, appendix A.3, vectors 7 to 9 and 11: around p and around 2^128.
    #[test]
    fn the_standard_s_vectors_at_the_edges() {
        let blocks = |blocks: &[u128]| blocks.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(mac(&key(2, 0), &blocks(&[u128::MAX])), 3_u128.to_le_bytes());
        assert_eq!(mac(&key(2, u128::MAX), &blocks(&[2])), 3_u128.to_le_bytes());
        assert_eq!(mac(&key(1, 0), &blocks(&[u128::MAX, u128::MAX - 15, 0x11])), 5_u128.to_le_bytes());
        assert_eq!(mac(&key(2, 0), &blocks(&[u128::MAX - 2])), (u128::MAX - 5).to_le_bytes());
    }

    #[test]
    fn sums_around_p_and_carries_are_the_definition() {
        let edge = [
            0,
            1,
            2,
            4,
            5,
            6,
            u128::MAX,
            u128::MAX - 1,
            u128::MAX - 4,
            u128::MAX - 5,
            1 << 44,
            (1 << 88) - 1,
        ];
        let clamped = 0x0FFF_FFFC_0FFF_FFFC_0FFF_FFFC_0FFF_FFFF;
        for r in edge.into_iter().chain([clamped]) {
            for s in [0, 1, u128::MAX] {
                for first in edge {
                    for second in edge {
                        let message = [first.to_le_bytes(), second.to_le_bytes(), first.to_le_bytes()];
                        let message = message.as_flattened();
                        assert_eq!(mac(&key(r, s), message), by_definition(&key(r, s), message));
                        assert_eq!(
                            mac(&key(r, s), &message[..41]),
                            by_definition(&key(r, s), &message[..41])
                        );
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_message_s_tag_is_by_definition(key: [u8; 32], message in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(mac(&key, &message), by_definition(&key, &message));
        }
    }
}
