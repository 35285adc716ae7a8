//! Migration to a new key: everything moves, cut off or not, and nobody is hidden meanwhile.

use super::{Model, values};
use crate::place::*;
use cloakroom::vault::Mode;
use std::thread;

// SPEC: VAULT-18
#[test]
fn migration_moves_everything_to_the_new_key() {
    everywhere(|place| {
        let mut model = Model::new();
        let vault = place.vault();
        for n in 0..150 {
            let id = format!("subject {n}");
            let name = ["acme", "other"][n % 2];
            model.put(&tenant(vault, name), None, &[(&id, values(&[("email", &id), ("phone", "1")]))]);
            if n % 7 == 0 {
                model.put(&tenant(vault, name), None, &[(&id, values(&[("email", "second")]))]);
            }
        }
        for round in 2..4 {
            model.primary = place.rotate().get();
            assert_eq!(model.primary, round);
            model.assert_is(place.vault());
            let acme = tenant(place.vault(), "acme");
            // New subjects come under the new key, further records under the key their subject has.
            model.put(&acme, None, &[(&format!("new {round}"), values(&[("email", "new")]))]);
            model.put(&acme, None, &[("subject 0", values(&[("email", "third")]))]);
            model.erase(&acme, &format!("subject {round}"));
            model.assert_is(place.vault());
            place.reopen();
            let (mut calls, total) = (0, model.subjects.len() as u64);
            let done = place.vault().migrate(|progress| {
                calls += 1;
                assert!(progress.moved <= progress.seen && progress.seen <= progress.total);
                assert!(
                    place.vault().census().total(Mode::SubjectKey) == total,
                    "others may go on meanwhile"
                );
            });
            let done = done.unwrap();
            assert_eq!((done.seen, done.moved, done.total), (total, total - 1, total));
            assert!(calls > 1);
            model.migrated();
            model.assert_is(place.vault());
            assert_eq!(place.vault().census().needing(version(round - 1)), 0);
            assert_eq!(place.vault().migrate(|_| {}).unwrap().moved, 0);
        }
        place.reopen();
        model.assert_is(place.vault());
    });
}

// SPEC: VAULT-18
#[test]
fn an_interrupted_migration_goes_on() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    for n in 0..200 {
        let id = format!("subject {n}");
        model.put(&tenant(&place.vault, "acme"), None, &[(&id, values(&[("email", &id)]))]);
    }
    model.primary = place.rotate().get();
    for (batches, reopen) in [(0, false), (1, true), (1, false), (2, true)] {
        place.store.refuse_after(batches);
        assert!(place.vault.migrate(|_| {}).is_err());
        place.store.refuse_nothing();
        if reopen {
            place.reopen();
        }
        model.assert_reveals(&place.vault);
        assert!(place.vault.check().unwrap().is_clean());
        let census = place.vault.census();
        assert_eq!(census.needing(version(1)) + census.needing(version(2)), 600);
        assert!(!tenant(&place.vault, "acme").has(&subject("subject 200")).unwrap());
    }
    let half = place.vault.census();
    assert!(half.needing(version(1)) > 0 && half.needing(version(2)) > 0);
    // Half way, everything else works.
    model.put(&tenant(&place.vault, "acme"), None, &[("late", values(&[("email", "late")]))]);
    let rest = place.vault.migrate(|_| {}).unwrap();
    assert!(rest.seen < rest.total, "it went on where it was: {rest:?}");
    model.migrated();
    model.assert_is(&place.vault);

    // Cut off on its way to version 3, then overtaken by version 4.
    model.primary = place.rotate().get();
    place.store.refuse_after(2);
    assert!(place.vault.migrate(|_| {}).is_err());
    place.store.refuse_nothing();
    model.primary = place.rotate().get();
    model.assert_reveals(&place.vault);
    place.vault.migrate(|_| {}).unwrap();
    model.migrated();
    model.assert_is(&place.vault);
}

/// Readers hold no lock: a migration must not hide a subject from them for a moment, nor an erasure look like damage.
#[test]
fn readers_see_every_subject_during_a_migration() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    for n in 0..40 {
        model.put(&tenant(&place.vault, "acme"), None, &[(&format!("{n}"), values(&[("email", "1")]))]);
    }
    for _ in 0..3 {
        place.rotate();
        let vault = &place.vault;
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        for n in (0..40).cycle().take(400) {
                            let records = tenant(vault, "acme").records(&subject(&n.to_string())).unwrap();
                            assert_eq!(records.len(), 1);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                let acme = tenant(vault, "passing");
                for _ in 0..100 {
                    acme.put(&subject("1"), &[]).unwrap();
                    acme.erase(&subject("1")).unwrap();
                }
            });
            scope.spawn(|| {
                (0..300).for_each(|_| {
                    assert!(tenant(vault, "passing").records(&subject("1")).unwrap().len() < 2)
                });
            });
            vault.migrate(|_| {}).unwrap();
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
    }
    assert!(place.vault.check().unwrap().is_clean());
}
