//! What stands in a protected cell: tokens, pseudonyms, index values, envelopes.

use super::{acme, field, hex, key, open_envelope};
use crate::spec::{self, Key, context, derive, hmac, number};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cloakroom::crypto::aead::Suite;
use cloakroom::format::{Format, Luhn, Normalization};
use cloakroom::name::Scope;
use cloakroom::protect::{BlindIndex, BlindIndexer, Bridge, Pseudonymizer, Sealer, Spelling, Tokenizer};

/// What a value's numerals are, and the value with others in their place.
fn numerals(alphabet: &str, value: &str, keep: (usize, usize)) -> Vec<u16> {
    let all: Vec<u16> =
        value.chars().filter_map(|c| alphabet.chars().position(|a| a == c)).map(|n| n as u16).collect();
    all[keep.0..all.len() - keep.1].to_vec()
}

fn with_numerals(alphabet: &str, value: &str, keep: (usize, usize), numerals: &[u16]) -> String {
    let characters: Vec<char> = alphabet.chars().collect();
    let mut i = 0_usize;
    let replaced = value.chars().map(|c| {
        if !characters.contains(&c) {
            return c;
        }
        i += 1;
        (i - 1).checked_sub(keep.0).and_then(|j| numerals.get(j)).map_or(c, |n| characters[usize::from(*n)])
    });
    replaced.collect()
}

const DIGITS: &str = "0123456789";
const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// SPEC: FF1-1, FF1-5, FF1-6, FMT-1, FMT-3
#[test]
fn tokens() {
    let (key, secret) = key();
    let names = ("acme", "id no");
    for (format, alphabet, value, keep) in [
        (Format::digits(), DIGITS, "0123456789", (0, 0)),
        (Format::digits().keep(2, 1), DIGITS, "(49) 30-1234 5678", (2, 1)),
        (Format::alphanumeric().keep(0, 3), ALPHANUMERIC, "AB12-cd34/xyz", (0, 3)),
        (Format::letters(), &ALPHANUMERIC[10..], "O'Hara-Smith", (0, 0)),
    ] {
        let token = Tokenizer::new(&key, &acme(), &field(names.1), format).unwrap().tokenize(value).unwrap();
        let radix = alphabet.len() as u32;
        let permuted = spec::ff1(&secret, names, radix, true, &numerals(alphabet, value, keep));
        assert_eq!(with_numerals(alphabet, value, keep, &permuted), token);
    }
}

fn luhn(number: &str) -> bool {
    let digits = number.chars().rev().filter_map(|c| c.to_digit(10));
    let weigh = |(i, d)| if i % 2 == 0 { d } else { 2 * d / 10 + 2 * d % 10 };
    digits.enumerate().map(weigh).sum::<u32>() % 10 == 0
}

// SPEC: CARD-2, CARD-3, CARD-4
#[test]
fn card_tokens() {
    let (key, secret) = key();
    let names = ("acme", "card");
    let broken = Tokenizer::new(&key, &acme(), &field("card"), Format::card().keep(6, 4)).unwrap();
    let kept = Format::card().keep(0, 4).luhn(Luhn::Keep);
    let kept = Tokenizer::new(&key, &acme(), &field("card"), kept).unwrap();
    let cards: Vec<String> =
        (0..400).map(|i| format!("4111 11{:02} {:04} 1111", i % 100, i * 23)).filter(|c| luhn(c)).collect();
    assert!(cards.len() > 20);
    for card in &cards {
        // break: turn the last digit, then walk.
        let mut x = numerals(DIGITS, card, (6, 4));
        x[5] = (x[5] + 1) % 10;
        let token = loop {
            x = spec::ff1(&secret, names, 10, true, &x);
            let token = with_numerals(DIGITS, card, (6, 4), &x);
            if !luhn(&token) {
                break token;
            }
        };
        assert_eq!(broken.tokenize(card).unwrap(), token);
        // And back.
        let back = loop {
            x = spec::ff1(&secret, names, 10, false, &x);
            if !luhn(&with_numerals(DIGITS, card, (6, 4), &x)) {
                x[5] = (x[5] + 9) % 10;
                break with_numerals(DIGITS, card, (6, 4), &x);
            }
        };
        assert_eq!(&back, card);
        // keep: one digit less, which then completes the check.
        let x = numerals(DIGITS, card, (0, 5));
        let mut x = spec::ff1(&secret, names, 10, true, &x);
        x.push(0);
        let token = (0..10).map(|d| {
            x[11] = d;
            with_numerals(DIGITS, card, (0, 4), &x)
        });
        assert_eq!(vec![kept.tokenize(card).unwrap()], token.filter(|t| luhn(t)).collect::<Vec<_>>());
    }
}

