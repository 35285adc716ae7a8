//! An independent reader and writer, made from `SPEC.md` alone: it recomputes what Cloakroom wrote, and writes what
//! Cloakroom then reads, with RustCrypto's primitives and the `fpe` crate, and with none of Cloakroom's cryptography.
#![cfg(all(feature = "pipeline", feature = "passphrase"))]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cloakroom::crypto::aead::Suite;
use cloakroom::format::{Format, Luhn, Normalization};
use cloakroom::keys::{Argon2Cost, KeyFile, KeyState, KeyUse, Keyset, Passphrase, TwoFactors, UsableKey};
#[cfg(feature = "shamir")]
use cloakroom::keys::{Scheme, SharedKey};
use cloakroom::name::{FieldName, KeyVersion, Scope, SubjectId, TenantId};
use cloakroom::pipeline::{self, Keys, Options};
use cloakroom::policy::Policy;
use cloakroom::protect::{BlindIndex, BlindIndexer, Bridge, Pseudonymizer, Sealer, Spelling, Tokenizer};
use cloakroom::store::Store;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, TokenRules, Vault};
use cloakroom::wire::audit::Leaf;
use sha2::{Digest, Sha256};
use shared_store::{AUDIT, ENTRY, INDEX, MAPS, META, OUTPUT, RUN, SPACE, Shared, TOKEN, VALUE};
use std::collections::BTreeMap;

mod shared_store;

/// Sections 2 to 4 of the specification.
mod spec {
    use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
    use aes_gcm::Aes256Gcm;
    use aes_gcm::aead::{Aead, Payload};
    use chacha20poly1305::XChaCha20Poly1305;
    use fpe::ff1::{FF1, FlexibleNumeralString};
    use hmac::{Hmac, Mac};
    use sha2::Sha256;

    pub type Key = [u8; 32];

    pub fn context(label: &str, parts: &[&[u8]]) -> Vec<u8> {
        let label = format!("cloakroom/1/{label}");
        let mut out = vec![];
        for part in [label.as_bytes()].iter().chain(parts) {
            out.extend((part.len() as u32).to_be_bytes());
            out.extend(*part);
        }
        out
    }

    pub fn number(n: u64) -> [u8; 8] {
        n.to_be_bytes()
    }

    pub fn derive<const N: usize>(secret: &Key, context: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        hkdf::Hkdf::<Sha256>::new(None, secret).expand(context, &mut out).unwrap();
        out
    }

    pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    pub fn aes(key: &Key, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        aes::Aes256::new(key.into()).encrypt_block(&mut block);
        block.into()
    }

    pub fn aes_inverse(key: &Key, block: [u8; 16]) -> [u8; 16] {
        let mut block = block.into();
        aes::Aes256::new(key.into()).decrypt_block(&mut block);
        block.into()
    }

    pub fn xor(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        std::array::from_fn(|i| a[i] ^ b[i])
    }

    fn xaes(key: &Key, nonce: &[u8]) -> (Aes256Gcm, [u8; 12]) {
        let l = aes(key, [0; 16]);
        let mut k1: [u8; 16] = std::array::from_fn(|i| l[i] << 1 | l.get(i + 1).map_or(0, |next| next >> 7));
        if l[0] & 0x80 != 0 {
            k1[15] ^= 0x87;
        }
        let half = |i: u8| {
            let mut m = [0, i, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            m[4..].copy_from_slice(&nonce[..12]);
            aes(key, xor(m, k1))
        };
        let kx: Key = [half(1), half(2)].concat().try_into().unwrap();
        (Aes256Gcm::new(&kx.into()), nonce[12..].try_into().unwrap())
    }

    pub fn open(suite: u8, key: &Key, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, msg) = sealed.split_at(24);
        match suite {
            1 => {
                let (gcm, inner) = xaes(key, nonce);
                gcm.decrypt(&inner.into(), Payload { msg, aad }).ok()
            }
            _ => {
                let nonce: [u8; 24] = nonce.try_into().unwrap();
                XChaCha20Poly1305::new(key.into()).decrypt(&nonce.into(), Payload { msg, aad }).ok()
            }
        }
    }

    pub fn seal(key: &Key, nonce: [u8; 24], aad: &[u8], msg: &[u8]) -> Vec<u8> {
        let (gcm, inner) = xaes(key, &nonce);
        [&nonce[..], &gcm.encrypt(&inner.into(), Payload { msg, aad }).unwrap()].concat()
    }

