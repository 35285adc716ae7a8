//! A vault's entries.

use super::{Bytes, acme, field};
use crate::shared_store::{AUDIT, ENTRY, INDEX, MAPS, META, SPACE, Shared, TOKEN, VALUE};
use crate::spec::{self, Key, context, derive, hmac, number};
use cloakroom::format::Format;
use cloakroom::keys::Keyset;
use cloakroom::name::{KeyVersion, SubjectId};
use cloakroom::store::Store;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, TokenRules, Vault};
use cloakroom::wire::audit::Leaf;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

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

pub type Record = BTreeMap<String, String>;

/// Section 9: a subject's id and records, from the head and record entries at a locator.
pub fn read_subject(store: &Shared, secrets: &[Key], locator: &[u8]) -> (String, BTreeMap<u64, Record>) {
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