// SPEC: PSN-1, PSN-2, PSN-3
#[test]
fn pseudonyms_in_every_spelling() {
    let (identity, identity_secret) = key();
    let (key, secret) = key();
    let h = derive::<32>(&identity_secret, &context("pseudonym-identity", &[b"acme"]));
    let h = hmac(&h, &context("pseudonym-input", &[b"customer", "straße 1".replace('ß', "ss").as_bytes()]));
    let scope_key = derive(&secret, &context("pseudonym-scope", &[b"acme", b"analytics", &number(1)]));
    let p = spec::aes(&scope_key, h[..16].try_into().unwrap());
    let hex = hex(&p);
    let crockford: String = (0..26)
        .rev()
        .map(|i| {
            b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(u128::from_be_bytes(p) >> (5 * i)) as usize % 32] as char
        })
        .collect();
    for (spelling, expected) in [
        (Spelling::Base64Url, BASE64.encode(p)),
        (Spelling::Hex, hex.clone()),
        (Spelling::Uuid, [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")),
        (Spelling::Crockford, crockford),
    ] {
        let scope = Scope::new("analytics").unwrap();
        let all = Pseudonymizer::new(&identity, &key, &acme(), &scope, Normalization::Text, spelling);
        assert_eq!(all.of_kind("customer").pseudonym(" STRASSE 1 ").unwrap(), expected);
    }
}

// SPEC: PSN-3, PSN-6, PSN-9
#[test]
fn integer_pseudonyms_and_bridges() {
    let (identity, identity_secret) = key();
    let (key, secret) = key();
    let scopes = ["analytics", "billing"].map(|name| Scope::new(name).unwrap());
    let int63 = Spelling::int63(1_000_000).unwrap();
    let all = |scope, spelling| {
        Pseudonymizer::new(&identity, &key, &acme(), scope, Normalization::None, spelling).of_kind("order")
    };
    let bits = |n: u64| (0..63).rev().map(|i| (n >> i & 1) as u16).collect::<Vec<_>>();
    let integer = |bits: Vec<u16>| bits.iter().fold(0, |n, bit| n << 1 | u64::from(*bit));
    let sub_key = |label, scope: &Scope| {
        derive::<32>(&secret, &context(label, &[b"acme", scope.as_str().as_bytes(), &number(1)]))
    };
    let ff1 = |scope, encrypt, n| {
        integer(spec::ff1_raw(&sub_key("pseudonym-integer", scope), b"", 2, encrypt, &bits(n)))
    };
    let h = derive::<32>(&identity_secret, &context("pseudonym-identity", &[b"acme"]));
    for value in ["7", "8", "9"] {
        let h = hmac(&h, &context("pseudonym-input", &[b"order", value.as_bytes()]));
        let first_bits = u64::from_be_bytes(h[..8].try_into().unwrap()) >> 1;
        let [a, b] = scopes.each_ref().map(|scope| ff1(scope, true, first_bits));
        assert_eq!(all(&scopes[0], int63).pseudonym(value).unwrap(), a.to_string());
        assert_eq!(ff1(&scopes[1], true, ff1(&scopes[0], false, a)), b);
        let bridge = Bridge::new(&acme(), (&key, &scopes[0], int63), (&key, &scopes[1], int63)).unwrap();
        assert_eq!(bridge.map(&a.to_string()).unwrap(), b.to_string());

        let a = spec::aes(&sub_key("pseudonym-scope", &scopes[0]), h[..16].try_into().unwrap());
        let identity = spec::aes_inverse(&sub_key("pseudonym-scope", &scopes[0]), a);
        let b = spec::aes(&sub_key("pseudonym-scope", &scopes[1]), identity);
        let (from, to) = ((&key, &scopes[0], Spelling::Base64Url), (&key, &scopes[1], Spelling::Hex));
        assert_eq!(Bridge::new(&acme(), from, to).unwrap().map(&BASE64.encode(a)).unwrap(), hex(&b));
    }
}

// SPEC: IDX-1, IDX-2, IDX-3, IDX-5
#[test]
fn index_values_and_tags() {
    let (key, secret) = key();
    let parts = vec![(field("last"), Normalization::Text), (field("phone"), Normalization::Digits)];
    let index_key: Key = derive(&secret, &context("index-key", &[b"acme", b"caller"]));
    let whole = hmac(&index_key, &context("index-input", &[b"last", b"lee", b"phone", b"493012"]));
    for bits in [8, 13, 16, 21, 64, 127, 128] {
        let index = BlindIndex::new(field("caller"), parts.clone(), bits).unwrap();
        let indexer = BlindIndexer::new(&key, &acme(), &index);
        let mut expected = whole[..usize::from(bits).div_ceil(8)].to_vec();
        *expected.last_mut().unwrap() &= 0xFF << ((8 - bits % 8) % 8);
        let value = indexer.value(&["Lee ", "+49 (30) 12"]).unwrap();
        assert_eq!((value.as_bytes(), value.to_string()), (&expected[..], hex(&expected)));
        assert_eq!(indexer.tag(), derive::<8>(&secret, &context("index-tag", &[b"acme", b"caller"])));
    }
}

// SPEC: ENV-1, ENV-3, ENV-6, AEAD-1, AEAD-2, AEAD-3
#[test]
fn envelopes_both_ways() {
    let (key, secret) = key();
    for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
        let sealer = Sealer::new(&key, suite, &acme(), &field("email"));
        let (mut cell, mut batch) = (vec![], sealer.batch());
        batch.seal_text("10423", b"ann@example.com", &mut cell).unwrap();
        let envelope = BASE64.decode(cell.strip_prefix(b"ck1e_").unwrap()).unwrap();
        assert_eq!(open_envelope(&secret, ["acme", "10423", "email"], &envelope), b"ann@example.com");
    }
    let seal_key = derive(&secret, &context("seal-key", &[b"acme", b"email", &number(1)]));
    let aad = context("seal-aad", &[b"acme", b"7", b"email", &number(1), &number(1)]);
    let envelope =
        [&[1, 1, 0, 0, 0, 1][..], &spec::seal(&seal_key, [8; 24], &aad, b"bob@example.com")].concat();
    let sealer = Sealer::new(&key, Suite::Xaes256Gcm, &acme(), &field("email"));
    assert_eq!(sealer.open("7", &envelope).unwrap().expose(), b"bob@example.com");
}
