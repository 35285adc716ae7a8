//! The second level of a pseudonym: one permutation for each (tenant, scope, key version), and its inverse.
//!
//! ```text
//! 128 bits   p = AES-256(K, h)                 K = derive(secret, context(PseudonymScope, tenant, scope, #epoch))
//!  63 bits   p = FF1.Encrypt(K, no tweak, h)   K = derive(secret, context(PseudonymInteger, tenant, scope, #epoch))
//! ```
//!
//! FF1 runs on 63 numerals of radix 2, the highest bit first. Its key belongs to this one domain, so no tweak has to
//! tell anything apart. Cutting the 128-bit pseudonym short instead would be no permutation: nothing could be bridged.

use super::spelling::Spelling;
use crate::crypto::context::{Context, Label};
use crate::crypto::ff1::{Domain, Plan};
use crate::crypto::kdf;
use crate::crypto::prp::Prp;
use crate::crypto::secret::Ff1Secret;
use crate::crypto::wiped::WipedVec;
use crate::keys::UsableKey;
use crate::name::{Scope, TenantId};

/// Permutes numbers of 16 bytes, big-endian; integers are below 2^63.
pub(super) enum ScopeKey {
    Block(Prp),
    Integer(Box<Plan>),
}

/// The bits of an integer.
const BITS: usize = 63;

/// Integers that go through FF1 together: a multiple of its lanes, and few enough for the nearest cache.
const TOGETHER: usize = 128;

impl ScopeKey {
    /// The only epoch of a scope so far.
    const EPOCH: u64 = 1;

    pub(super) fn new(key: &UsableKey, tenant: &TenantId, scope: &Scope, spelling: Spelling) -> Self {
        let context =
            |label| Context::new(label).part(tenant.as_str()).part(scope.as_str()).number(Self::EPOCH);
        if !spelling.is_integer() {
            let prp = Prp::new(&kdf::derive(key.secret(), &context(Label::PseudonymScope)));
            return ScopeKey::Block(prp);
        }
        let key: Ff1Secret = kdf::derive(key.secret(), &context(Label::PseudonymInteger));
        let plan = Domain::new(2, BITS).and_then(|domain| Plan::new(key.expose(), domain, b""));
        ScopeKey::Integer(Box::new(plan.expect("2^63 values are enough, and no tweak is not too long")))
    }

    /// From identities to pseudonyms.
    pub(super) fn encrypt(&self, numbers: &mut [[u8; 16]]) {
        match self {
            ScopeKey::Block(prp) => prp.encrypt(numbers),
            ScopeKey::Integer(plan) => as_bits(numbers, |bits| plan.encrypt_columns(bits)),
        }
    }

    /// From pseudonyms to identities.
    pub(super) fn decrypt(&self, numbers: &mut [[u8; 16]]) {
        match self {
            ScopeKey::Block(prp) => prp.decrypt(numbers),
            ScopeKey::Integer(plan) => as_bits(numbers, |bits| plan.decrypt_columns(bits)),
        }
    }
}

/// The numbers as numerals of radix 2, and back.
fn as_bits<E: std::fmt::Debug>(numbers: &mut [[u8; 16]], permute: impl Fn(&mut [u16]) -> Result<(), E>) {
    // The last number's 64th place is behind the end.
    let mut bits = WipedVec::zeros(numbers.len().min(TOGETHER) * BITS + 1);
    for numbers in numbers.chunks_mut(TOGETHER) {
        for (i, number) in numbers.iter().enumerate() {
            write_bits(
                u128::from_be_bytes(*number) as u64,
                bits[BITS * i..].first_chunk_mut().expect("room"),
            );
        }
        permute(&mut bits[..BITS * numbers.len()]).expect("each value is 63 numerals of radix 2");
        for (number, bits) in numbers.iter_mut().zip(bits.chunks_exact(BITS)) {
            *number = u128::from(read_bits(bits.try_into().expect("63 numerals"))).to_be_bytes();
        }
    }
}