    pub fn unwrap(okm: [u8; 64], aad: &[u8], wrapped: &[u8]) -> Key {
        assert_eq!(wrapped.len(), 104);
        assert_eq!(wrapped[..32], okm[32..], "the commitment");
        open(1, okm[..32].try_into().unwrap(), aad, &wrapped[32..]).unwrap().try_into().unwrap()
    }

    pub fn wrap(okm: [u8; 64], nonce: [u8; 24], aad: &[u8], key: &Key) -> Vec<u8> {
        [&okm[32..], &seal(okm[..32].try_into().unwrap(), nonce, aad, key)].concat()
    }

    /// FF1 of section 6 with an empty context of the caller's.
    pub fn ff1(
        secret: &Key,
        (tenant, field): (&str, &str),
        radix: u32,
        encrypt: bool,
        x: &[u16],
    ) -> Vec<u16> {
        let names = [tenant.as_bytes(), field.as_bytes()];
        let parts = [names[0], names[1], &number(radix.into()), &number(x.len() as u64)];
        let key: Key = derive(secret, &context("ff1-key", &parts));
        let tweak = context("ff1-tweak", &[names[0], names[1], b""]);
        ff1_raw(&key, &tweak, radix, encrypt, x)
    }

    pub fn ff1_raw(key: &Key, tweak: &[u8], radix: u32, encrypt: bool, x: &[u16]) -> Vec<u16> {
        let ff1 = FF1::<::aes::Aes256Enc>::new(key, radix).unwrap();
        let x = FlexibleNumeralString::from(x.to_vec());
        match encrypt {
            true => ff1.encrypt(tweak, &x).unwrap().into(),
            false => ff1.decrypt(tweak, &x).unwrap().into(),
        }
    }
}

use spec::{Key, context, derive, hmac, number};

/// Reads from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    fn int(&mut self, width: usize) -> u64 {
        self.take(width).iter().fold(0, |n, b| n << 8 | u64::from(*b))
    }

    fn short(&mut self) -> &'a [u8] {
        let n = self.int(2) as usize;
        self.take(n)
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.short()).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

/// A key, and its secret as the specification's reader has it.
fn key() -> (UsableKey, Key) {
    let key = Keyset::generate(Timestamp(1)).unwrap().primary().unwrap();
    let secret = *key.secret().expose();
    (key, secret)
}

/// What is in a keyset file.
struct Body {
    id: Vec<u8>,
    edits: u64,
    identity: u64,
    primary: u64,
    period: u64,
    /// Number, state, created, changed, secret.
    versions: Vec<(u64, u64, u64, u64, Key)>,
    /// Kind, tenant, name, primary.
    uses: Vec<(u64, String, String, u64)>,
}

/// Section 5, format 2, with a data key that the provider unwraps.
fn read_keyset(file: &[u8], provider: &str, unwrap: impl Fn(&[u8]) -> Key) -> Body {
    let mut r = Bytes(file);
    assert_eq!((r.take(4), r.int(1)), (&b"CLKS"[..], 2));
    assert_eq!(r.text(), provider);
    let data_key = unwrap(r.short());
    let header = &file[..file.len() - r.0.len()];
    let body_key = derive(&data_key, &context("keyset-body", &[]));
    let body = spec::open(1, &body_key, &context("keyset-body", &[header]), r.0).unwrap();
    let mut r = Bytes(&body);
    let (id, edits, identity, primary, period) =
        (r.take(16).to_vec(), r.int(8), r.int(4), r.int(4), r.int(4));
    let version =
        |r: &mut Bytes<'_>| (r.int(4), r.int(1), r.int(8), r.int(8), r.take(32).try_into().unwrap());
    let versions = (0..r.int(4)).map(|_| version(&mut r)).collect();
    let uses =
        (0..r.int(4)).map(|_| (r.int(1), r.text().to_owned(), r.text().to_owned(), r.int(4))).collect();
    assert!(r.0.is_empty());
    Body { id, edits, identity, primary, period, versions, uses }
}

fn read_key_file(text: &str) -> Key {
    BASE64.decode(text.strip_prefix("cloakroom-key-1:").unwrap().trim_end()).unwrap().try_into().unwrap()
}

fn key_file_okm(key: &Key) -> [u8; 64] {
    derive(key, &context("key-file-key", &[]))
}

