//! What one suite seals, the other way of doing it opens; and what neither does.

use super::super::context::Label;
use super::*;

fn aead(suite: Suite) -> Aead {
    Aead::from_key_bytes(suite, &[3; 32])
}

fn aad(part: &str) -> Context {
    Context::new(Label::SealAad).part(part)
}

const SUITES: [Suite; 2] = [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305];

// SPEC: AEAD-3, AEAD-6
#[test]
fn sealed_opens_and_nothing_else_does() {
    for suite in SUITES {
        for plaintext in [&b""[..], b"a", &[9; 1000]] {
            let mut sealed = vec![];
            aead(suite).seal(&aad("row 1"), plaintext, &mut sealed).unwrap();
            assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            assert_eq!(aead(suite).open(&aad("row 1"), &sealed).unwrap().expose(), plaintext);
            assert!(matches!(aead(suite).open(&aad("row 2"), &sealed), Err(Error::Rejected)));
            for bit in 0..sealed.len() * 8 {
                let mut altered = sealed.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert!(aead(suite).open(&aad("row 1"), &altered).is_err(), "bit {bit}");
            }
            for length in 0..sealed.len() {
                assert!(aead(suite).open(&aad("row 1"), &sealed[..length]).is_err());
            }
        }
    }
}

// SPEC: AEAD-6, AEAD-9
#[test]
fn what_is_longer_than_anything_sealed_is_refused_and_the_others_open() {
    use super::super::context::Contexts;
    // Of zeros that nobody looks at, so that the system makes no memory of them.
    let long = vec![0; LONGEST + OVERHEAD + 1];
    for suite in SUITES {
        let (aead, contexts) = (aead(suite), Contexts::new(Context::new(Label::SealAad), |after| after));
        assert!(matches!(aead.open(&aad("row 1"), &long), Err(Error::Rejected)));
        let mut sealed = vec![];
        aead.seal(&contexts.with("row 1"), b"text", &mut sealed).unwrap();
        let bound = |value| Bound { part: b"row 1", value };
        let (mut out, mut genuine) = (vec![], vec![]);
        aead.open_many(&contexts, &[bound(&sealed), bound(&long), bound(&sealed)], &mut out, &mut genuine);
        assert_eq!((&out[..], &genuine[..]), (&b"texttext"[..], &[true, false, true][..]));
    }
}

// SPEC: AEAD-4, AEAD-5
#[test]
fn a_batch_shares_a_prefix_counts_and_opens_one_by_one() {
    for suite in SUITES {
        let key = aead(suite);
        let mut batch = key.batch();
        let sealed: Vec<Vec<u8>> = (0..300u32)
            .map(|i| {
                let mut out = vec![];
                batch.seal(&aad("x"), &i.to_be_bytes(), &mut out).unwrap();
                out
            })
            .collect();
        let p = suite.prefix_len();
        let mut nonces: Vec<_> = sealed.iter().map(|s| s[..NONCE_LEN].to_vec()).collect();
        assert!(nonces.iter().all(|n| n[..p] == nonces[0][..p]));
        nonces.dedup();
        assert_eq!(nonces.len(), 300);
        for (i, s) in sealed.iter().enumerate() {
            assert_eq!(key.open(&aad("x"), s).unwrap().expose(), (i as u32).to_be_bytes());
        }
        batch.left = 0;
        let mut next = vec![];
        batch.seal(&aad("x"), b"", &mut next).unwrap();
        assert_ne!(next[..p], nonces[0][..p], "an exhausted prefix is replaced");
    }
}

// SPEC: AEAD-4
#[test]
fn many_values_go_over_the_end_of_a_prefix() {
    use super::super::context::Contexts;
    use std::collections::HashSet;
    const COUNT: usize = 40;
    let contexts = Contexts::new(Context::new(Label::SealAad), |after| after.number(7));
    let texts: Vec<Vec<u8>> = (0..COUNT).map(|i| vec![i as u8; i * 5]).collect();
    let values: Vec<Bound<'_>> = texts.iter().map(|text| Bound { part: b"row", value: text }).collect();
    for suite in SUITES {
        for left in 0..=COUNT + 1 {
            let (key, mut out) = (aead(suite), vec![]);
            let mut batch = key.batch();
            batch.left = left as u64;
            batch.seal_many(&contexts, b"L", &values, &mut out).unwrap();
            let mut rest = &out[..];
            let sealed: Vec<&[u8]> = texts
                .iter()
                .map(|text| {
                    let (one, behind) = rest.split_at(1 + OVERHEAD + text.len());
                    rest = behind;
                    &one[1..]
                })
                .collect();
            let nonces: HashSet<&[u8]> = sealed.iter().map(|s| &s[..NONCE_LEN]).collect();
            assert_eq!((nonces.len(), rest.len()), (COUNT, 0), "no nonce is used twice");
            let p = suite.prefix_len();
            let (first, then) = sealed.split_at(left.min(COUNT));
            assert!(first.iter().all(|s| s[..p] == first[0][..p]));
            assert!(then.iter().all(|s| s[..p] == then[0][..p] && !first.iter().any(|f| f[..p] == s[..p])));
            for (text, sealed) in texts.iter().zip(&sealed) {
                assert_eq!(key.open(&contexts.with("row"), sealed).unwrap().expose(), text);
            }
            let back: Vec<Bound<'_>> = sealed.iter().map(|s| Bound { part: b"row", value: s }).collect();
            let (mut opened, mut genuine) = (vec![], vec![]);
            key.open_many(&contexts, &back, &mut opened, &mut genuine);
            assert!(genuine == [true; COUNT] && opened == texts.concat());
        }
    }
}

