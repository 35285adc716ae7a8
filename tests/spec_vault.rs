//! What `SPEC.md` demands of a vault, tried on a store that the test can write to.

use cloakroom::Error;
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::{Batch, Store};
use cloakroom::time::Timestamp;
use cloakroom::vault::{Row, Vault};
use shared_store::{ENTRY, INDEX, MAPS, META, RUN, Shared};

mod shared_store;

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn email() -> FieldName {
    FieldName::new("email").unwrap()
}

fn put(vault: &Vault, who: &str) {
    vault.tenant(&acme()).put(&subject(who), &[(&email(), b"someone@example.com")]).unwrap();
}

fn new_vault(subjects: &[&str]) -> (Shared, Vault) {
    let store = Shared::default();
    let keyset = Keyset::generate(Timestamp(1)).unwrap();
    let vault = Vault::create_in(Box::new(store.clone()), keyset).unwrap();
    subjects.iter().for_each(|who| put(&vault, who));
    (store, vault)
}

fn rotate(vault: &Vault) {
    vault.adopt(vault.keyset().rotated(Timestamp(2)).unwrap()).unwrap();
}

// SPEC: VAULT-9
#[test]
fn a_new_subjects_row_is_two_entries() {
    let (store, vault) = new_vault(&[]);
    let names: Vec<FieldName> = (0..40).map(|i| FieldName::new(&format!("field {i}")).unwrap()).collect();
    let fields: Vec<_> = names.iter().map(|name| (name, &b"value"[..])).collect();
    vault.tenant(&acme()).put(&subject("ann"), &fields).unwrap();
    assert_eq!((store.all(INDEX).len(), store.all(ENTRY).len()), (1, 1));
}

// SPEC: VAULT-2
#[test]
fn no_id_is_in_the_store() {
    let (store, _vault) = new_vault(&["ann.lee.10423"]);
    for (key, value) in MAPS.into_iter().flat_map(|map| store.all(map)) {
        let has = |bytes: &[u8]| bytes.windows(7).any(|w| w == b"ann.lee" || w == b"example");
        assert!(!has(&key) && !has(&value));
    }
}

// SPEC: VAULT-8
#[test]
fn a_field_twice_is_refused() {
    let (_, vault) = new_vault(&[]);
    let twice: [(&FieldName, &[u8]); 2] = [(&email(), b"1"), (&email(), b"2")];
    assert!(matches!(vault.tenant(&acme()).put(&subject("ann"), &twice), Err(Error::Setting { .. })));
}

// SPEC: VAULT-10
#[test]
fn nobody_is_put_in_twice_after_a_rotation_or_a_suspension() {
    let (store, vault) = new_vault(&["ann"]);
    rotate(&vault);
    put(&vault, "ann");
    assert_eq!(store.all(INDEX).len(), 1);
    let keyset = vault.keyset().with_state(KeyVersion::FIRST, KeyState::Compromised, Timestamp(3)).unwrap();
    vault.adopt(keyset).unwrap();
    let again = vault.tenant(&acme()).put(&subject("ann"), &[(&email(), b"new")]);
    assert!(matches!(again, Err(Error::KeyState { .. })));
    assert!(vault.tenant(&acme()).has(&subject("ann")).unwrap());
    assert_eq!(store.all(INDEX).len(), 1);
}

// SPEC: VAULT-3, VAULT-6, VAULT-7, VAULT-13
#[test]
fn what_a_stranger_does_to_the_entries_is_reported() {
    let (store, vault) = new_vault(&["ann", "bob"]);
    rotate(&vault);
    assert!(vault.check().unwrap().is_clean());
    let reported = || !vault.check().unwrap().is_clean();
    let apply = |change: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        change(&mut batch);
        store.apply(batch).unwrap();
    };
    for map in [INDEX, ENTRY] {
        let [(a, one), (b, two)] = &store.all(map)[..] else { panic!("two subjects") };
        let restore = || {
            apply(&|batch| {
                batch.put(map, a.clone(), one.clone()).put(map, b.clone(), two.clone());
            });
        };
        apply(&|batch| {
            batch.put(map, a.clone(), two.clone()).put(map, b.clone(), one.clone());
        });
        assert!(reported(), "exchanged");
        for who in ["ann", "bob"] {
            assert!(vault.tenant(&acme()).records(&subject(who)).is_err());
        }
        restore();
        for at in 0..one.len() {
            let mut altered = one.clone();
            altered[at] ^= 1;
            apply(&|batch| {
                batch.put(map, a.clone(), altered.clone());
            });
            assert!(reported(), "byte {at} altered");
        }
        restore();
        apply(&|batch| {
            batch.delete(map, a.clone());
        });
        assert!(reported(), "removed");
        restore();
        apply(&|batch| {
            batch.put(map, [7; 16], one.clone());
        });
        assert!(reported(), "added");
        apply(&|batch| {
            batch.delete(map, [7; 16]);
        });
        assert!(!reported());
    }
    // Another version's number in an index entry: key version is bytes 1 to 5.
    let (key, mut value) = store.all(INDEX).swap_remove(0);
    value[4] = 2;
    apply(&|batch| {
        batch.put(INDEX, key.clone(), value.clone());
    });
    let errors = ["ann", "bob"].map(|who| vault.tenant(&acme()).records(&subject(who)).is_err());
    assert_eq!(errors.iter().filter(|e| **e).count(), 1);
    value[4] = 1;
    apply(&|batch| {
        batch.put(INDEX, key.clone(), value.clone());
    });
    // An older state of an entry.
    let old: Vec<_> = store.all(ENTRY);
    vault.migrate(|_| ()).unwrap();
    apply(&|batch| {
        batch.put(ENTRY, old[0].0.clone(), old[0].1.clone());
    });
    assert!(reported(), "put back");
}