// SPEC: CTX-1, CTX-3, KDF-1, AEAD-1, AEAD-3, WRAP-1, WRAP-3, KEY-1, KEY-2, KEY-6, KEY-11, KFILE-1, CHECK-1
#[test]
fn a_keyset_locked_by_a_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let provider = KeyFile::create(dir.path().join("key")).unwrap();
    let machine = read_key_file(&std::fs::read_to_string(dir.path().join("key")).unwrap());
    let first = KeyVersion::FIRST;
    let keyset = Keyset::generate(Timestamp(5)).unwrap().rotated(Timestamp(6)).unwrap();
    let keyset = keyset.rotated(Timestamp(7)).unwrap();
    let keyset = keyset.with_state(first, KeyState::Destroyed, Timestamp(8)).unwrap();
    let scope = KeyUse::Scope { tenant: acme(), scope: Scope::new("analytics").unwrap() };
    let card = KeyUse::Field { tenant: acme(), field: field("card") };
    let keyset = keyset.rotated_for(&scope, Timestamp(9)).unwrap().rotated_for(&card, Timestamp(9)).unwrap();
    let keyset = keyset.with_state(KeyVersion::new(2).unwrap(), KeyState::Retired, Timestamp(9)).unwrap();
    let keyset = keyset.with_identity(KeyVersion::new(3).unwrap(), Timestamp(9)).unwrap();
    let keyset = keyset.with_period(Some(90)).unwrap();

    let unwrap = |wrapped: &[u8]| {
        assert_eq!(wrapped[0], 1);
        spec::unwrap(key_file_okm(&machine), &context("key-file-key", &[]), &wrapped[1..])
    };
    let body = read_keyset(&keyset.lock(&provider).unwrap(), "key-file", unwrap);
    assert_eq!(hex(&body.id), keyset.id().to_string());
    assert_eq!((body.edits, body.identity, body.primary, body.period), (8, 3, 3, 90));
    let fact = |v: &(u64, u64, u64, u64, Key)| [v.0, v.1, v.2, v.3];
    let facts: Vec<_> = body.versions.iter().map(fact).collect();
    assert_eq!(facts, [[1, 5, 5, 8], [2, 7, 6, 9], [3, 2, 7, 7], [4, 2, 9, 9], [5, 2, 9, 9]]);
    let use_ = |kind, name: &str, version| (kind, "acme".to_owned(), name.to_owned(), version);
    assert_eq!(body.uses, [use_(1, "card", 5), use_(2, "analytics", 4)]);
    assert_eq!(body.versions[0].4, [0; 32]);
    assert_eq!(body.versions[2].4, *keyset.primary().unwrap().secret().expose());
    assert_eq!(body.versions[4].4, *keyset.primary_for(&card).unwrap().secret().expose());
    for (version, (.., secret)) in keyset.versions().iter().zip(&body.versions).skip(1) {
        let check: [u8; 8] = derive(secret, &context("check-value", &[]));
        assert_eq!(version.check_value().unwrap().to_string(), hex(&check));
    }
}

// SPEC: KEY-1, KEY-2, KEY-14, WRAP-1, AEAD-1, CHECK-1
#[test]
fn keysets_of_both_formats_written_by_another_hand() {
    let dir = tempfile::tempdir().unwrap();
    let provider = KeyFile::create(dir.path().join("key")).unwrap();
    let machine = read_key_file(&std::fs::read_to_string(dir.path().join("key")).unwrap());
    let (data_key, secret): (Key, Key) = ([3; 32], [4; 32]);
    let kek_aad = context("key-file-key", &[]);
    let wrapped = [&[1][..], &spec::wrap(key_file_okm(&machine), [5; 24], &kek_aad, &data_key)].concat();
    let file = |format: u8, body: &[u8]| {
        let mut file = [b"CLKS", &[format][..], b"\0\x08key-file", &105_u16.to_be_bytes(), &wrapped].concat();
        let aad = context("keyset-body", &[&file]);
        file.extend(spec::seal(&derive(&data_key, &context("keyset-body", &[])), [6; 24], &aad, body));
        file
    };
    let version = [&[0, 0, 0, 2, 2], &[0; 16][..], &secret].concat();
    let one = [&[9; 16][..], &[0, 0, 0, 2], &[0, 0, 0, 2], &[0, 1], &version].concat();
    let edits = [0, 0, 0, 0, 0, 0, 1, 0];
    let uses = b"\0\0\0\x01\x01\0\x04acme\0\x04card\0\0\0\x02";
    let two =
        [&[9; 16][..], &edits, &[0, 0, 0, 2], &[0, 0, 0, 2], &[0; 4], &[0, 0, 0, 1], &version, uses].concat();

    for (format, body, edits, uses) in [(1, &one, 0, 0), (2, &two, 256, 1)] {
        let keyset = Keyset::unlock(&file(format, body), &provider).unwrap();
        assert_eq!(keyset.id().0, [9; 16]);
        assert_eq!(keyset.primary().unwrap().number().get(), 2);
        assert_eq!(*keyset.primary().unwrap().secret().expose(), secret);
        assert_eq!((keyset.edits(), keyset.uses().count(), keyset.period()), (edits, uses, None));
        assert!(Keyset::unlock(&file(3 - format, body), &provider).is_err());
    }
    // The format is in the AAD: a body cannot be passed off as the other format's.
    let mut altered = file(2, &two);
    altered[4] = 1;
    assert!(matches!(Keyset::unlock(&altered, &provider), Err(cloakroom::Error::KeysetLocked)));
}

