//! Keysets that do not fit, and versions that may not reveal.

use crate::place::*;
use cloakroom::Error;
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::vault::Vault;

// SPEC: VAULT-14, VAULT-15
#[test]
fn keysets_that_do_not_fit_are_refused() {
    let mut place = InMemory::new();
    let acme = tenant(&place.vault, "acme");
    acme.put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
    let open = |keyset: &Keyset| Vault::open_in(Box::new(place.store.clone()), keyset.clone());
    let foreign = Keyset::generate(NOW).unwrap();
    assert!(matches!(open(&foreign), Err(Error::Corrupt { .. })));
    assert!(matches!(place.vault.adopt(foreign), Err(Error::Setting { .. })));
    assert!(matches!(
        Vault::create_in(Box::new(place.store.clone()), place.keyset.clone()),
        Err(Error::Setting { .. })
    ));

    let (first, second, twin) =
        (place.keyset.clone(), place.keyset.rotated(NOW).unwrap(), place.keyset.rotated(NOW).unwrap());
    place.vault.adopt(second.clone()).unwrap();
    assert!(matches!(place.vault.adopt(first.clone()), Err(Error::Setting { .. })), "fewer versions");
    assert!(matches!(place.vault.adopt(twin.clone()), Err(Error::Setting { .. })), "another version 2");
    assert!(open(&first).unwrap_err().to_string().contains("older"));
    assert!(open(&twin).is_err());
    let destroyed = second.with_state(version(1), KeyState::Destroyed, NOW).unwrap();
    let refused = place.vault.adopt(destroyed.clone()).unwrap_err().to_string();
    assert!(refused.contains("1 × seal of field \"email\" of tenant \"acme\""), "{refused}");
    place.vault.migrate(|_| {}).unwrap();
    let refused = place.vault.adopt(destroyed).unwrap_err().to_string();
    assert!(refused.contains("identity"), "{refused}");
    let second = second.with_identity(version(2), NOW).unwrap();
    place.vault.adopt(second.clone()).unwrap();
    let destroyed = second.with_state(version(1), KeyState::Destroyed, NOW).unwrap();
    place.vault.adopt(destroyed.clone()).unwrap();
    assert!(matches!(place.vault.adopt(second), Err(Error::Setting { .. })), "a destroyed key comes back");
    place.keyset = destroyed;
    place.reopen();
    assert_eq!(tenant(&place.vault, "acme").records(&subject("ann")).unwrap().len(), 1);

    // Saved, and the process was killed before the vault knew: from the next opening on, the old one is refused.
    let (old, saved) = (place.keyset.clone(), place.keyset.rotated(NOW).unwrap());
    place.keyset = saved;
    place.reopen();
    assert!(Vault::open_in(Box::new(place.store.clone()), old).is_err());
}

// SPEC: VAULT-10, KEY-8
/// A version that may not reveal still leads to its subjects: nobody is put in twice or said not to be there.
#[test]
fn a_suspended_version_hides_values_and_no_subject() {
    for state in [KeyState::Suspended, KeyState::Compromised] {
        let mut place = InMemory::new();
        tenant(&place.vault, "acme").put(&subject("ann"), &[(&field("email"), b"1")]).unwrap();
        place.keyset = place.keyset.with_state(version(1), state, NOW).unwrap();
        place.vault.adopt(place.keyset.clone()).unwrap();
        place.reopen();
        let put = tenant(&place.vault, "acme").put(&subject("bob"), &[]);
        assert!(matches!(put, Err(Error::KeyState { version: 1, .. })), "{put:?}");
        place.rotate();
        let acme = tenant(&place.vault, "acme");
        assert!(acme.has(&subject("ann")).unwrap());
        assert!(matches!(acme.records(&subject("ann")), Err(Error::KeyState { version: 1, .. })));
        let put = acme.put(&subject("ann"), &[(&field("email"), b"2")]);
        assert!(matches!(put, Err(Error::KeyState { version: 1, .. })));
        assert!(matches!(place.vault.migrate(|_| {}), Err(Error::KeyState { version: 1, .. })));
        acme.put(&subject("bob"), &[(&field("email"), b"2")]).unwrap();
        assert!(place.vault.check().unwrap().is_clean());
        assert_eq!(acme.erase(&subject("ann")).unwrap().unwrap().fields, 1);
        assert!(place.vault.check().unwrap().is_clean());
        assert_eq!(place.vault.census().needing(version(1)), 0);
    }
}
