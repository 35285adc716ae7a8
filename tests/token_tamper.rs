//! Random tokens against someone who can write to the vault's store but has no key.

mod shared_store;

use cloakroom::Error;
use cloakroom::format::Format;
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, SubjectId, TenantId};
use cloakroom::store::{Batch, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Look, RandomTokens, TokenRules, Vault};
use cloakroom::wire::token::TokenEntry;
use shared_store::*;

const NOW: Timestamp = Timestamp(1_795_600_000);

fn vault() -> (Shared, Vault) {
    let store = Shared::default();
    let vault = Vault::create_in(Box::new(store.clone()), Keyset::generate(NOW).unwrap()).unwrap();
    (store, vault)
}

fn digits() -> TokenRules {
    TokenRules::new(Look::Like(Format::digits()))
}

fn cards(vault: &Vault, rules: TokenRules) -> RandomTokens<'_> {
    vault
        .tenant(&TenantId::new("acme").unwrap())
        .random_tokens(&FieldName::new("card").unwrap(), rules)
        .unwrap()
}

/// Alters every token's entry.
fn edit(store: &Shared, edit: impl Fn(&mut TokenEntry<'_>)) {
    let mut batch = Batch::new();
    for (key, bytes) in store.all(TOKEN) {
        let mut entry = TokenEntry::parse(&bytes).unwrap();
        edit(&mut entry);
        batch.put(TOKEN, key, entry.to_bytes().unwrap());
    }
    store.write(batch).unwrap();
}

// SPEC: RTOK-15
#[test]
fn nobody_prolongs_a_token_or_makes_it_good_for_more_uses() {
    let later = Timestamp(NOW.0 + 100);
    let edits: [fn(&mut TokenEntry<'_>); 4] = [
        |entry| entry.expires = 0,
        |entry| entry.expires += 1_000,
        |entry| entry.is_once = false,
        |entry| entry.space = [7; 16],
    ];
    for (n, edited) in edits.into_iter().enumerate() {
        let (store, vault) = vault();
        let tokens = cards(&vault, digits().once().lasting(100).unwrap());
        let token = tokens.issue("123456", None, NOW).unwrap().token;
        assert!(matches!(tokens.redeem(&token, later), Err(Error::TokenEnded { .. })));
        edit(&store, edited);
        for when in [NOW, later] {
            let redeemed = tokens.redeem(&token, when);
            assert!(matches!(redeemed, Err(Error::Rejected)), "edit {n}: {redeemed:?}");
        }
    }
}

// SPEC: RTOK-15
#[test]
fn no_value_is_led_to_the_token_of_another() {
    for edits_back_links in [false, true] {
        let (store, vault) = vault();
        let tokens = cards(&vault, digits());
        tokens.issue("111111", None, NOW).unwrap();
        tokens.issue("222222", None, NOW).unwrap();
        let fingerprints = store.all(VALUE);
        let mut batch = Batch::new();
        batch.put(VALUE, fingerprints[0].0.clone(), fingerprints[1].1.clone());
        batch.put(VALUE, fingerprints[1].0.clone(), fingerprints[0].1.clone());
        store.write(batch).unwrap();
        if edits_back_links {
            let other = |key: [u8; 16]| fingerprints[usize::from(fingerprints[0].0 == key)].0.clone();
            edit(&store, |entry| entry.value = other(entry.value).try_into().unwrap());
        }
        for value in ["111111", "222222"] {
            let issued = tokens.issue(value, None, NOW);
            assert!(matches!(issued, Err(Error::Rejected)), "{issued:?}");
        }
    }
}

// SPEC: VAULT-24
#[test]
fn a_token_that_says_that_a_record_is_its_link_does_not_overwrite_it() {
    let (store, vault) = vault();
    let (acme, ann) = (vault.tenant(&TenantId::new("acme").unwrap()), SubjectId::new("ann").unwrap());
    let email = FieldName::new("email").unwrap();
    acme.put(&ann, &[(&email, b"ann@example.com")]).unwrap();
    let record = store.all(ENTRY)[0].clone();
    cards(&vault, digits().fresh()).issue("123456", Some(&SubjectId::new("bob").unwrap()), NOW).unwrap();
    edit(&store, |entry| entry.holders[0].link = Some(record.0.as_slice().try_into().unwrap()));
    vault.adopt(vault.keyset().rotated(NOW).unwrap()).unwrap();
    let migrated = vault.migrate(|_| {});
    assert!(matches!(migrated, Err(Error::Corrupt { .. })), "{migrated:?}");
    assert_eq!(acme.records(&ann).unwrap()[0].fields[0].1.expose(), b"ann@example.com");
}

// SPEC: RTOK-10
#[test]
fn an_entry_that_cannot_be_read_leaves_no_half_of_a_batch() {
    let (store, vault) = vault();
    let tokens = cards(&vault, digits().lasting(100).unwrap());
    for who in ["ann", "bob"] {
        tokens.issue("123456", Some(&SubjectId::new(who).unwrap()), NOW).unwrap();
    }
    // The link of whom the token names last: that of the first would be deleted by then.
    let bytes = store.all(TOKEN)[0].1.clone();
    let link = TokenEntry::parse(&bytes).unwrap().holders[1].link.unwrap();
    let mut batch = Batch::new();
    batch.put(ENTRY, link, b"\xFF".to_vec());
    store.write(batch).unwrap();
    let before: Vec<_> = MAPS.map(|map| store.all(map)).into();
    let issued = tokens.issue("123456", None, Timestamp(NOW.0 + 100));
    assert!(matches!(issued, Err(Error::Malformed { .. })), "{issued:?}");
    assert!(before == MAPS.map(|map| store.all(map)), "something was written");
}