/// Argon2id with the cost and the salt of a header.
fn stretch(passphrase: &[u8], header: &[u8]) -> Key {
    let mut r = Bytes(header);
    assert_eq!(r.int(1), 1);
    let (memory, iterations, lanes) = (r.int(4) as u32, r.int(4) as u32, r.int(4) as u32);
    assert_eq!((memory, iterations, lanes), (64, 2, 1));
    let params = argon2::Params::new(memory, iterations, lanes, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut stretched = [0; 32];
    argon2.hash_password_into(passphrase, r.0, &mut stretched).unwrap();
    stretched
}

// SPEC: PASS-1, PASS-2, WRAP-1
#[test]
fn a_keyset_locked_by_a_passphrase() {
    let cost = Argon2Cost { memory_kib: 64, iterations: 2, lanes: 1 };
    let provider = Passphrase::new("correct horse".into()).unwrap().with_cost(cost).unwrap();
    let keyset = Keyset::generate(Timestamp(5)).unwrap();
    let unwrap = |wrapped: &[u8]| {
        let (header, wrapped) = wrapped.split_at(29);
        let stretched = stretch(b"correct horse", header);
        let okm = derive(&stretched, &context("passphrase-key", &[header]));
        spec::unwrap(okm, &context("passphrase-key", &[]), wrapped)
    };
    let body = read_keyset(&keyset.lock(&provider).unwrap(), "passphrase", unwrap);
    assert_eq!(body.versions[0].4, *keyset.primary().unwrap().secret().expose());
}

// SPEC: TWOF-1, WRAP-1
#[test]
fn a_keyset_locked_by_a_passphrase_and_a_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let cost = Argon2Cost { memory_kib: 64, iterations: 2, lanes: 1 };
    let passphrase = Passphrase::new("correct horse".into()).unwrap().with_cost(cost).unwrap();
    let provider = TwoFactors::new(passphrase, KeyFile::create(dir.path().join("key")).unwrap());
    let machine = read_key_file(&std::fs::read_to_string(dir.path().join("key")).unwrap());
    let keyset = Keyset::generate(Timestamp(5)).unwrap();
    let unwrap = |wrapped: &[u8]| {
        let (header, wrapped) = wrapped.split_at(29);
        let okm = derive(&machine, &context("two-factor-key", &[header, &stretch(b"correct horse", header)]));
        spec::unwrap(okm, &context("two-factor-key", &[]), wrapped)
    };
    let body = read_keyset(&keyset.lock(&provider).unwrap(), "passphrase+key-file", unwrap);
    assert_eq!(body.versions[0].4, *keyset.primary().unwrap().secret().expose());
}

/// A product in GF(2^8) with the polynomial 0x11D.
#[cfg(feature = "shamir")]
fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b > 0 {
        product ^= if b & 1 == 1 { a } else { 0 };
        a = (a << 1) ^ if a & 0x80 == 0x80 { 0x1D } else { 0 };
        b >>= 1;
    }
    product
}

