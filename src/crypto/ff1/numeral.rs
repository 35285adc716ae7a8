//! FF1 word for word, for any domain.
//!
//! The halves stay strings of numerals, and integers are vectors of 32-bit limbs. It serves the values whose halves
//! do not fit in 128 bits, and it is the oracle that the fast code is tested against; so it shares none of it.
//!
//! Source: NIST SP 800-38G, algorithms 1 (NUM), 3 (STR), 6 (PRF), 7 (FF1.Encrypt), 8 (FF1.Decrypt).

use aes::cipher::{Array, BlockCipherEncrypt, consts::U16};
use zeroize::Zeroizing;

use super::domain::Domain;

/// Encrypts `x` in place: algorithm 7, FF1.Encrypt(K, T, X).
pub(super) fn encrypt<C: Aes>(cipher: &C, domain: Domain, tweak: &[u8], x: &mut [u16]) {
    let radix = domain.radix();
    // 1. Let u = ⌊n/2⌋; v = n – u.
    let (u, v) = (domain.left(), domain.right());
    // 2. Let A = X[1..u]; B = X[u + 1..n].
    let mut a = Zeroizing::new(x[..u].to_vec());
    let mut b = Zeroizing::new(x[u..].to_vec());
    // 3.–5. b, d and P.
    let round = Round::new(cipher, domain, tweak);
    // 6. For i from 0 to 9:
    for i in 0..10 {
        // 6.i–iv. Q from B, R, S and y.
        let y = round.function(i, &b);
        // 6.v. If i is even, let m = u; else, let m = v.
        let m = if i % 2 == 0 { u } else { v };
        // 6.vi–vii. Let c = (NUM(A) + y) mod radix^m; C = STR(c).
        let c = add(&a, &str_m(y, radix, m), radix);
        // 6.viii. Let A = B.
        a = b;
        // 6.ix. Let B = C.
        b = c;
    }
    // 7. Return A ‖ B.
    x[..u].copy_from_slice(&a);
    x[u..].copy_from_slice(&b);
}

/// Decrypts `x` in place: algorithm 8, FF1.Decrypt(K, T, X).
pub(super) fn decrypt<C: Aes>(cipher: &C, domain: Domain, tweak: &[u8], x: &mut [u16]) {
    let radix = domain.radix();
    // 1. Let u = ⌊n/2⌋; v = n – u.
    let (u, v) = (domain.left(), domain.right());
    // 2. Let A = X[1..u]; B = X[u + 1..n].
    let mut a = Zeroizing::new(x[..u].to_vec());
    let mut b = Zeroizing::new(x[u..].to_vec());
    // 3.–5. b, d and P.
    let round = Round::new(cipher, domain, tweak);
    // 6. For i from 9 to 0:
    for i in (0..10).rev() {
        // 6.i–iv. Q from A, R, S and y.
        let y = round.function(i, &a);
        // 6.v. If i is even, let m = u; else, let m = v.
        let m = if i % 2 == 0 { u } else { v };
        // 6.vi–vii. Let c = (NUM(B) – y) mod radix^m; C = STR(c).
        let c = subtract(&b, &str_m(y, radix, m), radix);
        // 6.viii. Let B = A.
        b = a;
        // 6.ix. Let A = C.
        a = c;
    }
    // 7. Return A ‖ B.
    x[..u].copy_from_slice(&a);
    x[u..].copy_from_slice(&b);
}

/// The forward direction of AES; FF1 needs no other, for decryption neither.
pub trait Aes: BlockCipherEncrypt<BlockSize = U16> {}
impl<C: BlockCipherEncrypt<BlockSize = U16>> Aes for C {}

/// What all ten rounds share.
struct Round<'a, C> {
    cipher: &'a C,
    radix: u32,
    tweak: &'a [u8],
    b: usize,
    d: usize,
    p: [u8; 16],
}

impl<'a, C: Aes> Round<'a, C> {
    fn new(cipher: &'a C, domain: Domain, tweak: &'a [u8]) -> Self {
        // 3. Let b = ⌈⌈v · LOG(radix)⌉ / 8⌉.
        let b = byte_length(domain.radix(), domain.right());
        // 4. Let d = 4⌈b/4⌉ + 4.
        let d = 4 * b.div_ceil(4) + 4;
        // 5. Let P = [1] ‖ [2] ‖ [1] ‖ [radix] ‖ [10] ‖ [u mod 256] ‖ [n] ‖ [t].
        let p = domain.first_block(tweak.len());
        Round { cipher, radix: domain.radix(), tweak, b, d, p }
    }

