//! Keyset files, by everything that opens them.

use super::{Bytes, acme, field, hex};
use crate::spec::{self, Key, context, derive};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cloakroom::keys::{Argon2Cost, KeyFile, KeyState, KeyUse, Keyset, Passphrase, TwoFactors};
#[cfg(feature = "shamir")]
use cloakroom::keys::{Scheme, SharedKey};
use cloakroom::name::{KeyVersion, Scope};
use cloakroom::time::Timestamp;

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