// SPEC: SHARE-1, SHARE-5, SHARE-6, WRAP-1
#[cfg(feature = "shamir")]
#[test]
fn a_keyset_locked_by_shares() {
    let (provider, shares) = SharedKey::split(Scheme::new(3, 5).unwrap()).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let points: Vec<(u8, Vec<u8>)> = [4, 0, 2]
        .iter()
        .map(|i| {
            let text = shares[*i].to_text();
            let rest = text.split_once("secret ").unwrap().1;
            (*i as u8 + 1, BASE64.decode(rest.lines().next().unwrap()).unwrap())
        })
        .collect();
    let inverse = |a: u8| (1..=255).find(|b| times(a, *b) == 1).unwrap();
    let key: Key = std::array::from_fn(|at| {
        let term = |(x, y): &(u8, Vec<u8>)| {
            let others = points.iter().map(|(other, _)| *other).filter(|other| other != x);
            others.fold(y[at], |product, other| times(product, times(other, inverse(other ^ x))))
        };
        points.iter().map(term).fold(0, |sum, term| sum ^ term)
    });
    let (three, five, two) = (spec::number(3), spec::number(5), spec::number(2));
    let set: [u8; 16] = derive(&key, &context("share-set", &[&three, &five]));
    let secret = shares[1].to_text().split_once("secret ").unwrap().1.lines().next().unwrap().to_owned();
    let bytes: Key = BASE64.decode(&secret).unwrap().try_into().unwrap();
    let check: [u8; 8] = derive(&bytes, &context("share-check", &[&set, &three, &five, &two]));
    let text = format!(
        "cloakroom-share-1\nset {}\nshare 2 of 5, 3 needed\nsecret {secret}\ncheck {}\n",
        hex(&set),
        hex(&check)
    );
    assert_eq!(*shares[1].to_text(), text);

    let keyset = Keyset::generate(Timestamp(5)).unwrap();
    let unwrap = |wrapped: &[u8]| {
        let (header, wrapped) = wrapped.split_at(19);
        assert_eq!(header, [&[1], &set[..], &[3, 5]].concat());
        let okm = derive(&key, &context("share-key", &[header]));
        spec::unwrap(okm, &context("share-key", &[]), wrapped)
    };
    let body = read_keyset(&keyset.lock(&provider).unwrap(), "shares", unwrap);
    assert_eq!(body.versions[0].4, *keyset.primary().unwrap().secret().expose());
}

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

/// Section 8, outside vaults.
fn open_envelope(secret: &Key, names: [&str; 3], envelope: &[u8]) -> Vec<u8> {
    let [tenant, subject, field] = names.map(str::as_bytes);
    let mut r = Bytes(envelope);
    assert_eq!(r.int(1), 1);
    let (suite, version) = (r.int(1), r.int(4));
    let key = derive(secret, &context("seal-key", &[tenant, field, &number(suite)]));
    let aad = context("seal-aad", &[tenant, subject, field, &number(version), &number(1)]);
    spec::open(suite as u8, &key, &aad, r.0).unwrap()
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

/// RFC 6962, section 2.1, as it is written.
fn tree_hash(leaves: &[Vec<u8>]) -> Key {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [leaf] => Sha256::digest([&[0][..], leaf].concat()).into(),
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            Sha256::digest([&[1][..], &tree_hash(left), &tree_hash(right)].concat()).into()
        }
    }
}

type Record = BTreeMap<String, String>;

/// Section 9: a subject's id and records, from the head and record entries at a locator.
fn read_subject(store: &Shared, secrets: &[Key], locator: &[u8]) -> (String, BTreeMap<u64, Record>) {
    let entries = store.scan(ENTRY, locator, None, usize::MAX).unwrap();
    let mut r = Bytes(&entries[0].1);
    assert_eq!((r.int(1), r.int(1)), (3, 1));
    let tenant = r.short();
    let (wrap_version, generation, next) = (r.int(4), r.int(4), r.int(4));
    let wrap_aad = context("wrap-aad", &[tenant, locator, &number(wrap_version)]);
    let okm = derive(&secrets[wrap_version as usize - 1], &context("wrap-key", &[tenant]));
    let data_key = spec::unwrap(okm, &wrap_aad, r.short());
    let open = |aad: &[u8], envelope: &[u8]| {
        let mut r = Bytes(envelope);
        assert_eq!((r.int(1), r.int(1), r.int(4)), (1, 1, generation));
        let key = derive(&data_key, &context("subject-seal-key", &[&number(1)]));
        String::from_utf8(spec::open(1, &key, aad, r.0).unwrap()).unwrap()
    };
    let id = open(&context("subject-id-aad", &[tenant, locator, &number(generation)]), r.short());
    let record = |number_of: u64, r: &mut Bytes<'_>| {
        let (since, due) = (r.int(8), r.int(8));
        assert!(since > 1_700_000_000 && due == 0);
        let fields = (0..r.int(2)).map(|_| {
            let (name, length) = (r.text(), r.int(4));
            let parts: [&[u8]; 6] =
                [tenant, id.as_bytes(), name.as_bytes(), &number(generation), &number(1), &number(number_of)];
            (name.to_owned(), open(&context("subject-seal-aad", &parts), r.take(length as usize)))
        });
        let fields: Record = fields.collect();
        assert_eq!(r.int(2), 0, "indexes");
        assert!(r.0.is_empty());
        fields
    };
    let mut records = BTreeMap::from([(0, record(0, &mut r))]);
    for (key, value) in &entries[1..] {
        let mut r = Bytes(value);
        assert_eq!((r.int(1), r.int(1)), (3, 2));
        let number = Bytes(&key[12..]).int(4);
        assert!(number < next);
        records.insert(number, record(number, &mut r));
    }
    (id.clone(), records)
}