    /// y, as little-endian limbs.
    fn function(&self, i: u8, half: &[u16]) -> Zeroizing<Vec<u32>> {
        // 6.i. Let Q = T ‖ [0]^((−t−b−1) mod 16) ‖ [i] ‖ [NUM(half)]^b; and P ‖ Q.
        let t = self.tweak.len();
        let length = 16 + (t + 1 + self.b).next_multiple_of(16);
        let mut pq = Zeroizing::new(vec![0; length]);
        pq[..16].copy_from_slice(&self.p);
        pq[16..16 + t].copy_from_slice(self.tweak);
        pq[length - self.b - 1] = i;
        let bytes = num(half, self.radix).iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>();
        for (to, from) in pq[length - self.b..].iter_mut().rev().zip(Zeroizing::new(bytes).iter()) {
            *to = *from;
        }
        // 6.ii. Let R = PRF(P ‖ Q): CBC-MAC without an initialisation vector.
        let mut r = [0; 16];
        for block in pq.chunks_exact(16) {
            r = self.ciph(std::array::from_fn(|j| r[j] ^ block[j]));
        }
        // 6.iii. Let S be the first d bytes of R ‖ CIPH(R ⊕ [1]) ‖ CIPH(R ⊕ [2]) ‖ … ‖ CIPH(R ⊕ [⌈d/16⌉ – 1]).
        let mut s = Zeroizing::new(r.to_vec());
        for j in 1..self.d.div_ceil(16) as u128 {
            s.extend(self.ciph((u128::from_be_bytes(r) ^ j).to_be_bytes()));
        }
        s.truncate(self.d);
        // 6.iv. Let y = NUM(S). d is a multiple of 4.
        Zeroizing::new(s.rchunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect())
    }

    fn ciph(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        self.cipher.encrypt_block(&mut block);
        block.into()
    }
}

/// ⌈⌈v · log₂ radix⌉ / 8⌉, exactly: the bytes of radix^v − 1, which is the number that v greatest numerals write.
///
/// A logarithm in floating point is wrong by one where v · log₂ radix is, or nearly is, an integer.
pub(super) fn byte_length(radix: u32, v: usize) -> usize {
    let greatest = num(&vec![(radix - 1) as u16; v], radix);
    let bits = 32 * greatest.len() - greatest.last().map_or(0, |top| top.leading_zeros() as usize);
    bits.div_ceil(8)
}

/// NUM: the number that the numerals write, as little-endian limbs without leading zeros.
fn num(numerals: &[u16], radix: u32) -> Zeroizing<Vec<u32>> {
    let mut limbs = Zeroizing::new(Vec::with_capacity(numerals.len().div_ceil(2) + 1));
    for group in numerals.chunks(numerals_in_limb(radix)) {
        let (scale, addend) = group.iter().fold((1, 0), |(scale, sum), &x| {
            (scale * u64::from(radix), sum * u64::from(radix) + u64::from(x))
        });
        // limbs · scale + addend. With scale ≤ 2^32 and addend < 2^32: (2^32 − 1) · 2^32 + 2^32 − 1 < 2^64.
        let mut carry = addend;
        for limb in limbs.iter_mut() {
            let wide = u64::from(*limb) * scale + carry;
            *limb = wide as u32;
            carry = wide >> 32;
        }
        if carry != 0 {
            limbs.push(carry as u32);
        }
    }
    limbs
}

/// STR: the last m numerals of the number, which write it mod radix^m.
fn str_m(mut limbs: Zeroizing<Vec<u32>>, radix: u32, m: usize) -> Zeroizing<Vec<u16>> {
    let mut numerals = Zeroizing::new(vec![0; m]);
    for group in numerals.rchunks_mut(numerals_in_limb(radix)) {
        // limbs / scale. The remainder is below scale ≤ 2^32, so each quotient fits a limb.
        let scale = u64::from(radix).pow(group.len() as u32);
        let mut remainder = 0;
        for limb in limbs.iter_mut().rev() {
            let wide = remainder << 32 | u64::from(*limb);
            *limb = (wide / scale) as u32;
            remainder = wide % scale;
        }
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        for numeral in group.iter_mut().rev() {
            *numeral = (remainder % u64::from(radix)) as u16;
            remainder /= u64::from(radix);
        }
    }
    numerals
}

/// The most numerals whose radix^k ≤ 2^32.
fn numerals_in_limb(radix: u32) -> usize {
    (1..).take_while(|&k| u64::from(radix).checked_pow(k).is_some_and(|power| power <= 1 << 32)).count()
}

/// (x + y) mod radix^m on strings of m numerals: the carry out of the first is dropped.
fn add(x: &[u16], y: &[u16], radix: u32) -> Zeroizing<Vec<u16>> {
    let mut sum = Zeroizing::new(vec![0; x.len()]);
    let mut carry = 0;
    for ((s, &x), &y) in sum.iter_mut().zip(x).zip(y).rev() {
        let wide = u32::from(x) + u32::from(y) + carry;
        *s = (wide % radix) as u16;
        carry = wide / radix;
    }
    sum
}

/// (x − y) mod radix^m on strings of m numerals: the borrow out of the first is dropped.
fn subtract(x: &[u16], y: &[u16], radix: u32) -> Zeroizing<Vec<u16>> {
    let mut difference = Zeroizing::new(vec![0; x.len()]);
    let mut borrow = 0;
    for ((d, &x), &y) in difference.iter_mut().zip(x).zip(y).rev() {
        let wide = u32::from(x) + radix - u32::from(y) - borrow;
        *d = (wide % radix) as u16;
        borrow = u32::from(wide < radix);
    }
    difference
}
