//! Older keysets and altered entries: refused or reported.

use super::{Kept, acme, cards, file};
use crate::place::*;
use cloakroom::Error;
use cloakroom::keys::KeyState;
use cloakroom::store::Map;
use cloakroom::vault::{Event, Mode, Vault};

// SPEC: VAULT-15
#[test]
fn a_keyset_that_was_edited_less_often_is_refused() {
    let mut place = InMemory::new();
    put(&acme(&place.vault), "ann", &[("email", "a@x")]);
    place.rotate();
    let older = place.keyset.clone();
    place.edit(&|keyset| keyset.with_state(version(1), KeyState::Compromised, NOW)).unwrap();
    let error = Vault::open_in(Box::new(place.store.clone()), older.clone()).unwrap_err();
    assert!(error.to_string().contains("older"), "{error}");
    assert!(matches!(place.vault.adopt(older), Err(Error::Setting { what: "keyset", .. })));
    place.reopen();
    // An edit that the vault has not seen yet is seen when it is opened.
    let before = place.keyset.clone();
    place.keyset = place.keyset.touched().unwrap();
    place.reopen();
    assert!(Vault::open_in(Box::new(place.store.clone()), before).is_err());
}

// SPEC: VAULT-13, RTOK-14
#[test]
fn whatever_is_done_to_an_entry_of_any_map_is_reported() {
    let place = InMemory::new();
    let vault = &place.vault;
    let mut kept = Kept::default();
    kept.put(vault, 1);
    for n in 0..2 {
        vault.add_file(&file(n, Mode::FileToken, 5)).unwrap();
        vault.log(&Event::new(NOW, "bridge", format!("file {n}"))).unwrap();
        cards(vault).issue(&"1".repeat(3 + usize::from(n)), None, NOW).unwrap();
    }
    assert_clean(vault);
    let noticed = |what: &str, map: Map, edits: &[(&[u8], Option<&[u8]>)]| {
        let before: Vec<_> = edits.iter().map(|(key, _)| vault_get(&place.store, map, key)).collect();
        edits.iter().for_each(|(key, value)| place.store.set(map, key, *value));
        assert!(!vault.check().unwrap().is_clean(), "{what} in {map:?}");
        for ((key, _), before) in edits.iter().zip(before) {
            place.store.set(map, key, before.as_deref());
        }
    };
    // What only a vault with rules has is looked at elsewhere.
    for map in MAPS.into_iter().filter(|map| ![META, RUN, DUE, APPROVAL, ACCESS].contains(map)) {
        let all = place.store.all(map);
        assert!(all.len() > 1, "{map:?}");
        let ((k, v), (l, w)) = (&all[0], &all[1]);
        noticed("removed", map, &[(k, None)]);
        noticed("removed both", map, &[(k, None), (l, None)]);
        if v != w {
            noticed("swapped", map, &[(k, Some(w)), (l, Some(v))]);
        }
        let mut other = k.clone();
        *other.last_mut().unwrap() ^= 0x80;
        noticed("copied", map, &[(&other, Some(v))]);
        noticed("moved", map, &[(k, None), (&other, Some(v))]);
        noticed("added", map, &[(b"?", Some(b"?"))]);
        for i in (0..v.len()).step_by(1 + v.len() / 40) {
            let mut altered = v.clone();
            altered[i] ^= 1;
            noticed("altered", map, &[(k, Some(&altered))]);
        }
        noticed("emptied", map, &[(k, Some(b"x"))]);
    }
    // A file's entry may say anything: nothing overflows.
    let bytes = place.store.all(OUTPUT)[0].1.clone();
    let huge = [&bytes[..bytes.len() - 8], &[0xFF; 8]].concat();
    noticed("huge", OUTPUT, &[(&[1; 32], Some(&huge)), (&[2; 32], Some(&huge)), (&[3; 32], Some(&huge))]);
    // The census is sealed.
    let census = vault_get(&place.store, META, b"census").unwrap();
    for i in 0..census.len() {
        let mut altered = census.clone();
        altered[i] ^= 1;
        place.store.set(META, b"census", Some(&altered));
        assert!(Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).is_err());
    }
    place.store.set(META, b"census", Some(&census));
    kept.assert_is(vault);
}

fn vault_get(store: &Watched, map: Map, key: &[u8]) -> Option<Vec<u8>> {
    store.all(map).into_iter().find(|(k, _)| k == key).map(|(_, value)| value)
}
