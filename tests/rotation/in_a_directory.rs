//! Lives of key versions that end: retired, destroyed, given up with their data.

use super::{DESPITE, Kept, RESEAL, acme, use_of};
use crate::place::*;
use cloakroom::Error;
use cloakroom::format::{Format, Normalization};
use cloakroom::keys::KeyState;
use cloakroom::protect::BlindIndex;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Despite, Look, Migration, TokenRules};

// SPEC: VAULT-14, VAULT-21, VAULT-23, VAULT-27
#[test]
fn a_version_is_retired_and_destroyed_once_nothing_needs_it() {
    let mut place = InDirectory::new();
    let mut kept = Kept::default();
    kept.put(place.vault(), 1);
    let (vault, provider) = (place.vault(), &place.provider);
    let at = |seconds| Timestamp(NOW.0 + seconds);
    assert!(matches!(vault.retire(version(1), provider, at(1)), Err(Error::KeyState { .. })));
    assert!(matches!(vault.destroy(version(1), Despite::Data, provider, at(1)), Err(Error::KeyState { .. })));
    assert_eq!(vault.rotate(provider, at(2)).unwrap(), version(2));
    kept.put(vault, 2);
    assert_eq!(vault.rotate_use(&use_of("card"), provider, at(3)).unwrap(), version(3));
    kept.put(vault, 3);
    for number in [2, 3] {
        let refused = vault.retire(version(number), provider, at(4));
        assert!(matches!(refused, Err(Error::KeyState { .. })), "a primary: {refused:?}");
    }
    let error = vault.retire(version(1), provider, at(4)).unwrap_err();
    assert!(matches!(error, Error::KeyNeeded { version: 1, .. }), "{error}");
    let text = error.to_string();
    for part in ["seal of field \"email\" of tenant \"acme\"", "token of field \"card\"", "migrate"] {
        assert!(text.contains(part), "{text}");
    }
    let unretired = vault.destroy(version(1), Despite::Nothing, provider, at(4));
    assert!(matches!(unretired, Err(Error::KeyState { .. })), "{unretired:?}");
    vault.migrate(|_| {}).unwrap();
    let error = vault.retire(version(1), provider, at(5)).unwrap_err();
    assert!(error.to_string().contains("identity"), "{error}");
    vault.edit_keyset(provider, |keyset| keyset.with_identity(version(2), at(5))).unwrap();
    vault.retire(version(1), provider, at(6)).unwrap();
    kept.assert_is(vault);
    vault.change_state(version(1), KeyState::Deactivated, provider, at(7)).unwrap();
    vault.retire(version(1), provider, at(8)).unwrap();
    vault.destroy(version(1), Despite::Nothing, provider, at(9)).unwrap();
    assert_eq!(vault.keyset().version(version(1)).unwrap().state(), KeyState::Destroyed);
    kept.assert_is(vault);
    let back = vault.rotate(provider, NOW);
    assert!(matches!(back, Err(Error::Setting { .. })), "the clock went back: {back:?}");
    assert!(vault.rotate_use(&use_of("card"), provider, NOW).is_err());
    let events: Vec<_> = vault.events().unwrap().into_iter().map(|e| (e.at.0 - NOW.0, e.kind)).collect();
    let expected = [(2, "rotate"), (3, "rotate"), (6, "retire"), (7, "state"), (8, "retire"), (9, "destroy")];
    assert_eq!(events, expected.map(|(at, kind)| (at, kind.to_owned())));
    place.reopen();
    kept.assert_is(place.vault());
    assert_eq!(place.vault().keyset().primary_number(), version(2));
}

