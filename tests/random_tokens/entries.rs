//! What the store shows of tokens.

use super::{digits, opaque, request, tokens};
use crate::place::*;
use cloakroom::format::Format;
use cloakroom::vault::{Look, TokenRules};

// SPEC: RTOK-2, RTOK-12
#[test]
fn neither_value_nor_token_is_in_the_store() {
    everywhere(|place| {
        let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        let mut secrets = vec![];
        {
            let cards = tokens(place.vault(), TokenRules::new(Look::Like(Format::digits())));
            let notes = tenant(place.vault(), "acme").random_tokens(&field("note"), opaque()).unwrap();
            for (n, who) in [None, Some(subject("ann-the-subject")), None].iter().enumerate() {
                let value = format!("4111-0000-9999-{n:04}");
                secrets.push(cards.issue(&value, who.as_ref(), NOW).unwrap().token);
                secrets.push(notes.issue(&value, who.as_ref(), NOW).unwrap().token);
                secrets.push(value);
            }
            secrets.push("ann-the-subject".into());
        }
        place.rotate();
        place.vault().migrate(|_| {}).unwrap();
        let bytes = place.bytes();
        assert!(contains(&bytes, "acme"), "the search works");
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{secret}");
        }
        let cards = tokens(place.vault(), digits());
        let shown = format!("{cards:?} {:?} {:?}", cards.issue("123", None, NOW), request("4111-0000"));
        assert!(!shown.contains("4111") && !shown.contains("123"));
    });
}

// SPEC: RTOK-2
#[test]
fn entries_are_those_of_the_page() {
    use cloakroom::wire::token::{FingerprintEntry, NO_KEY, SpaceEntry, TokenEntry};
    let place = InMemory::new();
    let ann = subject("ann");
    tokens(&place.vault, digits()).issue("12", Some(&ann), NOW).unwrap();
    let (key, bytes) = place.store.all(TOKEN).pop().unwrap();
    let entry = TokenEntry::parse(&bytes).unwrap();
    assert_eq!((entry.tenant, entry.field, entry.key_version, entry.expires), ("acme", "card", 1, 0));
    let (value, fingerprint) = place.store.all(VALUE).pop().unwrap();
    assert_eq!(entry.value[..], value);
    assert_eq!(FingerprintEntry::parse(&fingerprint).unwrap().token[..], key);
    let (space, used) = place.store.all(SPACE).pop().unwrap();
    assert_eq!(entry.space[..], space);
    assert_eq!(SpaceEntry::parse(&used).unwrap().used, 1);
    assert_eq!(entry.holders.len(), 1);
    let link = entry.holders[0].link.unwrap();
    let linked = place.store.all(ENTRY).into_iter().find(|(key, _)| key[..] == link).unwrap().1;
    assert_eq!(linked, [&[2, 4][..], &key].concat());
    tokens(&place.vault, opaque().fresh()).issue("12", None, NOW).unwrap();
    let fresh = place.store.all(TOKEN).into_iter().find(|(other, _)| *other != key).unwrap().1;
    let fresh = TokenEntry::parse(&fresh).unwrap();
    assert!(fresh.value == NO_KEY && fresh.space == NO_KEY && fresh.holders[0].link.is_none());
}