// SPEC: AEAD-3
#[test]
fn the_portable_code_seals_the_same_and_opens_it_one_by_one_and_many() {
    use super::super::context::Contexts;
    let contexts = Contexts::new(Context::new(Label::SealAad).part("acme"), |after| after.number(1));
    let aead = [aead(Suite::Xaes256Gcm), Aead(Expanded::portable(&[3; 32]))];
    let nonce: [u8; NONCE_LEN] = std::array::from_fn(|i| i as u8 * 7);
    for longest in [16, 64, 300, 5000] {
        let texts: Vec<Vec<u8>> = (0..300).map(|i| vec![i as u8; (longest * i / 299).max(1)]).collect();
        let parts: Vec<Vec<u8>> = (0..300).map(|i| vec![b's'; i % 40]).collect();
        let values = texts.iter().zip(&parts).map(|(value, part)| Bound { part, value });
        let values: Vec<Bound<'_>> = values.collect();
        let sealed = [0, 1].map(|i| {
            let mut out = vec![];
            let mut batch = aead[i].batch();
            (batch.nonce, batch.sub_key) = (nonce, aead[i].sub_key(&nonce));
            batch.seal_many(&contexts, b"", &values, &mut out).unwrap();
            for bound in &values {
                batch.seal(&contexts.with(bound.part), bound.value, &mut out).unwrap();
            }
            out
        });
        assert!(sealed[0] == sealed[1], "up to {longest} bytes");
        let mut rest = &sealed[0][..];
        let sealed = values.iter().chain(&values).map(|bound| {
            let (value, behind) = rest.split_at(bound.value.len() + OVERHEAD);
            rest = behind;
            Bound { part: bound.part, value }
        });
        let sealed: Vec<Bound<'_>> = sealed.collect();
        for aead in &aead {
            let (mut opened, mut genuine) = (vec![], vec![]);
            aead.open_many(&contexts, &sealed, &mut opened, &mut genuine);
            assert!(genuine == [true; 600] && opened == [texts.concat(), texts.concat()].concat());
            for (bound, text) in sealed.iter().zip(&texts) {
                let opened = aead.open(&contexts.with(bound.part), bound.value).unwrap();
                assert_eq!(opened.expose(), text);
            }
        }
    }
}

// SPEC: AEAD-2
#[test]
fn short_messages_of_xchacha_are_the_crate_s() {
    use aes_gcm::aead::inout::InOutBuf;
    use chacha20poly1305::XChaCha20Poly1305;
    let (key, nonce) = ([0x42; 32], [0x24; NONCE_LEN]);
    let by_crate = XChaCha20Poly1305::new(&key.into());
    let bytes: Vec<u8> = (0..2100).map(|i| (i * 7) as u8).collect();
    let near = |limit: usize| limit - 2..limit + 3;
    for text in (0..131).chain(near(192)).chain(near(256)).chain(near(320)).chain(near(chacha::SHORT)) {
        for aad in [0, 1, 15, 16, 17, 70, 130] {
            let mut expected = bytes[..text].to_vec();
            let buffer = InOutBuf::from(&mut expected[..]);
            let tag = by_crate.encrypt_inout_detached(&nonce.into(), &bytes[..aad], buffer).unwrap();
            expected.extend_from_slice(&tag);
            let sub_key = Aead::from_key_bytes(Suite::XChaCha20Poly1305, &key).sub_key(&nonce);
            let mut sealed = vec![];
            sub_key.seal(&nonce, &bytes[..aad], &bytes[..text], &mut sealed).unwrap();
            assert_eq!(sealed[NONCE_LEN..], expected, "{text} and {aad} bytes");
            let mut opened = vec![0xEE; text];
            sub_key.open(&nonce, &bytes[..aad], &expected, &mut opened).unwrap();
            assert_eq!(opened, &bytes[..text]);
            expected[text + text % TAG_LEN] ^= 1 << (aad % 8);
            assert!(sub_key.open(&nonce, &bytes[..aad], &expected, &mut opened).is_err());
            assert!(opened.iter().all(|byte| *byte == 0), "nothing of what is refused is released");
        }
    }
}

// SPEC: AEAD-4
#[test]
fn the_count_wraps_within_its_width() {
    let (low, high) = ([1; NONCE_LEN], [0xFF; NONCE_LEN]);
    for suite in SUITES {
        let p = suite.prefix_len();
        let mut expected = low;
        expected[NONCE_LEN - 2..].copy_from_slice(&[2, 0]);
        assert_eq!(counted_up(&low, suite, 0xFF), expected);
        let mut expected = high;
        expected[p..].fill(0);
        assert_eq!(counted_up(&high, suite, 1), expected);
        expected[NONCE_LEN - 1] = 15;
        assert_eq!(counted_up(&high, suite, 16), expected);
    }
}