// SPEC: VAULT-27
#[test]
fn data_is_given_up_with_its_key_only_when_that_is_said() {
    let mut place = InDirectory::new();
    let mut kept = Kept::default();
    let (vault, provider) = (place.vault(), &place.provider);
    put(&acme(vault), "old", &[("email", "old@x")]);
    vault.rotate(provider, NOW).unwrap();
    vault.edit_keyset(provider, |keyset| keyset.with_identity(version(2), NOW)).unwrap();
    kept.put(vault, 1);
    vault.change_state(version(1), KeyState::Compromised, provider, NOW).unwrap();
    let refused = vault.destroy(version(1), Despite::Nothing, provider, NOW);
    assert!(matches!(refused, Err(Error::KeyNeeded { .. })), "{refused:?}");
    // What a run has put could not be taken back without the key.
    let (run, new) = (vault.begin_run(), subject("new"));
    run.put_many(&acme(vault), &[cloakroom::vault::Row { subject: &new, fields: &[] }]).unwrap();
    let refused = vault.destroy(version(1), Despite::Data, provider, NOW);
    assert!(matches!(refused, Err(Error::Setting { what: "vault", .. })), "{refused:?}");
    run.roll_back().unwrap();
    vault.destroy(version(1), Despite::Data, provider, Timestamp(NOW.0 + 1)).unwrap();
    assert!(!acme(vault).has(&subject("old")).unwrap());
    assert!(!vault.check().unwrap().is_clean(), "it says what cannot be opened");
    place.reopen();
    let acme = acme(place.vault());
    assert_eq!(acme.records(&subject("s1-02")).unwrap().len(), 3);
    assert_eq!(place.vault().events().unwrap().last().unwrap().kind, "destroy despite data");
}

#[test]
fn what_was_given_up_with_its_key_keeps_nothing_else_from_being_moved() {
    let mut place = InDirectory::new();
    let rules = TokenRules::new(Look::Like(Format::digits()));
    let (vault, provider) = (place.vault(), &place.provider);
    let (acme, old, ann) = (acme(vault), subject("old"), subject("ann"));
    let pins = acme.random_tokens(&field("pin"), rules).unwrap();
    let mail = BlindIndex::field(field("email"), Normalization::Email, 10).unwrap();
    acme.define_index(&mail).unwrap();
    put(&acme, "old", &[("email", "old@x")]);
    pins.issue("47110", None, NOW).unwrap();
    vault.rotate_use(&use_of("email"), provider, NOW).unwrap();
    vault.migrate(|_| ()).unwrap(); // the index entry of what will be lost is under version 2
    vault.rotate(provider, NOW).unwrap();
    vault.edit_keyset(provider, |keyset| keyset.with_identity(version(3), NOW)).unwrap();
    put(&acme, "ann", &[("email", "ann@x")]);
    let token = pins.issue("08150", Some(&ann), NOW).unwrap().token;
    vault.change_state(version(1), KeyState::Compromised, provider, NOW).unwrap();
    vault.destroy(version(1), Despite::Data, provider, NOW).unwrap();
    vault.rotate(provider, NOW).unwrap();
    for how in [Migration::default(), DESPITE, RESEAL] {
        let done = vault.migrate_with(how, |_| ()).unwrap();
        assert_eq!((done.lost, done.total), (2, 4));
    }
    let still_needed = vault.census().needing(version(3));
    assert_eq!(still_needed, 0);
    assert!(!acme.has(&old).unwrap());
    assert_eq!(acme.records(&ann).unwrap().len(), 1);
    assert_eq!(acme.find(&field("email"), &["ann@x"]).unwrap().len(), 1);
    assert_eq!(pins.redeem(&token, NOW).unwrap().expose_str(), Some("08150"));
    place.reopen();
}

// SPEC: VAULT-15
#[test]
fn a_keyset_file_that_was_edited_less_often_is_refused() {
    let mut place = InDirectory::new();
    place.rotate();
    let older = std::fs::read(place.path().join("keyset")).unwrap();
    place.vault().change_state(version(1), KeyState::Compromised, &place.provider, NOW).unwrap();
    std::fs::write(place.path().join("keyset"), older).unwrap();
    assert!(place.try_reopen().unwrap_err().to_string().contains("older"));
}