// SPEC: VAULT-14, VAULT-18
#[test]
fn a_migration_frees_the_old_version() {
    let (store, vault) = new_vault(&["ann", "bob"]);
    rotate(&vault);
    let destroyed = |vault: &Vault| {
        vault.keyset().with_state(KeyVersion::FIRST, KeyState::Destroyed, Timestamp(3)).unwrap()
    };
    let second = vault.keyset().primary_number();
    vault.adopt(vault.keyset().with_identity(second, Timestamp(2)).unwrap()).unwrap();
    assert!(matches!(vault.adopt(destroyed(&vault)), Err(Error::KeyNeeded { .. })));
    // A checkpoint that says all is done, of a stranger.
    let mut batch = Batch::new();
    batch.put(META, b"migration", [&[0, 0, 0, 2][..], &[0xFF; 16]].concat());
    store.apply(batch).unwrap();
    vault.migrate(|_| ()).unwrap();
    assert_eq!(vault.census().needing(KeyVersion::FIRST), 0);
    vault.adopt(destroyed(&vault)).unwrap();
    assert_eq!(vault.tenant(&acme()).records(&subject("bob")).unwrap().len(), 1);
    assert!(vault.check().unwrap().is_clean());
}

// SPEC: VAULT-18
#[test]
fn a_migration_that_misses_something_does_not_end_well() {
    let (store, vault) = new_vault(&["ann", "bob"]);
    rotate(&vault);
    let mut batch = Batch::new();
    batch.delete(ENTRY, store.all(ENTRY)[0].0.clone());
    store.apply(batch).unwrap();
    assert!(vault.migrate(|_| ()).is_err());
}

// SPEC: VAULT-15
#[test]
fn another_or_an_older_keyset_does_not_open_it() {
    let (store, vault) = new_vault(&["ann"]);
    let older = vault.keyset();
    rotate(&vault);
    let newer = vault.keyset();
    drop(vault);
    let open = |keyset| Vault::open_in(Box::new(store.clone()), keyset);
    assert!(matches!(open(older), Err(Error::Corrupt { .. })));
    assert!(matches!(open(Keyset::generate(Timestamp(1)).unwrap()), Err(Error::Corrupt { .. })));
    open(newer.clone()).unwrap();
    let anchor = store.get(META, b"anchor").unwrap().unwrap();
    for at in 0..anchor.len() {
        let mut altered = anchor.clone();
        altered[at] ^= 1;
        let mut batch = Batch::new();
        batch.put(META, b"anchor", altered);
        store.apply(batch).unwrap();
        assert!(open(newer.clone()).is_err(), "byte {at}");
    }
}

// SPEC: VAULT-16, VAULT-17
#[test]
fn a_run_that_was_cut_off_is_rolled_back_and_no_other_journal_counts() {
    let (store, vault) = new_vault(&["ann"]);
    let keyset = vault.keyset();
    let run = vault.begin_run();
    let fields: [(&FieldName, &[u8]); 1] = [(&email(), b"bob@example.com")];
    let row = Row { subject: &subject("bob"), fields: &fields };
    run.put_many(&vault.tenant(&acme()), &[row]).unwrap();
    let (key, journal) = store.all(RUN).swap_remove(0);
    std::mem::forget(run); // as if the process had been killed
    drop(vault);

    let vault = Vault::open_in(Box::new(store.clone()), keyset.clone()).unwrap();
    assert!(!vault.tenant(&acme()).has(&subject("bob")).unwrap());
    assert!(vault.check().unwrap().is_clean());
    put(&vault, "bob");
    drop(vault);

    // The journal of the ended run again, and one of ann's entry under a tag that is wrong.
    let ann = [&store.all(ENTRY)[0].0[..], &journal[16..]].concat();
    for forged in [journal, ann] {
        let mut batch = Batch::new();
        batch.put(RUN, key.clone(), forged);
        store.apply(batch).unwrap();
        let vault = Vault::open_in(Box::new(store.clone()), keyset.clone()).unwrap();
        for who in ["ann", "bob"] {
            assert!(vault.tenant(&acme()).has(&subject(who)).unwrap());
        }
    }
}

// SPEC: VAULT-19
#[test]
fn erasing_leaves_no_entry() {
    let (store, vault) = new_vault(&["ann", "ann", "ann", "bob"]);
    assert_eq!(store.all(ENTRY).len(), 4);
    let erasure = vault.tenant(&acme()).erase(&subject("ann")).unwrap().unwrap();
    assert_eq!((erasure.records, erasure.fields), (3, 3));
    assert_eq!((store.all(INDEX).len(), store.all(ENTRY).len()), (1, 1));
    assert!(vault.check().unwrap().is_clean());
}
