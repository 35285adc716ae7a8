//! Runs: they count whole or not at all.

use super::{Model, file, values};
use crate::place::*;
use cloakroom::Error;
use cloakroom::vault::{Row, Run, Vault};

// SPEC: VAULT-16
#[test]
fn a_run_counts_whole_or_not_at_all() {
    everywhere(|place| {
        let mut model = Model::new();
        {
            let vault = place.vault();
            let acme = tenant(vault, "acme");
            model.put(&acme, None, &[("before", values(&[("email", "stays")]))]);
            let hash = |byte| [byte; 32];

            let run = vault.begin_run();
            model.put(&acme, Some(&run), &[("ann", values(&[("email", "1")])), ("before", values(&[]))]);
            model.assert_is(vault);
            run.commit(Some(&file(1))).unwrap();
            model.commit();
            vault.begin_run().commit(None).unwrap();
            assert!(vault.made(&hash(1)).unwrap() && !vault.made(&hash(2)).unwrap());

            let roll_back: [fn(Run<'_>); 2] = [|run| drop(run), |run| run.roll_back().unwrap()];
            for roll_back in roll_back {
                let run = vault.begin_run();
                model.put(&acme, Some(&run), &[("ann", values(&[("email", "2")])), ("new", values(&[]))]);
                for _ in 0..70 {
                    let rows = [("before", values(&[("phone", "3")])), ("other", values(&[("email", "4")]))];
                    model.put(&acme, Some(&run), &rows);
                }
                model.put(&acme, Some(&run), &[("new", values(&[("email", "5")]))]);
                // Meanwhile, and not part of it: these stay.
                model.put(&acme, None, &[("new", values(&[("phone", "6")]))]);
                model.put(&tenant(vault, "other"), None, &[("new", values(&[("phone", "7")]))]);
                model.erase(&acme, "other");
                model.assert_is(vault);
                roll_back(run);
                model.roll_back();
                model.assert_is(vault);
                model.erase(&acme, "new");
            }
            assert!(!vault.made(&hash(2)).unwrap());

            // Cut off: its journal is all that is left of it.
            let run = vault.begin_run();
            model.put(&acme, Some(&run), &[("head first", values(&[("email", "1")]))]);
            for n in 0..70 {
                let id = format!("of the run {n}");
                model.put(&acme, Some(&run), &[(&id, values(&[("email", &id)])), ("before", values(&[]))]);
            }
            model.put(&acme, Some(&run), &[("head first", values(&[("email", "2")]))]);
            std::mem::forget(run);
        }
        model.primary = place.rotate().get();
        place.vault().migrate(|_| {}).unwrap();
        model.migrated();
        model.assert_is(place.vault());
        place.reopen();
        model.roll_back();
        model.assert_is(place.vault());
        place.reopen();
        model.assert_is(place.vault());
    });
}

// SPEC: VAULT-16
#[test]
fn rolling_back_can_itself_be_cut_off() {
    for batches in 0..5 {
        let mut place = InMemory::new();
        let mut model = Model::new();
        model.put(&tenant(&place.vault, "acme"), None, &[("before", values(&[("email", "1")]))]);
        let run = place.vault.begin_run();
        for n in 0..4 {
            let rows = [("new", values(&[("email", "2")])), ("before", values(&[("email", "3")]))];
            model.put(&tenant(&place.vault, "acme"), Some(&run), &rows);
            model.put(&tenant(&place.vault, &format!("tenant {n}")), Some(&run), &rows);
        }
        place.store.refuse_after(batches);
        assert!(run.roll_back().is_err());
        place.store.refuse_nothing();
        assert!(place.vault.check().unwrap().is_clean());
        place.store.refuse_after(1);
        assert!(Vault::open_in(Box::new(place.store.clone()), place.keyset.clone()).is_err());
        place.store.refuse_nothing();
        place.reopen();
        model.roll_back();
        model.assert_is(&place.vault);
        assert_eq!(place.store.count(RUN), 0);
    }
}

#[test]
fn a_run_that_could_not_commit_is_rolled_back() {
    let mut place = InMemory::new();
    let mut model = Model::new();
    let run = place.vault.begin_run();
    model.put(&tenant(&place.vault, "acme"), Some(&run), &[("ann", values(&[("email", "1")]))]);
    place.store.refuse_after(0);
    assert!(run.commit(Some(&file(1))).is_err());
    place.store.refuse_nothing();
    place.reopen();
    model.roll_back();
    model.assert_is(&place.vault);
    assert!(!place.vault.made(&[1; 32]).unwrap());

    // Committed, but its journal could not be deleted any more.
    let run = place.vault.begin_run();
    model.put(&tenant(&place.vault, "acme"), Some(&run), &[("ann", values(&[("email", "1")]))]);
    place.store.refuse_after(1);
    assert!(run.commit(Some(&file(1))).is_err());
    place.store.refuse_nothing();
    place.reopen();
    model.commit();
    model.assert_is(&place.vault);
    assert!(place.vault.made(&[1; 32]).unwrap());
    assert_eq!(place.store.count(RUN), 0);
}

#[test]
fn a_run_takes_rows_of_its_own_vault_only() {
    let (one, other) = (InMemory::new(), InMemory::new());
    let ann = subject("ann");
    let row = [Row { subject: &ann, fields: &[] }];
    let refused = one.vault.begin_run().put_many(&tenant(&other.vault, "acme"), &row);
    assert!(matches!(refused, Err(Error::Setting { .. })));
}