/// The lower 63 bits, the highest first, and a zero: four bits at a time, each shifted to its place.
#[inline]
fn write_bits(number: u64, numerals: &mut [u16; BITS + 1]) {
    const ONES: u64 = 0x0001_0001_0001_0001;
    for (i, numerals) in numerals.as_chunks_mut().0.iter_mut().enumerate() {
        let four = (number << 1) >> (60 - 4 * i) & 15;
        let spread = (four >> 3 | four << 14 | four << 31 | four << 48) & ONES;
        *numerals = [spread as u16, (spread >> 16) as u16, (spread >> 32) as u16, (spread >> 48) as u16];
    }
}

/// The inverse of [`write_bits`].
#[inline]
fn read_bits(numerals: &[u16; BITS]) -> u64 {
    let (fours, last) = numerals.as_chunks::<4>();
    let number = fours.iter().fold(0, |number, [a, b, c, d]| {
        number << 4 | u64::from(*a) << 3 | u64::from(*b) << 2 | u64::from(*c) << 1 | u64::from(*d)
    });
    last.iter().fold(number, |number, bit| number << 1 | u64::from(*bit))
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;
    use proptest::prelude::*;

    fn key(scope: &str, spelling: Spelling) -> ScopeKey {
        ScopeKey::new(&test_key(1), &TenantId::new("acme").unwrap(), &Scope::new(scope).unwrap(), spelling)
    }

    proptest! {
        #[test]
        fn decryption_inverts_encryption_in_bulk(numbers in prop::collection::vec(any::<u128>(), 0..300)) {
            for (spelling, shift) in [(Spelling::Hex, 0), (Spelling::int63(1).unwrap(), 65)] {
                let key = key("a", spelling);
                let numbers: Vec<[u8; 16]> = numbers.iter().map(|n| (n >> shift).to_be_bytes()).collect();
                let mut all = numbers.clone();
                key.encrypt(&mut all);
                for (number, pseudonym) in numbers.iter().zip(&all) {
                    let mut one = [*number];
                    key.encrypt(&mut one);
                    prop_assert_eq!(&one[0], pseudonym);
                    prop_assert!(u128::from_be_bytes(one[0]) <= u128::MAX >> shift);
                }
                key.decrypt(&mut all);
                prop_assert_eq!(all, numbers);
            }
        }
    }

    #[test]
    fn bits_are_written_and_read_highest_first() {
        let numbers = (0..63).flat_map(|bit| [1 << bit, (1u64 << bit) - 1, !(1 << bit) & (u64::MAX >> 1)]);
        for number in numbers.chain([0, u64::MAX >> 1, 0x7654_3210_FEDC_BA98]) {
            let mut numerals = [0xEEEE; BITS + 1];
            write_bits(number, &mut numerals);
            let text: String = numerals[..BITS].iter().map(u16::to_string).collect();
            assert_eq!(text, format!("{number:063b}"));
            assert_eq!(read_bits(numerals.first_chunk().unwrap()), number);
        }
    }

    // SPEC: PSN-6
    #[test]
    fn an_integer_is_ff1_of_its_bits() {
        let context = Context::new(Label::PseudonymInteger).part("acme").part("a").number(1);
        let ff1: Ff1Secret = kdf::derive(test_key(1).secret(), &context);
        let plan = Plan::new(ff1.expose(), Domain::new(2, 63).unwrap(), b"").unwrap();
        for number in [0u64, 1, 1 << 62, 0x7654_3210_fedc_ba98, u64::MAX >> 1] {
            let mut bits: Vec<u16> = format!("{number:063b}").bytes().map(|b| u16::from(b - b'0')).collect();
            plan.encrypt(&mut bits).unwrap();
            let text: String = bits.iter().map(u16::to_string).collect();
            let mut numbers = [u128::from(number).to_be_bytes()];
            key("a", Spelling::int63(1).unwrap()).encrypt(&mut numbers);
            assert_eq!(numbers[0], u128::from_str_radix(&text, 2).unwrap().to_be_bytes());
        }
    }
}
