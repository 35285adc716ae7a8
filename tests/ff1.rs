//! FF1 from the outside, with AES-256 and domains of at least 1,000,000 values.

use std::sync::Arc;

use cloakroom::Error;
use cloakroom::crypto::ff1::{AsciiAlphabet, BulkError, Domain, Ff1Key, Plan, TweakedPlan};
use fpe::ff1::{BinaryNumeralString, FF1, FlexibleNumeralString};
use proptest::prelude::*;

const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn plan(radix: u32, length: usize, tweak: &[u8]) -> Plan {
    Plan::new(&[0x5a; 32], Domain::new(radix, length).unwrap(), tweak).unwrap()
}

// SPEC: FF1-1
/// Samples 7 to 9 of FF1samples.pdf (NIST). Samples 1 to 6 have shorter keys: see `ff1_hazmat.rs`.
#[test]
fn nist_samples_of_aes_256() {
    let key = *b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c\
                 \xef\x43\x59\xd8\xd5\x80\xaa\x4f\x7f\x03\x6d\x6f\x04\xfc\x6a\x94";
    for (radix, tweak, plain, cipher) in [
        (10, &b""[..], "0123456789", "6657667009"),
        (10, b"9876543210", "0123456789", "1001623463"),
        (36, b"7777pqrs777", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
    ] {
        let alphabet = AsciiAlphabet::new(&LETTERS[..radix as usize]).unwrap();
        let plan = Ff1Key::new(&key).plan(Domain::new(radix, plain.len()).unwrap(), tweak).unwrap();
        let mut out = vec![0; plain.len()];
        plan.encrypt_ascii(&alphabet, plain.as_bytes(), &mut out).unwrap();
        assert_eq!(out, cipher.as_bytes());
        plan.decrypt_ascii(&alphabet, cipher.as_bytes(), &mut out).unwrap();
        assert_eq!(out, plain.as_bytes());
        let mut numerals: Vec<u16> = plain.bytes().map(|c| alphabet.numeral(c).unwrap().into()).collect();
        plan.encrypt(&mut numerals).unwrap();
        assert!(numerals.iter().zip(cipher.bytes()).all(|(&x, c)| alphabet.character(x as u8) == Some(c)));
        // In each lane of a group, among values with other tweaks.
        let tweaked = TweakedPlan::new(&key, plan.domain());
        for lane in 0..70 {
            let tweak = |j: usize| if j == lane { tweak } else { &b"another one, longer"[..j % 20] };
            let mut out = vec![0; 70 * plain.len()];
            let text = plain.repeat(70);
            tweaked.encrypt_ascii(&alphabet, text.as_bytes(), tweak, &mut out).unwrap();
            assert_eq!(&out[lane * plain.len()..][..plain.len()], cipher.as_bytes());
            let text = cipher.repeat(70);
            tweaked.decrypt_ascii(&alphabet, text.as_bytes(), tweak, &mut out).unwrap();
            assert_eq!(&out[lane * plain.len()..][..plain.len()], plain.as_bytes());
        }
    }
}

fn by_fpe(key: &[u8; 32], radix: u32, tweak: &[u8], plain: &[u16]) -> Vec<u16> {
    let peer = FF1::<aes::Aes256Enc>::new(key, radix).unwrap();
    peer.encrypt(tweak, &FlexibleNumeralString::from(plain.to_vec())).unwrap().into()
}

/// A radix, often one where implementations go wrong, and a value, often of all zeros or all greatest numerals.
fn values(lengths: std::ops::Range<usize>) -> impl Strategy<Value = (u32, Vec<u16>)> {
    let radix = prop_oneof![
        2..=65536u32,
        2..=100u32,
        prop::sample::select(vec![2, 3, 4, 10, 16, 26, 36, 62, 64, 255, 256, 257, 4096, 65521, 65535, 65536]),
    ];
    (radix, lengths).prop_flat_map(|(radix, length)| {
        let least = (2..).find(|&n| Domain::new(radix, n).is_ok()).unwrap();
        let greatest = (radix - 1) as u16;
        let numeral = prop_oneof![8 => 0..=greatest, 1 => Just(0), 1 => Just(greatest)];
        (Just(radix), prop::collection::vec(numeral, length.max(least)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    // SPEC: FF1-1, FF1-4
    #[test]
    fn agrees_with_fpe(
        key: [u8; 32],
        (radix, value) in values(2..60),
        tweak in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let plan = Plan::new(&key, Domain::new(radix, value.len()).unwrap(), &tweak).unwrap();
        let mut token = value.clone();
        plan.encrypt(&mut token).unwrap();
        prop_assert_eq!(&token, &by_fpe(&key, radix, &tweak, &value));
        let mut column = value.repeat(3);
        plan.encrypt_columns(&mut column).unwrap();
        prop_assert_eq!(column, token.repeat(3));
        plan.decrypt(&mut token).unwrap();
        prop_assert_eq!(token, value);
    }

    #[test]
    fn decryption_inverts_encryption_in_columns(
        key: [u8; 32],
        (radix, value) in values(2..40),
        count in 0..150usize,
    ) {
        let n = value.len();
        let plan = Plan::new(&key, Domain::new(radix, n).unwrap(), b"").unwrap();
        // Rotations of the value, so that the records differ.
        let original: Vec<u16> = (0..count).flat_map(|j| value.iter().cycle().skip(j).take(n).copied()).collect();
        let mut column = original.clone();
        plan.encrypt_columns(&mut column).unwrap();
        for (record, token) in original.chunks(n).zip(column.chunks(n)).take(3) {
            let mut one = record.to_vec();
            plan.encrypt(&mut one).unwrap();
            prop_assert_eq!(&one, token);
        }
        plan.decrypt_columns(&mut column).unwrap();
        prop_assert_eq!(column, original);
    }
}

/// Lengths where `u mod 256` and `[n]⁴` of P matter, and halves of more than 128 bits.
#[test]
fn agrees_with_fpe_on_long_values() {
    for (radix, n) in
        [(2, 511), (2, 512), (2, 513), (10, 77), (10, 512), (10, 600), (36, 515), (65535, 512), (65536, 520)]
    {
        let value: Vec<u16> = (0..n).map(|i| (i * 40_503 % radix as usize) as u16).collect();
        let tweak = vec![7; n % 40];
        let plan = plan(radix, n, &tweak);
        let mut token = value.clone();
        plan.encrypt(&mut token).unwrap();
        assert_eq!(token, by_fpe(&[0x5a; 32], radix, &tweak, &value), "{radix}^{n}");
        plan.decrypt(&mut token).unwrap();
        assert_eq!(token, value);
    }
}

#[test]
fn agrees_with_fpe_on_bits() {
    let peer = FF1::<aes::Aes256Enc>::new(&[0x5a; 32], 2).unwrap();
    for bytes in [3usize, 4, 5, 8, 16, 17, 32, 33, 40] {
        let value: Vec<u8> = (0..bytes).map(|i| (i * 77 + 5) as u8).collect();
        let token = peer.encrypt(b"bits", &BinaryNumeralString::from_bytes_le(&value)).unwrap().to_bytes_le();
        let bits = |bytes: &[u8]| {
            bytes.iter().flat_map(|byte| (0..8).map(move |i| u16::from(byte >> i & 1))).collect()
        };
        let mut numerals: Vec<u16> = bits(&value);
        plan(2, 8 * bytes, b"bits").encrypt(&mut numerals).unwrap();
        assert_eq!(numerals, bits(&token) as Vec<u16>, "{bytes} bytes");
    }
}

#[test]
fn the_longest_value_and_tweak() {
    let tweak = vec![0xa5; Plan::MAX_TWEAK];
    let plan = plan(65536, 4096, &tweak);
    let value: Vec<u16> = (0..4096u32).map(|i| (i * 40_503) as u16).collect();
    let mut token = value.clone();
    plan.encrypt(&mut token).unwrap();
    assert_ne!(token, value);
    plan.decrypt(&mut token).unwrap();
    assert_eq!(token, value);
    let short = self::plan(10, 16, &tweak);
    let mut value = [9; 16];
    short.encrypt(&mut value).unwrap();
    assert_eq!(value[..], by_fpe(&[0x5a; 32], 10, &tweak, &[9; 16]));
}

/// An encryption of every value of a domain hits every value once: the floor allows 1,000 squared.
#[test]
fn a_whole_domain_is_permuted() {
    let plan = plan(1000, 2, b"all");
    let mut column: Vec<u16> =
        (0..1_000_000).flat_map(|i| [i / 1000, i % 1000].map(|x: u32| x as u16)).collect();
    plan.encrypt_columns(&mut column).unwrap();
    let mut seen = vec![false; 1_000_000];
    for token in column.chunks(2) {
        let index = usize::from(token[0]) * 1000 + usize::from(token[1]);
        assert!(!std::mem::replace(&mut seen[index], true));
    }
}

#[test]
fn tweaks_and_domains_and_keys_tell_tokens_apart() {
    let token = |key: u8, length: usize, tweak: &[u8]| {
        let mut value = vec![3; length];
        let plan = Plan::new(&[key; 32], Domain::new(10, length).unwrap(), tweak).unwrap();
        plan.encrypt(&mut value).unwrap();
        value
    };
    let base = token(1, 16, b"");
    for other in [
        token(2, 16, b""),
        token(1, 17, b""),
        token(1, 16, b"\0"),
        token(1, 16, &[0; 16]),
        token(1, 16, b"a"),
    ] {
        assert_ne!(base, other[..16]);
    }
}

// SPEC: FF1-2, FF1-3
#[test]
fn domains_have_limits() {
    assert!(matches!(
        Domain::new(10, 5),
        Err(Error::DomainTooSmall { values, floor: 1_000_000 }) if values == "10^5"
    ));
    assert!(Domain::new(10, 6).is_ok());
    assert!(Domain::new(2, 19).is_err() && Domain::new(2, 20).is_ok());
    assert!(Domain::new(999, 2).is_err() && Domain::new(1000, 2).is_ok());
    assert!(Domain::new(65536, 1).is_err() && Domain::new(65536, 2).is_ok());
    for radix in [0, 1, 65537, u32::MAX] {
        assert!(matches!(Domain::new(radix, 10), Err(Error::Setting { what: "radix", .. })));
    }
    for length in [0, 1] {
        assert!(matches!(Domain::new(10, length), Err(Error::Setting { what: "length", .. })));
    }
    assert!(Domain::new(2, 4096).is_ok() && Domain::new(65536, 4096).is_ok());
    for length in [4097, usize::MAX] {
        assert!(matches!(Domain::new(10, length), Err(Error::TooLong { what: "length", .. })));
    }
    let long = vec![0; Plan::MAX_TWEAK + 1];
    let error = Plan::new(&[0; 32], Domain::new(10, 6).unwrap(), &long).unwrap_err();
    assert!(matches!(error, Error::TooLong { what: "tweak", actual: 65_537, limit: 65_536 }));
}

// SPEC: FF1-7
#[test]
fn a_bad_value_is_refused_and_unchanged() {
    let short = plan(10, 16, b"");
    let long = plan(10, 100, b"");
    for plan in [&short, &long] {
        let n = plan.domain().length();
        for length in [0, n - 1, n + 1, 2 * n] {
            let mut value = vec![1; length];
            assert!(matches!(plan.encrypt(&mut value), Err(Error::Value { .. })));
            assert!(matches!(plan.decrypt(&mut value), Err(Error::Value { .. })));
            assert_eq!(value, vec![1; length]);
        }
        for place in 0..n {
            let mut value = vec![1; n];
            value[place] = 10;
            let before = value.clone();
            assert!(matches!(plan.encrypt(&mut value), Err(Error::Value { .. })));
            assert!(matches!(plan.decrypt(&mut value), Err(Error::Value { .. })));
            assert_eq!(value, before);
        }
        let mut columns = vec![1; n * 200];
        columns[n * 130 + 5] = 10;
        columns[n * 190] = u16::MAX;
        let before = columns.clone();
        assert!(matches!(plan.encrypt_columns(&mut columns), Err(BulkError::Record { index: 130, .. })));
        assert!(matches!(plan.decrypt_columns(&mut columns), Err(BulkError::Record { index: 130, .. })));
        assert!(matches!(plan.encrypt_columns(&mut columns[1..]), Err(BulkError::Shape(_))));
        assert_eq!(columns, before);
        plan.encrypt_columns(&mut []).unwrap();
    }
}

#[test]
fn bad_text_is_refused_by_its_record() {
    let hex = AsciiAlphabet::new(b"0123456789abcdef").unwrap();
    for (alphabet, n) in
        [(AsciiAlphabet::digits(), 16), (AsciiAlphabet::digits(), 100), (hex.clone(), 9), (hex, 99)]
    {
        let plan = plan(alphabet.radix(), n, b"");
        for (count, bad) in [(1, 0), (2, 1), (64, 0), (64, 63), (200, 77), (200, 199)] {
            for place in [0, n / 2, n - 1] {
                for byte in [b' ', b'/', b':', b'A', b'g', 0, 0x80, 0xff] {
                    let mut text = vec![b'7'; n * count];
                    text[n * bad + place] = byte;
                    let mut out = vec![0; text.len()];
                    let error = plan.encrypt_ascii(&alphabet, &text, &mut out).unwrap_err();
                    assert!(matches!(error, BulkError::Record { index, .. } if index == bad), "{error}");
                    assert_eq!(
                        out[n * bad..],
                        vec![0; n * (count - bad)],
                        "nothing for the bad one and those behind"
                    );
                    let error = plan.decrypt_ascii(&alphabet, &text, &mut out).unwrap_err();
                    assert!(matches!(Error::from(error), Error::Value { .. }));
                }
            }
        }
        let text = vec![b'7'; 2 * n];
        let shape = |result| assert!(matches!(result, Err(BulkError::Shape(_))));
        shape(plan.encrypt_ascii(&alphabet, &text[1..], &mut vec![0; 2 * n - 1]));
        shape(plan.encrypt_ascii(&alphabet, &text, &mut vec![0; n]));
        shape(plan.encrypt_ascii(&AsciiAlphabet::new(b"01234567").unwrap(), &text, &mut vec![0; 2 * n]));
        plan.encrypt_ascii(&alphabet, &[], &mut []).unwrap();
    }
}

#[test]
fn a_plan_is_shared_among_threads_and_shows_nothing() {
    let plan = Arc::new(plan(10, 16, b"shared"));
    let mut expected = [5; 16];
    plan.encrypt(&mut expected).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let plan = Arc::clone(&plan);
            std::thread::spawn(move || {
                let mut value = [5; 16];
                plan.encrypt(&mut value).unwrap();
                value
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
    assert_eq!(format!("{plan:?}"), "Plan { domain: Domain { radix: 10, length: 16 }, .. }");
    assert_eq!(format!("{:?}", Ff1Key::new(&[1; 32])), "Ff1Key { .. }");
}