// SPEC: VAULT-1, VAULT-2, VAULT-4, VAULT-5, VAULT-6, VAULT-7, VAULT-11, VAULT-12, VAULT-15
#[test]
fn a_vaults_entries() {
    let store = Shared::default();
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let put = |vault: &Vault, who: &str, email: &str| {
        let subject = SubjectId::new(who).unwrap();
        vault.tenant(&acme()).put(&subject, &[(&field("email"), email.as_bytes())]).unwrap();
    };
    put(&vault, "ann", "ann@example.com");
    put(&vault, "ann", "ann@example.org");
    vault.adopt(keyset.rotated(Timestamp(2)).unwrap()).unwrap();
    put(&vault, "bob", "bob@example.com");
    let keyset = vault.keyset();
    let numbers: Vec<KeyVersion> = keyset.versions().iter().map(|v| v.number()).collect();
    let secrets: Vec<Key> =
        numbers.iter().map(|n| *keyset.for_reveal(*n).unwrap().secret().expose()).collect();

    for (who, version, emails) in
        [("ann", 1, &["ann@example.com", "ann@example.org"][..]), ("bob", 2, &["bob@example.com"])]
    {
        let row_key = derive::<32>(&secrets[version - 1], &context("row-key", &[b"acme"]));
        let blind = &hmac(&row_key, &context("row-input", &[who.as_bytes()]))[..16];
        let index = store.get(INDEX, blind).unwrap().unwrap();
        let mut r = Bytes(&index);
        assert_eq!((r.int(1), r.int(4)), (1, version as u64));
        assert_eq!(r.0.len(), 12);
        let (id, records) = read_subject(&store, &secrets, r.0);
        assert_eq!(id, who);
        for (number, email) in emails.iter().enumerate() {
            assert_eq!(records[&(number as u64)]["email"], *email);
        }
        assert_eq!(records.len(), emails.len());
    }

    // The ledger, its census and its fingerprint.
    let ledger = store.get(META, b"census").unwrap().unwrap();
    let (header, sealed) = ledger.split_at(5);
    assert_eq!(header, [3, 0, 0, 0, 2]);
    let key = derive(&secrets[1], &context("census", &[]));
    let body = spec::open(1, &key, &context("census", &[header]), sealed).unwrap();
    let mut r = Bytes(&body);
    let (fingerprint_key, fingerprint) = (r.take(32), r.take(32));
    assert_eq!(r.int(4), 0, "runs");
    let line = |r: &mut Bytes<'_>| (r.text().to_owned(), r.text().to_owned(), [r.int(1), r.int(4), r.int(8)]);
    let lines: Vec<_> = (0..r.int(4)).map(|_| line(&mut r)).collect();
    let expected = [
        ("", [2, 1, 1]),
        ("", [2, 2, 1]),
        ("", [3, 1, 1]),
        ("", [3, 2, 1]),
        ("email", [1, 1, 2]),
        ("email", [1, 2, 1]),
    ];
    assert_eq!(lines, expected.map(|(field, counts)| ("acme".to_owned(), field.to_owned(), counts)));
    assert_eq!((r.int(8), r.int(8), r.int(4), r.int(1)), (0, 1, 0, 0), "latest, edits, indexes, migration");
    let (audit_key, leaves, root) = (r.take(32), r.int(8), r.take(32));
    assert_eq!((r.int(1), r.int(4), r.int(8), r.0.len()), (0, 0, 0, 0), "rules, scheduled, decided, the end");

    // The audit log: its tree, and what leaves call a subject and a field.
    let log: Vec<Vec<u8>> = store.all(AUDIT).into_iter().map(|(_, leaf)| leaf).collect();
    assert_eq!((log.len() as u64, &tree_hash(&log)[..]), (leaves, root));
    let row_key = derive::<32>(&secrets[1], &context("row-key", &[b"acme"]));
    let blind = &hmac(&row_key, &context("row-input", &[b"bob"]))[..16];
    let locator = store.get(INDEX, blind).unwrap().unwrap()[5..].to_vec();
    let last = Leaf::parse(log.last().unwrap()).unwrap();
    let called = hmac(audit_key, &context("audit-subject", &[b"acme", &locator]));
    assert_eq!((last.kind, &last.items[0].subject[..]), ("put", &called[..16]));
    let called = hmac(audit_key, &context("audit-field", &[b"acme", b"email"]));
    assert_eq!(last.contexts[0].fields[0], called[..8]);
    let mut sum = [0; 32];
    for map in MAPS.into_iter().filter(|map| ![META, AUDIT].contains(map)) {
        for (key, value) in store.all(map) {
            let message = [&[map.id(), key.len() as u8][..], &key, &value].concat();
            sum.iter_mut().zip(hmac(fingerprint_key, &message)).for_each(|(sum, tag)| *sum ^= tag);
        }
    }
    assert_eq!(sum, fingerprint);

    // The anchor.
    let anchor = store.get(META, b"anchor").unwrap().unwrap();
    let (said, tag) = anchor.split_at(anchor.len() - 32);
    let edits = keyset.edits().to_be_bytes();
    assert_eq!(said, [&[2, 0, 0, 0, 2][..], &keyset.id().0, &[0, 0, 0, 2], &edits].concat());
    assert_eq!(hmac(&derive::<32>(&secrets[1], &context("anchor", &[])), said), tag);
}

// SPEC: RTOK-2, VAULT-1, CTX-3
#[test]
fn a_random_tokens_entries() {
    let store = Shared::default();
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let vault = Vault::create_in(Box::new(store.clone()), keyset.clone()).unwrap();
    let rules = TokenRules::new(Look::Like(Format::digits())).lasting(9).unwrap();
    let tokens = vault.tenant(&acme()).random_tokens(&field("card"), rules).unwrap();
    let token = tokens.issue("12-345", None, Timestamp(1_000)).unwrap().token;

    let secret = *keyset.primary().unwrap().secret().expose();
    let names: [&[u8]; 2] = [b"acme", b"card"];
    let derive = |label| derive::<32>(&secret, &context(label, &names));
    let key = &hmac(&derive("token-row-key"), &context("token-input", &[token.as_bytes()]))[..16];
    let entry = store.get(TOKEN, key).unwrap().unwrap();
    let mut r = Bytes(&entry);
    assert_eq!((r.int(1), r.int(4), r.text(), r.text()), (1, 1, "acme", "card"));
    assert_eq!((r.int(1), r.int(8)), (0, 1_009), "flags, end");
    let (value, space) = (r.take(16), r.take(16));
    let length = r.int(2);
    let sealed = r.take(length as usize);
    let one = number(1);
    let aad = context("token-aad", &[b"acme", b"card", key, &one, &number(0), &number(1_009), value, space]);
    assert_eq!(spec::open(1, &derive("token-key"), &aad, sealed).unwrap(), token.as_bytes());
    assert_eq!((r.int(2), r.int(1)), (1, 1), "one holder, the tenant");
    let length = r.int(4);
    let envelope = r.take(length as usize);
    assert_eq!((envelope[..6].to_vec(), r.0.len()), (vec![1, 1, 0, 0, 0, 1], 0));
    let aad = context("token-value-aad", &[b"acme", b"card", token.as_bytes(), &one]);
    assert_eq!(spec::open(1, &derive("token-key"), &aad, &envelope[6..]).unwrap(), b"12-345");

    let fingerprint = &hmac(&derive("fingerprint-key"), &context("fingerprint-input", &[b"12-345"]))[..16];
    assert_eq!(value, fingerprint);
    assert_eq!(store.get(VALUE, value).unwrap().unwrap(), [&[1, 0, 0, 0, 1][..], key].concat());
    assert_eq!(store.get(SPACE, space).unwrap().unwrap(), [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let ledger = store.get(META, b"census").unwrap().unwrap();
    let (header, sealed) = ledger.split_at(5);
    let census_key = spec::derive(&secret, &context("census", &[]));
    let body = spec::open(1, &census_key, &context("census", &[header]), sealed).unwrap();
    let layout = context("token-space", &[b"acme", b"card", b"00-000"]);
    assert_eq!(hmac(&body[..32], &[&[0xFF, 0][..], &layout].concat())[..16], *space);
}

const POLICY: &str = "version = 1\ntenant = \"acme\"\nsubject = \"no\"\n\
    [field.no]\nprotect = \"pseudonym\"\nscope = \"a\\\"b\"\n\
    [field.email]\nprotect = \"seal\"\n";
const TABLE: &str = "no,email\n1,ann@example.com\n2,bob@example.com\n";

/// Section 10: the message of the mac, and the mac.
fn compact(json: &str) -> (String, String) {
    let (mut compact, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if !in_text && c.is_ascii_whitespace() {
            continue;
        }
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
        compact.push(c);
    }
    let at = compact.rfind("\"mac\":\"").unwrap() + 7;
    let mac = compact[at..].strip_suffix("\"}").unwrap().to_owned();
    compact.replace_range(at.., "\"}");
    (compact, mac)
}

// SPEC: MAN-1, MAN-2, FILE-1, ENV-6
#[test]
fn a_manifest_and_the_cells_of_its_file() {
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let secret = *keyset.primary().unwrap().secret().expose();
    let policy = Policy::parse(POLICY).unwrap();
    let mut output = vec![];
    let keys = Keys::Keyset(&keyset);
    let finished =
        pipeline::protect(TABLE.as_bytes(), &mut output, &policy, keys, Options::default()).unwrap();
    let json = std::str::from_utf8(&finished.json).unwrap();
    let (message, mac) = compact(json);
    let mac_key: Key = derive(&secret, &context("manifest", &[]));
    assert_eq!(mac, hex(&hmac(&mac_key, message.as_bytes())));
    assert!(message.contains(r#""scope":"a\"b""#));

    let order = "cloakroom_manifest crate_version created policy_sha256 tenant keyset vault subject delimiter rows_read \
        rows_written rows_rejected input_tag output_sha256 output_bytes columns name mode erased_by key_version \
        check_value identity_version protected settings dropped mac_key_version mac";
    let places: Vec<_> =
        order.split_whitespace().map(|name| message.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");

    for line in std::str::from_utf8(&output).unwrap().lines().skip(1) {
        let (no, email) = line.split_once(',').unwrap();
        let envelope = BASE64.decode(email.strip_prefix("ck1e_").unwrap()).unwrap();
        let plaintext = open_envelope(&secret, ["acme", no, "email"], &envelope);
        assert!(plaintext.ends_with(b"@example.com"));
    }
}

// SPEC: REF-1, FILE-1, VAULT-16
#[test]
fn references_in_a_file_lead_into_the_vault() {
    let store = Shared::default();
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let secret = *keyset.primary().unwrap().secret().expose();
    let vault = Vault::create_in(Box::new(store.clone()), keyset).unwrap();
    let policy = Policy::parse(POLICY).unwrap();
    let mut output = vec![];
    let keys = Keys::Vault(&vault);
    let finished =
        pipeline::protect(TABLE.as_bytes(), &mut output, &policy, keys, Options::default()).unwrap();

    // A run under way: its journal, tagged with the ledger's fingerprint key.
    let ledger = store.get(META, b"census").unwrap().unwrap();
    let (header, sealed) = ledger.split_at(5);
    let body =
        spec::open(1, &derive(&secret, &context("census", &[])), &context("census", &[header]), sealed);
    let body = body.unwrap();
    let mut r = Bytes(&body);
    let (fingerprint_key, _, runs) = (r.take(32), r.take(32), r.int(4));
    let (run, batches) = (r.take(16), r.int(4));
    assert_eq!((runs, batches), (1, 1));
    let journals = store.all(RUN);
    let [(journal_key, journal)] = &journals[..] else { panic!("one batch, one journal") };
    assert_eq!(*journal_key, [run, &[0; 4]].concat());
    let (entries, tag) = journal.split_at(journal.len() - 32);
    assert_eq!(entries.len(), 32, "two rows");
    assert_eq!(hmac(fingerprint_key, &[&[0x00, 0x14][..], journal_key, entries].concat()), tag);
    let output_sha256 = finished.manifest.output_sha256.clone();
    finished.commit().unwrap();
    assert!(store.all(RUN).is_empty());
    assert_eq!(hex(&store.all(OUTPUT)[0].0), output_sha256);

    for line in std::str::from_utf8(&output).unwrap().lines().skip(1) {
        let (no, cell) = line.split_once(',').unwrap();
        let reference = BASE64.decode(cell.strip_prefix("ck1r_").unwrap()).unwrap().try_into().unwrap();
        let names: [&[u8]; 2] = [b"acme", b"email"];
        let mask_key: Key = derive(&secret, &context("reference-mask", &names));
        let m: [u8; 16] = hmac(&mask_key, no.as_bytes())[..16].try_into().unwrap();
        let prp_key = derive(&secret, &context("reference-key", &names));
        let place = spec::xor(spec::aes_inverse(&prp_key, spec::xor(reference, m)), m);
        assert!(entries.chunks(16).any(|key| key == place));
        let (_, records) = read_subject(&store, &[secret], &place[..12]);
        assert!(records[&Bytes(&place[12..]).int(4)]["email"].ends_with("@example.com"));
    }
}
